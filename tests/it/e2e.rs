//! The built operator on all real parts: a kube-apiserver, SonarQube, and a simulated Bitbucket that the
//! real SonarQube talks to. The operator runs under exactly the rights of `deploy/`.

mod crash;
mod deletion;
mod first_binding;
mod operator;
mod ownership;
mod proxy;
mod resilience;
mod stage;
mod told;
