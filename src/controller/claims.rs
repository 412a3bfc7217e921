//! Who manages what, as this process sees it: accepted objects from the watch, and acceptances that the
//! watch has not shown yet.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::kubernetes::status;
use crate::kubernetes::uid;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;
use tokio::sync::OwnedMutexGuard;

use crate::crd::{BitbucketConnection, ConfigurationStatus, ManagementPolicy, ProjectBinding};
use crate::declared;
use crate::identity::{
    ProjectId, ProjectKey, RepositoryPath, ServerId, ServerUrl, SettingId, SettingKey, Uid,
};
use crate::plan::connection::BaseUrlHolder;
use crate::plan::{Contender, contest};

use super::binding::dereference;
use super::context::Context;

/// A project or a configuration on a server, folded: what can be claimed once.
type Thing = (ServerId, String);

/// Makes passes that want the same thing go one after the other, and remembers fresh acceptances.
#[derive(Default)]
pub(crate) struct Claims {
    turns: Mutex<HashMap<Thing, Arc<tokio::sync::Mutex<()>>>>,
    fresh: Mutex<HashMap<Thing, Uid>>,
}

impl Claims {
    /// Waits until no other pass works on the thing.
    pub(crate) async fn turn(&self, server: &ServerId, name: &str) -> OwnedMutexGuard<()> {
        self.turn_of(server, name).lock_owned().await
    }

    /// The same if no other pass works on the thing, or waits for it.
    pub(crate) fn try_turn(&self, server: &ServerId, name: &str) -> Option<OwnedMutexGuard<()>> {
        self.turn_of(server, name).try_lock_owned().ok()
    }

    fn turn_of(&self, server: &ServerId, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Turns that nobody holds or waits for are not worth keeping.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        let thing = (server.clone(), name.to_lowercase());
        Arc::clone(turns.entry(thing).or_default())
    }

    /// Remembers an acceptance until the watch shows it.
    pub(crate) fn remember(&self, server: &ServerId, name: &str, holder: &Uid) {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        // A holder has one claim of a kind: one under an earlier name is void.
        fresh.retain(|_, uid| uid != holder);
        fresh.insert((server.clone(), name.to_lowercase()), holder.clone());
    }

    /// Whether an object has accepted something, which the watch may not show yet.
    pub(crate) fn has_accepted(&self, holder: &Uid) -> bool {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.values().any(|uid| uid == holder)
    }

    /// Forgets all objects but these.
    pub(crate) fn keep_only(&self, objects: &HashSet<Uid>) {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.retain(|_, holder| objects.contains(holder));
    }

    /// Forgets what an object that is gone, or that gave up, was remembered for.
    pub(crate) fn forget(&self, holder: &Uid) {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.retain(|_, uid| uid != holder);
    }

    /// The other binding that a project belongs to, if it is not this one's.
    pub(crate) fn on_project(
        &self,
        server: &ServerId,
        key: &ProjectKey,
        own: &ProjectBinding,
        context: &Context,
    ) -> Option<Contender> {
        let all = context.bindings.state();
        let claimants = all
            .iter()
            .filter_map(|guarded| guarded.0.as_ref().ok())
            .map(|binding| {
                let held = binding
                    .status
                    .as_ref()
                    .and_then(|status| status.sonarqube_project.as_ref());
                Claimant {
                    metadata: &binding.metadata,
                    management: binding.spec.management_policy,
                    holds: held.is_some_and(|project| {
                        project.server_id == server.as_str()
                            && project.key.eq_ignore_ascii_case(key.as_str())
                    }),
                    wants: held.is_none()
                        && declared::connection_of(binding) == declared::connection_of(own)
                        && declared::wanted_key(binding).is_some_and(|wanted| wanted.same(key))
                        && !status::is_stalled(binding)
                        && dereference::admits(binding, key, context),
                }
            });
        self.rival(server, key.as_str(), &uid(own), claimants)
    }

    /// The other connection that a configuration belongs to, if it is not this one's.
    pub(crate) fn on_configuration(
        &self,
        server: &ServerId,
        (name, id): (&SettingKey, Option<&SettingId>),
        own: &BitbucketConnection,
        connections: &Store<DeserializeGuard<BitbucketConnection>>,
    ) -> Option<Contender> {
        let all = connections.state();
        let has_moved = |connection| self.has_moved(server, name.as_str(), connection);
        // Where the key stands for the id, the name tells as much, and who has given it up.
        let id = id.filter(|id| **id != SettingId::of_key(name));
        let claimants = all
            .iter()
            .filter_map(|guarded| guarded.0.as_ref().ok())
            .map(|connection| {
                let held = connection
                    .status
                    .as_ref()
                    .and_then(|status| status.configuration.as_ref());
                let is_named = |configuration: &ConfigurationStatus| {
                    configuration.name.eq_ignore_ascii_case(name.as_str()) && !has_moved(connection)
                };
                Claimant {
                    metadata: &connection.metadata,
                    management: connection.spec.management_policy,
                    holds: held.is_some_and(|configuration| {
                        configuration.server_id == server.as_str()
                            && (id.is_some_and(|id| configuration.id == id.as_str())
                                || is_named(configuration))
                    }),
                    wants: false,
                }
            });
        // What is fresh is locked while it is looked at, so all have been asked before.
        let claimants: Vec<_> = claimants.collect();
        self.rival(server, name.as_str(), &uid(own), claimants.into_iter())
    }

