//! Outages, crashes, slow and restarting servers: what goes on, and what is remembered.

mod chaos;
mod crash_sweep;
mod isolation;
mod kubernetes_faults;
mod lost_answers;
mod operator_crash;
mod partial_outage;
mod restored_database;
mod slow_servers;
mod starting_up;
