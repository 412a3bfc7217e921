//! Running the operator: the process, installation, cost, metrics, events and documented commands.

mod admission_policy;
mod dependencies;
mod documented_commands;
mod events;
mod failover;
mod foreign_objects;
mod helm_release;
mod metrics;
mod missing_rights;
mod namespaced;
mod printer_columns;
mod process;
mod real_cost;
mod reconcile_timeout;
mod request_budget;
mod rollback;
mod shared_listings;
mod shutdown;
mod steady_state;
mod user_changes_first;
