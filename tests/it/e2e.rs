//! The built operator on all real parts: a kube-apiserver, SonarQube, and a simulated Bitbucket that the
//! real SonarQube talks to. The operator runs under exactly the rights of `deploy/`.

mod access;
mod already_there;
mod first_binding;
mod operator;
mod refused;
mod stage;
mod starting_up;
