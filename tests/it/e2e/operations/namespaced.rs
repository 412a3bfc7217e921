//! An operator of some namespaces: it needs no right elsewhere, and knows nothing of what is there.

use bindery::crd::ProjectBinding;
use bindery::rbac::NAMESPACED;
use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::manifests::{list, merge, namespace};
use crate::e2e::environment::operator::{LOOPBACK, Operator};
use crate::support::chart;
use crate::support::server::{Server, simulated};

simulated!(two_operators_of_some_namespaces_share_a_cluster_and_no_object);

/// The namespace of the second operator.
const TOOLS: &str = "bindery-tools";

/// What the chart grants an operator of these namespaces: its account and the Roles, in place of a `ClusterRole`.
fn rights(release: &str, namespaces: &[&str]) -> Value {
    let values = format!(
        "crds.enabled=false,aggregateRoles=false,namespaces={}",
        json!(namespaces)
    );
    let mut objects = chart::parsed(&chart::manifest(release, &values).unwrap());
    objects
        .retain(|object| object["kind"] != "Deployment" && object["kind"] != "PodDisruptionBudget");
    let has_cluster_role = objects.iter().any(|it| it["kind"] == "ClusterRole");
    assert!(!has_cluster_role, "{objects:#?}");
    list(&objects)
}

/// Starts an operator of these namespaces under its Roles alone.
fn start(env: &TestEnvironment, namespace: &str, namespaces: &str) -> Operator {
    let some = ["--minimum-interval", "10s", "--namespaces", namespaces];
    let arguments = [&LOOPBACK[..], &some].concat();
    Operator::start_in(namespace, &env.servers, &env.directory, &arguments)
}

/// A connection to the same servers and its Secrets in `outsiders`, and what lets the operator there read them.
fn of_the_outsiders(env: &TestEnvironment) -> Value {
    let namespace_of = |object: &mut Value| object["metadata"]["namespace"] = "outsiders".into();
    let secrets = ["bitbucket-token", "sonarqube-token"];
    let mut grant = crate::e2e::environment::manifests::grant(&secrets);
    grant[1]["subjects"][0]["namespace"] = TOOLS.into();
    let tokens = [
        crate::e2e::environment::BITBUCKET_TOKEN,
        &env.sonarqube.token,
    ];
    let secrets =
        [0, 1].map(|nth| crate::e2e::environment::manifests::secret(secrets[nth], tokens[nth]));
    let mut objects = [&grant[..], &secrets].concat();
    objects.iter_mut().for_each(namespace_of);
    objects.push(json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
        "metadata": {"name": "own", "namespace": "outsiders"},
        "spec": {
            "configurationName": "bitbucket",
            "bitbucket": {
                "url": env.bitbucket.url().as_str().trim_end_matches('/'),
                "tokenSecretRef": {"name": "bitbucket-token"},
            },
            "sonarqube": {"url": env.sonarqube.url, "tokenSecretRef": {"name": "sonarqube-token"}},
        },
    }));
    list(&objects)
}

/// The objects that an operator has counted.
fn objects_of(operator: &Operator) -> u64 {
    let metrics = operator.metrics();
    let counts = metrics
        .lines()
        .filter(|line| line.starts_with("bindery_objects{"));
    let numbers = counts.map(|line| line.rsplit_once(' ').unwrap().1);
    numbers
        .map(|number| number.trim_end_matches(".0").parse::<u64>().unwrap())
        .sum()
}

/// Calls that the API server forbade.
fn forbidden(operator: &Operator) -> Vec<String> {
    let metrics = operator.metrics();
    let calls = metrics
        .lines()
        .filter(|line| line.starts_with("rest_client_requests_total{"));
    let forbidden = calls.filter(|line| line.contains("code=\"403\""));
    forbidden.map(str::to_owned).collect()
}

/// Promise: each works with the rights of its Roles alone, leads by a lease of its own, and sees no object of the other.
async fn two_operators_of_some_namespaces_share_a_cluster_and_no_object(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.operator.kill();
    env.kubectl(&["delete", "clusterrolebinding", "bindery"]);
    let mut labelled = namespace("payments");
    merge(
        &mut labelled,
        json!({"metadata": {"labels": {"team": "payments"}}}),
    );
    env.apply(&list(&[namespace(TOOLS), labelled]));
    env.apply(&rights("bindery-system", &["payments", "platform"]));
    env.apply(&rights(TOOLS, &["outsiders"]));
    env.operator = start(&env, "bindery-system", "payments,platform");

    let access = json!([{
        "name": "payments", "namespaceSelector": {"matchLabels": {"team": "payments"}}, "repositories": ["PAY/*"],
    }]);
    env.connection(json!({"access": access}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.apply(&of_the_outsiders(&env));
    let own = json!({"connectionRef": {"name": "own", "namespace": "outsiders"}});
    env.binding("outsiders", "deploy", "OPS/deploy", own.clone());
    env.binding("payments", "lost", "PAY/ledger", own);
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    let message = env
        .binding_reason("payments", "lost", "ConnectionNotFound")
        .await;
    assert!(message.contains("outsiders/own"), "{message}");
    let untouched: ProjectBinding = env.api("outsiders").get("deploy").await.unwrap();
    let status = untouched.status.unwrap();
    assert_eq!(
        (status.observed_generation, status.conditions.len()),
        (Some(-1), 0)
    );

    let mut other = start(&env, TOOLS, "outsiders");
    env.binding_is("outsiders", "deploy", ("Ready", "True"))
        .await;
    assert!(env.operator.leads() && other.leads());
    // A connection and two bindings, and one of each.
    let counted = || [&env.operator, &other].map(objects_of) == [3, 2];
    env.eventually("each has counted its own objects", counted)
        .await;
    doctor_knows_the_roles(&env);
    // A deletion removes a finalizer, and publishes an event.
    env.delete_binding("payments", "checkout").await;
    for operator in [&env.operator, &other] {
        assert_eq!(forbidden(operator), Vec::<String>::new());
    }
    for namespace in ["payments", "platform", "outsiders"] {
        env.kubectl(&["delete", "role", NAMESPACED, "--namespace", namespace]);
    }
    // It gives its lease back.
    other.stop();
}

/// Promise: a doctor of these namespaces reads these alone, and names the rights that are missing in one of them.
fn doctor_knows_the_roles(env: &TestEnvironment) {
    let doctor = || {
        env.bindery(&["doctor", "--namespaces=payments,platform"], "")
            .text
    };
    let well = "✔ the operator has its rights";
    let text = doctor();
    assert!(
        text.contains(well) && !text.contains("outsiders/own:"),
        "{text}"
    );
    let binding = ["rolebinding", NAMESPACED, "--namespace=payments"];
    let kept = env.kubectl(&[&["get", "--output=json"], &binding[..]].concat());
    env.kubectl(&[&["delete"], &binding[..]].concat());
    let text = doctor();
    assert!(!text.contains(well), "{text}");
    assert!(text.contains("create events in payments, "), "{text}");
    assert!(!text.contains("in platform"), "{text}");
    let mut kept: Value = serde_json::from_str(&kept).unwrap();
    for field in ["uid", "resourceVersion"] {
        kept["metadata"].as_object_mut().unwrap().remove(field);
    }
    env.apply(&kept);
}
