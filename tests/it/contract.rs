//! Each client call over its wire: against scripted answers where no real server gives them, else against the
//! real server and its simulator.

mod bench;
mod bitbucket;
mod conformance;
mod repositories;
mod scripted;
mod shared_answers;
mod sonarqube;
mod sonarqube_answers;
mod sonarqube_bindings;
mod sonarqube_projects;
mod sonarqube_refusals;
mod strangers;
mod tls;
mod transport;
