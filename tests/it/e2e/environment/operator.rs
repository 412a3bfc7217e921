//! The built operator as a process, under its own service account.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use bindery::rbac::SYSTEM_NAMESPACE;

use crate::support::servers::{Servers, optional};
use crate::support::tree;

/// What an operator needs to reach servers on loopback.
pub(crate) const LOOPBACK: [&str; 3] = ["--allow-http", "--allowed-hosts", "127.0.0.0/8"];

/// Changes the lease by hand.
pub(crate) const LEASE: [&str; 6] = [
    "patch",
    "lease",
    "bindery",
    "--namespace=bindery-system",
    "--type=merge",
    "--output=name",
];

/// More than Kubernetes gives a pod to end.
const LONGEST_STOP: Duration = Duration::from_secs(40);

/// A running operator. Killed when dropped.
pub(crate) struct Operator {
    child: Child,
    servers: Servers,
    address: String,
    pub(crate) log: PathBuf,
}

impl Operator {
    /// Starts the operator with these arguments.
    pub(crate) fn start(
        servers: &Servers,
        directory: &std::path::Path,
        arguments: &[&str],
    ) -> Self {
        Self::start_in(SYSTEM_NAMESPACE, servers, directory, arguments)
    }

    /// The same in another namespace, under the account `bindery` of that.
    pub(crate) fn start_in(
        namespace: &str,
        servers: &Servers,
        directory: &std::path::Path,
        arguments: &[&str],
    ) -> Self {
        let account = service_account(namespace, servers, directory);
        Self::start_with(servers, directory, (&account, arguments), |log| {
            File::create(log).unwrap().into()
        })
    }

    /// The same by a proxy before the API server, if there is one.
    pub(crate) fn start_through(
        servers: &Servers,
        directory: &std::path::Path,
        api_server: Option<&str>,
        arguments: &[&str],
    ) -> Self {
        let mut account = service_account(SYSTEM_NAMESPACE, servers, directory);
        if let Some(api_server) = api_server {
            account = through(api_server, &account);
        }
        Self::start_with(servers, directory, (&account, arguments), |log| {
            File::create(log).unwrap().into()
        })
    }

    /// The same by a proxy, with its token in a file, as that of a pod is.
    pub(crate) fn start_with_token_file(
        servers: &Servers,
        directory: &std::path::Path,
        (api_server, token): (&str, &std::path::Path),
        arguments: &[&str],
    ) -> Self {
        let account = service_account(SYSTEM_NAMESPACE, servers, directory);
        let account = through(api_server, &account);
        let config = std::fs::read_to_string(&account).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
        config["users"][0]["user"] = serde_json::json!({"tokenFile": token});
        std::fs::write(&account, config.to_string()).unwrap();
        Self::start_with(servers, directory, (&account, arguments), |log| {
            File::create(log).unwrap().into()
        })
    }

    /// The same with a log that is not read.
    pub(crate) fn start_unread(
        servers: &Servers,
        directory: &std::path::Path,
        arguments: &[&str],
    ) -> Self {
        let account = service_account(SYSTEM_NAMESPACE, servers, directory);
        Self::start_with(servers, directory, (&account, arguments), |_| {
            Stdio::piped()
        })
    }

