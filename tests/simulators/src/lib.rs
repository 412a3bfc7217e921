//! Stateful simulators of the servers that Bindery talks to.

pub mod bitbucket;
mod calls;
mod fault;
mod reply;
pub mod sonarqube;
mod wire;
