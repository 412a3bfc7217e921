//! The operator as the chart installs it: with the chart's account, the chart's rights, and nothing of `deploy/`.

use bindery::crd::BitbucketConnection;
use serde_json::json;

use crate::e2e::environment::{self, Stage};
use crate::support::chart::{CHART, manifest};
use crate::support::parts::Parts;
use crate::support::server::{Server, simulated};

simulated!(
    the_chart_lends_the_secrets_that_it_is_told_to,
    the_chart_lends_every_secret_when_it_is_told_to,
    a_release_upgrades_both_kinds_and_leaves_them
);

const DEFINITION: &str = "crd/bitbucketconnections.bindery.dev";

/// What `deploy/` and the stage gave to the operator, both kinds aside.
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
    parts: Parts,
}

impl Replaced {
    fn base(stage: &mut Stage) -> Self {
        stage.operator.kill();
        let replaced = Self {
            parts: stage.parts.clone(),
        };
        for objects in BASE {
            replaced.delete(objects).unwrap();
        }
        replaced
    }

    fn delete(&self, objects: &[&str]) -> Result<String, String> {
        self.parts
            .kubectl(&[&["delete", "--ignore-not-found"], objects].concat())
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        let restored = GRANTS.map(|objects| self.delete(objects));
        for outcome in restored
            .into_iter()
            .chain([environment::install(&self.parts)])
        {
            if let Err(complaint) = outcome {
                eprintln!("later tests may fail: {complaint}");
            }
        }
    }
}

/// `helm template | kubectl apply --server-side --filename -`
fn install(stage: &Stage, values: &str) {
    let file = stage.directory.join("chart.yaml");
    std::fs::write(&file, manifest("bindery-system", values).unwrap()).unwrap();
    let path = file.to_str().unwrap();
    let arguments = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--filename",
        path,
    ];
    stage.parts.kubectl(&arguments).unwrap();
}

fn may_read(stage: &Stage, secret: &str) -> bool {
    let secret = format!("secret/{secret}");
    let question = ["get", &secret, "--namespace=platform"];
    stage.parts.operator_may(&question)
}

async fn is_bound(stage: &Stage) {
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    stage
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(
        stage.sonarqube.bound_to("PAY:checkout").as_deref(),
        Some("PAY/checkout")
    );
}

/// Promise: the chart grants no Secret by default, and exactly those that `grants.namespaces` names.
async fn the_chart_lends_the_secrets_that_it_is_told_to(server: Server) {
    let mut stage = Stage::set(server).await;
    let _replaced = Replaced::base(&mut stage);
    install(&stage, "{}");
    stage.restart_operator(&["--minimum-interval", "10s"]);
    stage.connection(json!({}));
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
    let message = stage
        .connection_reason("bitbucket", "SecretForbidden")
        .await;
    assert!(
        message.contains("--serviceaccount=bindery-system:bindery"),
        "{message}"
    );

    let lent = r#"{"secrets":["bitbucket-token","sonarqube-token"]}"#;
    install(&stage, &format!("grants.namespaces.platform={lent}"));
    is_bound(&stage).await;
    assert!(may_read(&stage, "bitbucket-token"));
    assert!(!may_read(&stage, "another-token"));
}

/// Promise: with `grants.clusterWide` no namespace has to grant anything.
async fn the_chart_lends_every_secret_when_it_is_told_to(server: Server) {
    let mut stage = Stage::set(server).await;
    let _replaced = Replaced::base(&mut stage);
    install(&stage, "grants.clusterWide=true");
    stage.restart_operator(&["--minimum-interval", "10s"]);
    stage.connection(json!({}));
    stage.binding("payments", "checkout", "PAY/checkout", json!({}));
    is_bound(&stage).await;
    assert!(may_read(&stage, "another-token"));
}

/// Helm's release `bindery`. Dropped, also by a panic, it is gone.
pub(super) struct Release<'a> {
    pub(super) parts: &'a Parts,
}

impl Release<'_> {
    fn uninstall(&self) -> Result<String, String> {
        let release = ["bindery", "--namespace", "bindery-system"];
        self.parts
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
fn older_chart(stage: &Stage) -> String {
    let copy = stage.directory.join("older-chart");
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

fn short_name(stage: &Stage) -> String {
    let output = "--output=jsonpath={.spec.names.shortNames[0]}";
    stage.parts.kubectl(&["get", DEFINITION, output]).unwrap()
}

/// Promise: helm takes over what kustomize installed, an upgrade brings both kinds up to date, there is no second
/// release, and the kinds and their objects outlive the one that there is.
async fn a_release_upgrades_both_kinds_and_leaves_them(server: Server) {
    let mut stage = Stage::set(server).await;
    stage.connection(json!({}));
    stage.connection_is("bitbucket", ("Ready", "True")).await;
    stage.operator.kill();
    let _replaced = Replaced {
        parts: stage.parts.clone(),
    };
    let helm = |arguments: &[&str]| {
        let namespace = ["--namespace", "bindery-system"];
        stage.parts.helm(&[arguments, &namespace].concat())
    };

    let release = Release {
        parts: &stage.parts,
    };
    let older = older_chart(&stage);
    let install = ["upgrade", "--install", "bindery", &older];
    let refusal = helm(&install).unwrap_err();
    assert!(refusal.contains("invalid ownership metadata"), "{refusal}");
    helm(&[&install[..], &["--take-ownership", "--force-conflicts"]].concat()).unwrap();
    assert_eq!(short_name(&stage), "bbolder");

    helm(&["upgrade", "bindery", CHART]).unwrap();
    assert_eq!(short_name(&stage), "bbconn");

    let second = helm(&["install", "another", CHART]).unwrap_err();
    assert!(
        second.contains("must equal \"another\": current value is \"bindery\""),
        "{second}"
    );

    release.uninstall().unwrap();
    stage
        .parts
        .kubectl(&["get", "deployment/bindery", "--namespace=bindery-system"])
        .unwrap_err();
    let left = stage
        .api::<BitbucketConnection>("platform")
        .get("bitbucket")
        .await;
    assert!(left.is_ok(), "{left:?}");
}
