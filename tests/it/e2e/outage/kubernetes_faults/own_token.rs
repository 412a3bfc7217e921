//! The operator's own token, which Kubernetes replaces in its file before it expires.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::control_plane::exit_code;
use super::{imports, projects};
use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::fault_proxy::FaultProxy;
use crate::e2e::environment::operator::{LOOPBACK, Operator};
use crate::e2e::environment::oracles;
use crate::support::server::{Server, simulated};

simulated!(a_token_that_is_refused_is_read_anew_at_the_next_start);

/// An operator that has its token in a file. Each token ends with its Secret.
struct Tokens {
    env: TestEnvironment,
    api_server: FaultProxy,
    file: PathBuf,
}

const ARGUMENTS: [&str; 4] = ["--minimum-interval", "10s", "--lease-duration", "5s"];

impl Tokens {
    async fn set(server: Server) -> Self {
        let mut env = TestEnvironment::set_with(server, &ARGUMENTS).await;
        env.operator.kill();
        let api_server = FaultProxy::before_cluster(env.servers.kubeconfig, &Arc::default()).await;
        let file = env.directory.join("own-token");
        let mut tokens = Self {
            env,
            api_server,
            file,
        };
        tokens.replace("first");
        tokens.start();
        tokens.env.connection(json!({"interval": "1h"}));
        tokens
            .env
            .connection_is("bitbucket", ("Ready", "True"))
            .await;
        tokens
    }

    fn start(&mut self) {
        let arguments = [&LOOPBACK[..], &ARGUMENTS].concat();
        self.env.operator = Operator::start_with_token_file(
            &self.env.servers,
            &self.env.directory,
            (&self.api_server.url, &self.file),
            &arguments,
        );
    }

    /// Writes a new token into the file.
    fn replace(&self, secret: &str) {
        self.env.apply(&json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": secret, "namespace": "bindery-system"},
        }));
        let bound = ["--bound-object-kind=Secret", "--bound-object-name", secret];
        let create = ["create", "token", "bindery", "--namespace=bindery-system"];
        let token = self.env.servers.kubectl(&[&create[..], &bound].concat());
        std::fs::write(&self.file, token.unwrap().trim()).unwrap();
    }

    /// Ends the token of a Secret.
    fn expire(&self, secret: &str) {
        let namespace = "--namespace=bindery-system";
        self.env.kubectl(&["delete", "secret", secret, namespace]);
    }

    /// A binding that is made now is imported, once.
    async fn goes_on(&self) {
        let env = &self.env;
        env.binding("payments", "checkout", "PAY/checkout", json!({}));
        env.binding_is("payments", "checkout", ("Ready", "True"))
            .await;
        assert_eq!(imports(env), 1);
        oracles::one_project_each(&projects(env)).unwrap();
    }
}

/// Promise (row 18): an operator whose token is refused before it has read the new one ends as its lease does, and reads
/// the file when Kubernetes starts it again.
async fn a_token_that_is_refused_is_read_anew_at_the_next_start(server: Server) {
    let mut tokens = Tokens::set(server).await;
    tokens.replace("second");
    tokens.expire("first");
    assert_eq!(exit_code(&mut tokens.env).await, Some(1));
    let refused = |it: &super::Seen| it.status == Some(401);
    assert!(tokens.api_server.seen().iter().any(refused));
    tokens.start();
    tokens.goes_on().await;
    tokens.expire("second");
}

/// For `make chaos`.
mod chaos {
    use super::*;

    /// Promise (row 18): a token that is replaced in its file is used a minute later, by the same process.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "a minute: make chaos"]
    async fn a_token_that_is_replaced_in_time_needs_no_restart() {
        let mut tokens = Tokens::set(crate::support::server::simulated_26_9()).await;
        let began = std::time::Instant::now();
        let first = tokens.api_server.seen().last().unwrap().token;
        tokens.replace("second");
        let is_used = || {
            let seen = tokens.api_server.seen();
            seen.last().is_some_and(|seen| seen.token != first)
        };
        tokens
            .env
            .eventually("the new token is used", is_used)
            .await;
        let after = began.elapsed().as_secs();
        tokens.expire("first");
        tokens.goes_on().await;
        assert!(tokens.env.operator.ended().is_none());
        tokens.expire("second");
        let result = format!("the new one is used after {after} s");
        crate::e2e::outage::chaos::row("the operator's own token is replaced", &result);
    }
}
