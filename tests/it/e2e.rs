//! The built operator on all real parts: a kube-apiserver, SonarQube, and a simulated Bitbucket that the
//! real SonarQube talks to. The operator runs under exactly the rights of `deploy/`.

mod access;
mod already_there;
mod bulkhead;
mod canary;
mod chart;
mod chosen_keys;
mod configurations;
mod crash;
mod decorated;
mod deletion;
mod drift;
mod every_bitbucket;
mod every_server;
mod first_binding;
mod leaving;
mod measured;
mod observe;
mod operator;
mod ownership;
mod process;
mod proxy;
mod quiet;
mod refused;
mod resilience;
mod rotation;
mod sharing;
mod stage;
mod starting_up;
mod tally;
mod told;
mod trust;
mod waiting;
mod way_post;
