//! The command line.

mod crds;
mod lease;
mod limits;
mod run;

use clap::{Parser, Subcommand};

pub use crds::definitions;
pub use run::{LogFormat, RunArguments};

/// Makes SonarQube's Bitbucket Server / Data Center integration declarative.
#[derive(Debug, Parser)]
#[command(name = "bindery", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the operator until it receives a signal to stop.
    Run(Box<RunArguments>),
    /// Prints the definitions of both kinds as YAML, for `kubectl apply --server-side --filename -`.
    Crds,
}
