//! Watches that are refused, cut, silent, doubled or incomplete.

use std::time::Duration;

use bindery::crd::ProjectBinding;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::{behind_a_proxy, imports, projects};
use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::deletions::DELETING;
use crate::e2e::environment::fault_proxy::{Effect, Fault, FaultProxy, Tear};
use crate::e2e::environment::oracles;
use crate::e2e::environment::snapshot::Snapshot;
use crate::support::server::{Server, simulated};

simulated!(
    a_torn_watch_loses_no_object_and_repeats_no_work,
    what_an_event_did_not_show_the_next_list_shows,
);

const WATCH: &str = "/projectbindings?*watch=";

/// A watch is tried again after a pause: kube's back-off begins with 0.8 s.
const PAUSE: Duration = Duration::from_millis(500);

fn at_the_watch() -> Fault {
    Fault::at("GET", WATCH).times(1)
}

/// Makes a binding of a new repository while faults wait for its event, and returns its status once it is Ready.
async fn bound_meanwhile(env: &TestEnvironment, name: &str) -> Value {
    env.bitbucket.world(|world| {
        world.repository("PAY", name);
    });
    env.binding("payments", name, &format!("PAY/{name}"), json!({}));
    let binding = env.binding_is("payments", name, ("Ready", "True")).await;
    let status = serde_json::to_value(&binding.status).unwrap();
    oracles::without_what_differs(
        &status,
        &[
            (name, "NAME"),
            (binding.metadata.uid.as_deref().unwrap(), "UID"),
        ],
    )
}

/// The lines of the log that say that a watch failed.
fn failures(env: &TestEnvironment) -> Vec<String> {
    let log = std::fs::read_to_string(&env.operator.log).unwrap();
    let lines = log.lines().filter(|line| line.contains("a watch failed"));
    lines.map(str::to_owned).collect()
}

/// The time between a request for the watch that was refused, and the next one.
fn pauses(api_server: &FaultProxy, code: u16) -> Vec<Duration> {
    let seen = api_server.seen();
    let own: Vec<_> = seen
        .iter()
        .filter(|seen| seen.target.contains("/projectbindings?"))
        .collect();
    let pairs = own.windows(2).filter(|pair| pair[0].status == Some(code));
    pairs.map(|pair| pair[1].at - pair[0].at).collect()
}

/// Promise (rows 9, 10, 13 and 14): of a watch that is refused, cut or doubled, no object is lost and no work repeated. A
/// refusal is one line in the log with its cause, and is tried again after a time.
async fn a_torn_watch_loses_no_object_and_repeats_no_work(server: Server) {
    let (env, api_server) = behind_a_proxy(server, DELETING).await;
    let calm = bound_meanwhile(&env, "calm").await;
    for (code, reason) in [
        (429, "TooManyRequests"),
        (403, "Forbidden"),
        (410, "Expired"),
        (500, "InternalError"),
    ] {
        let before = failures(&env).len();
        api_server.fault(at_the_watch().effect(Effect::Stream(Tear::CutMidLine)));
        // As some servers answer: over several lines.
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
            "message": format!("the fault proxy answers {reason}"), "reason": reason,
        });
        let status = serde_json::to_string_pretty(&status).unwrap();
        api_server.fault(at_the_watch().effect(Effect::Answer(code, status)));
        let ended = bound_meanwhile(&env, &format!("after-{code}")).await;
        oracles::same_end(&calm, &ended).unwrap();
        assert!(api_server.spent(), "{code}");
        let lines = failures(&env).split_off(before);
        let cause = lines.iter().filter(|line| line.contains(reason)).count();
        assert!(cause == 1 && lines.len() <= 3, "{code}: {lines:#?}");
        let pauses = pauses(&api_server, code);
        assert!(
            pauses.iter().all(|pause| *pause >= PAUSE),
            "{code}: {pauses:?}"
        );
        api_server.clear();
    }
    for (name, tear) in [("expired", Tear::Expired), ("twice", Tear::Twice)] {
        api_server.fault(at_the_watch().effect(Effect::Stream(tear)));
        let ended = bound_meanwhile(&env, name).await;
        oracles::same_end(&calm, &ended).unwrap();
        assert!(api_server.spent(), "{name}");
    }
    assert_eq!(imports(&env), 7);
    oracles::one_project_each(&projects(&env)).unwrap();
    env.counted(7).await;
    let before = Snapshot::now(&env).await;
    api_server.fault(at_the_watch().effect(Effect::Stream(Tear::Expired)));
    bound_meanwhile(&env, "last").await;
    let done = before.since(&env).await;
    let touched = done
        .written
        .iter()
        .filter(|name| name.starts_with("ProjectBinding"));
    assert_eq!(
        touched.collect::<Vec<_>>(),
        ["ProjectBinding last"],
        "{done:?}"
    );
}

/// Promise (row 12): an event that is lost is made good by the next list: at the latest after six hours, or when the watch
/// expires.
async fn what_an_event_did_not_show_the_next_list_shows(server: Server) {
    let (env, api_server) = behind_a_proxy(server, DELETING).await;
    let doomed = json!({"deletionPolicy": "DeleteProject"});
    env.binding("payments", "ledger", "PAY/ledger", doomed);
    env.binding_is("payments", "ledger", ("Ready", "True"))
        .await;
    for part in ["\"name\":\"checkout\"", "\"deletionTimestamp\""] {
        let lost = Tear::Swallow(part.to_owned());
        api_server.fault(at_the_watch().effect(Effect::Stream(lost)));
    }
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let api = env.api::<ProjectBinding>("payments");
    api.delete("ledger", &DeleteParams::default())
        .await
        .unwrap();
    env.eventually("both events are lost", || api_server.spent())
        .await;
    // Later events come as always.
    bound_meanwhile(&env, "calm").await;
    let status = api.get("checkout").await.unwrap().status.unwrap();
    assert!(status.conditions.is_empty(), "it was seen: {status:?}");
    assert!(env.sonarqube.project("PAY:ledger").is_some());
    api_server.fault(at_the_watch().effect(Effect::Stream(Tear::Expired)));
    bound_meanwhile(&env, "last").await;
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.gone::<ProjectBinding>("payments", "ledger").await;
    assert_eq!(env.sonarqube.project("PAY:ledger"), None);
    assert_eq!(imports(&env), 4);
    oracles::one_project_each(&projects(&env)).unwrap();
}

/// For `make chaos`.
mod chaos {
    use super::*;

    /// Promise (row 11): a watch on which nothing comes any more, not even its end, is noticed.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "minutes: make chaos"]
    async fn a_silent_watch_is_noticed() {
        let server = crate::support::server::simulated_26_9();
        let (mut env, api_server) = behind_a_proxy(server, DELETING).await;
        env.patience = Duration::from_mins(3);
        api_server.fault(at_the_watch().effect(Effect::Stream(Tear::Silence)));
        let since = std::time::Instant::now();
        bound_meanwhile(&env, "unseen").await;
        eprintln!(
            "chaos | a watch falls silent | seen after {} s",
            since.elapsed().as_secs()
        );
        assert!(api_server.spent());
        assert_eq!(imports(&env), 1);
    }
}
