//! The floor: a bare loop that makes only the calls and writes that a binding cannot do without.

use std::time::Instant;

use bindery::crd::{ProjectBinding, ProjectBindingStatus};
use bindery::identity::{ProjectKey, RepositoryPath};
use bindery::sonarqube::NewBinding;
use futures::StreamExt as _;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::{Cluster, NAMESPACE, binding};
use super::servers::{FLOOR_PROJECT, Servers};

/// As many as the operator works on at once for one connection.
const AT_ONCE: usize = 8;

const FINALIZER: &str = "bindery.dev/floor";

/// In seconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Floor {
    pub(crate) create: f64,
    pub(crate) delete: f64,
}

/// What the loop writes into statuses.
pub(crate) enum Statuses {
    /// One condition.
    Short,
    /// What the operator wrote for the binding of this repository, and before that an intent without conditions.
    Whole(Box<ProjectBindingStatus>, &'static str),
}

/// Binds so many repositories and lets them go again, while no operator runs.
pub(crate) async fn measure(
    cluster: &Cluster,
    servers: &Servers,
    size: usize,
    statuses: &Statuses,
) -> Floor {
    let bindings: Vec<_> = (0..size)
        .map(|nth| {
            let repository = format!("{FLOOR_PROJECT}/r{nth}");
            // No operator that starts later has a connection of this name. Events outlive their objects, and have the
            // name of these: no two runs share them.
            let name = format!("floor-{}-{size}-{nth}", statuses.name());
            binding(&name, "floor", &repository)
        })
        .collect();
    let hand = Hand::of(cluster, servers, statuses).await;
    let begun = Instant::now();
    let (objects, appeared) = tokio::sync::mpsc::unbounded_channel();
    let created = async {
        let all = futures::stream::iter(&bindings);
        all.for_each_concurrent(16, async |one| {
            cluster.create(one).await;
            objects.send(one).unwrap();
        })
        .await;
        drop(objects);
    };
    let appeared = futures::stream::unfold(appeared, async |mut appeared| {
        let next = appeared.recv().await?;
        Some((next, appeared))
    });
    let bound = appeared.for_each_concurrent(AT_ONCE, |one| hand.bind(one));
    tokio::join!(created, bound);
    let create = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let names: Vec<_> = bindings
        .iter()
        .map(|one| one.metadata.name.clone().unwrap())
        .collect();
    let asked = cluster.delete_all(&names);
    let let_go =
        futures::stream::iter(&bindings).for_each_concurrent(AT_ONCE, |one| hand.unbind(one));
    asked.await;
    let_go.await;
    let delete = begun.elapsed().as_secs_f64();
    Floor { create, delete }
}

/// What does the work.
struct Hand<'a> {
    cluster: &'a Cluster,
    sonarqube: bindery::sonarqube::Client,
    bitbucket: bindery::bitbucket::Client,
    setting: bindery::identity::SettingId,
    statuses: &'a Statuses,
}

impl Statuses {
    fn name(&self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Whole(..) => "whole",
        }
    }

    /// What is written before a project is imported.
    fn before(&self, key: &ProjectKey) -> Value {
        match self {
            Self::Short => short("Working"),
            Self::Whole(status, _) => json!({"record": {
                "connection": status.record.connection,
                "intent": {
                    "serverId": status.sonarqube_project.as_ref().unwrap().server_id,
                    "projectKey": key.as_str(), "way": "PutBoundProject", "since": "2026-01-01T00:00:00Z",
                },
            }}),
        }
    }

    /// What is written afterwards.
    fn after(&self, repository: &RepositoryPath) -> Value {
        match self {
            Self::Short => short("Succeeded"),
            Self::Whole(status, sample) => {
                let text = serde_json::to_string(status).unwrap();
                let text = text.replace(sample, repository.slug());
                let mut status: Value = serde_json::from_str(&text).unwrap();
                status["record"]["intent"] = Value::Null;
                status
            }
        }
    }
}

/// A status of one condition.
fn short(reason: &str) -> Value {
    let condition = json!({
        "type": "Ready", "status": "Unknown", "reason": reason, "message": "as long as a message of the operator may be",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
    });
    json!({"conditions": [condition], "observedGeneration": 1})
}

impl<'a> Hand<'a> {
    async fn of(cluster: &'a Cluster, servers: &Servers, statuses: &'a Statuses) -> Self {
        let sonarqube = servers.sonarqube_client();
        let settings = sonarqube.dop_settings().await.unwrap();
        Self {
            cluster,
            sonarqube,
            bitbucket: servers.bitbucket_client(),
            setting: settings[0].id.clone(),
            statuses,
        }
    }

    /// Three calls and four writes.
    async fn bind(&self, binding: &ProjectBinding) {
        let name = binding.metadata.name.as_deref().unwrap();
        let repository = repository(binding);
        let key = key(&repository);
        let finalizers = json!({"metadata": {"finalizers": [FINALIZER]}});
        self.cluster.patch(name, finalizers).await;
        self.status(name, self.statuses.before(&key)).await;
        let new = NewBinding {
            project: &key,
            name,
            setting: &self.setting,
            repository: &repository,
            monorepo: false,
        };
        self.sonarqube.put_bound_project(&new).await.unwrap();
        self.bitbucket.default_branch(&repository).await.unwrap();
        self.sonarqube.main_branch(&key).await.unwrap();
        self.status(name, self.statuses.after(&repository)).await;
        self.event(name, 1).await;
    }

    /// Two writes, beside the deletion itself: the Community Build has no call that removes a single binding.
    async fn unbind(&self, binding: &ProjectBinding) {
        let name = binding.metadata.name.as_deref().unwrap();
        self.event(name, 2).await;
        let finalizers = json!({"metadata": {"finalizers": null}});
        self.cluster.patch(name, finalizers).await;
    }

    async fn status(&self, name: &str, status: Value) {
        let patch = Patch::Merge(json!({"status": status}));
        let bindings = self.cluster.bindings();
        bindings
            .patch_status(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    async fn event(&self, name: &str, nth: u8) {
        let event: Event = serde_json::from_value(json!({
            "metadata": {"name": format!("{name}.{nth}"), "namespace": NAMESPACE},
            "eventTime": "2026-01-01T00:00:00.000000Z", "action": "Reconcile", "reason": "Imported",
            "type": "Normal", "note": "imported", "reportingController": "bench", "reportingInstance": "bench",
            "regarding": {"apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding", "name": name, "namespace": NAMESPACE},
        }))
        .unwrap();
        let events: Api<Event> = Api::namespaced(self.cluster.client.clone(), NAMESPACE);
        events.create(&PostParams::default(), &event).await.unwrap();
    }
}

fn repository(binding: &ProjectBinding) -> RepositoryPath {
    let repository = &binding.spec.repository;
    RepositoryPath::parse(&repository.project, &repository.slug).unwrap()
}

fn key(repository: &RepositoryPath) -> ProjectKey {
    let key = format!("{}:{}", repository.project(), repository.slug());
    ProjectKey::parse(&key).unwrap()
}
