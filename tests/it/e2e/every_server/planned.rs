//! What `bindery plan` says before an object is applied is what the operator then does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::{Scene, reason};
use crate::e2e::environment::TestEnvironment;

/// What was planned for each binding before it was applied, and whether it held a project then.
#[derive(Default)]
pub(super) struct Plans(Mutex<HashMap<String, Value>>);

impl Scene<'_> {
    /// Plans a binding of `payments`, and applies it.
    pub(super) fn binding(&self, name: &str, repository: &str, change: Value) {
        let manifest = TestEnvironment::binding_manifest("payments", name, repository, change);
        let arguments = ["plan", "--filename", "-", "--output", "json"];
        let plan = self.env.bindery(&arguments, &manifest.to_string());
        let plan = plan.json();
        let mut objects = plan["objects"].as_array().unwrap().iter();
        let planned = objects.find(|object| object["name"] == name).unwrap();
        let mut plans = self.plans.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.insert(name.to_owned(), planned.clone());
        self.env.apply(&manifest);
    }

    /// A binding that has come to rest since it was applied did what was planned.
    pub(super) fn assert_as_planned(&self, binding: &ProjectBinding) {
        let mut plans = self.plans.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(planned) = plans.remove(&binding.name_any()) else {
            return;
        };
        let done = match reason(binding, "Stalled", "True") {
            Some(reason) => format!("refused {reason}"),
            None => came_about(binding).to_owned(),
        };
        let outcome = planned["outcome"].as_str().unwrap();
        let said = match planned["reason"].as_str() {
            Some(reason) => format!("{outcome} {reason}"),
            None => outcome.to_owned(),
        };
        assert_eq!(said, done, "{planned}");
        if planned["reason"].is_null() {
            let status = binding.status.as_ref().unwrap();
            let project = status.sonarqube_project.as_ref().unwrap();
            // Where the repository is now, if the binding follows it.
            let path = &status.repository.as_ref().unwrap().path;
            let done = json!({"action": outcome, "project": project.key, "repository": path});
            let mut first = planned["actions"][0].clone();
            first.as_object_mut().unwrap().remove("from");
            assert_eq!(first, done, "{planned}");
        }
    }

    /// `bindery plan --live` says of every object that is up to date or blocked what its conditions say.
    pub(super) async fn assert_live_as_reported(&self, scenario: &str) {
        let printed = self
            .env
            .bindery(&["plan", "--live", "--output", "json"], "");
        let plan = printed.json();
        let every = ListParams::default();
        let client = || self.env.client.clone();
        let bindings = Api::<ProjectBinding>::all(client()).list(&every).await;
        let connections = Api::<BitbucketConnection>::all(client()).list(&every).await;
        let bindings = bindings.unwrap().into_iter().map(|it| json!(it));
        let connections = connections.unwrap().into_iter().map(|it| json!(it));
        let all: Vec<_> = bindings.chain(connections).collect();
        for object in plan["objects"].as_array().unwrap() {
            let is_it = |it: &&Value| {
                it["metadata"]["name"] == object["name"] && it["kind"] == object["kind"]
            };
            let found = all.iter().find(is_it).unwrap();
            let Some(reported) = at_rest(found) else {
                continue;
            };
            let outcome = object["outcome"].as_str().unwrap();
            let said = match object["reason"].as_str() {
                Some(reason) => format!("{outcome} {reason}"),
                None => outcome.to_owned(),
            };
            assert_eq!(said, reported, "{scenario}: {object}");
        }
    }
}

/// How an up-to-date binding came to its project.
fn came_about(binding: &ProjectBinding) -> &'static str {
    let record = &binding.status.as_ref().unwrap().record;
    let own = binding.metadata.uid.as_ref();
    let is_followed = binding.metadata.generation > Some(1);
    if record.created_by.as_ref() == own && !is_followed {
        "import"
    } else if record.bound_by.as_ref() == own {
        "bind"
    } else {
        "adopt"
    }
}

/// What an object that is up to date or blocked reports, in the words of a plan.
fn at_rest(object: &Value) -> Option<String> {
    let conditions = object["status"]["conditions"].as_array()?;
    let found = |kind: &str| {
        let mut conditions = conditions.iter();
        conditions.find(|one| {
            one["type"] == kind
                && one["status"] == "True"
                && one["observedGeneration"] == object["metadata"]["generation"]
        })
    };
    if found("Ready").is_some() {
        return Some("unchanged".to_owned());
    }
    let stalled = found("Stalled")?;
    Some(format!("refused {}", stalled["reason"].as_str()?))
}
