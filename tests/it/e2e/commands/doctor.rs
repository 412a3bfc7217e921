//! `bindery doctor`: everything that is broken is found in one run, and the printed commands correct it.

use std::path::Path;

use serde_json::{Value, json};

use super::with_a_refused_binding;
use crate::e2e::environment::commands::Printed;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment, manifests};
use crate::support::examples::commands;
use crate::support::server::{Server, on, simulated};
use crate::support::tls::{Authority, Front, Leaf};

on!([simulated_26_9_enterprise] => all_broken_things_are_found_at_once_and_corrected_by_the_printed_commands);
simulated!(a_doctor_is_as_the_guide_shows_it);

/// What is broken, and what a doctor says of it. Each is found in the first run.
const FOUND: [&str; 23] = [
    "CRD projectbindings.bindery.dev: not as this version",
    "service account bindery-system:bindery: the operator may not create leases",
    "list namespaces",
    "watch namespaces",
    "operator in namespace outsiders: a second operator leads there",
    "BitbucketConnection platform/ungranted: no grant for configmaps corporate-ca, secrets ungranted-token",
    "BitbucketConnection platform/ungranted: SecretNotFound: secrets platform/ungranted-token does not exist",
    "BitbucketConnection platform/ungranted: SecretNotFound: configmaps platform/corporate-ca does not exist",
    "BitbucketConnection platform/keyless: SecretKeyMissing",
    "BitbucketConnection platform/empty: SecretEmpty",
    "BitbucketConnection platform/malformed: SecretMalformed",
    "BitbucketConnection platform/refused: AuthenticationFailed: SonarQube at",
    "BitbucketConnection platform/refused: AuthenticationFailed: Bitbucket at",
    "spec.bitbucket.importTokenSecretRef",
    "BitbucketConnection platform/away: HostNotAllowed",
    "BitbucketConnection platform/away: ConnectionUnavailable",
    "BitbucketConnection platform/nameless: DNSFailed",
    "BitbucketConnection platform/untrusted: TLSFailed",
    "BitbucketConnection platform/another: UnexpectedResponse",
    "BitbucketConnection platform/careful: AdoptionRefused",
    "BitbucketConnection platform/bitbucket: ServerBaseURLUnset",
    "ProjectBinding payments/audit: ProjectExists",
    "ProjectBinding payments/before: RepositoryMoved",
];

fn doctor(env: &TestEnvironment) -> Printed {
    env.bindery(&["doctor", "--output", "json"], "")
}

/// What is wrong, each as `about: problem`.
fn problems(printed: &Printed) -> Vec<String> {
    let all = printed.json()["problems"].as_array().unwrap().clone();
    let text = |problem: &Value| {
        let part = |name: &str| problem[name].as_str().unwrap().to_owned();
        format!("{}: {}", part("about"), part("problem"))
    };
    all.iter().map(text).collect()
}

/// Everything that is broken is named, each with the command that corrects it, in the first run.
async fn all_broken_things_are_found_at_once_and_corrected_by_the_printed_commands(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    let access = json!({"access": [{
        "name": "payments", "namespaceSelector": {}, "repositories": ["PAY/*"], "sonarqubeProjects": ["PAY:*"],
    }]});
    env.connection(access);
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.bitbucket.world(|world| {
        world.repository("PAY", "audit");
        world.repository("PAY", "before");
    });
    env.binding("payments", "before", "PAY/before", json!({}));
    env.binding_is("payments", "before", ("Ready", "True"))
        .await;
    break_objects(&env);
    let authority = Authority::new();
    let plain = env.sonarqube.url.strip_prefix("http://").unwrap();
    let front = Front::start(plain.parse().unwrap(), authority.shows(Leaf::Good)).await;
    break_servers(&env, &front.url);
    env.operator.kill();
    break_the_cluster(&env);

    let printed = doctor(&env);
    assert_eq!(printed.status, 1, "{printed:?}");
    let found = problems(&printed);
    let missing: Vec<_> = FOUND
        .iter()
        .filter(|words| !found.iter().any(|problem| problem.contains(**words)))
        .collect();
    assert!(
        missing.is_empty(),
        "not found: {missing:#?}\nfound: {found:#?}"
    );

    correct(&mut env, &printed);
    env.eventually("an operator leads", || env.operator.leads())
        .await;
    let printed = doctor(&env);
    assert_eq!(printed.status, 0, "{:#?}", problems(&printed));
    let before = env.bindery(&["doctor", "--pre"], "");
    assert_eq!(before.status, 0, "{before:?}");
    assert!(
        before.text.contains("✔ you may install Bindery"),
        "{before:?}"
    );
}

