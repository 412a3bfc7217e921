//! What the commands that follow the operator's own code are made from: the cluster, manifests, tokens and hosts.

mod objects;

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::ResourceExt as _;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use serde::Serialize;

use crate::controller::{Objects, ProjectDeletion, Settings, World};
use crate::crd::{BitbucketConnection, Kind, ProjectBinding, ProjectBindingSet};
use crate::declared::{self, connection_of};
use crate::http::Limits;
use crate::kubernetes::{Namespaces, clock, once};
use crate::metrics::Metrics;

use super::files::Manifests;
use super::hosts::HostArguments;
use super::progress::progress;
use objects::{GivenTokens, applied, given};

/// Tokens and hosts.
#[derive(Args, Debug)]
pub(super) struct ServerArguments {
    /// A file with the token for SonarQube, in place of the Secrets. Or set `BINDERY_SONARQUBE_TOKEN`.
    #[arg(long, value_name = "PATH")]
    sonarqube_token_file: Option<PathBuf>,

    /// A file with the token for Bitbucket, in place of the Secrets. Or set `BINDERY_BITBUCKET_TOKEN`.
    #[arg(long, value_name = "PATH")]
    bitbucket_token_file: Option<PathBuf>,

    /// A file with the import token, where connections have one of their own. Or set `BINDERY_BITBUCKET_IMPORT_TOKEN`.
    #[arg(long, value_name = "PATH")]
    bitbucket_import_token_file: Option<PathBuf>,

    #[command(flatten)]
    hosts: HostArguments,
}

/// What the cluster has.
#[derive(Default)]
pub(super) struct Cluster {
    client: Option<kube::Client>,
    pub(super) connections: Vec<DeserializeGuard<BitbucketConnection>>,
    pub(super) bindings: Vec<DeserializeGuard<ProjectBinding>>,
    sets: Vec<DeserializeGuard<ProjectBindingSet>>,
    namespaces: Vec<PartialObjectMeta<Namespace>>,
}

impl Cluster {
    pub(super) async fn read(
        client: kube::Client,
        namespaces: &Namespaces,
    ) -> Result<Self, crate::kubernetes::Error> {
        Ok(Self {
            connections: once::all(&client, namespaces).await?,
            bindings: once::all(&client, namespaces).await?,
            sets: once::all(&client, namespaces).await?,
            namespaces: once::namespaces(&client, namespaces).await?,
            client: Some(client),
        })
    }
}

/// Which objects are asked about.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// Those of these manifests.
    Declared,
    /// Those of the cluster, perhaps of one namespace alone.
    Live(Option<String>),
}

/// The cluster with manifests applied, and who is asked about.
pub(super) struct Scene<'a> {
    pub(super) cluster: Cluster,
    pub(super) manifests: &'a Manifests,
    /// The namespace of objects that name none.
    pub(super) namespace: &'a str,
    pub(super) asked: Asked,
    /// Whether everything that is wrong is found, and not the first thing alone.
    pub(super) is_thorough: bool,
}

type Place = (String, String);

impl ServerArguments {
    /// What a forecast is made from.
    pub(super) fn world(&self, scene: Scene<'_>, metrics: &Arc<Metrics>) -> anyhow::Result<World> {
        let Scene {
            cluster,
            manifests,
            namespace,
            asked,
            is_thorough,
        } = scene;
        let given_by = (manifests, namespace, &asked);
        let connections = Merged::of(cluster.connections, given_by)?;
        let bindings = Merged::of(cluster.bindings, given_by)?;
        let sets = Merged::of(cluster.sets, given_by)?;
        let is_empty = connections.is_empty && bindings.is_empty && sets.is_empty;
        if matches!(asked, Asked::Declared) && is_empty {
            bail!(
                "the manifests hold no BitbucketConnection, no ProjectBinding and no ProjectBindingSet"
            );
        }
        // A binding or a set can be foreseen once its connection was.
        let mut needed = connections.asked.clone();
        needed.extend(bindings.asked().map(connection_of));
        needed.extend(sets.asked().map(declared::set::connection_of));
        let connections = Merged {
            asked: needed,
            ..connections
        };
        let objects = (
            manifests.of::<Secret>("v1", "Secret")?,
            manifests.of::<ConfigMap>("v1", "ConfigMap")?,
        );
        let given = given(objects, &connections.all, &self.tokens()?);
        Ok(World {
            is_thorough,
            progress: Box::new(progress("reading objects")),
            client: given.client(cluster.client),
            settings: self.settings(),
            metrics: Arc::clone(metrics),
            namespaces: namespaces(cluster.namespaces, manifests)?,
            connections: connections.into(),
            bindings: bindings.into(),
            sets: sets.into(),
        })
    }

