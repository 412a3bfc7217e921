//! `bindery init`: the first connection and the first binding, as manifests.

use std::io::{self, BufRead, IsTerminal as _, Write as _};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;

use crate::crd::BitbucketConnection;
use crate::declared::connection::references;
use crate::identity::{RepositoryPath, ServerUrl};
use crate::rbac;

use super::cluster::AccountArguments;
use super::program::Program;
use super::yaml;

/// What the manifests are made of. What is not given is asked for on a terminal.
#[derive(Args, Debug)]
pub struct InitArguments {
    /// The URL of SonarQube.
    #[arg(long, value_name = "URL")]
    sonarqube_url: Option<String>,

    /// The URL of Bitbucket.
    #[arg(long, value_name = "URL")]
    bitbucket_url: Option<String>,

    /// The first repository to bind, as PROJECT/slug.
    #[arg(long, value_name = "PROJECT/SLUG")]
    repository: Option<String>,

    /// The namespace of the connection and its Secrets.
    #[arg(long, value_name = "NAME", default_value = "platform")]
    namespace: String,

    /// The name of the connection.
    #[arg(long, value_name = "NAME", default_value = "bitbucket")]
    connection: String,

    /// The namespace of the first binding. Default: that of the connection.
    #[arg(long, value_name = "NAME")]
    binding_namespace: Option<String>,

    #[command(flatten)]
    account: AccountArguments,
}

/// What is not a default.
struct Answers {
    sonarqube: ServerUrl,
    bitbucket: ServerUrl,
    repository: RepositoryPath,
}

impl InitArguments {
    /// The manifests, and as comments the commands that create the Secrets.
    pub(super) fn run(&self, program: Program) -> anyhow::Result<String> {
        let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        let ask = |question: &str| ask(question, is_terminal, &mut io::stdin().lock());
        self.manifests(&self.answers(ask)?, program)
    }

    fn answers(
        &self,
        mut ask: impl FnMut(&str) -> anyhow::Result<Option<String>>,
    ) -> anyhow::Result<Answers> {
        let given = [
            (&self.sonarqube_url, "--sonarqube-url", "URL of SonarQube: "),
            (&self.bitbucket_url, "--bitbucket-url", "URL of Bitbucket: "),
            (
                &self.repository,
                "--repository",
                "First repository, as PROJECT/slug: ",
            ),
        ];
        let mut missing = Vec::new();
        let mut answers = Vec::new();
        for (given, option, question) in given {
            let answer = match given {
                Some(given) => Some(given.clone()),
                None => ask(question)?,
            };
            match answer {
                Some(answer) => answers.push(answer),
                None => missing.push(option),
            }
        }
        let [sonarqube, bitbucket, repository] = answers.as_slice() else {
            bail!(
                "give {}: there is no terminal to ask on",
                missing.join(", ")
            );
        };
        let url = |text: &str, option: &str| {
            ServerUrl::parse(text).with_context(|| format!("{option} {text}"))
        };
        let path = repository
            .split_once('/')
            .context("--repository: not of the form PROJECT/slug")?;
        Ok(Answers {
            sonarqube: url(sonarqube, "--sonarqube-url")?,
            bitbucket: url(bitbucket, "--bitbucket-url")?,
            repository: RepositoryPath::parse(path.0, path.1).context("--repository")?,
        })
    }

    fn manifests(&self, answers: &Answers, program: Program) -> anyhow::Result<String> {
        let (namespace, name) = (&self.namespace, &self.connection);
        let tenant = self.binding_namespace.as_ref().unwrap_or(namespace);
        let connection = self.connection(answers);
        let parsed: BitbucketConnection = serde_json::from_value(connection.clone())?;
        let (role, binding) = rbac::grant(
            (namespace, name),
            &references(&parsed),
            &self.account.service_account,
        );
        let mut documents = vec![yaml(&namespace_of(namespace))?];
        if tenant != namespace {
            documents.push(yaml(&namespace_of(tenant))?);
        }
        documents.extend([yaml(&role)?, yaml(&binding)?, yaml(&connection)?]);
        documents.push(yaml(&self.binding(answers, tenant))?);
        Ok(format!("{}{}", self.steps(program), documents.concat()))
    }

    /// What to do with the manifests.
    fn steps(&self, program: Program) -> String {
        let namespace = &self.namespace;
        let secret = |name: &str, file: &str| {
            format!(
                "#      kubectl create secret generic {name} --namespace {namespace} --from-file token={file}\n"
            )
        };
        [
            "# 1. Apply this file:  kubectl apply --server-side --filename FILE\n",
            "# 2. Save each token in a file, and create the Secrets:\n",
            &secret("bitbucket-token", "bitbucket.token"),
            &secret("sonarqube-token", "sonarqube.token"),
            &format!("# 3. Check everything:  {program} doctor\n"),
        ]
        .concat()
    }

