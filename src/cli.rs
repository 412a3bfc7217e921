//! The command line.

mod run;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    /// Runs the operator until it is told to stop.
    Run(RunArguments),
    /// Prints the definitions of both kinds as YAML, for `kubectl apply --server-side --filename -`.
    Crds(CrdsArguments),
}

/// Where the definitions go.
#[derive(Args, Debug)]
pub struct CrdsArguments {
    /// Instead of printing, rewrites every generated file (`crds/`, `deploy/rbac.yaml`, `charts/bindery/files`)
    /// of the source tree in this directory.
    #[arg(long, value_name = "DIRECTORY")]
    pub write: Option<PathBuf>,
}
