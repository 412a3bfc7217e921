//! Each client call over its wire: against scripted answers where no real server gives them, else against the
//! real server.

mod bitbucket;
mod scripted;
mod sonarqube;
mod sonarqube_answers;
mod transport;
