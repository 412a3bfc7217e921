//! The operator as a process under its own service account, seen from outside.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::cluster::Cluster;

pub(crate) struct Operator {
    child: Child,
    address: String,
    kubeconfig: PathBuf,
    binary: PathBuf,
}

/// What a process holds of memory, in MB.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) peak: f64,
}

impl Operator {
    pub(crate) fn start(cluster: &Cluster, binary: &Path) -> Self {
        let kubeconfig = service_account(cluster);
        Self::start_as(kubeconfig, binary)
    }

    fn start_as(kubeconfig: PathBuf, binary: &Path) -> Self {
        let address = free_address();
        let log = kubeconfig.with_file_name("operator.log");
        let child = Command::new(binary)
            .args(["run", "--listen", &address])
            .args(["--allow-http", "--allowed-hosts", "127.0.0.0/8"])
            .args(["--minimum-interval", "10s"])
            // The processors are shared with everything else: an API server that is slow ends no run.
            .args(["--lease-duration", "1m"])
            .env_clear()
            .env("KUBECONFIG", &kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log).unwrap())
            .spawn()
            .unwrap();
        let operator = Self {
            child,
            address,
            kubeconfig,
            binary: binary.to_owned(),
        };
        operator.await_ready();
        operator
    }

    /// Ends it by SIGTERM and starts another one. Returns how long that one took to be ready.
    pub(crate) fn restart(&mut self) -> Duration {
        self.stop();
        let begun = Instant::now();
        *self = Self::start_as(self.kubeconfig.clone(), &self.binary.clone());
        begun.elapsed()
    }

    fn stop(&mut self) {
        // It may have ended by itself, or have been stopped before.
        if self.child.try_wait().unwrap().is_some() {
            return;
        }
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }

    fn await_ready(&self) {
        let url = format!("http://{}/readyz", self.address);
        let begun = Instant::now();
        let is_ready = || {
            let curl = Command::new("curl")
                .args(["--silent", "--fail", &url])
                .output();
            curl.unwrap().status.success()
        };
        while !is_ready() {
            assert!(begun.elapsed() < Duration::from_mins(2), "it is not ready");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the events of what was done. None may be lost.
    pub(crate) async fn until_events_are_published(&self) {
        loop {
            // The event of a change follows its status.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let metrics = self.metrics();
            let value = |name: &str| {
                let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
                line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
            };
            assert!(value("bindery_events_lost_total ") < 1.0, "events are lost");
            if value("bindery_events_waiting ") < 1.0 {
                return;
            }
        }
    }

    fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.address);
        let curl = Command::new("curl").args(["--silent", &url]).output();
        String::from_utf8(curl.unwrap().stdout).unwrap()
    }

    /// Processor time so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = self.proc("stat");
        let fields: Vec<_> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks = |nth: usize| fields[nth].parse::<f64>().unwrap();
        // In user mode and in the kernel; Linux counts a hundred ticks a second on every platform that we run on.
        (ticks(11) + ticks(12)) / 100.0
    }

    pub(crate) fn memory(&self) -> Memory {
        let status = self.proc("status");
        let megabytes = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            let kilobytes = line.split_whitespace().nth(1).unwrap();
            kilobytes.parse::<f64>().unwrap() / 1024.0
        };
        Memory {
            resident: megabytes("VmRSS"),
            peak: megabytes("VmHWM"),
        }
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A kubeconfig with a token of the operator's service account, and with nothing else.
fn service_account(cluster: &Cluster) -> PathBuf {
    let flags = ["--namespace", "bindery-system", "--duration", "8h"];
    let token = cluster.kubectl(&[&["create", "token", "bindery"][..], &flags].concat());
    let config = std::fs::read_to_string(&cluster.kubeconfig).unwrap();
    let mut config: serde_json::Value = serde_saphyr::from_str(&config).unwrap();
    config["users"][0]["user"] = serde_json::json!({"token": token.trim()});
    config["contexts"][0]["context"]["namespace"] = "bindery-system".into();
    let directory = cluster.kubeconfig.parent().unwrap().join("bench");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("operator.kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