    /// As the operator is started, where that matters here.
    fn settings(&self) -> Settings {
        Settings {
            namespaces: Namespaces::All,
            hosts: self.hosts.policy(),
            secret_hosts: self.hosts.of_secrets(),
            plain_http: self.hosts.plain_http(),
            project_deletion: ProjectDeletion::Refused,
            minimum_interval: Duration::ZERO,
            concurrency: 2,
            sonarqube: Limits::default(),
            bitbucket: Limits::default(),
            deadline: Duration::from_mins(10),
            service_account: "bindery-system:bindery".to_owned(),
        }
    }

    /// Tokens that are given by files or by the environment.
    fn tokens(&self) -> anyhow::Result<GivenTokens> {
        let given = |file: &Option<PathBuf>, variable| token(file.as_deref(), variable);
        Ok(GivenTokens {
            sonarqube: given(&self.sonarqube_token_file, "BINDERY_SONARQUBE_TOKEN")?,
            bitbucket: given(&self.bitbucket_token_file, "BINDERY_BITBUCKET_TOKEN")?,
            import: given(
                &self.bitbucket_import_token_file,
                "BINDERY_BITBUCKET_IMPORT_TOKEN",
            )?,
        })
    }
}

/// The objects of a kind: those of the cluster with the manifests applied.
struct Merged<K: Kind> {
    all: Vec<DeserializeGuard<K>>,
    asked: BTreeSet<Place>,
    /// Whether no manifest is of this kind.
    is_empty: bool,
}

impl<K: Kind + Serialize> Merged<K> {
    fn of(
        cluster: Vec<DeserializeGuard<K>>,
        (manifests, namespace, asked): (&Manifests, &str, &Asked),
    ) -> anyhow::Result<Self> {
        let declared = manifests.of_kind::<K>(namespace)?;
        let places: BTreeSet<Place> = declared.iter().map(place).collect();
        let all = applied(cluster, declared, &clock::now());
        let is_asked = |place: &Place| match asked {
            Asked::Declared => places.contains(place),
            Asked::Live(only) => only.as_ref().is_none_or(|only| *only == place.0),
        };
        Ok(Self {
            asked: all.iter().map(place).filter(is_asked).collect(),
            is_empty: places.is_empty(),
            all,
        })
    }

    /// Those that are asked about, as far as they can be read.
    fn asked(&self) -> impl Iterator<Item = &K> {
        let readable = self.all.iter().filter_map(|it| it.0.as_ref().ok());
        readable.filter(|it| self.asked.contains(&place(*it)))
    }
}

impl<K: Kind> From<Merged<K>> for Objects<K> {
    fn from(merged: Merged<K>) -> Self {
        let asked = merged.asked;
        Self {
            all: merged.all,
            is_wanted: Box::new(move |namespace, name| {
                asked.contains(&(namespace.to_owned(), name.to_owned()))
            }),
        }
    }
}

fn place(object: &impl kube::Resource) -> Place {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// A token from a file, else from the environment. Not read by clap, which would take it as an argument, too: every
/// process of a machine can read the arguments of the others.
pub(super) fn token(file: Option<&Path>, variable: &str) -> anyhow::Result<Option<Vec<u8>>> {
    if let Some(file) = file {
        let read = std::fs::read(file);
        let read = read.with_context(|| format!("failed to read {}", file.display()))?;
        return Ok(Some(read));
    }
    let value = std::env::var_os(variable).map(OsStringExt::into_vec);
    Ok(value.filter(|value| !value.is_empty()))
}

/// The namespaces of the cluster, with those of the manifests.
fn namespaces(
    cluster: Vec<PartialObjectMeta<Namespace>>,
    manifests: &Manifests,
) -> anyhow::Result<Vec<PartialObjectMeta<Namespace>>> {
    let declared = manifests.of::<PartialObjectMeta<Namespace>>("v1", "Namespace")?;
    let declared = declared.into_iter().map(|mut namespace| {
        // As the API server labels it.
        let name = namespace.name_any();
        let labels = namespace.metadata.labels.get_or_insert_default();
        labels.insert("kubernetes.io/metadata.name".to_owned(), name);
        namespace
    });
    Ok(cluster.into_iter().chain(declared).collect())
}