/// Connections and bindings that cannot work, each for reasons of its own.
fn break_objects(env: &TestEnvironment) {
    for (secret, token) in [
        ("empty-token", ""),
        ("malformed-token", "two words"),
        ("refused-token", "canary-nobody-knows-this-one"),
    ] {
        env.apply(&manifests::secret(secret, token));
    }
    let lent = ["empty-token", "malformed-token", "refused-token"];
    let grant = manifests::grant_named("bindery-broken", &lent);
    env.apply(&manifests::list(&grant));
    let token = |name: &str| json!({"tokenSecretRef": {"name": name}});
    env.connection_named("ungranted", json!({
        "bitbucket": {"tokenSecretRef": {"name": "ungranted-token"}, "caBundleRef": {"name": "corporate-ca"}},
    }));
    let keyless =
        json!({"bitbucket": {"tokenSecretRef": {"name": "bitbucket-token", "key": "other"}}});
    env.connection_named("keyless", keyless);
    env.connection_named("empty", json!({"bitbucket": token("empty-token")}));
    env.connection_named("malformed", json!({"sonarqube": token("malformed-token")}));
    env.connection_named("refused", json!({
        "sonarqube": token("refused-token"),
        "bitbucket": {
            "tokenSecretRef": {"name": "refused-token"}, "importTokenSecretRef": {"name": "refused-token"},
        },
    }));
    env.connection_named(
        "away",
        json!({
            "sonarqube": {"url": "http://127.0.0.1:1"}, "bitbucket": {"url": "http://192.0.2.1"},
        }),
    );
    let bitbucket = env.bitbucket.url();
    env.sonarqube
        .create_setting("careful", bitbucket.as_str(), BITBUCKET_TOKEN);
    env.connection_named("careful", json!({"adoptionPolicy": "Never"}));
    env.sonarqube.create_project("PAY:audit", "Made by hand");
    env.binding("payments", "audit", "PAY/audit", json!({}));
    env.bitbucket
        .world(|world| world.rename_repository("PAY", "before", "after"))
        .unwrap();
}

/// Servers without a name, with a certificate of an unknown authority, and of another kind.
fn break_servers(env: &TestEnvironment, untrusted: &str) {
    for (name, url) in [
        ("nameless", "http://no-such-host.invalid"),
        ("untrusted", untrusted),
        (
            "another",
            env.bitbucket.url().as_str().trim_end_matches('/'),
        ),
    ] {
        env.connection_named(name, json!({"sonarqube": {"url": url}}));
    }
}

/// A definition of another version, rights that are gone, and a second operator.
fn break_the_cluster(env: &TestEnvironment) {
    let kubectl = |arguments: &[&str]| env.servers.kubectl(arguments).unwrap();
    kubectl(&[
        "patch",
        "crd",
        "projectbindings.bindery.dev",
        "--type=json",
        r#"--patch=[{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/0"}]"#,
    ]);
    kubectl(&[
        "delete",
        "role",
        "bindery-lease",
        "--namespace=bindery-system",
    ]);
    let rules = kubectl(&["get", "clusterrole", "bindery", "--output=json"]);
    let mut role: Value = serde_json::from_str(&rules).unwrap();
    let rules = role["rules"].as_array_mut().unwrap();
    rules.retain(|rule| rule["resources"] != json!(["namespaces"]));
    env.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "bindery"}, "rules": role["rules"],
    }));
    env.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "bindery-second"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bindery"},
        "subjects": [{"kind": "ServiceAccount", "name": "bindery", "namespace": "outsiders"}],
    }));
    env.apply(&json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "bindery", "namespace": "outsiders"},
        "spec": {
            "holderIdentity": "another", "leaseDurationSeconds": 2_000_000_000,
            "renewTime": "2026-01-01T00:00:00.000000Z",
        },
    }));
}