    fn start_with(
        servers: &Servers,
        directory: &std::path::Path,
        (kubeconfig, arguments): (&std::path::Path, &[&str]),
        log_to: impl Fn(&std::path::Path) -> Stdio,
    ) -> Self {
        let address = free_address();
        let log = directory.join(format!(
            "operator-{}.log",
            address.rsplit(':').next().unwrap()
        ));
        let child = program(kubeconfig)
            .args(["run", "--listen", &address])
            .args(["--log", "trace,h2=info", "--log-format", "json"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_to(&log))
            .spawn()
            .unwrap();
        Self {
            child,
            servers: servers.clone(),
            address,
            log,
        }
    }

    /// SIGKILL: no drain, no goodbye. The next operator need not wait for the lease: this one is known to have ended.
    pub(crate) fn kill(&mut self) {
        self.kill_silently();
        let released = r#"{"spec": {"holderIdentity": null, "leaseDurationSeconds": 1}}"#;
        // An operator that never led has made none.
        let _ = self
            .servers
            .kubectl(&[&LEASE[..], &["--patch", released]].concat());
    }

    /// SIGKILL, of which nothing is written down.
    pub(crate) fn kill_silently(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, for example `STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let kill = Command::new("kill")
            .args([&format!("-{signal}"), &pid])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Whether it holds the lease.
    pub(crate) fn leads(&self) -> bool {
        self.metrics()
            .contains("leader_election_master_status{name=\"bindery\"} 1.0")
    }

    /// Its exit status, once it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGTERM, and the exit status. It must come.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(asked.elapsed() < LONGEST_STOP, "it does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What any user of the machine can read of the process: its arguments, and what was put into its environment.
    pub(crate) fn visible(&self) -> String {
        ["cmdline", "environ"]
            .map(|file| {
                let path = format!("/proc/{}/{file}", self.child.id());
                String::from_utf8(std::fs::read(path).unwrap()).unwrap()
            })
            .concat()
    }

    /// All metrics as text.
    pub(crate) fn metrics(&self) -> String {
        self.get("metrics").1
    }

    /// Status and body of one of the operator's own pages; status 0 while it does not listen yet.
    pub(crate) fn get(&self, page: &str) -> (u16, String) {
        let url = format!("http://{}/{page}", self.address);
        let output = Command::new("curl")
            .args(["--silent", "--write-out", "\n%{http_code}", &url])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    /// Calls to SonarQube and Bitbucket so far, by `system operation code`.
    pub(crate) fn external_calls(&self) -> std::collections::BTreeMap<String, u64> {
        let metrics = self.metrics();
        metrics
            .lines()
            .filter_map(|line| line.strip_prefix("bindery_external_requests_total{"))
            .map(|line| {
                let (labels, count) = line.rsplit_once("} ").unwrap();
                let label = |name: &str| {
                    let start = labels.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
                    labels[start..].split('"').next().unwrap().to_owned()
                };
                let key = format!(
                    "{} {} {}",
                    label("system"),
                    label("operation"),
                    label("code")
                );
                (key, count.parse().unwrap())
            })
            .collect()
    }

    /// Calls to the Kubernetes API so far with one method, watches among those with GET.
    pub(crate) fn kubernetes_calls(&self, method: &str) -> u64 {
        let metrics = self.metrics();
        let method = format!("method=\"{method}\"");
        let lines = metrics.lines();
        let fitting = lines.filter(|line| {
            line.starts_with("rest_client_requests_total{") && line.contains(&method)
        });
        fitting
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum()
    }

    /// Events are published beside the reconciles. One that does not run publishes none.
    pub(crate) fn until_events_are_published(&self) {
        let asked = Instant::now();
        let waits = |line: &str| {
            let waiting = line.strip_prefix("bindery_events_waiting ");
            waiting.is_some_and(|number| number != "0.0")
        };
        while self.metrics().lines().any(waits) {
            assert!(asked.elapsed() < LONGEST_STOP, "events are not published");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Statuses written to Kubernetes so far.
    pub(crate) fn status_writes(&self) -> u64 {
        self.sum("bindery_status_writes_total{")
    }

    /// Status writes to objects of a kind, for example `ProjectBinding`, so far.
    pub(crate) fn status_writes_of(&self, kind: &str) -> u64 {
        self.sum(&format!("bindery_status_writes_total{{kind=\"{kind}\""))
    }

    /// Reconciles of objects of a kind, for example `projectbinding`, so far.
    pub(crate) fn reconciles(&self, kind: &str) -> u64 {
        self.sum(&format!(
            "controller_runtime_reconcile_total{{controller=\"{kind}\""
        ))
    }

    /// The sum of all series that begin so.
    fn sum(&self, start: &str) -> u64 {
        let metrics = self.metrics();
        let series = metrics.lines().filter(|line| line.starts_with(start));
        series
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the operator's log is in {}", self.log.display());
        }
    }
}

/// The operator that the tests were built with, or the one of an image: `make test-dist` says where that is unpacked.
/// What stands in the environment of the tests is none of its business.
fn program(kubeconfig: &std::path::Path) -> Command {
    let Some(root) = optional("BINDERY_IMAGE_ROOT") else {
        let mut program = Command::new(env!("CARGO_BIN_EXE_bindery"));
        program.env_clear().env("KUBECONFIG", kubeconfig);
        return program;
    };
    let mut program = Command::new(tree::top().join("tests/in-image"));
    program.arg(root).arg(kubeconfig).env_clear();
    program
}

/// A kubeconfig with a token of the operator's service account in a namespace, and with nothing else.
fn service_account(namespace: &str, servers: &Servers, directory: &std::path::Path) -> PathBuf {
    let token = servers
        .kubectl(&[
            "create",
            "token",
            "bindery",
            "--namespace",
            namespace,
            "--duration",
            "1h",
        ])
        .unwrap();
    let config = std::fs::read_to_string(servers.kubeconfig).unwrap();
    let mut config: serde_json::Value = serde_saphyr::from_str(&config).unwrap();
    config["users"][0]["user"] = serde_json::json!({"token": token.trim()});
    config["contexts"][0]["context"]["namespace"] = namespace.into();
    let path = directory.join(format!("{namespace}.kubeconfig"));
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// The same kubeconfig with another API server, which uses plain http.
fn through(api_server: &str, kubeconfig: &std::path::Path) -> PathBuf {
    let config = std::fs::read_to_string(kubeconfig).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    config["clusters"][0]["cluster"] = serde_json::json!({"server": api_server});
    let port = api_server.rsplit(':').next().unwrap_or_default();
    let path = kubeconfig.with_file_name(format!("operator-by-{port}.kubeconfig"));
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// A free port at a loopback address that only this process uses: at 127.0.0.1 another process could take the port
/// before the operator does. No two operators of this process get the same.
pub(crate) fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 64 | high, middle, low);
    loop {
        let address = (own, NEXT.fetch_add(1, Ordering::Relaxed));
        // Another process may listen on it at every address.
        if let Ok(listener) = TcpListener::bind(address) {
            return listener.local_addr().unwrap().to_string();
        }
    }
}
