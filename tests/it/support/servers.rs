//! The real servers that `tests/servers` started.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use super::control_planes::{ControlPlane, Held};
use super::stopwatch::Stopwatch;

/// A control plane that no other test uses as long as this or a copy of it lives, and the tools to work with it.
#[derive(Clone)]
pub(crate) struct Servers {
    /// Rights of a cluster administrator.
    pub(crate) kubeconfig: &'static Path,
    /// Where tests may leave what explains a failure: `tests/servers run` removes it when there was none.
    pub(crate) directory: &'static Path,
    held: Arc<(Held, Option<Stopwatch>)>,
}

/// A real SonarQube server that `tests/servers` started.
pub(crate) struct StartedSonarQube {
    pub(crate) url: String,
    /// Of `bindery`, who has Administer System and Create Projects, nothing else.
    pub(crate) token: String,
    /// Of `admin`.
    pub(crate) admin_token: String,
    /// Every request line that the server has seen.
    pub(crate) access_log: PathBuf,
}

impl StartedSonarQube {
    /// The one of this version, such as `26.9`.
    pub(crate) fn of_version(version: &str) -> Self {
        let is_it = |found: String| found.starts_with(&format!("{version}."));
        let Some(nth) = numbered("BINDERY_SONARQUBE_VERSION").position(is_it) else {
            panic!(
                "no SonarQube {version} was started: run `make test` (`make contract-all` for what is only tested there), or `tests/servers up` with --sonarqube, and source its env"
            )
        };
        let reported = |name: &str| {
            let mut all = numbered(&format!("BINDERY_SONARQUBE_{name}"));
            all.nth(nth).unwrap()
        };
        Self {
            url: reported("URL"),
            token: reported("TOKEN"),
            admin_token: reported("ADMIN_TOKEN"),
            access_log: reported("ACCESS_LOG").into(),
        }
    }
}

impl Servers {
    /// Waits until a control plane is free.
    pub(crate) async fn take() -> Self {
        let held = Held::any().await;
        Self {
            kubeconfig: &held.control_plane.kubeconfig,
            directory: &held.control_plane.directory,
            held: Arc::new((held, Stopwatch::start())),
        }
    }

    pub(crate) fn control_plane(&self) -> &'static ControlPlane {
        self.held.0.control_plane
    }

    /// What kubectl prints, or what it complains of.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        run(&mut self.kubectl_command(), arguments)
    }

    fn kubectl_command(&self) -> Command {
        let mut kubectl = Command::new("kubectl");
        kubectl
            .env("KUBECONFIG", self.kubeconfig)
            .env("KUBECACHEDIR", self.discovered());
        kubectl
    }

    /// What kubectl remembers for ten minutes of the kinds that a server has.
    fn discovered(&self) -> PathBuf {
        self.directory.join("kubectl-cache")
    }

    /// Has kubectl list the kinds again: it finds no short name of a kind that is newer than its memory.
    pub(crate) fn discover_anew(&self) {
        // It is not there before the first call.
        let _ = std::fs::remove_dir_all(self.discovered());
    }

    /// Whether the operator's account may do this: `["get", "secret/token", "--namespace=platform"]`. Anything but a
    /// yes or a no is no answer.
    pub(crate) fn operator_may(&self, question: &[&str]) -> bool {
        let output = self
            .kubectl_command()
            .args(["auth", "can-i"])
            .args(question)
            .args(["--as", "system:serviceaccount:bindery-system:bindery"])
            .output()
            .unwrap();
        let answer = String::from_utf8(output.stdout.clone()).unwrap();
        match (answer.split_whitespace().next(), output.status.success()) {
            (Some("yes"), true) => true,
            (Some("no"), false) => false,
            _ => panic!("{question:?}: {output:?}"),
        }
    }

    /// Runs a command line as a user with this directory and this cluster does.
    pub(crate) fn shell(&self, directory: &std::path::Path, command: &str) -> Output {
        let helm = PathBuf::from(variable("BINDERY_HELM"));
        let program = Path::new(env!("CARGO_BIN_EXE_bindery"));
        let path = [
            helm.parent().unwrap().as_os_str(),
            program.parent().unwrap().as_os_str(),
            &std::env::var_os("PATH").unwrap_or_default(),
        ]
        .join(std::ffi::OsStr::new(":"));
        let mut bash = Command::new("bash");
        // A user's shell has none of these: `BINDERY_SONARQUBE_TOKEN` would go before a Secret.
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("BINDERY_"))
            {
                bash.env_remove(name);
            }
        }
        bash.args(["-e", "-o", "pipefail", "-c", command])
            .current_dir(directory)
            .env("HOME", directory)
            .env("KUBECONFIG", self.kubeconfig)
            .env("PATH", path)
            .output()
            .unwrap()
    }

    /// The same of helm, at the top of the tree.
    pub(crate) fn helm(&self, arguments: &[&str]) -> Result<String, String> {
        self.helm_of(Helm::Four, arguments)
    }

    /// The same of one of both.
    pub(crate) fn helm_of(&self, helm: Helm, arguments: &[&str]) -> Result<String, String> {
        run(helm.command().env("KUBECONFIG", self.kubeconfig), arguments)
    }
}

