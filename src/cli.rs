//! The command line.

mod cluster;
mod completions;
mod crds;
mod doctor;
mod export;
mod files;
mod grant;
mod hosts;
mod init;
mod lease;
mod limits;
mod man;
mod metrics;
mod paint;
mod plan;
mod program;
mod progress;
mod run;
mod scope;
mod world;

use std::ffi::OsString;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use serde::Serialize;

pub use completions::CompletionsArguments;
pub use crds::definitions;
pub use doctor::DoctorArguments;
pub use export::ExportArguments;
pub use grant::GrantArguments;
pub use init::InitArguments;
pub use man::ManArguments;
pub use metrics::MetricsArguments;
pub use plan::PlanArguments;
pub use program::Program;
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
    /// Prints a connection, a first binding, and what they need, for `kubectl apply --server-side --filename -`.
    Init(Box<InitArguments>),
    /// Shows what the operator is about to do, without doing it. Exit status: 0 nothing, 2 changes, 3 something is refused,
    /// 1 an error.
    Plan(Box<PlanArguments>),
    /// Shows everything that is wrong with the installation, the connections, their servers and the bindings, and the
    /// command that corrects it. Exit status: 0 nothing is wrong, 1 something is.
    Doctor(Box<DoctorArguments>),
    /// Writes what a SonarQube has as manifests: a connection for each Bitbucket configuration, a binding for each bound
    /// project, the grants, and a list of what is not bound. Exit status: 0 all was read, 3 a project may not be read,
    /// 1 an error.
    Export(Box<ExportArguments>),
    /// Prints the Role, and its binding, that lets the operator read what a connection refers to.
    Grant(Box<GrantArguments>),
    /// Prints the definitions of all kinds as YAML, for `kubectl apply --server-side --filename -`.
    Crds,
    /// Prints a script that makes your shell complete commands and options.
    Completions(CompletionsArguments),
    /// Writes the man pages.
    #[command(hide = true)]
    Man(ManArguments),
}

/// The commands and options, as help shows them under the name that the program is called by.
#[must_use]
pub fn command(program: Program) -> clap::Command {
    Cli::command().bin_name(program.name())
}

/// What the arguments of the process ask for.
///
/// # Errors
/// When they are not understood, or ask for help or the version.
pub fn parse(arguments: &[OsString], program: Program) -> Result<Cli, clap::Error> {
    let mut command = command(program);
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// What a command prints, and its exit status.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it prints.
    pub text: String,
    /// The exit status.
    pub status: u8,
}

impl Answer {
    fn of(text: String) -> Self {
        Self { text, status: 0 }
    }
}

/// The exit status of a command line that is not understood: 2, as usual. For `plan` it is 1, because its 2 means that
/// something changes. A request for help or the version is understood: 0.
#[must_use]
pub fn status_of_usage(refused: &clap::Error, command: Option<&str>) -> u8 {
    match (refused.use_stderr(), command) {
        (false, _) => 0,
        (true, Some("plan")) => 1,
        (true, _) => 2,
    }
}

/// Carries out a command that ends by itself. Commands that it prints begin with the name of the program.
///
/// # Errors
/// When it cannot be carried out.
pub async fn answer(command: Command, program: Program) -> anyhow::Result<Answer> {
    match command {
        Command::Run(_) => anyhow::bail!("the operator does not end by itself"),
        Command::Init(arguments) => arguments.run(program).map(Answer::of),
        Command::Plan(arguments) => arguments.run().await,
        Command::Doctor(arguments) => arguments.run(program).await,
        Command::Export(arguments) => arguments.run().await,
        Command::Grant(arguments) => arguments.run().await.map(Answer::of),
        Command::Crds => Ok(Answer::of(
            definitions().context("failed to write the definitions as YAML")?,
        )),
        Command::Completions(arguments) => Ok(Answer::of(arguments.run(&Cli::command()))),
        Command::Man(arguments) => arguments.run(Cli::command()).map(Answer::of),
    }
}

/// An object as a document of a YAML stream.
fn yaml(object: &impl Serialize) -> anyhow::Result<String> {
    let document = serde_saphyr::to_string(object).context("failed to write YAML")?;
    Ok(format!("---\n{document}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{Cli, Program, parse, status_of_usage};

    #[test]
    fn a_plan_that_is_not_understood_is_no_plan_with_changes() {
        for (line, status) in [
            (["bindery", "plan", "--filname"], 1),
            (["bindery", "run", "--nonsense"], 2),
            (["bindery", "nonsense", "--help"], 2),
            (["bindery", "plan", "--help"], 0),
        ] {
            let refused = Cli::try_parse_from(line).unwrap_err();
            assert_eq!(status_of_usage(&refused, Some(line[1])), status, "{line:?}");
        }
    }

    /// Promise: usage lines have the name that the user has typed.
    #[test]
    fn help_has_the_name_that_the_program_is_called_by() {
        for (called, usage) in [
            ("/usr/bin/bindery", "Usage: bindery plan"),
            ("/usr/bin/kubectl-bindery", "Usage: kubectl bindery plan"),
            ("kubectl-bindery.exe", "Usage: kubectl bindery plan"),
            ("other", "Usage: bindery plan"),
        ] {
            let line = [called, "plan", "--help"].map(Into::into);
            let help = parse(&line, Program::called(&line))
                .unwrap_err()
                .to_string();
            assert!(help.contains(usage), "{called}: {help}");
        }
        assert_eq!(Program::called(&[]), Program::Own);
    }
}
