//! Where the operator looks for objects: in the whole cluster, or in some namespaces.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Namespace;
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::{Api, Resource};

/// The label by which Kubernetes itself names each namespace.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The namespaces whose objects an operator reconciles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// All of them, also those that are made later.
    #[default]
    All,
    /// These and no others: the operator needs no right elsewhere, and knows nothing of what is there.
    Only(BTreeSet<String>),
}

impl Namespaces {
    /// What one watch each has to show.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        match self {
            Self::All => vec![Scope::Cluster],
            Self::Only(names) => {
                let names = names.iter();
                names
                    .map(|name| Scope::Namespace(name.as_str().into()))
                    .collect()
            }
        }
    }
}

/// What one watch shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Cluster,
    Namespace(Box<str>),
}

impl Scope {
    /// The objects of a kind in this scope.
    pub(super) fn api<K>(&self, client: &kube::Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        match self {
            Self::Cluster => Api::all(client.clone()),
            Self::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
        }
    }

    /// The namespace, or the empty name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Cluster => "",
            Self::Namespace(namespace) => namespace,
        }
    }
}

/// What is known of a namespace without reading it: its name, which is also a label.
pub(super) fn unread(name: &str) -> PartialObjectMeta<Namespace> {
    let labels = BTreeMap::from([(NAME_LABEL.to_owned(), name.to_owned())]);
    PartialObjectMeta {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        ..PartialObjectMeta::default()
    }
}
