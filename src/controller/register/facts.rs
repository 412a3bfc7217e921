//! The plain facts of an object: what it holds or wants, and whether that counts.

use kube::{Resource, ResourceExt as _};

use crate::crd::{BitbucketConnection, ManagementPolicy, ProjectBinding};
use crate::declared::{self, connection};
use crate::fleet::ledger::{Claim, Facts, Server, Terms};
use crate::fleet::{Need, Object, ObjectName, Row};
use crate::identity::{ServerId, ServerUrl, Uid};
use crate::kubernetes::{finalizer, status, uid};
use crate::plan::Reason;
use crate::plan::connection::ConfigurationPolicy;

/// A binding, as the roster keeps it.
pub(super) fn row(
    (binding, uid): (&ProjectBinding, Uid),
    connection: Option<&BitbucketConnection>,
    is_admitted: bool,
) -> Row {
    let is_of = |connection| declared::may_be_accepted_by(binding, connection);
    Row {
        uid,
        name: name(binding).into(),
        connection: declared::connection_of(binding).into(),
        is_admitted,
        is_ready: status::is_settled(binding),
        need: match finalizer::is_set(binding) {
            false => Need::None,
            true if connection.is_some_and(is_of) => Need::Now,
            true => Need::OnceAccepted,
        },
    }
}

/// What a binding holds or wants, and whether that counts.
pub(super) fn of_binding(
    (binding, uid): (&ProjectBinding, Uid),
    connection: Option<&BitbucketConnection>,
    is_admitted: bool,
) -> Facts {
    let has_right = is_admitted
        && binding.metadata.deletion_timestamp.is_none()
        && binding.spec.management_policy == ManagementPolicy::Full
        && !binding.spec.suspend;
    let claims = connection.map_or_else(Vec::new, |connection| {
        let imported = imported(binding, connection);
        let importing = importing(binding, connection);
        claim(binding, connection)
            .into_iter()
            .chain(imported)
            .chain(importing)
            .collect()
    });
    Facts {
        uid,
        object: Object::Binding(name(binding)),
        created: created(binding),
        has_right,
        is_leaving: is_leaving(binding),
        claims,
    }
}

fn claim(binding: &ProjectBinding, connection: &BitbucketConnection) -> Option<Claim> {
    let url = ServerUrl::parse(&connection.spec.sonarqube.url).ok()?;
    // One that does not move makes no room, and gets none; one that has lost moves as soon as it may.
    let has_lost = status::waits_for(binding, Reason::AlreadyManaged);
    // One that is stalled by a difference that it does not correct still corrects all others.
    let moves = has_lost || status::waits_for(binding, Reason::DriftDetected);
    let is_stalled = status::is_stalled(binding) && !moves;
    if let Some(held) = declared::record(binding).accepted {
        let repository = declared::repository(&binding.spec).ok();
        let repository = repository.filter(|_| !is_stalled);
        let terms = repository.map_or(Terms::None, |repository| {
            Terms::Project(held.id, repository)
        });
        return Some(Claim {
            thing: Server::new(&url, held.server).project(&held.key),
            accepted: true,
            terms,
        });
    }
    let reached = connection.status.as_ref()?.sonarqube.as_ref()?;
    let server = Server::new(&url, ServerId::new(&*reached.id));
    let wanted = declared::wanted_key(binding, Some(connection)).filter(|_| !is_stalled)?;
    Some(Claim {
        thing: server.wanted_project(&declared::connection_of(binding), &wanted),
        accepted: false,
        terms: Terms::None,
    })
}

/// What SonarQube made of its import, under a key of SonarQube's choice: it holds that until it has given it its own
/// key. Another binding of the repository, whose own import came to nothing, would else take it for that.
fn imported(binding: &ProjectBinding, connection: &BitbucketConnection) -> Option<Claim> {
    let intent = declared::record(binding).intent?;
    let url = ServerUrl::parse(&connection.spec.sonarqube.url).ok()?;
    let repository = declared::repository(&binding.spec).ok()?;
    Some(Claim {
        thing: Server::new(&url, intent.server).project(&intent.imported_as?),
        accepted: true,
        terms: Terms::Project(None, repository),
    })
}