    /// The other connection that decides about the server's base URL: of those that declare one, the older.
    pub(crate) fn on_base_url(
        &self,
        server: &ServerId,
        own: &BitbucketConnection,
        connections: &Store<DeserializeGuard<BitbucketConnection>>,
    ) -> Option<BaseUrlHolder> {
        let all = connections.state();
        let ours = ServerUrl::parse(&own.spec.sonarqube.url).ok();
        let is_ours = |connection: &BitbucketConnection| {
            let theirs = &connection.spec.sonarqube.url;
            ours.as_ref().is_some_and(|ours| ours.same(theirs))
        };
        let declaring = || {
            let readable = all.iter().filter_map(|guarded| guarded.0.as_ref().ok());
            readable.filter_map(|connection| {
                let declared = connection.spec.sonarqube.server_base_url.as_ref()?;
                let status = connection.status.as_ref();
                let is_of_it = match status.and_then(|status| status.sonarqube.as_ref()) {
                    _ if uid(connection) == uid(own) => true,
                    Some(known) => known.id == server.as_str(),
                    // It was not looked at yet.
                    None => {
                        is_ours(connection)
                            && !connection.spec.suspend
                            && !status::is_stalled(connection)
                    }
                };
                is_of_it.then_some((connection, declared))
            })
        };
        let claimants = declaring().map(|(connection, _)| Claimant {
            metadata: &connection.metadata,
            management: connection.spec.management_policy,
            holds: false,
            wants: true,
        });
        // No fresh acceptance bears this name.
        let winner = self.rival(server, "", &uid(own), claimants)?;
        let (_, url) = declaring().find(|(connection, _)| uid(*connection) == winner.uid)?;
        Some(BaseUrlHolder {
            name: winner.name,
            url: url.clone(),
        })
    }

    /// Whether a connection has renamed its configuration to something else, which the watch has not shown yet.
    fn has_moved(&self, server: &ServerId, name: &str, connection: &BitbucketConnection) -> bool {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let own = uid(connection);
        let mut held = fresh.iter().filter(|(_, holder)| **holder == own);
        held.any(|((on, thing), _)| on == server && *thing != name.to_lowercase())
    }

    fn rival<'a>(
        &self,
        server: &ServerId,
        name: &str,
        own: &Uid,
        claimants: impl Iterator<Item = Claimant<'a>>,
    ) -> Option<Contender> {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = fresh.get(&(server.clone(), name.to_lowercase()));
        let contenders = claimants.filter_map(|claimant| {
            let contender = claimant.contender(fresh);
            let live = claimant.management == ManagementPolicy::Full
                && claimant.metadata.deletion_timestamp.is_none();
            let contends = contender.accepted || claimant.wants || contender.uid == *own;
            (live && contends).then_some(contender)
        });
        contest(contenders).filter(|winner| winner.uid != *own)
    }
}

/// The repository for which another accepted, live, full binding holds this very project; by its key alone where
/// SonarQube tells no id.
pub(crate) fn held_for(
    server: &ServerId,
    (key, id): (&ProjectKey, Option<&ProjectId>),
    own: &ProjectBinding,
    bindings: &Store<DeserializeGuard<ProjectBinding>>,
) -> Option<RepositoryPath> {
    let holds = |binding: &ProjectBinding| {
        let held = binding
            .status
            .as_ref()
            .and_then(|status| status.sonarqube_project.as_ref());
        held.is_some_and(|project| {
            project.server_id == server.as_str()
                && project.key.eq_ignore_ascii_case(key.as_str())
                && (id.is_none() || project.id.as_deref() == id.map(ProjectId::as_str))
        })
    };
    let all = bindings.state();
    let holder = all
        .iter()
        .filter_map(|guarded| guarded.0.as_ref().ok())
        .find(|binding| {
            uid(*binding) != uid(own)
                && binding.spec.management_policy == ManagementPolicy::Full
                && binding.metadata.deletion_timestamp.is_none()
                // One that does not move will not make room either.
                && !binding.spec.suspend
                && !status::is_stalled(*binding)
                && holds(binding)
        })?;
    declared::repository(&holder.spec).ok()
}

/// An object that may have a claim on the thing in question.
struct Claimant<'a> {
    metadata: &'a ObjectMeta,
    management: ManagementPolicy,
    holds: bool,
    /// It was not accepted yet, and would take the thing: then the older one goes first.
    wants: bool,
}

