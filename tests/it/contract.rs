//! Each client call over its wire: against scripted answers where no real server gives them, else against the
//! real server and its simulated twin.

mod bench;
mod bitbucket;
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
mod twin;
