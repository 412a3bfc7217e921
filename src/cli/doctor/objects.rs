//! What is wrong with objects and servers, and the command that corrects it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kube::core::DeserializeGuard;
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Value, json};

use crate::controller::Forecast;
use crate::crd::{AdoptionPolicy, BitbucketConnection, FORCE_ORPHAN, Kind, ProjectBinding};
use crate::declared;
use crate::kubernetes::{finalizer, status};
use crate::plan::foreseen::Foreseen;
use crate::plan::trouble::Trouble;
use crate::plan::{Blocked, Reason};

use super::finding::{Finding, Mend};

type Place = (String, String);

/// As the alert `BinderyTokenExpires` has it.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What the commands need to know of the objects.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The key that each binding wants.
    keys: BTreeMap<Place, String>,
    /// The URL of each connection's SonarQube, and whether it adopts nothing.
    connections: BTreeMap<Place, (String, bool)>,
}

impl Facts {
    pub(super) fn of(
        connections: &[DeserializeGuard<BitbucketConnection>],
        bindings: &[DeserializeGuard<ProjectBinding>],
    ) -> Self {
        let connections = connections.iter().filter_map(|it| it.0.as_ref().ok());
        let connections: BTreeMap<_, _> = connections.map(|it| (place(it), it)).collect();
        let bindings = bindings.iter().filter_map(|it| it.0.as_ref().ok());
        let keys = bindings.filter_map(|it| {
            let connection = connections.get(&declared::connection_of(it)).copied();
            let key = declared::wanted_key(it, connection)?;
            Some((place(it), key.to_string()))
        });
        let connections = connections.iter().map(|(place, it)| {
            let spec = &it.spec;
            let never = spec.adoption_policy == AdoptionPolicy::Never;
            (place.clone(), (spec.sonarqube.url.clone(), never))
        });
        Self {
            keys: keys.collect(),
            connections: connections.collect(),
        }
    }
}

/// What is wrong with an object.
pub(super) fn findings(forecast: &Forecast, facts: &Facts) -> Vec<Finding> {
    let own = match &forecast.foreseen {
        Foreseen::Refused(why) | Foreseen::Failed(why) => Some(Trouble::of(why.clone())),
        Foreseen::Unchanged
        | Foreseen::Suspended
        | Foreseen::Leaves
        | Foreseen::Acts(_)
        | Foreseen::Differs(_)
        | Foreseen::Waits(_) => None,
    };
    // What each part says by itself is more than where a reconcile stops; a base URL stops none.
    let is_of_links = |it: &Trouble| is_of_links(it.why.reason);
    let own = own.filter(|_| forecast.troubles.iter().all(is_of_links));
    let all = forecast.troubles.iter().cloned().chain(own);
    all.map(|trouble| finding(forecast, &trouble, facts))
        .collect()
}

fn finding(forecast: &Forecast, trouble: &Trouble, facts: &Facts) -> Finding {
    let Forecast {
        kind,
        namespace,
        name,
        ..
    } = forecast;
    let Blocked { reason, message } = &trouble.why;
    Finding {
        about: format!("{kind} {namespace}/{name}"),
        what: format!("{}: {message}", reason.as_str()),
        mend: mend(forecast, trouble, facts),
    }
}

/// The command that corrects something.
fn mend(forecast: &Forecast, trouble: &Trouble, facts: &Facts) -> Mend {
    let Forecast {
        namespace, name, ..
    } = forecast;
    if let Some((secret, key)) = &trouble.secret {
        return new_token(namespace, (secret, key));
    }
    let place = (namespace.clone(), name.clone());
    let connection = facts.connections.get(&place);
    let reason = trouble.why.reason;
    let change = if reason == Reason::ProjectExists {
        let key = facts.keys.get(&place);
        key.map(|key| json!({"sonarqubeProject": {"key": key}}))
    } else if reason == Reason::RepositoryMoved {
        Some(json!({"onRepositoryMoved": "Follow"}))
    } else if reason == Reason::AdoptionRefused {
        let adopts_nothing = connection.filter(|(_, never)| *never);
        adopts_nothing.map(|_| json!({"adoptionPolicy": "IfMatching"}))
    } else if is_of_links(reason) {
        connection.map(|(url, _)| json!({"sonarqube": {"serverBaseURL": url}}))
    } else {
        None
    };
    change.map_or(Mend::AsSaid, |change| {
        Mend::Command(patch(forecast, &change))
    })
}

