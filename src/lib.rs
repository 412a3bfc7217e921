//! Bindery: SonarQube's Bitbucket Server / Data Center integration, made declarative.

pub mod bitbucket;
pub mod http;
pub mod identity;
pub mod sonarqube;
