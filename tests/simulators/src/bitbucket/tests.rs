//! The instance as its callers meet it: over real connections.

mod answers;
mod client;
mod faults;
mod listings;
mod logins;
mod moves;
mod pull_requests;
