//! An admission policy of the cluster that refuses what the operator writes.

use bindery::crd::{BitbucketConnection, ProjectBinding};
use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::waiting::condition;
use crate::support::server::{Server, simulated};
use crate::support::servers::Servers;

simulated!(
    a_refused_finalizer_patch_is_reported_and_retried,
    a_refused_finalizer_of_a_connection_names_the_refusing_policy,
);

const OPERATOR: &str = "system:serviceaccount:bindery-system:bindery";

/// A policy that lets the operator update no object of a kind, statuses aside. Dropped, also by a panic, it is gone.
struct Freeze {
    name: String,
    servers: Servers,
}

impl Freeze {
    /// The policy as soon as the API server goes by it: `probe` is an object of that kind.
    async fn of(env: &TestEnvironment, plural: &str, probe: [&str; 3]) -> Self {
        let name = format!("bindery-freeze-{plural}");
        let guard = Self {
            name: name.clone(),
            servers: env.servers.clone(),
        };
        for object in policy(&name, plural) {
            env.apply(&object);
        }
        let attempt = [
            "annotate",
            "probe=1",
            "--overwrite",
            "--dry-run=server",
            "--as",
            OPERATOR,
        ];
        let attempt = [&attempt[..1], &probe, &attempt[1..]].concat();
        let is_refused = || {
            let answer = env.servers.kubectl(&attempt);
            answer.is_err_and(|words| words.contains("change freeze"))
        };
        env.eventually("the policy is in force", is_refused).await;
        guard
    }
}

impl Drop for Freeze {
    fn drop(&mut self) {
        for kind in [
            "validatingadmissionpolicybinding",
            "validatingadmissionpolicy",
        ] {
            let _ = self
                .servers
                .kubectl(&["delete", kind, &self.name, "--ignore-not-found"]);
        }
    }
}

fn policy(name: &str, plural: &str) -> [Value; 2] {
    let kind = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": {"name": name}, "spec": spec,
        })
    };
    [
        kind(
            "ValidatingAdmissionPolicy",
            json!({
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["bindery.dev"], "apiVersions": ["v1alpha1"],
                    "operations": ["UPDATE"], "resources": [plural],
                }]},
                "validations": [{
                    "expression": format!("request.userInfo.username != '{OPERATOR}'"),
                    "message": "change freeze",
                }],
            }),
        ),
        kind(
            "ValidatingAdmissionPolicyBinding",
            json!({"policyName": name, "validationActions": ["Deny"]}),
        ),
    ]
}

/// Promise: a deletion that an admission policy refuses says who and why, and ends by itself once it may.
async fn a_refused_finalizer_patch_is_reported_and_retried(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    let unbind = json!({"deletionPolicy": "Unbind"});
    env.binding("payments", "checkout", "PAY/checkout", unbind);
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let leaving = ["pbind/checkout", "--namespace", "payments"];
    let freeze = Freeze::of(&env, "projectbindings", leaving).await;
    env.kubectl(&[&["delete", "--wait=false"], &leaving[..]].concat());
    let says_who = |binding: &ProjectBinding| {
        condition(binding, "Stalled").is_some_and(|stalled| {
            let message = stalled["message"].as_str().unwrap();
            stalled["reason"] == "DeletionBlocked"
                && message.contains("failed to remove the finalizer")
                && message.contains("ValidatingAdmissionPolicy 'bindery-freeze-projectbindings'")
                && message.contains("change freeze")
        })
    };
    env.until("payments", "checkout", says_who).await;
    drop(freeze);
    env.gone::<ProjectBinding>("payments", "checkout").await;
}

/// Promise: what cannot be protected is not begun, and says why.
async fn a_refused_finalizer_of_a_connection_names_the_refusing_policy(server: Server) {
    let env = TestEnvironment::set(server).await;
    // A probe that the operator leaves alone.
    env.connection_named("probe", json!({"suspend": true}));
    let probe = ["bbconn/probe", "--namespace", "platform"];
    let freeze = Freeze::of(&env, "bitbucketconnections", probe).await;
    env.connection(json!({}));
    let says_who = |connection: &BitbucketConnection| {
        condition(connection, "Ready").is_some_and(|ready| {
            let message = ready["message"].as_str().unwrap();
            ready["status"] == "False"
                && message.contains("failed to add the finalizer")
                && message.contains("change freeze")
        })
    };
    env.until("platform", "bitbucket", says_who).await;
    drop(freeze);
    env.connection_is("bitbucket", ("Ready", "True")).await;
}