/// While the answer to its import is not known, SonarQube may still carry it out. Until then no other binding imports the
/// repository, and none that is deleted takes the project of that key for its own.
fn importing(binding: &ProjectBinding, connection: &BitbucketConnection) -> Vec<Claim> {
    let record = declared::record(binding);
    let url = ServerUrl::parse(&connection.spec.sonarqube.url);
    let repository = declared::repository(&binding.spec);
    let (Some(intent), Ok(url), Ok(repository)) = (record.unanswered(), url, repository) else {
        return Vec::new();
    };
    let server = Server::new(&url, intent.server.clone());
    let things = [
        server.repository(&repository),
        server.imported_project(&intent.key),
    ];
    let claim = |thing| Claim {
        thing,
        accepted: true,
        terms: Terms::None,
    };
    things.map(claim).into()
}

fn name(object: &impl Resource) -> ObjectName {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn created(object: &impl Resource) -> i64 {
    let created = object.meta().creation_timestamp.as_ref();
    created.map_or(0, |time| time.0.as_second())
}

/// Whether an object has something to undo before it goes.
fn is_leaving(object: &impl Resource) -> bool {
    object.meta().deletion_timestamp.is_some() && finalizer::is_set(object)
}

/// What a connection holds, and the base URL that it declares.
pub(super) fn of_connection(connection: &BitbucketConnection) -> Facts {
    let spec = &connection.spec;
    let has_right = connection.metadata.deletion_timestamp.is_none()
        && spec.management_policy == ManagementPolicy::Full
        && !spec.suspend;
    let url = ServerUrl::parse(&spec.sonarqube.url).ok();
    let claims = url.map_or_else(Vec::new, |url| {
        let held = connection::recorded(connection).zip(connection::recorded_name(connection));
        // What is only referenced is claimed by no connection.
        let held = held.filter(|_| connection::policy(connection) == ConfigurationPolicy::Manage);
        let held = held.map_or_else(Vec::new, |(held, name)| {
            Server::new(&url, held.server).accepted_configuration(&name, &held.id)
        });
        held.into_iter().chain(base_url(connection, &url)).collect()
    });
    Facts {
        uid: uid(connection),
        object: Object::Connection(name(connection)),
        created: created(connection),
        has_right,
        is_leaving: is_leaving(connection),
        claims,
    }
}

fn base_url(connection: &BitbucketConnection, url: &ServerUrl) -> Option<Claim> {
    let declared = connection.spec.sonarqube.server_base_url.clone()?;
    let reached = connection.status.as_ref();
    let reached = reached.and_then(|status| status.sonarqube.as_ref());
    let server = reached.map(|server| ServerId::new(&*server.id));
    // Who was never seen to reach the server, and does not try, decides nothing.
    let may_decide = server.is_some() || !status::is_stalled(connection);
    may_decide.then(|| Server::declared_base_url(url, server, declared))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::fleet::ledger::Ledger;
    use crate::identity::{ProjectKey, RepositoryPath, SettingId, SettingKey, Uid};

    const URL: &str = "https://sonarqube.example.com";

    fn connection(name: &str, created: &str, status: Value) -> BitbucketConnection {
        let mut connection: BitbucketConnection = serde_json::from_value(json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
            "metadata": {
                "name": name, "namespace": "platform", "uid": name, "generation": 1, "creationTimestamp": created,
            },
            "spec": {
                "bitbucket": {"url": "https://bitbucket.example.com", "tokenSecretRef": {"name": "b"}},
                "sonarqube": {
                    "url": URL, "tokenSecretRef": {"name": "s"},
                    "serverBaseURL": format!("https://{name}.example.com"),
                },
            },
        }))
        .unwrap();
        connection.status = serde_json::from_value(status).unwrap();
        connection
    }

    fn ledger(connections: &[&BitbucketConnection]) -> Arc<Ledger> {
        let ledger = Ledger::new(|_| ());
        for connection in connections {
            ledger.put(of_connection(connection));
        }
        ledger
    }

    fn server() -> Server {
        Server::new(&ServerUrl::parse(URL).unwrap(), ServerId::new("server"))
    }

    /// Promise: of two connections that come together and declare different base URLs for one server, one decides.
    #[test]
    fn one_connection_declares_the_base_url_also_before_the_first_check() {
        let first = connection("first", "2026-11-26T10:00:00Z", Value::Null);
        let second = connection("second", "2026-11-26T10:00:01Z", Value::Null);
        let mut elsewhere = connection("elsewhere", "2026-11-26T09:00:00Z", Value::Null);
        elsewhere.spec.sonarqube.url = "https://another.example.com".to_owned();
        let ledger = ledger(&[&first, &second, &elsewhere]);
        let holder = |own: &str| {
            let winner = ledger.contend(&Uid::new(own), &server().base_urls());
            winner.map(|winner| (ledger.base_url_of(&winner.uid), winner.name))
        };
        let of_first = (
            Some("https://first.example.com".to_owned()),
            "platform/first".to_owned(),
        );
        assert_eq!(holder("second"), Some(of_first));
        assert_eq!(holder("first"), None);
        // A connection that never reached its server, and does not try, decides nothing.
        let mut suspended = first;
        suspended.spec.suspend = true;
        ledger.put(of_connection(&suspended));
        assert_eq!(holder("second"), None);
        let stalled = json!({"observedGeneration": 1, "conditions": [{
            "type": "Stalled", "status": "True", "reason": "SecretNotFound", "message": "",
            "lastTransitionTime": "2026-11-26T10:00:00Z", "observedGeneration": 1,
        }]});
        ledger.put(of_connection(&connection(
            "first",
            "2026-11-26T10:00:00Z",
            stalled,
        )));
        assert_eq!(holder("second"), None);
        // Once it tries, it contends, also with one that has reached the server meanwhile.
        let reached = json!({"sonarqube": {"id": "server", "version": "26.9", "capabilities": []}});
        ledger.put(of_connection(&connection(
            "second",
            "2026-11-26T10:00:01Z",
            reached,
        )));
        assert_eq!(holder("first"), None);
    }

    /// Promise: a name is free for the next as soon as its owner has another one, even if the watch still shows the old
    /// one; what the owner renamed stays its own.
    #[test]
    fn a_renamed_configuration_is_held_under_its_new_name_alone() {
        let name = |name: &str| SettingKey::parse(name).unwrap();
        // Where the name stands for the id, and where it does not.
        for (id, of_both) in [("key:x", false), ("one-uuid", true)] {
            let held = json!({"configuration": {"name": "x", "id": id, "serverId": "server"}});
            let first = connection("first", "2026-11-26T10:00:00Z", held);
            let second = connection("second", "2026-11-26T10:00:01Z", Value::Null);
            let ledger = ledger(&[&first, &second]);
            let id = SettingId::new(id);
            let holder = |called: &str| {
                let things = server().configurations(&name(called), Some(&id));
                let winner = ledger.contend(&Uid::new("second"), &things);
                winner.map(|winner| winner.name)
            };
            let of_first = Some("platform/first".to_owned());
            assert_eq!(holder("x"), of_first, "{id}");
            let renamed = server().accepted_configuration(&name("y"), &id);
            ledger.accept(&Uid::new("first"), renamed);
            assert_eq!(holder("x"), of_first.clone().filter(|_| of_both), "{id}");
            assert_eq!(holder("y"), of_first, "{id}");
        }
    }

    fn binding(name: &str, created: &str, reason: Option<&str>) -> ProjectBinding {
        let stalled = reason.map(|reason| {
            let condition = |kind: &str, status: &str| {
                json!({
                    "type": kind, "status": status, "reason": reason, "message": "",
                    "lastTransitionTime": created, "observedGeneration": 1,
                })
            };
            let conditions = [condition("Stalled", "True"), condition("Ready", "False")];
            json!({"observedGeneration": 1, "conditions": conditions})
        });
        serde_json::from_value(json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {
                "name": name, "namespace": "payments", "uid": name, "generation": 1, "creationTimestamp": created,
            },
            "spec": {
                "connectionRef": {"name": "bitbucket"}, "repository": {"project": "PAY", "slug": "checkout"},
            },
            "status": stalled,
        }))
        .unwrap()
    }

    /// Promise: of the bindings that want a project the oldest goes first, unless a user must correct it; one that lost
    /// the project to another goes on wanting it.
    #[test]
    fn a_stalled_binding_releases_its_claim_to_the_next() {
        let reached = json!({"sonarqube": {"id": "server", "version": "26.9", "capabilities": []}});
        let connection = connection("bitbucket", "2026-11-26T09:00:00Z", reached);
        let ledger = Ledger::new(|_| ());
        let put = |name: &str, created: &str, reason: Option<&str>| {
            let binding = binding(name, created, reason);
            ledger.put(of_binding(
                (&binding, uid(&binding)),
                Some(&connection),
                true,
            ));
        };
        let (early, late) = ("2026-11-26T10:00:00Z", "2026-11-26T10:00:01Z");
        put("second", late, None);
        let project = ProjectKey::reported("PAY:checkout");
        let place = ("payments".to_owned(), "bitbucket".to_owned());
        let wanted = server().wanted_project(&place, &project);
        let rival = || ledger.rival(&Uid::new("second"), &wanted);
        for (reason, is_rival) in [
            (None, true),
            (Some("AlreadyManaged"), true),
            (Some("InvalidSpec"), false),
        ] {
            put("first", early, reason);
            assert_eq!(rival().is_some(), is_rival, "{reason:?}");
        }
    }

    /// Promise: before 10.5, what SonarQube made of an import is taken for its own by no other binding of the
    /// repository.
    #[test]
    fn an_import_under_a_generated_key_belongs_to_its_binding() {
        let connection = connection("bitbucket", "2026-11-26T09:00:00Z", Value::Null);
        let mut first = binding("first", "2026-11-26T10:00:00Z", None);
        let intent = json!({
            "projectKey": "PAY:checkout", "serverId": "server", "way": "ImportRepository", "importedAs": "PAY_checkout_x",
            "since": "2026-11-26T10:00:00Z",
        });
        first.status = serde_json::from_value(json!({"record": {"intent": intent}})).unwrap();
        let ledger = Ledger::new(|_| ());
        ledger.put(of_binding((&first, uid(&first)), Some(&connection), true));
        let made = server().project(&ProjectKey::reported("PAY_checkout_x"));
        let held_for = |own: &str| ledger.held_for(&Uid::new(own), &made, None);
        let repository = held_for("second").map(|repository| repository.to_string());
        assert_eq!(repository.as_deref(), Some("PAY/checkout"));
        assert_eq!(held_for("first"), None);
        assert!(ledger.rival(&Uid::new("second"), &made).is_some());
    }

    /// Promise: SonarQube never holds two projects of one repository because it carried out an import late, and none is
    /// deleted that may be of another import: until its answer is known, repository and key are the importer's.
    #[test]
    fn a_repository_whose_import_is_not_answered_is_imported_for_no_other() {
        let connection = connection("bitbucket", "2026-11-26T09:00:00Z", Value::Null);
        let repository = RepositoryPath::parse("PAY", "checkout").unwrap();
        let key = ProjectKey::reported("pay:checkout");
        let things = [
            server().repository(&repository),
            server().imported_project(&key),
        ];
        let intent = json!({"intent": {
            "projectKey": "PAY:checkout", "serverId": "server", "way": "PutBoundProject",
            "since": "2026-11-26T10:00:00Z",
        }});
        for (reason, record, imports) in [
            (None, intent.clone(), true),
            (Some("ProjectAlreadyBound"), intent, true),
            (None, json!({}), false),
        ] {
            let mut first = binding("first", "2026-11-26T10:00:00Z", reason);
            let status = first.status.get_or_insert_default();
            status.record = serde_json::from_value(record.clone()).unwrap();
            let ledger = Ledger::new(|_| ());
            ledger.put(of_binding((&first, uid(&first)), Some(&connection), true));
            for thing in &things {
                let importer = ledger.rival(&Uid::new("second"), thing).map(|it| it.name);
                let expected = imports.then(|| "payments/first".to_owned());
                assert_eq!(importer, expected, "{reason:?} {record} {thing:?}");
            }
        }
    }
}
