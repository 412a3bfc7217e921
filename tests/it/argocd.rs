//! What Argo CD shows of our objects, by the Lua that it runs health checks with.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::examples::commands;
use crate::support::servers::{Servers, lua};
use crate::support::tree;

const HEALTH: &str = "deploy/argocd/health.lua";
const ACTIONS: &str = "deploy/argocd/actions.yaml";

/// What the check says of an object, as Argo CD hears it.
fn health(object: &Value) -> String {
    let check = std::fs::read_to_string(tree::top().join(HEALTH)).unwrap();
    let said = run(object, &check, "print(result.status, result.message)");
    said.trim_end().replace('\t', ": ")
}

/// What this prints of the `result` of a script about an object.
fn run(object: &Value, script: &str, print: &str) -> String {
    let object = table(object);
    let script = format!("obj = {object}\nlocal result = (function()\n{script}\nend)()\n{print}\n");
    let name = format!(
        "bindery-{}-{:?}.lua",
        std::process::id(),
        std::thread::current().id()
    );
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, script).unwrap();
    let said = lua(&file);
    std::fs::remove_file(&file).unwrap();
    said
}

/// A value in Lua's words.
fn table(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(table).collect();
            format!("{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let mut text = String::from("{");
            for (name, value) in fields {
                write!(text, "[\"{name}\"] = {}, ", table(value)).unwrap();
            }
            text + "}"
        }
    }
}

/// An object of generation 2 that says `Ready` and then these.
fn object(ready: (&str, &str), others: &[(&str, &str)]) -> Value {
    let condition = |(kind, status): (&str, &str), reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": "why"});
    let mut conditions = vec![condition(("Ready", ready.0), ready.1)];
    conditions.extend(
        others
            .iter()
            .map(|(kind, reason)| condition((kind, "True"), reason)),
    );
    json!({
        "metadata": {"generation": 2}, "spec": {"suspend": false},
        "status": {"observedGeneration": 2, "conditions": conditions},
    })
}

fn with(mut object: Value, place: &str, value: Value) -> Value {
    *object.pointer_mut(place).unwrap() = value;
    object
}

/// Promise: an object can be reconciled at once and suspended, and one that is suspended can be resumed alone.
#[test]
fn argo_cd_offers_the_actions_that_the_object_allows() {
    let actions = std::fs::read_to_string(tree::top().join(ACTIONS)).unwrap();
    let actions: Value = serde_saphyr::from_str(&actions).unwrap();
    let offered = |object: &Value| {
        let script = actions["discovery.lua"].as_str().unwrap();
        let disabled = |name: &str| format!("result[\"{name}\"].disabled");
        let names = ["reconcile", "suspend", "resume"].map(disabled).join(", ");
        run(object, script, &format!("print({names})"))
    };
    let done = |name: &str, object: &Value, print: &str| {
        let mut definitions = actions["definitions"].as_array().unwrap().iter();
        let definition = definitions.find(|action| action["name"] == name).unwrap();
        run(object, definition["action.lua"].as_str().unwrap(), print)
    };
    let running = object(("True", "Succeeded"), &[]);
    let suspended = with(running.clone(), "/spec/suspend", true.into());
    assert_eq!(offered(&running), "false\tfalse\ttrue\n");
    assert_eq!(offered(&suspended), "true\ttrue\tfalse\n");
    let spec = "print(result.spec.suspend)";
    assert_eq!(done("suspend", &running, spec), "true\n");
    assert_eq!(done("resume", &suspended, spec), "false\n");
    let requested = r#"print(result.metadata.annotations["bindery.dev/reconcile-requested-at"])"#;
    let requested = done("reconcile", &running, requested);
    assert!(
        requested.trim().parse::<jiff::Timestamp>().is_ok(),
        "{requested}"
    );
}

