//! The built operator on real servers: a kube-apiserver, SonarQube, and a simulated Bitbucket that the
//! real SonarQube talks to. The operator runs under exactly the rights of `deploy/`.

mod binding;
mod commands;
mod connection;
mod deletion;
mod environment;
mod every_server;
pub(crate) mod fields;
mod operations;
mod outage;
mod security;
mod set;
mod tenancy;
pub(crate) mod wrong_inputs;
