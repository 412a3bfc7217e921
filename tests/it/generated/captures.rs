//! What commands print that need no cluster, as the guide shows it.

use bindery::cli::{self, Answer, Cli, Program};
use clap::Parser as _;

use crate::support::tree;

/// The commands, each with the name of its part of the guide.
const SHOWN: [(&str, &str); 2] = [
    (
        "command.init",
        "bindery init --sonarqube-url https://sonarqube.example.com --bitbucket-url https://bitbucket.example.com --repository OPS/deploy",
    ),
    (
        "command.grant",
        "bindery grant platform/bitbucket --filename deploy/samples/connection.yaml",
    ),
];

/// What a command prints.
fn answer(command: &str) -> Answer {
    let top = tree::top().to_str().unwrap();
    let arguments = command.split(' ').map(|argument| {
        if argument.starts_with("deploy/") {
            format!("{top}/{argument}")
        } else {
            argument.to_owned()
        }
    });
    let command = Cli::try_parse_from(arguments).unwrap().command;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime
        .block_on(cli::answer(command, Program::Own))
        .unwrap()
}

/// Each command and what it prints, as a terminal shows them.
pub(super) fn parts() -> impl Iterator<Item = (String, String)> {
    SHOWN.into_iter().map(|(name, command)| {
        let Answer { text, status } = answer(command);
        assert_eq!(status, 0, "{command}");
        let shown = command.replace(" --", " \\\n    --");
        let shown = format!("\n```console\n$ {shown}\n{text}```\n\n");
        (name.to_owned(), shown)
    })
}
