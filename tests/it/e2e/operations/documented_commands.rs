//! The commands of the README and of the guide's first page, as a new user runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::helm_release::Release;
use crate::e2e::environment::{self, BITBUCKET_TOKEN, TestEnvironment};
use crate::support::examples::{START, Shown, commands, lines};
use crate::support::server::{Server, simulated};
use crate::support::servers::Servers;
use crate::support::tree;

simulated!(every_command_of_the_first_pages_works_as_written);

/// Commands that this test does not run, by how they begin, each with the reason.
const NOT_RUN: [(&str, &str); 5] = [
    (
        "make demo",
        "it starts a control plane of its own; CI runs it",
    ),
    ("make test", "this test is a part of it"),
    (
        "make dist",
        "a build of the release takes minutes; make test-dist tests the image",
    ),
    ("skopeo copy", "it needs a registry"),
    (
        "kubectl rollout status",
        "the control plane has no nodes: the test starts the operator as a process",
    ),
];

/// Makes the namespace as it was, for the next page.
const AFTER_README: [&str; 3] = [
    "kubectl delete --namespace platform pbind ledger",
    "kubectl delete --namespace platform bbconn bitbucket",
    "kubectl delete --namespace platform secret/bitbucket-token secret/sonarqube-token role/bindery-bitbucket rolebinding/bindery-bitbucket",
];

/// A clone of the tree, as far as the commands read it, with the URLs of the test's servers and the files with tokens.
struct Clone {
    top: PathBuf,
    /// The hosts of the pages, and those of the test.
    urls: [(&'static str, String); 2],
    servers: Servers,
}

impl Clone {
    fn of(env: &TestEnvironment) -> Self {
        let top = env.directory.join("clone");
        fs::create_dir_all(&top).unwrap();
        let copied = Command::new("cp")
            .arg("-r")
            .args(["charts", "crds", "deploy"].map(|name| tree::top().join(name)))
            .arg(&top)
            .status();
        assert!(copied.unwrap().success());
        let connection = top.join("deploy/samples/connection.yaml");
        let edited = fs::read_to_string(&connection).unwrap();
        let bitbucket = env.bitbucket.url();
        let bitbucket = bitbucket.as_str().trim_end_matches('/').to_owned();
        let urls = [
            ("https://bitbucket.example.com", bitbucket),
            ("https://sonarqube.example.com", env.sonarqube.url.clone()),
        ];
        fs::write(&connection, with(&urls, &edited)).unwrap();
        fs::write(top.join("bitbucket.token"), BITBUCKET_TOKEN).unwrap();
        fs::write(top.join("sonarqube.token"), &env.sonarqube.token).unwrap();
        let servers = env.servers.clone();
        Self { top, urls, servers }
    }

    /// What a command prints. It must succeed.
    fn run(&self, command: &str) -> String {
        // As the operator of the test is started.
        let servers = "export BINDERY_ALLOW_HTTP='*' BINDERY_ALLOWED_HOSTS=127.0.0.0/8";
        let command = format!("{servers}; {}", with(&self.urls, command));
        let output = self.servers.shell(&self.top, &command);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (printed, said) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "`{command}`: {printed}{said}");
        printed
    }
}

/// The text with the URLs of the test.
fn with(urls: &[(&str, String)], text: &str) -> String {
    urls.iter().fold(text.to_owned(), |text, (page, test)| {
        text.replace(page, test)
    })
}

/// A cluster without Bindery. Dropped, also by a panic, it is as other tests need it.
struct Fresh {
    servers: Servers,
    /// That of the test: kubectl writes beside what it runs.
    directory: PathBuf,
}

impl Fresh {
    fn of(env: &mut TestEnvironment) -> Self {
        env.operator.kill();
        let fresh = Self {
            servers: env.servers.clone(),
            directory: env.directory.clone(),
        };
        fresh.clear().unwrap();
        fresh
    }

