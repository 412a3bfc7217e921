//! The built operator on all real parts: a kube-apiserver, SonarQube, and a simulated Bitbucket that the
//! real SonarQube talks to. The operator runs under exactly the rights of `deploy/`.

mod access;
mod already_there;
mod canary;
mod chart;
mod chosen_keys;
mod crash;
mod decorated;
mod deletion;
mod drift;
mod every_bitbucket;
mod every_server;
mod first_binding;
mod lost_answers;
mod measured;
mod observe;
mod operator;
mod ownership;
mod process;
mod proxy;
mod quiet;
mod refused;
mod resilience;
mod restored;
mod rotation;
mod sharing;
mod stage;
mod starting_up;
mod tally;
mod token_hosts;
mod told;
mod trust;
mod two_tokens;
mod waiting;
mod way_post;
mod wrong_connection;
