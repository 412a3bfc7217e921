//! Bindery makes SonarQube's Bitbucket Server / Data Center integration declarative. `docs/architecture.md` says how it
//! works; this is the map.
//!
//! - Entry: `main` reads the command line ([`cli`]), serves health and metrics ([`server`], [`metrics`], [`telemetry`])
//!   and runs the [`controller`] once it holds the [`lease`]. Nothing is written while the [`fence`] is closed.
//! - API: [`crd`] has the kinds. [`declared`] translates them for the core. [`rbac`] has the roles.
//! - Core, pure: [`plan`] decides what to do. [`identity`] parses names, URLs and ids.
//! - Shell: [`controller`] reconciles each kind. `fleet` holds the state of the process. [`observe`] reads what a
//!   binding is compared with. [`kubernetes`] reads and writes Kubernetes objects.
//! - Servers: [`sonarqube`] and [`bitbucket`] are the two APIs, over [`http`]. [`inventory`] holds their listings.

pub mod bitbucket;
pub mod cli;
pub mod controller;
pub mod crd;
pub mod declared;
#[cfg(test)]
mod explore;
pub mod fence;
mod fleet;
pub mod http;
pub mod identity;
pub mod inventory;
pub mod kubernetes;
pub mod lease;
pub mod metrics;
pub mod observe;
pub mod plan;
pub mod rbac;
pub mod server;
pub mod sonarqube;
pub mod telemetry;
