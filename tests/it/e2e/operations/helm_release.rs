//! The operator as the chart installs it: with the chart's account, the chart's rights, and nothing of `deploy/`.

use bindery::crd::BitbucketConnection;
use serde_json::json;

use crate::e2e::environment::{self, TestEnvironment};
use crate::support::chart::{CHART, manifest};
use crate::support::server::{Server, simulated};
use crate::support::servers::Servers;

simulated!(
    the_chart_grants_access_to_the_listed_secrets,
    the_chart_grants_access_to_every_secret_on_request,
    a_release_upgrades_both_kinds_and_leaves_them
);

const DEFINITION: &str = "crd/bitbucketconnections.bindery.dev";

/// What `deploy/` and the environment gave to the operator, both kinds aside.
const BASE: [&[&str]; 4] = [
    &[
        "deployment/bindery",
        "serviceaccount/bindery",
        "--namespace=bindery-system",
    ],
    &[
        "clusterrole/bindery",
        "clusterrole/bindery-view",
        "clusterrole/bindery-edit",
        "clusterrole/bindery-connection-edit",
    ],
    &["clusterrolebinding/bindery"],
    &[
        "role/bindery-tokens",
        "rolebinding/bindery-tokens",
        "--namespace=platform",
    ],
];

/// What only the chart has.
const GRANTS: [&[&str]; 2] = [
    &[
        "clusterrole/bindery-secrets",
        "clusterrolebinding/bindery-secrets",
    ],
    &[
        "role/bindery",
        "rolebinding/bindery",
        "--namespace=platform",
    ],
];

/// Removes `deploy/` for one test, and brings it back in the chart's place for the next.
struct Replaced {
    servers: Servers,
}

impl Replaced {
    fn base(env: &mut TestEnvironment) -> Self {
        env.operator.kill();
        let replaced = Self {
            servers: env.servers.clone(),
        };
        for objects in BASE {
            replaced.delete(objects).unwrap();
        }
        replaced
    }

    fn delete(&self, objects: &[&str]) -> Result<String, String> {
        self.servers
            .kubectl(&[&["delete", "--ignore-not-found"], objects].concat())
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        let restored = GRANTS.map(|objects| self.delete(objects));
        for outcome in restored
            .into_iter()
            .chain([environment::install(&self.servers)])
        {
            if let Err(complaint) = outcome {
                eprintln!("later tests may fail: {complaint}");
            }
        }
    }
}

/// `helm template | kubectl apply --server-side --filename -`
fn install(env: &TestEnvironment, values: &str) {
    let file = env.directory.join("chart.yaml");
    std::fs::write(&file, manifest("bindery-system", values).unwrap()).unwrap();
    environment::apply_file(&env.servers, &file).unwrap();
}

fn may_read(env: &TestEnvironment, secret: &str) -> bool {
    let secret = format!("secret/{secret}");
    let question = ["get", &secret, "--namespace=platform"];
    env.servers.operator_may(&question)
}

async fn is_bound(env: &TestEnvironment) {
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(
        env.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );
}

/// Promise: the chart grants no Secret by default, and exactly those that `grants.namespaces` names.
async fn the_chart_grants_access_to_the_listed_secrets(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    let _replaced = Replaced::base(&mut env);
    install(&env, "{}");
    env.restart_operator(&["--minimum-interval", "10s"]);
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let message = env.connection_reason("bitbucket", "SecretForbidden").await;
    assert!(
        message.contains("--serviceaccount=bindery-system:bindery"),
        "{message}"
    );

    let lent = r#"{"secrets":["bitbucket-token","sonarqube-token"]}"#;
    install(&env, &format!("grants.namespaces.platform={lent}"));
    is_bound(&env).await;
    assert!(may_read(&env, "bitbucket-token"));
    assert!(!may_read(&env, "another-token"));
}

/// Promise: with `grants.clusterWide` no namespace has to grant anything.
async fn the_chart_grants_access_to_every_secret_on_request(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    let _replaced = Replaced::base(&mut env);
    install(&env, "grants.clusterWide=true");
    env.restart_operator(&["--minimum-interval", "10s"]);
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    is_bound(&env).await;
    assert!(may_read(&env, "another-token"));
}

/// Helm's release `bindery`. Dropped, also by a panic, it is gone.
pub(super) struct Release<'a> {
    pub(super) servers: &'a Servers,
}

impl Release<'_> {
    fn uninstall(&self) -> Result<String, String> {
        let release = ["bindery", "--namespace", "bindery-system"];
        self.servers
            .helm(&[&["uninstall", "--ignore-not-found"], &release[..]].concat())
    }
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if let Err(complaint) = self.uninstall() {
            eprintln!("later tests may fail: {complaint}");
        }
    }
}

/// A copy of the chart whose connections have another short name, as an older version might.
fn older_chart(env: &TestEnvironment) -> String {
    let copy = env.directory.join("older-chart");
    let copied = std::process::Command::new("cp")
        .args(["-r", CHART])
        .arg(&copy)
        .status();
    assert!(copied.unwrap().success());
    let file = copy.join("files/crds/bindery.dev_bitbucketconnections.yaml");
    let definition = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, definition.replace("- bbconn\n", "- bbolder\n")).unwrap();
    copy.to_str().unwrap().to_owned()
}

fn short_name(env: &TestEnvironment) -> String {
    let output = "--output=jsonpath={.spec.names.shortNames[0]}";
    env.servers.kubectl(&["get", DEFINITION, output]).unwrap()
}

/// Promise: helm takes over what kustomize installed, an upgrade brings both kinds up to date, there is no second
/// release, and the kinds and their objects outlive the one that there is.
async fn a_release_upgrades_both_kinds_and_leaves_them(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.operator.kill();
    let _replaced = Replaced {
        servers: env.servers.clone(),
    };
    let helm = |arguments: &[&str]| {
        let namespace = ["--namespace", "bindery-system"];
        env.servers.helm(&[arguments, &namespace].concat())
    };

    let release = Release {
        servers: &env.servers,
    };
    let older = older_chart(&env);
    let install = ["upgrade", "--install", "bindery", &older];
    let refusal = helm(&install).unwrap_err();
    assert!(refusal.contains("invalid ownership metadata"), "{refusal}");
    helm(&[&install[..], &["--take-ownership", "--force-conflicts"]].concat()).unwrap();
    assert_eq!(short_name(&env), "bbolder");

    helm(&["upgrade", "bindery", CHART]).unwrap();
    assert_eq!(short_name(&env), "bbconn");

    let second = helm(&["install", "another", CHART]).unwrap_err();
    assert!(
        second.contains("must equal \"another\": current value is \"bindery\""),
        "{second}"
    );

    release.uninstall().unwrap();
    env.servers
        .kubectl(&["get", "deployment/bindery", "--namespace=bindery-system"])
        .unwrap_err();
    let left = env
        .api::<BitbucketConnection>("platform")
        .get("bitbucket")
        .await;
    assert!(left.is_ok(), "{left:?}");
}
