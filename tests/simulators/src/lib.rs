//! Stateful simulators of the servers that Bindery talks to.

pub mod bitbucket;
mod calls;
mod control;
mod fault;
pub mod program;
mod reply;
mod serving;
pub mod sonarqube;
mod wire;

pub use serving::Running;
