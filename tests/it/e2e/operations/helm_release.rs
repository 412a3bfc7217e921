//! The operator as the chart installs it: with the chart's account, the chart's rights, and nothing of `deploy/`.

use std::collections::BTreeSet;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use serde_json::json;

use crate::e2e::environment::{self, TestEnvironment};
use crate::support::chart::{CHART, manifest, parsed};
use crate::support::server::{Server, simulated};
use crate::support::servers::{Helm, Servers};
use crate::support::tree;

simulated!(
    the_chart_grants_access_to_the_listed_secrets,
    the_chart_grants_access_to_every_secret_on_request,
    a_release_keeps_every_object
);

const DEFINITION: &str = "crd/bitbucketconnections.bindery.dev";
const SETS: &str = "crd/projectbindingsets.bindery.dev";

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

/// The last commit whose chart an earlier user may have installed.
const PREVIOUS: &str = "3756f0a";

/// The chart as it was then. Its connections have another short name, so that an upgrade of the kinds shows.
fn previous_chart(env: &TestEnvironment) -> String {
    let copy = env.directory.join("previous-chart");
    std::fs::create_dir_all(&copy).unwrap();
    let directory = copy.to_str().unwrap();
    let script = format!("git archive {PREVIOUS} {CHART} | tar --extract --directory {directory}");
    let output = env.servers.shell(tree::top(), &script);
    assert!(output.status.success(), "{output:?}");
    let chart = copy.join(CHART);
    let file = chart.join("files/crds/bindery.dev_bitbucketconnections.yaml");
    let definition = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, definition.replace("- bbconn\n", "- bbolder\n")).unwrap();
    chart.to_str().unwrap().to_owned()
}

fn short_name(env: &TestEnvironment) -> String {
    let output = "--output=jsonpath={.spec.names.shortNames[0]}";
    env.servers.kubectl(&["get", DEFINITION, output]).unwrap()
}

/// Promise: helm takes over what kustomize installed; an upgrade from the previous chart brings both kinds up to date,
/// and a rollback brings them back; there is no second release; and the kinds and their objects outlive all of that,
/// and the end of the release of this chart. After each step there is what the release's manifest says, and nothing else.
async fn a_release_keeps_every_object(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    is_bound(&env).await;
    env.operator.kill();
    let _replaced = Replaced {
        servers: env.servers.clone(),
    };
    let before = uids(&env).await;
    let previous = previous_chart(&env);
    for version in [Helm::Four, Helm::Three] {
        let release = Release {
            servers: &env.servers,
        };
        release_lives(&env, version, &previous);
        assert_eq!(uids(&env).await, before, "{version:?}");
        release.uninstall().unwrap();
        let deployment = ["get", "deployment/bindery", "--namespace=bindery-system"];
        env.servers.kubectl(&deployment).unwrap_err();
        assert_eq!(deleted_kinds(&env), "", "{version:?}, uninstalled");
        let kept = KEPT.into_iter().chain(OTHERS).map(str::to_owned);
        assert_eq!(there(&env), kept.collect(), "{version:?}, uninstalled");
        assert_eq!(uids(&env).await, before, "{version:?}, uninstalled");
    }
}