/// Runs `kubectl` on files alone: no cluster is asked.
pub(crate) fn kustomize(directory: &str) -> String {
    let top = super::tree::top();
    run(
        Command::new("kubectl").current_dir(top),
        &["kustomize", directory],
    )
    .unwrap()
}

/// What helm prints at the top of the tree, or what it complains of, when it knows no cluster.
pub(crate) fn helm(arguments: &[&str]) -> Result<String, String> {
    helm_of(Helm::Four, arguments)
}

/// The same of one of both.
pub(crate) fn helm_of(helm: Helm, arguments: &[&str]) -> Result<String, String> {
    run(helm.command().env_remove("KUBECONFIG"), arguments)
}

/// The versions of helm that the chart is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Helm {
    Three,
    Four,
}

impl Helm {
    fn command(self) -> Command {
        match self {
            Self::Three => tool("helm3", "BINDERY_HELM3"),
            Self::Four => tool("helm", "BINDERY_HELM"),
        }
    }
}

/// What a Lua script prints.
pub(crate) fn lua(script: &Path) -> String {
    let script = script.to_str().unwrap();
    run(&mut tool("lua", "BINDERY_LUA"), &[script]).unwrap()
}

/// What kstatus computes of the objects in a file, one of each line.
pub(crate) fn kstatus(objects: &Path) -> String {
    let objects = objects.to_str().unwrap();
    run(&mut tool("kstatus", "BINDERY_KSTATUS"), &[objects]).unwrap()
}

/// What kubeconform says of manifests that are as they should be, or what it complains of.
pub(crate) fn kubeconform(arguments: &[&str]) -> Result<String, String> {
    run(&mut tool("kubeconform", "BINDERY_KUBECONFORM"), arguments)
}

/// What promtool says of rules that are as they should be, or what it complains of.
pub(crate) fn promtool(arguments: &[&str]) -> Result<String, String> {
    run(&mut tool("promtool", "BINDERY_PROMTOOL"), arguments)
}

/// A program that `tests/servers` builds, at the top of the tree.
fn tool(name: &str, place: &str) -> Command {
    let program = PathBuf::from(variable(place));
    assert!(
        program.is_file(),
        "{} is not there: run `tests/servers build {name}`",
        program.display()
    );
    let mut command = Command::new(program);
    command.current_dir(super::tree::top());
    command
}

fn run(command: &mut Command, arguments: &[&str]) -> Result<String, String> {
    let output = command
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{command:?} is needed: {error}"));
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        // Some complain where others print.
        let complaint = if output.stderr.is_empty() {
            output.stdout
        } else {
            output.stderr
        };
        Err(String::from_utf8(complaint).unwrap())
    }
}

pub(super) const NO_SERVERS: &str =
    "run `make test`, or start real servers with tests/servers and source their env";

/// Where the servers have their files.
pub(super) fn directory() -> PathBuf {
    variable("BINDERY_SERVERS").into()
}

/// What `tests/servers` says of the first of several, of the second, and so on.
pub(super) fn numbered(name: &str) -> impl Iterator<Item = String> + use<> {
    let name = name.to_owned();
    let names = (1..).map(move |number| match number {
        1 => name.clone(),
        other => format!("{name}_{other}"),
    });
    names.map_while(|name| optional(&name))
}

fn variable(name: &str) -> String {
    optional(name).unwrap_or_else(|| panic!("{name} is not set: {NO_SERVERS}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests/servers says by environment where the servers are; only here is it read"
)]
pub(crate) fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
