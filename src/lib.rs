//! Bindery: SonarQube's Bitbucket Server / Data Center integration, made declarative.

pub mod crd;
pub mod identity;
pub mod plan;