impl Claimant<'_> {
    fn contender(&self, fresh: Option<&Uid>) -> Contender {
        let uid = Uid::new(self.metadata.uid.clone().unwrap_or_default());
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let created = self
            .metadata
            .creation_timestamp
            .as_ref()
            .map_or(0, |time| time.0.as_second());
        let accepted = self.holds || fresh == Some(&uid);
        Contender {
            uid,
            name: format!("{namespace}/{name}"),
            accepted,
            created,
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::{reflector, watcher};
    use serde_json::json;

    use super::*;

    /// A connection whose configuration is called `x`, under this id, as the watch shows it.
    fn connection(name: &str, id: &str) -> BitbucketConnection {
        serde_json::from_value(json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
            "metadata": {"name": name, "namespace": "platform", "uid": name},
            "spec": {
                "bitbucket": {"url": "https://bitbucket.example.com", "tokenSecretRef": {"name": "b"}},
                "sonarqube": {"url": "https://sonarqube.example.com", "tokenSecretRef": {"name": "s"}},
            },
            "status": {"configuration": {"name": "x", "id": id, "serverId": "server"}},
        }))
        .unwrap()
    }

    /// Promise: a name is free for the next as soon as its owner has another one, whatever the watch still shows; what the
    /// owner renamed stays its own.
    #[test]
    fn a_renamed_configuration_is_held_under_its_new_name_alone() {
        let server = ServerId::new("server");
        let name = |name: &str| SettingKey::parse(name).unwrap();
        let own = connection("second", "none");
        for (id, of_both) in [("key:x", false), ("one-uuid", true)] {
            let (connections, mut writer) = reflector::store();
            let first = DeserializeGuard(Ok(connection("first", id)));
            writer.apply_watcher_event(&watcher::Event::Apply(first));
            let claims = Claims::default();
            let holder = |called: &str| {
                let id = SettingId::new(id);
                let place = (&name(called), Some(&id));
                let rival = claims.on_configuration(&server, place, &own, &connections);
                rival.map(|rival| rival.name)
            };
            let first = Some("platform/first".to_owned());
            assert_eq!(holder("x"), first, "{id}");
            claims.remember(&server, "y", &Uid::new("first"));
            assert_eq!(holder("x"), first.clone().filter(|_| of_both), "{id}");
            assert_eq!(holder("y"), first, "{id}");
        }
    }

    /// Promise: of two connections that come together and declare different base URLs for one server, one decides.
    #[test]
    fn a_base_url_is_declared_by_one_also_before_anybody_looked() {
        let declaring = |name: &str, created: &str| {
            let mut connection = connection(name, "none");
            connection.status = None;
            connection.metadata.creation_timestamp =
                serde_json::from_value(json!(created)).unwrap();
            let url = format!("https://{name}.example.com");
            connection.spec.sonarqube.server_base_url = Some(url);
            connection
        };
        let first = declaring("first", "2026-11-26T10:00:00Z");
        let second = declaring("second", "2026-11-26T10:00:01Z");
        let mut elsewhere = declaring("elsewhere", "2026-11-26T09:00:00Z");
        elsewhere.spec.sonarqube.url = "https://another.example.com".to_owned();
        let (connections, mut writer) = reflector::store();
        for one in [&first, &second, &elsewhere] {
            let one = DeserializeGuard(Ok(one.clone()));
            writer.apply_watcher_event(&watcher::Event::Apply(one));
        }
        let claims = Claims::default();
        let holder = |own, connections| {
            let server = ServerId::new("server");
            let holder = claims.on_base_url(&server, own, connections);
            holder.map(|holder| holder.name)
        };
        let of_second = holder(&second, &connections);
        assert_eq!(of_second.as_deref(), Some("platform/first"));
        assert_eq!(holder(&first, &connections), None);
        // Whoever was never seen to reach the server, and does not try, decides nothing.
        let mut suspended = first.clone();
        suspended.spec.suspend = true;
        writer.apply_watcher_event(&watcher::Event::Apply(DeserializeGuard(Ok(suspended))));
        assert_eq!(holder(&second, &connections), None);
        // Once it does, it contends, whatever it was before.
        let reached = json!({"sonarqube": {"id": "server", "version": "26.9", "capabilities": []}});
        let mut known = second.clone();
        known.status = serde_json::from_value(reached).unwrap();
        let mut mended = first.clone();
        let stalled = json!({"observedGeneration": 1, "conditions": [{
            "type": "Stalled", "status": "True", "reason": "SecretNotFound", "message": "",
            "lastTransitionTime": "2026-11-26T10:00:00Z", "observedGeneration": 1,
        }]});
        mended.metadata.generation = Some(1);
        mended.status = serde_json::from_value(stalled).unwrap();
        for one in [&known, &mended] {
            let one = DeserializeGuard(Ok(one.clone()));
            writer.apply_watcher_event(&watcher::Event::Apply(one));
        }
        assert_eq!(holder(&mended, &connections), None);
    }
}
