//! What the operator did between two moments.

use std::collections::BTreeMap;

use bindery::crd::{BitbucketConnection, ProjectBinding};
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::TestEnvironment;

/// What no listing has, of each project once in twelve intervals.
pub(crate) const SPREAD_READ: &str = "sonarqube GET api/alm_settings/get_binding 200";

/// What had happened up to a moment.
pub(crate) struct Snapshot {
    /// Calls to SonarQube and Bitbucket, by `system operation code`.
    pub(crate) calls: BTreeMap<String, u64>,
    status_writes: u64,
    /// The resourceVersions of all bindings and connections, by kind and name.
    pub(crate) versions: BTreeMap<String, String>,
    /// The resourceVersions of all events: a repeated one changes.
    events: Vec<String>,
}

/// What happened since.
#[derive(Debug)]
pub(crate) struct Done {
    /// Calls to SonarQube and Bitbucket, by `system operation code`.
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) status_writes: u64,
    /// The objects that were written, came or went.
    pub(crate) written: Vec<String>,
    pub(crate) events: usize,
}

impl Snapshot {
    pub(crate) async fn now(env: &TestEnvironment) -> Self {
        env.operator.until_events_are_published();
        let every = ListParams::default();
        let client = || env.client.clone();
        let bindings = Api::<ProjectBinding>::all(client()).list(&every).await;
        let connections = Api::<BitbucketConnection>::all(client()).list(&every).await;
        let events = Api::<Event>::all(client()).list(&every).await.unwrap();
        let bindings = bindings.unwrap().into_iter().map(|one| version(&one));
        let connections = connections.unwrap().into_iter().map(|one| version(&one));
        let ours = |event: &Event| {
            let api = event.involved_object.api_version.as_deref();
            api.is_some_and(|api| api.starts_with("bindery.dev/"))
        };
        Self {
            calls: env.operator.external_calls(),
            status_writes: env.operator.status_writes(),
            versions: bindings.chain(connections).collect(),
            events: events
                .into_iter()
                .filter(ours)
                .filter_map(|event| event.resource_version())
                .collect(),
        }
    }

    pub(crate) async fn since(&self, env: &TestEnvironment) -> Done {
        let now = Self::now(env).await;
        let before = |call: &str| self.calls.get(call).copied().unwrap_or_default();
        let calls = now.calls.iter();
        let written = now.versions.iter();
        Done {
            calls: calls
                .map(|(call, count)| (call.clone(), count - before(call)))
                .filter(|(_, count)| *count > 0)
                .collect(),
            status_writes: now.status_writes - self.status_writes,
            written: written
                .filter(|(name, version)| self.versions.get(*name) != Some(version))
                .map(|(name, _)| name.clone())
                .chain(
                    self.versions
                        .keys()
                        .filter(|name| !now.versions.contains_key(*name))
                        .cloned(),
                )
                .collect(),
            events: now
                .events
                .iter()
                .filter(|version| !self.events.contains(version))
                .count(),
        }
    }
}

impl Done {
    /// How many calls were made, of any kind.
    pub(crate) fn total(&self) -> u64 {
        self.calls.values().sum()
    }

    /// How many calls changed something. What is refused changes nothing: that is how a server is asked what it can do.
    pub(crate) fn writes(&self) -> u64 {
        let is_write = |call: &str| {
            let code = call.rsplit(' ').next().unwrap_or_default();
            !call.contains(" GET ") && !code.starts_with('4')
        };
        let writes = self.calls.iter().filter(|(call, _)| is_write(call));
        writes.map(|(_, count)| count).sum()
    }
}

fn version<K: kube::Resource<DynamicType = ()>>(object: &K) -> (String, String) {
    let name = format!("{} {}", K::kind(&()), object.name_any());
    (name, object.resource_version().unwrap())
}
