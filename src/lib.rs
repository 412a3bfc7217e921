#![doc = include_str!("README.md")]

pub mod bitbucket;
pub mod cli;
pub mod controller;
pub mod crd;
pub mod declared;
mod fleet;
pub mod generate;
pub mod http;
pub mod identity;
pub mod inventory;
pub mod kubernetes;
pub mod metrics;
pub mod observe;
pub mod plan;
pub mod rbac;
pub mod server;
pub mod sonarqube;
pub mod telemetry;