/// Runs a command that was printed.
fn run(env: &TestEnvironment, command: &str) {
    let bin = Path::new(env!("CARGO_BIN_EXE_bindery")).parent().unwrap();
    let path = format!("export PATH={}:$PATH; {command}", bin.display());
    let output = env.servers.shell(&env.directory, &path);
    assert!(output.status.success(), "{command}: {output:?}");
}

/// Runs every command that was printed; does by hand what no command does.
fn correct(env: &mut TestEnvironment, printed: &Printed) {
    for (secret, token) in [
        ("ungranted-token", BITBUCKET_TOKEN),
        ("bitbucket-token", BITBUCKET_TOKEN),
        ("empty-token", BITBUCKET_TOKEN),
        ("malformed-token", &*env.sonarqube.token),
    ] {
        std::fs::write(env.directory.join(format!("{secret}.token")), token).unwrap();
    }
    let mut is_leading = true;
    for problem in printed.json()["problems"].as_array().unwrap() {
        let Some(command) = problem["command"].as_str() else {
            continue;
        };
        // There are no nodes: the test starts the operator itself.
        if command.starts_with("kubectl rollout restart") {
            is_leading = false;
            continue;
        }
        // One Secret cannot hold a token of both servers.
        if command.contains("refused-token") {
            continue;
        }
        run(env, command);
    }
    assert!(!is_leading, "an operator leads");
    for arguments in [
        &[
            "delete",
            "bbconn",
            "refused",
            "away",
            "nameless",
            "untrusted",
            "another",
            "--namespace=platform",
            "--wait=false",
        ][..],
        &["delete", "lease", "bindery", "--namespace=outsiders"],
        &["delete", "clusterrolebinding", "bindery-second"],
        &[
            "patch",
            "bbconn",
            "ungranted",
            "--namespace=platform",
            "--type=json",
            r#"--patch=[{"op": "remove", "path": "/spec/bitbucket/caBundleRef"}]"#,
        ],
    ] {
        env.servers.kubectl(arguments).unwrap();
    }
    env.restart_operator(&[]);
}

/// Promise: the guide shows what a person sees.
async fn a_doctor_is_as_the_guide_shows_it(server: Server) {
    let base_url = json!({"serverBaseURL": "https://sonarqube.example.com"});
    let env = with_a_refused_binding(server, base_url).await;
    env.kubectl(&["delete", "role", "bindery-tokens", "--namespace=platform"]);
    for secret in ["secret/bitbucket-token", "secret/sonarqube-token"] {
        let may = ["auth", "can-i", "get", secret, "--namespace=platform"];
        let may = [
            &may[..],
            &["--as=system:serviceaccount:bindery-system:bindery"],
        ]
        .concat();
        let may_not = || env.servers.kubectl(&may).is_err();
        env.eventually("the API server knows that the role is gone", may_not)
            .await;
    }
    let ill = env.bindery(&["doctor"], "");
    assert_eq!(ill.status, 1, "{ill:?}");
    for command in ill.text.lines().filter_map(|it| it.strip_prefix("  → ")) {
        run(&env, command);
    }
    let mut well = String::new();
    // The API server takes a moment to know the role that was granted.
    env.eventually("nothing is wrong", || {
        let printed = env.bindery(&["doctor"], "");
        well = printed.text;
        printed.status == 0
    })
    .await;
    let shown = commands("docs/guide/cli.md").into_iter();
    let shown = shown.filter(|it| it.command == "bindery doctor");
    // Versions and names of pods differ.
    let differing = regex::Regex::new(r"Kubernetes [0-9.]+|one leader \(\S+\)").unwrap();
    let normal = |text: &str| differing.replace_all(text.trim_end(), "…").into_owned();
    let shown: Vec<_> = shown.map(|it| normal(&it.output)).collect();
    let printed = [ill.text, well].map(|text| normal(&text));
    assert_eq!(shown, printed, "{}", printed.join("\n\n"));
}