    fn connection(&self, answers: &Answers) -> serde_json::Value {
        let mut spec = json!({
            "bitbucket": {"url": answers.bitbucket.as_str(), "tokenSecretRef": {"name": "bitbucket-token"}},
            "sonarqube": {"url": answers.sonarqube.as_str(), "tokenSecretRef": {"name": "sonarqube-token"}},
        });
        if let Some(tenant) = self.tenant() {
            let project = answers.repository.project();
            spec["access"] = json!([{
                "name": tenant,
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant}},
                "repositories": [format!("{project}/*")],
            }]);
        }
        json!({
            "apiVersion": "bindery.dev/v1alpha1",
            "kind": "BitbucketConnection",
            "metadata": {"name": self.connection, "namespace": self.namespace},
            "spec": spec,
        })
    }

    /// The namespace of the first binding, if it is another one than that of the connection.
    fn tenant(&self) -> Option<&str> {
        let tenant = self.binding_namespace.as_deref();
        tenant.filter(|tenant| *tenant != self.namespace)
    }

    fn binding(&self, answers: &Answers, namespace: &str) -> serde_json::Value {
        let mut connection = json!({"name": self.connection});
        if self.tenant().is_some() {
            connection["namespace"] = json!(self.namespace);
        }
        let repository = &answers.repository;
        json!({
            "apiVersion": "bindery.dev/v1alpha1",
            "kind": "ProjectBinding",
            "metadata": {"name": object_name(repository.slug()), "namespace": namespace},
            "spec": {
                "connectionRef": connection,
                "repository": {"project": repository.project(), "slug": repository.slug()},
            },
        })
    }
}

fn namespace_of(name: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// A slug as the name of an object: slugs may have underscores, and end with a dot.
fn object_name(slug: &str) -> String {
    let name: String = slug
        .to_lowercase()
        .chars()
        .map(|sign| {
            if sign.is_ascii_alphanumeric() {
                sign
            } else {
                '-'
            }
        })
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "first".to_owned()
    } else {
        name.to_owned()
    }
}

/// The answer to a question; `None` where there is no terminal to ask on.
fn ask(
    question: &str,
    is_terminal: bool,
    answers: &mut impl BufRead,
) -> anyhow::Result<Option<String>> {
    if !is_terminal {
        return Ok(None);
    }
    io::stderr().write_all(question.as_bytes())?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    let answer = answer.trim();
    Ok((!answer.is_empty()).then(|| answer.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn init(options: &[&str]) -> InitArguments {
        let line = [&["bindery", "init"], options].concat();
        let Command::Init(arguments) = Cli::try_parse_from(line).unwrap().command else {
            panic!("another command");
        };
        *arguments
    }

    const SERVERS: [&str; 4] = [
        "--sonarqube-url=https://sonarqube.example.com",
        "--bitbucket-url=https://bitbucket.example.com",
        "--repository=PAY/check_out.",
        "--binding-namespace=payments",
    ];

    /// Promise: nothing is made of a value that no one gave.
    #[test]
    fn what_is_missing_is_asked_for_or_named() {
        let asked = std::cell::RefCell::new(Vec::new());
        let answered = init(&SERVERS[..2]).answers(|question| {
            asked.borrow_mut().push(question.to_owned());
            Ok(Some("PAY/checkout".to_owned()))
        });
        let repository = answered.unwrap().repository.to_string();
        assert_eq!(repository, "PAY/checkout");
        assert_eq!(asked.into_inner(), ["First repository, as PROJECT/slug: "]);
        let nothing = init(&[]).answers(|_| Ok(None)).err().unwrap().to_string();
        assert_eq!(
            nothing,
            "give --sonarqube-url, --bitbucket-url, --repository: there is no terminal to ask on"
        );
    }

    #[test]
    fn another_namespace_is_admitted_and_names_are_valid() {
        let arguments = init(&SERVERS);
        let manifests = arguments
            .manifests(&arguments.answers(|_| Ok(None)).unwrap(), Program::Plugin)
            .unwrap();
        assert!(
            manifests.contains("  kubectl bindery doctor\n"),
            "{manifests}"
        );
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&manifests).unwrap();
        let find = |kind: &str| {
            let found = documents.iter().find(|document| document["kind"] == kind);
            found.unwrap().clone()
        };
        let admitted = &find("BitbucketConnection")["spec"]["access"][0];
        assert_eq!(admitted["repositories"], json!(["PAY/*"]));
        let binding = find("ProjectBinding");
        assert_eq!(binding["metadata"]["name"], "check-out");
        assert_eq!(binding["spec"]["repository"]["slug"], "check_out.");
        assert_eq!(binding["spec"]["connectionRef"]["namespace"], "platform");
        let granted = &find("Role")["rules"][0]["resourceNames"];
        assert_eq!(*granted, json!(["bitbucket-token", "sonarqube-token"]));
    }
}
