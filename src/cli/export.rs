//! `bindery export`: what a SonarQube has, as manifests.

mod estate;
mod written;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::fence::Fence;
use crate::http::{CaBundle, Options, Token, Transport};
use crate::identity::ServerUrl;
use crate::plan::counted;
use crate::{bitbucket, sonarqube};

use super::Answer;
use super::cluster::AccountArguments;
use super::hosts::HostArguments;
use super::world::token;
use estate::Estate;
use written::{Style, files};

/// What is exported, and how.
#[derive(Args, Debug)]
pub struct ExportArguments {
    /// The URL of SonarQube. Its token is read from --sonarqube-token-file, or from `BINDERY_SONARQUBE_TOKEN`.
    #[arg(long, value_name = "URL")]
    sonarqube_url: String,

    /// The URL of Bitbucket, to list repositories without a project, too. Its token is read from --bitbucket-token-file,
    /// or from `BINDERY_BITBUCKET_TOKEN`.
    #[arg(long, value_name = "URL")]
    bitbucket_url: Option<String>,

    /// A file with the token for SonarQube.
    #[arg(long, value_name = "PATH")]
    sonarqube_token_file: Option<PathBuf>,

    /// A file with the token for Bitbucket.
    #[arg(long, value_name = "PATH")]
    bitbucket_token_file: Option<PathBuf>,

    /// PEM certificates that are trusted for both servers beside the public ones.
    #[arg(long, value_name = "PATH")]
    ca_file: Option<PathBuf>,

    /// The directory that is written. It must be empty, or not exist.
    #[arg(long, short, value_name = "PATH")]
    directory: PathBuf,

    /// The namespace of all objects.
    #[arg(long, short, value_name = "NAME", default_value = "platform")]
    namespace: String,

    /// Write `managementPolicy: Full`, so that Bindery corrects what differs. Default: `Observe`, it only reports.
    #[arg(long)]
    full: bool,

    #[command(flatten)]
    account: AccountArguments,

    #[command(flatten)]
    hosts: HostArguments,
}

impl ExportArguments {
    /// Writes the files, and prints what is in them.
    pub(super) async fn run(&self) -> anyhow::Result<Answer> {
        self.prepare()?;
        let own = self.sonarqube_token_file.as_deref();
        let own = credential(own, "BINDERY_SONARQUBE_TOKEN")?;
        let url = self.transport("sonarqube", "--sonarqube-url", &self.sonarqube_url)?;
        let sonarqube = sonarqube::Client::new(url, own);
        let bitbucket = match &self.bitbucket_url {
            None => None,
            Some(url) => {
                let own = self.bitbucket_token_file.as_deref();
                let own = credential(own, "BINDERY_BITBUCKET_TOKEN")?;
                let url = self.transport("bitbucket", "--bitbucket-url", url)?;
                Some(bitbucket::Client::new(url, own))
            }
        };
        let estate = Estate::read(&sonarqube, bitbucket.as_ref()).await?;
        let style = Style {
            namespace: &self.namespace,
            sonarqube_url: &self.sonarqube_url,
            account: &self.account.service_account,
            management: if self.full { "Full" } else { "Observe" },
        };
        for (name, text) in files(&estate, &style)? {
            let path = self.directory.join(name);
            std::fs::write(&path, text)
                .with_context(|| format!("failed to write {}", path.display()))?;
        }
        Ok(answer(&estate, &self.directory))
    }

    /// An export does not mix with what is in the directory.
    fn prepare(&self) -> anyhow::Result<()> {
        let directory = &self.directory;
        std::fs::create_dir_all(directory)
            .with_context(|| format!("failed to create {}", directory.display()))?;
        let mut entries = std::fs::read_dir(directory)
            .with_context(|| format!("failed to read {}", directory.display()))?;
        if entries.next().is_some() {
            bail!("{} is not empty", directory.display());
        }
        Ok(())
    }

    fn transport(
        &self,
        system: &'static str,
        option: &str,
        url: &str,
    ) -> anyhow::Result<Transport> {
        let ca_bundle = match &self.ca_file {
            None => None,
            Some(path) => {
                let pem = std::fs::read(path);
                let pem = pem.with_context(|| format!("failed to read {}", path.display()))?;
                Some(CaBundle::parse(&pem).with_context(|| format!("{}", path.display()))?)
            }
        };
        let options = Options {
            system,
            ca_bundle,
            hosts: self.hosts.policy(),
            plain_http: self.hosts.plain_http(),
            timeout: Duration::from_mins(1),
            // An export only reads.
            fence: Fence::closed(),
            ..Options::default()
        };
        let url = ServerUrl::parse(url).with_context(|| option.to_owned())?;
        Transport::new(url, options).with_context(|| option.to_owned())
    }
}

/// The exit status if a project could not be read.
const INCOMPLETE: u8 = 3;

/// What was written, and what is left to do.
fn answer(estate: &Estate, directory: &Path) -> Answer {
    let configurations = &estate.configurations;
    let bound: usize = configurations.iter().map(|it| it.bound.len()).sum();
    let unreadable = estate.unreadable_projects.len();
    let directory = directory.display();
    let mut lines = vec![format!(
        "{}, {}, {} and {} without binding in {directory}",
        counted(configurations.len(), "connection", "connections"),
        counted(bound, "binding", "bindings"),
        counted(estate.unbound_projects.len(), "project", "projects"),
        counted(
            estate.unbound_repositories.len(),
            "repository",
            "repositories"
        ),
    )];
    if unreadable > 0 {
        let projects = counted(unreadable, "project", "projects");
        lines.push(format!(
            "{projects} could not be read, and may be bound, also to a repository that UNBOUND.csv lists"
        ));
        lines.push("  → give the token's user Browse (up to 10.0 Administer) on the projects that UNBOUND.csv lists as unreadable, and export again".to_owned());
    }
    lines.push(format!(
        "Create the Secrets that the connections name, then: kubectl apply --server-side --kustomize {directory}\n"
    ));
    Answer {
        text: lines.join("\n"),
        status: if unreadable > 0 { INCOMPLETE } else { 0 },
    }
}

/// A token that must be given.
fn credential(file: Option<&Path>, variable: &str) -> anyhow::Result<Token> {
    let bytes = token(file, variable)?;
    let bytes = bytes.with_context(|| format!("no token: give a file, or set {variable}"))?;
    Token::parse(&bytes).with_context(|| format!("the token of {variable} or its file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ProjectKey;

    /// Promise: what could not be read is said, and the exit status is not that of a whole export.
    #[test]
    fn an_export_says_what_it_could_not_read() {
        let mut estate = Estate {
            unbound_projects: vec![ProjectKey::reported("free")],
            ..Estate::default()
        };
        let whole = answer(&estate, Path::new("estate"));
        let first =
            "0 connections, 0 bindings, 1 project and 0 repositories without binding in estate\n";
        assert!(whole.text.starts_with(first), "{}", whole.text);
        assert_eq!(whole.text.lines().count(), 2, "{}", whole.text);
        assert_eq!(whole.status, 0);
        estate.unreadable_projects = vec![ProjectKey::reported("hidden")];
        let partial = answer(&estate, Path::new("estate"));
        let said = partial.text.lines().nth(1).unwrap();
        assert!(said.starts_with("1 project could not be read"), "{said}");
        assert_eq!(partial.status, INCOMPLETE);
    }
}
