//! `bindery plan`.

use serde_json::{Value, json};
use simulators::sonarqube::{Call, Caller, Outcome};

use crate::e2e::environment::many;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::examples::commands;
use crate::support::server::{Server, simulated};

simulated!(
    five_hundred_bindings_are_planned_by_the_listing,
    a_plan_is_as_the_guide_shows_it,
);

/// A plan of these manifests, as JSON.
fn planned(env: &TestEnvironment, manifests: &Value, status: i32) -> Value {
    let arguments = ["plan", "--filename", "-", "--output", "json"];
    let printed = env.bindery(&arguments, &manifests.to_string());
    assert_eq!(printed.status, status, "{printed:?}");
    printed.json()
}

/// The calls of both servers that may have changed something.
fn writes(env: &TestEnvironment) -> Vec<String> {
    let sonarqube = env.sonarqube.simulated().calls();
    let calls = sonarqube.into_iter().chain(env.bitbucket.calls());
    // What is refused changes nothing: that is how a server is asked what it can do.
    let is_refused = |call: &Call| matches!(call.outcome, Outcome::Status(400..=499));
    let writes = calls.filter(|call| call.method != "GET" && !is_refused(call));
    writes.map(|call| format!("{call:?}")).collect()
}

/// Promise: a plan costs what a listing costs, writes nothing, and needs no cluster.
async fn five_hundred_bindings_are_planned_by_the_listing(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    env.connection(json!({"access": [{
        "name": "payments", "namespaceSelector": {}, "repositories": ["PAY/*"],
    }]}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.operator.kill();
    let slugs = many::repositories(&env, 500);
    let manifests = many::bindings(&slugs);
    env.sonarqube.simulated().clear_calls();
    env.bitbucket.clear_calls();
    let plan = planned(&env, &manifests, 2);
    assert_eq!(plan["summary"], json!({"import": 500, "unchanged": 1}));
    let calls = plan["calls"].as_u64().unwrap();
    let logged = env.sonarqube.simulated().calls();
    let logged = logged.into_iter().chain(env.bitbucket.calls());
    let own = logged.filter(|call| call.caller == Caller::Bindery);
    let own: Vec<_> = own.map(|call| call.target).collect();
    assert_eq!(own.len() as u64, calls, "every call is counted");
    assert!(calls <= 15, "{own:#?}");
    assert_eq!(writes(&env), [""; 0]);

    // Without a cluster: the connection is a manifest, tokens come from the environment.
    let connection = env
        .servers
        .kubectl(&["get", "bbconn", "bitbucket", "-n", "platform", "-o", "json"])
        .unwrap();
    let mut all = manifests.clone();
    let connection = serde_json::from_str(&connection).unwrap();
    all["items"].as_array_mut().unwrap().push(connection);
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "payments"}});
    all["items"].as_array_mut().unwrap().push(namespace);
    let tokens = [
        ("BINDERY_SONARQUBE_TOKEN", &*env.sonarqube.token),
        ("BINDERY_BITBUCKET_TOKEN", BITBUCKET_TOKEN),
    ];
    let arguments = ["plan", "-f", "-", "-o", "json", "--no-cluster"];
    let printed = env.bindery_with(&arguments, &tokens, &all.to_string());
    assert_eq!(printed.status, 2, "{printed:?}");
    assert_eq!(printed.json()["summary"]["import"], 500);
    assert_eq!(writes(&env), [""; 0]);
}

/// A binding of `payments`.
fn binding(name: &str, repository: &str, more: &Value) -> Value {
    let (project, slug) = repository.split_once('/').unwrap();
    let mut spec = json!({
        "connectionRef": {"name": "bitbucket", "namespace": "platform"},
        "repository": {"project": project, "slug": slug},
    });
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
        "metadata": {"name": name, "namespace": "payments"}, "spec": spec,
    })
}

/// Promise: the guide shows what a person sees.
async fn a_plan_is_as_the_guide_shows_it(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.bitbucket.world(|world| {
        for slug in ["audit", "ledger", "ledger-2", "invoices"] {
            world.repository("PAY", slug);
        }
    });
    env.connection(json!({"access": [{
        "name": "payments", "namespaceSelector": {}, "repositories": ["PAY/*"], "sonarqubeProjects": ["PAY*"],
    }]}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.apply(&binding("ledger", "PAY/ledger", &json!({})));
    env.binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    env.sonarqube.create_project("PAY-invoices", "Invoices");
    let setting = env.setting_id();
    env.sonarqube
        .bind("PAY-invoices", "Invoices", &setting, "PAY/invoices");
    env.sonarqube.create_project("PAY:audit", "Made by hand");
    let manifests = json!({"apiVersion": "v1", "kind": "List", "items": [
        binding("audit", "PAY/audit", &json!({})),
        binding("checkout", "PAY/checkout", &json!({})),
        binding("invoices", "PAY/invoices", &json!({})),
        binding("ledger", "PAY/ledger", &json!({"sonarqubeProject": {"visibility": "Private"}})),
        binding("second", "PAY/checkout", &json!({"sonarqubeProject": {"key": "PAY:second"}})),
        binding("typo", "PAY/chekout", &json!({})),
    ]});
    let directory = env.directory.join("pr");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("bindings.json"), manifests.to_string()).unwrap();
    let plan = |format: &str| {
        let path = directory.to_str().unwrap();
        let printed = env.bindery(&["plan", "--filename", path, "--output", format], "");
        assert_eq!(printed.status, 3, "{printed:?}");
        printed.text
    };
    let shown: Vec<_> = commands("docs/guide/cli.md")
        .into_iter()
        .filter(|shown| shown.command.contains("bindery plan"))
        .map(|shown| shown.output)
        .collect();
    let expected = [plan("text"), plan("markdown")];
    // A call more or less is not the point here.
    let calls = regex::Regex::new(r"\((\d+) calls\)").unwrap();
    let normal = |text: &str| calls.replace(text.trim_end(), "(… calls)").into_owned();
    let numbers = |texts: &[String]| -> Vec<i64> {
        let found = texts.iter().filter_map(|text| calls.captures(text));
        found.map(|number| number[1].parse().unwrap()).collect()
    };
    let (said, made) = (numbers(&shown), numbers(&expected));
    assert_eq!(said.len(), made.len(), "{said:?}, {made:?}");
    let is_near = |(said, made): (&i64, &i64)| (said - made).abs() <= 10;
    assert!(said.iter().zip(&made).all(is_near), "{said:?}, {made:?}");
    let (shown, expected): (Vec<_>, Vec<_>) = (
        shown.iter().map(|it| normal(it)).collect(),
        expected.iter().map(|it| normal(it)).collect(),
    );
    assert_eq!(shown, expected, "\n{}", expected.join("\n\n"));
    let text = plan("text");
    assert!(!text.contains('\u{1b}'), "colours are for terminals");
}
