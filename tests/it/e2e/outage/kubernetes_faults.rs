//! Faults of the Kubernetes API: conflicts, lost answers, watches that are refused, cut, silent or incomplete, an
//! overloaded server, and one that stops or is killed.

mod control_plane;
mod grants;
mod own_token;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use bindery::crd::ProjectBinding;
use kube::ResourceExt as _;
use serde_json::json;

use simulators::sonarqube::Outcome;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::deletions::DELETING;
use crate::e2e::environment::fault_proxy::{Effect, Fault, FaultProxy, Seen};
use crate::e2e::environment::many::{bindings, repositories};
use crate::e2e::environment::oracles;
use crate::support::server::{Server, simulated};

simulated!(
    conflicts_and_lost_answers_repeat_no_import,
    an_overloaded_api_server_is_not_hurried,
    an_operator_that_cannot_list_is_not_ready,
);

/// The path of the call that imports a repository.
const IMPORT: &str = "/api/v2/dop-translation/bound-projects";

/// An operator that reaches the API server by a proxy, with a connection that is Ready.
async fn behind_a_proxy(server: Server, arguments: &[&str]) -> (TestEnvironment, FaultProxy) {
    let mut env = TestEnvironment::set_with(server, arguments).await;
    let api_server = FaultProxy::before_cluster(env.servers.kubeconfig, &Arc::default()).await;
    env.api_server = Some(api_server.url.clone());
    env.restart_operator(arguments);
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    (env, api_server)
}

/// How many imports SonarQube made. What it refuses only shows what it can do.
fn imports(env: &TestEnvironment) -> usize {
    let calls = env.sonarqube.simulated().calls().into_iter();
    calls
        .filter(|call| {
            call.operation == IMPORT && matches!(call.outcome, Outcome::Status(200..300))
        })
        .count()
}

/// Each project, and the repository that it is bound to.
fn projects(env: &TestEnvironment) -> Vec<(String, String)> {
    let keys = env.sonarqube.project_keys().into_iter();
    keys.map(|key| {
        let repository = env.sonarqube.bound_to(&key);
        (key, repository.unwrap_or_default())
    })
    .collect()
}

/// Promise (rows 1 and 5): a status that the API server refuses several times, or whose answer is lost, is written in the
/// end, and the import that it reports is made once.
async fn conflicts_and_lost_answers_repeat_no_import(server: Server) {
    let (env, api_server) = behind_a_proxy(server, DELETING).await;
    let status = |slug| Fault::at("PATCH", &format!("/projectbindings/{slug}/status"));
    // The first status is the intent; the second one, the result, is refused.
    api_server.fault(
        status("checkout")
            .after(1)
            .times(3)
            .status(500, "InternalError"),
    );
    // The intent of this one is stored, and the operator does not learn of it.
    api_server.fault(status("ledger").times(1).effect(Effect::LoseAnswer));
    api_server.fault(
        status("payments-api")
            .after(1)
            .times(1)
            .status(409, "Conflict"),
    );
    // The finalizer of this one is not stored at first, and events are slow.
    let first = Fault::at("PATCH", "/projectbindings/ledger?").times(1);
    api_server.fault(first.effect(Effect::Drop));
    let events = Fault::at("POST", "/events").times(3);
    api_server.fault(events.effect(Effect::Delay(Duration::from_secs(1))));
    let slugs = ["checkout", "ledger", "payments-api"];
    for slug in slugs {
        env.binding("payments", slug, &format!("PAY/{slug}"), json!({}));
    }
    env.eventually("all faults hit", || api_server.spent())
        .await;
    // A conflict comes with what another client wrote.
    let other = [
        "annotate",
        "pbind/payments-api",
        "--namespace",
        "payments",
        "other=client",
    ];
    env.kubectl(&other);
    for slug in slugs {
        let binding = env.binding_is("payments", slug, ("Ready", "True")).await;
        let record = &binding.status.as_ref().unwrap().record;
        assert_eq!(record.created_by, binding.uid(), "{slug}");
        assert!(record.intent.is_none(), "{slug}");
        env.reported_once(&binding, "Imported");
    }
    assert_eq!(imports(&env), slugs.len());
    oracles::one_project_each(&projects(&env)).unwrap();
}