/// Another token for a Secret.
fn new_token(namespace: &str, (secret, key): (&str, &str)) -> Mend {
    Mend::After(
        format!("save a valid token in the file {secret}.token"),
        format!(
            "kubectl create secret generic {secret} --namespace {namespace} --from-file {key}={secret}.token --dry-run=client --output yaml | kubectl apply --server-side --force-conflicts --field-manager bindery-doctor --filename -"
        ),
    )
}

/// Tokens of SonarQube that expire within [`SOON`], as the operator has read it.
pub(super) fn expiring(
    connections: &[DeserializeGuard<BitbucketConnection>],
    now: Timestamp,
) -> Vec<Finding> {
    let readable = connections.iter().filter_map(|it| it.0.as_ref().ok());
    let found = readable.filter_map(|connection| {
        let status = connection.status.as_ref()?;
        let day = status.token_expiry.as_ref()?.sonarqube.as_ref()?;
        let date: Date = day.parse().ok()?;
        let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
        if midnight.duration_since(now) > SOON {
            return None;
        }
        let (namespace, name) = place(connection);
        let token = &connection.spec.sonarqube.token_secret_ref;
        Some(Finding {
            about: format!("{} {namespace}/{name}", BitbucketConnection::NAME),
            what: format!("SonarQube's token expires on {day}"),
            mend: new_token(&namespace, (&token.name, &token.key)),
        })
    });
    found.collect()
}

/// Whether a reason is about links in pull requests alone.
fn is_of_links(reason: Reason) -> bool {
    [Reason::ServerBaseURLUnset, Reason::ServerBaseURLLocal].contains(&reason)
}

fn patch(forecast: &Forecast, change: &Value) -> String {
    let Forecast {
        kind,
        namespace,
        name,
        ..
    } = forecast;
    let kind = kind.to_lowercase();
    let patch = json!({"spec": change});
    format!("kubectl patch {kind} {name} --namespace {namespace} --type merge --patch '{patch}'")
}

/// Objects whose deletion is blocked.
pub(super) fn stuck<K: Kind>(objects: &[DeserializeGuard<K>]) -> Vec<Finding> {
    let leaving = objects.iter().filter(|it| {
        let is_leaving = it.meta().deletion_timestamp.is_some() && finalizer::is_set(*it);
        let object = it.0.as_ref().ok();
        is_leaving && object.is_none_or(|object| status::waits_for(object, Reason::DeletionBlocked))
    });
    let found = leaving.map(|it| {
        let (namespace, name) = place(it);
        let kind = K::NAME.to_lowercase();
        Finding {
            about: format!("{} {namespace}/{name}", K::NAME),
            what: "its deletion is blocked: what it made outside the cluster cannot be undone now"
                .to_owned(),
            mend: Mend::After(
                "correct what its conditions name, or give up what it made outside the cluster"
                    .to_owned(),
                format!(
                    "kubectl annotate {kind} {name} --namespace {namespace} {FORCE_ORPHAN}=true"
                ),
            ),
        }
    });
    found.collect()
}

