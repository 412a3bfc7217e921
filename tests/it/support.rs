//! What tests of several modules need.
pub(crate) mod chart;
pub(crate) mod control_plane_process;
pub(crate) mod control_planes;
pub(crate) mod examples;
pub(crate) mod server;
pub(crate) mod servers;
pub(crate) mod sonarqube;
pub(crate) mod starting;
pub(crate) mod stopwatch;
pub(crate) mod tls;
pub(crate) mod tree;