/// Promise (row 17): while the API server sends every second write of an object away, with the wish to be asked later,
/// the operator leads on, all bindings become Ready, and none is imported twice.
async fn an_overloaded_api_server_is_not_hurried(server: Server) {
    let (env, api_server) = behind_a_proxy(server, DELETING).await;
    let slugs = repositories(&env, 10);
    send_away(&api_server, &slugs);
    env.apply(&bindings(&slugs));
    for slug in &slugs {
        env.binding_is("payments", slug, ("Ready", "True")).await;
    }
    assert!(env.operator.leads());
    assert_eq!(imports(&env), slugs.len());
    oracles::one_project_each(&projects(&env)).unwrap();
    // New bindings ask for a listing, which wakes them at any moment: only later nothing but the refusal does.
    env.counted(10).await;
    env.reconcile_now("settled").await;
    let before = api_server.seen().len();
    send_away(&api_server, &slugs);
    let mut changed = bindings(&slugs);
    for binding in changed["items"].as_array_mut().unwrap() {
        binding["spec"]["sonarqubeProject"] =
            json!({"newCodeDefinition": {"type": "NumberOfDays", "days": 7}});
    }
    env.apply(&changed);
    for slug in &slugs {
        let written = |binding: &ProjectBinding| {
            let record = &binding.status.as_ref().unwrap().record;
            record.new_code_definition.is_some()
        };
        env.until("payments", slug, written).await;
    }
    let seen = api_server.seen().split_off(before);
    let refused: Vec<_> = seen.iter().filter(|it| it.status == Some(429)).collect();
    assert!(refused.len() >= slugs.len(), "{refused:?}");
    for refused in refused {
        // The next write of that object waits as long as the server asked for.
        let soon = |seen: &&Seen| {
            seen.target == refused.target
                && seen.at > refused.at
                && seen.at < refused.at + Duration::from_secs(2)
        };
        let hurried: Vec<_> = seen.iter().filter(soon).collect();
        assert!(hurried.is_empty(), "{refused:?}: {hurried:?}");
    }
}

/// From now on every second write of each of these bindings is sent away, beginning with the next one. Of all together,
/// one object might have bad luck again and again.
fn send_away(api_server: &FaultProxy, slugs: &[String]) {
    let wait = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 429,
        "message": "Too many requests, please try again later.", "reason": "TooManyRequests",
        "details": {"retryAfterSeconds": 2},
    });
    api_server.clear();
    for slug in slugs {
        let fault = Fault::at("PATCH", &format!("/projectbindings/{slug}")).every_second();
        api_server.fault(fault.effect(Effect::Answer(429, wait.to_string())));
    }
}

/// Promise (row 16): an operator whose lists are not answered is not ready, decides nothing, and goes on once they are.
async fn an_operator_that_cannot_list_is_not_ready(server: Server) {
    let (mut env, api_server) = behind_a_proxy(server, DELETING).await;
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.sonarqube.simulated().clear_calls();
    api_server.fault(Fault::at("GET", "/projectbindings?").effect(Effect::Hang));
    env.restart_operator(DELETING);
    let lists = || {
        api_server
            .seen()
            .into_iter()
            .filter(|seen| seen.target.contains("/projectbindings?"))
            .count()
    };
    let before = lists();
    env.eventually("it lists", || lists() > before.max(1)).await;
    env.eventually("it leads", || env.operator.leads()).await;
    assert_eq!(env.operator.get("readyz").0, 503);
    assert_eq!(env.operator.get("healthz").0, 200);
    assert_eq!(env.operator.external_calls(), [].into());
    api_server.clear();
    env.eventually("it is ready", || env.operator.get("readyz").0 == 200)
        .await;
    env.binding("payments", "ledger", "PAY/ledger", json!({}));
    env.binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    assert_eq!(imports(&env), 1);
}
