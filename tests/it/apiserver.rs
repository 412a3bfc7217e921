//! The two kinds on a real kube-apiserver: what it refuses and in which words, what it fills in, what it prints.

mod binding;
mod cluster;
mod connection;
mod permissions;
mod printed;
mod row;
mod transitions;