fn place(object: &impl kube::Resource) -> Place {
    (object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(kind: &'static str, name: &str) -> Forecast {
        Forecast {
            kind,
            namespace: "payments".to_owned(),
            name: name.to_owned(),
            foreseen: Foreseen::Unchanged,
            troubles: Vec::new(),
        }
    }

    fn binding(status: &Value) -> DeserializeGuard<ProjectBinding> {
        DeserializeGuard(Ok(serde_json::from_value(json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {
                "name": "audit", "namespace": "payments", "generation": 1,
                "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [crate::crd::FINALIZER],
            },
            "spec": {"connectionRef": {"name": "c"}, "repository": {"project": "PAY", "slug": "audit"}},
            "status": status,
        }))
        .unwrap()))
    }

    #[test]
    fn what_a_reconcile_stops_at_is_left_out_where_each_part_speaks_for_itself() {
        let why = |text: &str| Blocked::new(Reason::AuthenticationFailed, text);
        let mut found = forecast("BitbucketConnection", "c");
        found.foreseen = Foreseen::Refused(why("the first"));
        let said = |found: &Forecast| {
            let all = findings(found, &Facts::default());
            all.into_iter().map(|it| it.what).collect::<Vec<_>>()
        };
        assert_eq!(said(&found), ["AuthenticationFailed: the first"]);
        found.troubles = vec![Trouble::of(why("a")), Trouble::of(why("b"))];
        let both = ["AuthenticationFailed: a", "AuthenticationFailed: b"];
        assert_eq!(said(&found), both);
        found.foreseen = Foreseen::Waits(why("c"));
        assert_eq!(said(&found), both);
    }

    #[test]
    fn a_command_names_the_object_and_the_change() {
        let bindings = [binding(&Value::Null)];
        let facts = Facts::of(&[], &bindings);
        let of = |reason| {
            let trouble = Trouble::of(Blocked::new(reason, "…"));
            mend(&forecast("ProjectBinding", "audit"), &trouble, &facts)
        };
        let patch = |spec: &str| {
            Mend::Command(format!(
                "kubectl patch projectbinding audit --namespace payments --type merge --patch '{{\"spec\":{spec}}}'"
            ))
        };
        assert_eq!(
            of(Reason::ProjectExists),
            patch(r#"{"sonarqubeProject":{"key":"PAY:audit"}}"#)
        );
        assert_eq!(
            of(Reason::RepositoryMoved),
            patch(r#"{"onRepositoryMoved":"Follow"}"#)
        );
        assert_eq!(of(Reason::RepositoryNotFound), Mend::AsSaid);
    }

    #[test]
    fn a_token_that_expires_soon_is_found() {
        let connection = |day: &str| {
            DeserializeGuard(Ok(serde_json::from_value(json!({
                "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
                "metadata": {"name": "c", "namespace": "platform"},
                "spec": {
                    "bitbucket": {"url": "https://b", "tokenSecretRef": {"name": "b"}},
                    "sonarqube": {"url": "https://s", "tokenSecretRef": {"name": "s", "key": "k"}},
                },
                "status": {"tokenExpiry": {"sonarqube": day}},
            }))
            .unwrap()))
        };
        let now = "2026-12-01T12:00:00Z".parse().unwrap();
        let found = |day| expiring(&[connection(day)], now);
        assert_eq!(found("2026-12-16"), []);
        let [soon] = found("2026-12-15").try_into().unwrap();
        assert_eq!(soon.about, "BitbucketConnection platform/c");
        assert_eq!(soon.what, "SonarQube's token expires on 2026-12-15");
        assert_eq!(soon.mend, new_token("platform", ("s", "k")));
        assert_eq!(found("2026-01-01").len(), 1, "it has expired");
    }

    /// Promise: a deletion that needs a person is named; one that is in progress is not.
    #[test]
    fn a_blocked_deletion_is_found() {
        let blocked = json!({"observedGeneration": 1, "conditions": [{
            "type": "Ready", "status": "False", "reason": "DeletionBlocked", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
        }]});
        assert!(stuck(&[binding(&Value::Null)]).is_empty());
        let found = stuck(&[binding(&blocked)]);
        let Mend::After(_, command) = &found[0].mend else {
            panic!("{found:?}")
        };
        assert_eq!(
            command,
            "kubectl annotate projectbinding audit --namespace payments bindery.dev/force-orphan=true"
        );
    }
}
