//! The kinds on a real kube-apiserver: what it refuses and in which words, what it fills in, what it prints.
#![expect(
    clippy::needless_pass_by_value,
    reason = "tables read best where json!(…) is handed over as it is written"
)]

mod account;
mod binding;
mod cluster;
mod configuration_policy;
mod connection;
mod kubeconform;
mod permissions;
mod pod_security;
mod printed;
mod row;
mod set;
mod strict;
mod transitions;
