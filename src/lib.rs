//! Bindery: SonarQube's Bitbucket Server / Data Center integration, made declarative.

pub mod cli;
pub mod crd;
pub mod generate;
pub mod identity;
pub mod plan;
pub mod rbac;
