//! Deletion of bindings and connections, and what it leaves.

mod cost;
mod mark;
mod ownership;
mod policies;
mod unreachable_servers;