    fn clear(&self) -> Result<String, String> {
        let delete = ["delete", "--ignore-not-found"];
        let kinds = [&delete[..], &["--kustomize", "deploy"]].concat();
        self.servers.kubectl(&kinds)?;
        let objects = [
            "secret/bitbucket-token",
            "secret/sonarqube-token",
            "role/bindery-tokens",
            "rolebinding/bindery-tokens",
            "--namespace=platform",
        ];
        self.servers.kubectl(&[&delete[..], &objects].concat())
    }
}

/// Objects that a failed test left go without an operator: what is being deleted gets no finalizer again.
const RELEASE: &str = r#"
kubectl delete bbconn,pbind,pbset --all --all-namespaces --wait=false
kubectl get bbconn,pbind,pbset --all-namespaces --output jsonpath='{range .items[*]}{.kind} {.metadata.namespace} {.metadata.name}{"\n"}{end}' |
    while read -r kind namespace name; do
        kubectl patch "$kind" --namespace "$namespace" "$name" --type merge --patch '{"metadata": {"finalizers": null}}'
    done
"#;

impl Drop for Fresh {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.servers.shell(&self.directory, RELEASE);
        }
        for outcome in [self.clear(), environment::install(&self.servers)] {
            if let Err(complaint) = outcome {
                eprintln!("later tests may fail: {complaint}");
            }
        }
    }
}

/// D32. Promise: every command block of the README and of the guide's first page runs as written, in this order, and
/// prints what the page shows, except ages. The README needs six from the chart to the first binding.
async fn every_command_of_the_first_pages_works_as_written(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    // As an administrator sets it when SonarQube is installed.
    env.sonarqube
        .set_server_base_url("https://sonarqube.example.com");
    let clone = Clone::of(&env);
    let _fresh = Fresh::of(&mut env);
    let servers = env.servers.clone();
    let _release = Release { servers: &servers };
    let mut unused: Vec<_> = NOT_RUN.map(|(beginning, _reason)| beginning).into();
    let run = follow("README.md", &mut env, &clone, &mut unused).await;
    assert_eq!(run, 6, "commands of the README");
    for command in AFTER_README {
        clone.run(command);
    }
    follow(START, &mut env, &clone, &mut unused).await;
    assert!(unused.is_empty(), "no page has these commands: {unused:?}");
    assert_removed(&clone);
}

/// Runs the commands of a page, and counts them.
async fn follow(
    page: &str,
    env: &mut TestEnvironment,
    clone: &Clone,
    unused: &mut Vec<&str>,
) -> usize {
    let mut run = 0;
    for shown in commands(page) {
        let command = shown.command.as_str();
        if let Some((not_run, _)) = NOT_RUN.iter().find(|(it, _)| command.starts_with(it)) {
            unused.retain(|it| it != not_run);
            continue;
        }
        if command.starts_with("kubectl get bbconn") {
            // "The first count appears within a second."
            env.counted(2).await;
        }
        if command == "bindery doctor" {
            env.eventually("an operator leads", || env.operator.leads())
                .await;
        }
        let printed = clone.run(command);
        assert_shown(&shown, &printed);
        if command.starts_with("helm upgrade") {
            // What the pods of the Deployment would do.
            env.restart_operator(&[]);
        }
        run += 1;
    }
    run
}

/// The page shows no output of commands that say little. Tables end in AGE.
fn assert_shown(shown: &Shown, printed: &str) {
    if shown.output.is_empty() {
        return;
    }
    if shown.output.contains(" AGE") {
        assert_eq!(without_ages(printed), without_ages(&shown.output));
    } else {
        assert_eq!(lines(printed), lines(&shown.output), "{}", shown.command);
    }
}

/// A table without its last column, AGE.
fn without_ages(table: &str) -> Vec<&str> {
    let lines = lines(table).into_iter();
    lines
        .map(|line| {
            line.rsplit_once(' ')
                .map_or(line, |(rest, _age)| rest.trim_end())
        })
        .collect()
}

/// Nothing of the page is left in the cluster but what the chart installs, and the tokens are in no file.
fn assert_removed(clone: &Clone) {
    let left = clone.run("kubectl get bbconn,pbind --all-namespaces --output name");
    assert_eq!(left, "");
    let has = |path: &str| Path::new(&clone.top).join(path).exists();
    assert!(!has("bitbucket.token") && !has("sonarqube.token"));
}
