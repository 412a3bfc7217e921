//! The processes of a control plane, which a test may stop, resume, kill and start again.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::servers::{self, Servers};

/// How long an API server may take to start on a busy machine.
const STARTS: Duration = Duration::from_mins(2);

/// One process of a control plane. Resumed when dropped.
pub(crate) struct Process {
    servers: Servers,
    /// Where `tests/servers` keeps its process id and its output.
    directory: PathBuf,
}

impl Process {
    /// `etcd` or `kube-apiserver` of the control plane that a test holds.
    pub(crate) fn of(servers: &Servers, name: &str) -> Self {
        let control_plane = servers.directory.file_name().unwrap().to_str().unwrap();
        let name = match control_plane.rsplit('-').next().unwrap() {
            "1" => name.to_owned(),
            other => format!("{name}-{other}"),
        };
        let directory = servers::directory().join(name);
        Self {
            servers: servers.clone(),
            directory,
        }
    }

    fn pid(&self) -> String {
        let noted = std::fs::read_to_string(self.directory.join("pid")).unwrap();
        noted.split_whitespace().next().unwrap().to_owned()
    }

    /// Sends a signal, for example `STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let kill = Command::new("kill")
            .args([&format!("-{signal}"), &self.pid()])
            .status();
        assert!(kill.unwrap().success());
    }

    /// SIGKILL, and the same command again after a while. Waits until the API server answers.
    pub(crate) fn kill_and_start_again(&self, after: Duration) {
        let arguments = std::fs::read(format!("/proc/{}/cmdline", self.pid())).unwrap();
        let arguments: Vec<_> = arguments.split(|byte| *byte == 0).collect();
        let arguments = arguments[..arguments.len() - 1].iter();
        let arguments: Vec<_> = arguments
            .map(|one| String::from_utf8_lossy(one).into_owned())
            .collect();
        self.signal("KILL");
        std::thread::sleep(after);
        let log = self.directory.join("logs/console.log");
        let log = OpenOptions::new().append(true).open(log).unwrap();
        // A session of its own, so that `tests/servers` ends it as it ends those that it started.
        let mut command = Command::new("setsid");
        command.args(&arguments).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let pid = command.spawn().unwrap().id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields = stat.rsplit(") ").next().unwrap();
        let started = fields.split_whitespace().nth(19).unwrap();
        std::fs::write(self.directory.join("pid"), format!("{pid} {started}\n")).unwrap();
        self.answers();
    }

    /// Waits until the API server answers.
    pub(crate) fn answers(&self) {
        let since = Instant::now();
        while self
            .servers
            .kubectl(&["get", "--raw=/readyz", "--request-timeout=5s"])
            .is_err()
        {
            assert!(since.elapsed() < STARTS, "the API server does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-CONT", &self.pid()]).status();
    }
}
