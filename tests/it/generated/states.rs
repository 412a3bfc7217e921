//! The states of an object, and what those say that wait by kstatus: the table of the guide.

use std::path::PathBuf;

use bindery::plan::condition::{Condition, ConditionType, Outcome, summary};
use bindery::plan::{Blocked, Reason};
use serde_json::{Value, json};

use super::guide;
use crate::support::servers::kstatus;

/// The generation of every object here.
const GENERATION: i64 = 2;

/// A row of the table.
struct State {
    title: &'static str,
    /// What its conditions say; none before the first reconcile.
    conditions: Vec<Condition>,
    observed: i64,
    is_deleted: bool,
    /// What kstatus computes, as the test below holds it.
    kstatus: &'static str,
}

fn state(title: &'static str, outcome: &Outcome, kstatus: &'static str) -> State {
    State {
        title,
        conditions: summary(outcome),
        observed: GENERATION,
        is_deleted: matches!(outcome, Outcome::DeletionBlocked(_)),
        kstatus,
    }
}

/// Every row.
fn states() -> Vec<State> {
    let refused = |reason| Blocked::new(reason, "");
    let retrying = Outcome::Retrying(refused(Reason::ConnectionUnavailable));
    let stalled = Outcome::Stalled(refused(Reason::RepositoryNotFound));
    let limited = Outcome::Retrying(refused(Reason::LimitReached));
    let blocked = Outcome::DeletionBlocked(refused(Reason::DeletionBlocked));
    let settled = "as declared, also while a server is down";
    let new = State {
        conditions: Vec::new(),
        observed: -1,
        ..state("new: not reconciled yet", &Outcome::Settled, "InProgress")
    };
    let title = "changed: the new generation is not reconciled yet";
    let changed = State {
        observed: GENERATION - 1,
        ..state(title, &Outcome::Settled, "InProgress")
    };
    let drift = || "repository".to_owned();
    vec![
        state(settled, &Outcome::Settled, "Current"),
        new,
        changed,
        state(
            "a temporary failure, for example a server that is down",
            &retrying,
            "InProgress",
        ),
        state(
            "a set of which more repositories wait than its limits admit in an interval",
            &limited,
            "InProgress",
        ),
        state("a person has to act", &stalled, "Failed"),
        state(
            "suspended before it was as declared (otherwise nothing changes)",
            &Outcome::Suspended,
            "Failed",
        ),
        state(
            "`managementPolicy: Observe`, and something differs",
            &Outcome::Observed(drift()),
            "Current",
        ),
        state(
            "something differs that Bindery does not correct",
            &Outcome::Differing(drift()),
            "Failed",
        ),
        state("the deletion is blocked", &blocked, "Terminating"),
    ]
}

/// What objects say in each state, and what kstatus makes of it.
pub(super) fn table() -> String {
    let rows = states().into_iter().map(|state| {
        let said = [
            ConditionType::Ready,
            ConditionType::Reconciling,
            ConditionType::Stalled,
        ]
        .map(|condition_type| {
            let mut conditions = state.conditions.iter();
            let found = conditions.find(|condition| condition.condition_type == condition_type);
            found.map_or_else(String::new, |condition| {
                let (state, reason) = (condition.state.as_str(), condition.reason);
                if reason == Reason::Succeeded {
                    state.to_owned()
                } else {
                    format!("{state} {}", guide::code(reason.as_str()))
                }
            })
        });
        let [ready, reconciling, stalled] = said;
        let title = state.title.to_owned();
        [title, ready, reconciling, stalled, state.kstatus.to_owned()]
    });
    guide::table(
        ["State", "Ready", "Reconciling", "Stalled", "kstatus"],
        rows,
    )
}

impl State {
    /// An object in this state.
    fn object(&self) -> Value {
        let conditions = self.conditions.iter().map(|condition| {
            json!({
                "type": condition.condition_type.as_str(), "status": condition.state.as_str(), "reason": condition.reason.as_str(),
                "message": condition.message, "observedGeneration": self.observed,
            })
        });
        let conditions: Vec<_> = conditions.collect();
        let mut object = json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": "checkout", "namespace": "payments", "generation": GENERATION},
            "status": {"observedGeneration": self.observed, "conditions": conditions},
        });
        if self.is_deleted {
            object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
        object
    }
}

/// Promise: tools that wait by kstatus (Flux, Helm) get an answer in every state that does not change by itself.
#[test]
fn kstatus_computes_the_verdicts_of_the_guide() {
    let states = states();
    let objects: Vec<_> = states
        .iter()
        .map(|state| state.object().to_string())
        .collect();
    let name = format!("bindery-kstatus-{}.jsonl", std::process::id());
    let file: PathBuf = std::env::temp_dir().join(name);
    std::fs::write(&file, objects.join("\n")).unwrap();
    let computed = kstatus(&file);
    std::fs::remove_file(&file).unwrap();
    let computed: Vec<_> = computed.lines().collect();
    let titles = states.iter().map(|state| state.title);
    let found: Vec<_> = titles.clone().zip(computed).collect();
    let expected: Vec<_> = titles
        .zip(states.iter().map(|state| state.kstatus))
        .collect();
    assert_eq!(found, expected);
}
