//! Commands of the built program, as a user runs them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{BITBUCKET_TOKEN, TestEnvironment};

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) text: String,
    pub(crate) errors: String,
    pub(crate) status: i32,
}

impl Printed {
    /// What was printed as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl TestEnvironment {
    /// Runs a command with the rights of a cluster administrator. No token is ever in what it prints.
    pub(crate) fn bindery(&self, arguments: &[&str], input: &str) -> Printed {
        self.bindery_with(arguments, &[], input)
    }

    /// The same with more variables in its environment.
    pub(crate) fn bindery_with(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
        input: &str,
    ) -> Printed {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bindery"))
            .args(arguments)
            .env_clear()
            .env("KUBECONFIG", self.servers.kubeconfig)
            .env("BINDERY_ALLOW_HTTP", "*")
            .env("BINDERY_ALLOWED_HOSTS", "127.0.0.0/8")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut writer = child.stdin.take().unwrap();
        // A command that reads nothing may have ended.
        let _ = writer.write_all(input.as_bytes());
        drop(writer);
        let output = child.wait_with_output().unwrap();
        let printed = Printed {
            text: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
            status: output.status.code().unwrap(),
        };
        for token in [BITBUCKET_TOKEN, &self.sonarqube.token] {
            let is_leaked = printed.text.contains(token) || printed.errors.contains(token);
            assert!(!is_leaked, "{arguments:?} printed a token: {printed:?}");
        }
        printed
    }
}