/// Installs the previous chart, upgrades it, rolls back, and upgrades it again.
fn release_lives(env: &TestEnvironment, version: Helm, previous: &str) {
    let helm = |arguments: &[&str]| {
        let namespace = ["--namespace", "bindery-system"];
        let arguments = [arguments, &namespace].concat();
        env.servers.helm_of(version, &arguments)
    };
    // The previous chart has no such kind: the upgrade creates it.
    env.servers.kubectl(&["delete", SETS]).unwrap();
    let install = ["upgrade", "--install", "bindery", previous];
    // The second helm finds the kinds of the first one's release.
    let refusal = matches!(version, Helm::Four).then(|| helm(&install).unwrap_err());
    assert!(refusal.is_none_or(|refusal| refusal.contains("invalid ownership metadata")));
    let take: &[&str] = match version {
        Helm::Three => &["--take-ownership"],
        Helm::Four => &["--take-ownership", "--force-conflicts"],
    };
    helm(&[&install[..], take].concat()).unwrap();
    assert_eq!(short_name(env), "bbolder", "{version:?}");
    let is_there = |revision: usize| {
        let manifest = helm(&["get", "manifest", "bindery"]).unwrap();
        let expected = of_release(&manifest, revision);
        assert_eq!(there(env), expected, "{version:?}, revision {revision}");
    };
    is_there(1);
    helm(&["upgrade", "bindery", CHART]).unwrap();
    assert_eq!(short_name(env), "bbconn", "{version:?}");
    is_there(2);
    let second = helm(&["install", "another", CHART]).unwrap_err();
    assert!(
        second.contains("must equal \"another\": current value is \"bindery\""),
        "{second}"
    );
    helm(&["rollback", "bindery", "1"]).unwrap();
    assert_eq!(short_name(env), "bbolder", "{version:?}: rolled back");
    is_there(3);
    helm(&["upgrade", "bindery", CHART]).unwrap();
    assert_eq!(short_name(env), "bbconn", "{version:?}: upgraded again");
    is_there(4);
}

/// What a release may have, and Helm's own records of it.
const SORTS: &str = "crd,clusterrole,clusterrolebinding,role,rolebinding,serviceaccount,deployment,service,configmap,\
                     secret,networkpolicy,pdb,validatingadmissionpolicy,validatingadmissionpolicybinding";

/// What the end of a release leaves: the kinds, and with them every object.
const KEPT: [&str; 3] = [
    "CustomResourceDefinition/bitbucketconnections.bindery.dev",
    "CustomResourceDefinition/projectbindings.bindery.dev",
    "CustomResourceDefinition/projectbindingsets.bindery.dev",
];

/// What the environment has granted: it belongs to no release.
const OTHERS: [&str; 2] = ["Role/bindery-tokens", "RoleBinding/bindery-tokens"];

/// Everything of these sorts that is named after Bindery.
fn there(env: &TestEnvironment) -> BTreeSet<String> {
    let output = r#"--output=jsonpath={range .items[*]}{.kind}/{.metadata.name}{"\n"}{end}"#;
    let found = env
        .servers
        .kubectl(&["get", SORTS, "--all-namespaces", output])
        .unwrap();
    let ours = found.lines().filter(|object| object.contains("bindery"));
    ours.map(str::to_owned).collect()
}

/// What is there while a release has this manifest: its objects, kinds of an earlier one, and a record of each revision.
fn of_release(manifest: &str, revision: usize) -> BTreeSet<String> {
    let name = |object: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        text(&object["kind"]) + "/" + &text(&object["metadata"]["name"])
    };
    let records = (1..=revision).map(|it| format!("Secret/sh.helm.release.v1.bindery.v{it}"));
    let objects = parsed(manifest);
    // The first chart has no sets. A rollback to it keeps them.
    let kept = KEPT.into_iter().filter(|_| revision > 1);
    let fixed = kept.chain(OTHERS).map(str::to_owned);
    objects
        .iter()
        .map(name)
        .chain(records)
        .chain(fixed)
        .collect()
}

/// The times at which kinds were deleted. Their objects follow later.
fn deleted_kinds(env: &TestEnvironment) -> String {
    let kinds = [DEFINITION, "crd/projectbindings.bindery.dev", SETS];
    let output = ["--output=jsonpath={.items[*].metadata.deletionTimestamp}"];
    let get = [&["get"], &kinds[..], &output].concat();
    env.servers.kubectl(&get).unwrap()
}

/// The connection and the binding, which another one of the same name would not be.
async fn uids(env: &TestEnvironment) -> [Option<String>; 2] {
    let connections = env.api::<BitbucketConnection>("platform");
    let bindings = env.api::<ProjectBinding>("payments");
    let connection = connections.get("bitbucket").await.unwrap();
    let binding = bindings.get("checkout").await.unwrap();
    assert!(connection.metadata.deletion_timestamp.is_none());
    [connection.metadata.uid, binding.metadata.uid]
}
