//! Stateful simulators of the servers that Bindery talks to.

pub mod bitbucket;
