//! Bindery: SonarQube's Bitbucket Server / Data Center integration, made declarative.

pub mod bitbucket;
pub mod controller;
pub mod crd;
pub mod http;
pub mod identity;
pub mod inventory;
pub mod metrics;
pub mod plan;
pub mod sonarqube;
