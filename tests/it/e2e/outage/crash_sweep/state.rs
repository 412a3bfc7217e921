//! What there is after an operation, in Kubernetes and in SonarQube, without what differs from one run to the next.

use bindery::crd::{BitbucketConnection, ProjectBinding};
use serde_json::{Value, json};
use simulators::bitbucket::{Caller, Credential};

use super::{Operation, Sweep};
use crate::e2e::environment::{TestEnvironment, oracles};

/// The state of what an operation is about.
pub(super) async fn of(sweep: &Sweep, operation: Operation, name: &str) -> Value {
    let env = &sweep.env;
    let (object, uid) = if operation.is_of_connection() {
        let found = env
            .api::<BitbucketConnection>("platform")
            .get_opt("bitbucket")
            .await;
        shown(found.unwrap())
    } else {
        let found = env.api::<ProjectBinding>("payments").get_opt(name).await;
        shown(found.unwrap())
    };
    let all = projects(env).into_iter();
    let own: Vec<_> = all
        .filter(|(key, repository)| is_of(name, key) || is_of(name, repository))
        .collect();
    let settings = env.sonarqube.settings();
    let rotated = (operation == Operation::Rotate).then(|| holds_token(env, name));
    let project = env.sonarqube.project(&format!("PAY:{name}"));
    let state = json!({
        "object": object, "projects": own, "project": project, "settings": settings, "rotated": rotated,
    });
    let uid = uid.unwrap_or_else(|| "none".to_owned());
    oracles::without_what_differs(&state, &[(name, "NAME"), (&uid, "UID")])
}

/// The same without a field of the record in its status.
pub(super) fn without_record(state: &Value, field: &str) -> Value {
    let mut state = state.clone();
    if let Some(record) = state
        .pointer_mut("/object/status/record")
        .and_then(Value::as_object_mut)
    {
        record.remove(field);
    }
    state
}

/// Whether the name is a whole segment of a key or of a path.
fn is_of(name: &str, text: &str) -> bool {
    text.split(['/', ':', '_']).any(|segment| segment == name)
}

fn shown<K: kube::Resource + serde::Serialize>(object: Option<K>) -> (Value, Option<String>) {
    let Some(object) = object else {
        return (Value::Null, None);
    };
    let finalizers = object.meta().finalizers.clone();
    let status = serde_json::to_value(&object).unwrap()["status"].clone();
    let shown = json!({"finalizers": finalizers, "status": status});
    (shown, object.meta().uid.clone())
}

/// Each project, and the repository that it is bound to.
pub(in crate::e2e::outage) fn projects(env: &TestEnvironment) -> Vec<(String, String)> {
    let sonarqube = &env.sonarqube;
    if sonarqube.is_real() {
        let keys = sonarqube.project_keys().into_iter();
        return keys
            .map(|key| {
                let repository = sonarqube.bound_to(&key).unwrap_or_default();
                (key, repository)
            })
            .collect();
    }
    sonarqube.simulated().world(|world| {
        let projects = world.projects.iter();
        let shown = projects.map(|project| {
            let binding = project.binding.as_ref();
            let repository = binding.map(|it| format!("{}/{}", it.repository, it.slug));
            (project.key.clone(), repository.unwrap_or_default())
        });
        shown.collect()
    })
}

/// Whether SonarQube holds this token, and no other one. A real server shows its tokens to Bitbucket alone: it is asked to
/// try them there.
pub(super) fn holds_token(env: &TestEnvironment, token: &str) -> bool {
    if env.sonarqube.is_real() {
        return shows_token(env, token);
    }
    env.sonarqube.simulated().world(|world| {
        let [setting] = &world.settings[..] else {
            return false;
        };
        let imports = setting.import_tokens.get("bindery");
        setting.token == token && imports.is_none_or(|import| import == token)
    })
}

/// Whether SonarQube calls Bitbucket with this token, and with no other one, where it tries what it holds: the token of the
/// configuration, and the import token of the operator's user.
fn shows_token(env: &TestEnvironment, token: &str) -> bool {
    let settings = env.sonarqube.settings();
    let [setting] = &settings[..] else {
        return false;
    };
    let key = setting["key"].as_str().unwrap();
    let wanted = env.bitbucket.world(|world| {
        let id = world.token_id(token).unwrap();
        Credential::Token(id.to_owned())
    });
    let shown = |ask: &dyn Fn()| {
        let before = env.bitbucket.calls().last().map_or(0, |call| call.number);
        ask();
        let mut calls = env.bitbucket.calls();
        calls.retain(|call| {
            let is_sonarqube = call.caller == Caller::SonarQube;
            call.number > before && is_sonarqube && call.credential != Credential::Anonymous
        });
        !calls.is_empty() && calls.iter().all(|call| call.credential == wanted)
    };
    let sonarqube = &env.sonarqube;
    shown(&|| drop(sonarqube.get("api/alm_settings/validate", &[("key", key)])))
        && shown(&|| {
            let setting = [("almSetting", key)];
            drop(sonarqube.get_as_operator("api/alm_integrations/check_pat", &setting));
        })
}