/// Promise: Argo CD shows what `Ready`, `Reconciling` and `Stalled` report, and never reports what was not reconciled
/// as healthy.
#[test]
fn argo_cd_shows_how_an_object_is() {
    let ready = || object(("True", "Succeeded"), &[]);
    let stalled = |reason| object(("False", reason), &[("Stalled", reason)]);
    let seen = "/status/observedGeneration";
    for (object, shown) in [
        (ready(), "Healthy: why"),
        (
            with(ready(), "/spec/suspend", true.into()),
            "Suspended: why",
        ),
        (stalled("Suspended"), "Suspended: why"),
        (
            with(ready(), seen, json!(-1)),
            "Progressing: not reconciled yet",
        ),
        (
            with(ready(), seen, json!(1)),
            "Progressing: not reconciled yet",
        ),
        (
            with(ready(), "/status", Value::Null),
            "Progressing: not reconciled yet",
        ),
        (stalled("AccessDenied"), "Degraded: why"),
        (stalled("DeletionBlocked"), "Degraded: why"),
        // `Stalled` goes before the others, as it does for kstatus.
        (
            object(("True", "Succeeded"), &[("Stalled", "AccessDenied")]),
            "Degraded: why",
        ),
        (
            object(("False", "Timeout"), &[("Reconciling", "Timeout")]),
            "Progressing: why",
        ),
        // A difference that `Observe` only reports, and one that is not corrected.
        (object(("True", "DriftDetected"), &[]), "Healthy: why"),
        (stalled("DriftDetected"), "Degraded: why"),
    ] {
        assert_eq!(health(&object), shown, "{object:#}");
    }
}

/// The namespace of Argo CD. Dropped, also by a panic, it is gone.
struct Namespace<'a> {
    servers: &'a Servers,
}

impl<'a> Namespace<'a> {
    fn create(servers: &'a Servers) -> Self {
        let of_argo_cd = Self { servers };
        // From a run on the same servers that was killed.
        of_argo_cd.delete("--wait=true").unwrap();
        servers.kubectl(&["create", "namespace", "argocd"]).unwrap();
        of_argo_cd
    }

    fn delete(&self, wait: &str) -> Result<String, String> {
        let namespace = ["namespace", "argocd", "--ignore-not-found"];
        self.servers
            .kubectl(&[&["delete"], &namespace[..], &[wait]].concat())
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        if let Err(complaint) = self.delete("--wait=false") {
            eprintln!("the namespace argocd stays: {complaint}");
        }
    }
}

/// Promise: the guide's commands teach Argo CD both kinds, and leaves the rest of its settings alone.
#[tokio::test]
async fn the_guides_command_teaches_argo_cd() {
    let servers = Servers::take().await;
    let _namespace = Namespace::create(&servers);
    let config = ["configmap", "argocd-cm", "--namespace", "argocd"];
    let other = ["--from-literal", "url=https://argocd.example.com"];
    servers
        .kubectl(&[&["create"], &config[..], &other].concat())
        .unwrap();
    for shown in commands("docs/guide/argocd.md") {
        let ended = Command::new("sh")
            .args(["-e", "-c", &shown.command])
            .current_dir(tree::top())
            .env("KUBECONFIG", servers.kubeconfig)
            .status();
        assert!(ended.unwrap().success());
    }
    let got = servers
        .kubectl(&[&["get"], &config[..], &["--output", "json"]].concat())
        .unwrap();
    let [check, actions] =
        [HEALTH, ACTIONS].map(|file| std::fs::read_to_string(tree::top().join(file)).unwrap());
    let data = serde_json::from_str::<Value>(&got).unwrap()["data"].take();
    assert_eq!(
        data,
        json!({
            "url": "https://argocd.example.com",
            "resource.customizations.health.bindery.dev_BitbucketConnection": check,
            "resource.customizations.health.bindery.dev_ProjectBinding": check,
            "resource.customizations.health.bindery.dev_ProjectBindingSet": check,
            "resource.customizations.actions.bindery.dev_BitbucketConnection": actions,
            "resource.customizations.actions.bindery.dev_ProjectBinding": actions,
            "resource.customizations.actions.bindery.dev_ProjectBindingSet": actions,
        })
    );
}
