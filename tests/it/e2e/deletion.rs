//! Deletion of bindings and connections, and what it leaves.

mod cost;
mod ownership;
mod policies;
mod unreachable_servers;
