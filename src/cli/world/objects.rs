//! Objects as they would be in the cluster once manifests are applied.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use kube::core::DeserializeGuard;
use serde::Serialize;

use crate::crd::{BitbucketConnection, Kind, SecretKeyReference, SecretVersion};
use crate::kubernetes::given::Given;

/// The objects of the cluster, with those that are declared in place of, or beside, them. `now`: the time at which new
/// ones are created.
pub(super) fn applied<K: Kind + Serialize>(
    cluster: Vec<DeserializeGuard<K>>,
    declared: Vec<K>,
    now: &Time,
) -> Vec<DeserializeGuard<K>> {
    let place = |namespace: Option<String>, name: String| (namespace.unwrap_or_default(), name);
    let mut all: BTreeMap<_, _> = cluster
        .into_iter()
        .map(|it| (place(it.namespace(), it.name_any()), it))
        .collect();
    for object in declared {
        let place = place(object.namespace(), object.name_any());
        let before = all.remove(&place).and_then(|it| it.0.ok());
        let object = match before {
            Some(before) => changed(&before, object),
            None => created(object, now),
        };
        all.insert(place, DeserializeGuard(Ok(object)));
    }
    all.into_values().collect()
}

/// An object that exists, with another spec. Its status and its identity stay.
fn changed<K: Kind + Serialize>(before: &K, declared: K) -> K {
    let (Ok(mut object), Ok(declared)) = (
        serde_json::to_value(before),
        serde_json::to_value(&declared),
    ) else {
        return declared;
    };
    let is_another = object["spec"] != declared["spec"];
    object["spec"] = declared["spec"].clone();
    if let Some(annotations) = declared["metadata"]["annotations"].as_object() {
        let mut all = object["metadata"]["annotations"].clone();
        let kept = all.as_object_mut().cloned().unwrap_or_default();
        let all = kept.into_iter().chain(annotations.clone());
        object["metadata"]["annotations"] = all.collect();
    }
    let mut object: K = serde_json::from_value(object).unwrap_or_else(|_| before.clone());
    if is_another {
        let metadata = object.meta_mut();
        metadata.generation = metadata.generation.map(|generation| generation + 1);
    }
    object
}

/// An object as the API server would create it.
fn created<K: Kind>(mut object: K, now: &Time) -> K {
    let uid = format!(
        "new {} {}/{}",
        K::NAME,
        object.namespace().unwrap_or_default(),
        object.name_any()
    );
    let metadata = object.meta_mut();
    metadata.uid = Some(uid);
    metadata.generation = Some(1);
    metadata.creation_timestamp = Some(now.clone());
    metadata.deletion_timestamp = None;
    object
}

/// Tokens that are given, and not read from Secrets.
#[derive(Default)]
pub(super) struct GivenTokens {
    pub(super) sonarqube: Option<Vec<u8>>,
    pub(super) bitbucket: Option<Vec<u8>>,
    pub(super) import: Option<Vec<u8>>,
}

/// The Secrets and `ConfigMaps` that are declared, and those that the given tokens stand for.
pub(super) fn given(
    (secrets, maps): (Vec<Secret>, Vec<ConfigMap>),
    connections: &[DeserializeGuard<BitbucketConnection>],
    tokens: &GivenTokens,
) -> Given {
    let mut given = Given::default();
    let connections = connections.iter().filter_map(|it| it.0.as_ref().ok());
    for secret in connections.flat_map(|connection| stand_ins(connection, tokens)) {
        given.secret(&secret);
    }
    for mut secret in secrets {
        let texts = secret.string_data.take().unwrap_or_default();
        let data = secret.data.get_or_insert_default();
        data.extend(
            texts
                .into_iter()
                .map(|(key, text)| (key, ByteString(text.into_bytes()))),
        );
        given.secret(&secret);
    }
    for map in &maps {
        given.config_map(map);
    }
    given
}

/// The Secrets of a connection as they would be with the given tokens. They have the versions that SonarQube was given,
/// so that a token does not look like a new one.
fn stand_ins(connection: &BitbucketConnection, tokens: &GivenTokens) -> Vec<Secret> {
    let spec = &connection.spec;
    let applied = connection.status.as_ref();
    let applied = applied.and_then(|status| status.record.applied_secrets.as_ref());
    let import = spec.bitbucket.import_token_secret_ref.as_ref();
    let given: [(_, _, Option<&SecretVersion>); 3] = [
        (
            Some(&spec.sonarqube.token_secret_ref),
            &tokens.sonarqube,
            None,
        ),
        (
            Some(&spec.bitbucket.token_secret_ref),
            &tokens.bitbucket,
            applied.and_then(|applied| applied.token.as_ref()),
        ),
        (
            import,
            if tokens.import.is_some() {
                &tokens.import
            } else {
                &tokens.bitbucket
            },
            applied.and_then(|applied| applied.import_token.as_ref()),
        ),
    ];
    let mut secrets: BTreeMap<String, Secret> = BTreeMap::new();
    for (reference, token, version) in given {
        let (Some(SecretKeyReference { name, key }), Some(token)) = (reference, token) else {
            continue;
        };
        let secret = secrets.entry(name.clone()).or_default();
        secret.metadata.namespace = connection.namespace();
        secret.metadata.name = Some(name.clone());
        if let Some(version) = version {
            secret.metadata.uid = Some(version.uid.clone());
            secret.metadata.resource_version = Some(version.resource_version.clone());
        }
        let data = secret.data.get_or_insert_default();
        data.insert(key.clone(), ByteString(token.clone()));
    }
    secrets.into_values().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crd::ProjectBinding;

    fn binding(name: &str, slug: &str, more: &Value) -> ProjectBinding {
        let mut object = json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": name, "namespace": "payments"},
            "spec": {"connectionRef": {"name": "c"}, "repository": {"project": "PAY", "slug": slug}},
        });
        if let Some(more) = more.as_object() {
            for (field, value) in more {
                object["metadata"][field] = value.clone();
            }
        }
        serde_json::from_value(object).unwrap()
    }

    /// Promise: what a manifest leaves as it is counts as brought to its generation, and what it changes does not.
    #[test]
    fn a_changed_spec_has_another_generation_and_the_same_identity() {
        let live = json!({"uid": "one", "generation": 4, "annotations": {"a": "1"}});
        let cluster = || vec![DeserializeGuard(Ok(binding("checkout", "checkout", &live)))];
        let now = Time(jiff::Timestamp::UNIX_EPOCH);
        let of = |slug: &str, more: Value| {
            let all = applied(cluster(), vec![binding("checkout", slug, &more)], &now);
            let [object] = &all[..] else {
                panic!("{}", all.len())
            };
            let metadata = object.0.as_ref().unwrap().metadata.clone();
            (
                metadata.uid.unwrap(),
                metadata.generation.unwrap(),
                metadata.annotations.unwrap().len(),
            )
        };
        assert_eq!(of("checkout", json!({})), ("one".to_owned(), 4, 1));
        assert_eq!(
            of("ledger", json!({"annotations": {"b": "2"}})),
            ("one".to_owned(), 5, 2)
        );
        let both = applied(cluster(), vec![binding("new", "new", &json!({}))], &now);
        let uids: Vec<_> = both.iter().map(|it| it.uid().unwrap()).collect();
        assert_eq!(uids, ["one", "new ProjectBinding payments/new"]);
    }

    #[test]
    fn a_given_token_counts_as_the_one_that_was_applied() {
        let connection: BitbucketConnection = serde_json::from_value(json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
            "metadata": {"name": "bitbucket", "namespace": "platform"},
            "spec": {
                "bitbucket": {"url": "https://bitbucket.example.com", "tokenSecretRef": {"name": "b"}},
                "sonarqube": {"url": "https://sonarqube.example.com", "tokenSecretRef": {"name": "s", "key": "own"}},
            },
            "status": {"record": {"appliedSecrets": {
                "serverId": "server", "configurationId": "id", "token": {"uid": "u", "resourceVersion": "7"},
            }}},
        }))
        .unwrap();
        let tokens = GivenTokens {
            sonarqube: Some(b"squ_x".to_vec()),
            bitbucket: Some(b"pat".to_vec()),
            import: None,
        };
        let secrets = stand_ins(&connection, &tokens);
        let shown: Vec<_> = secrets
            .iter()
            .map(|it| {
                let keys: Vec<_> = it.data.as_ref().unwrap().keys().collect();
                (it.name_any(), keys, it.metadata.resource_version.as_deref())
            })
            .collect();
        let (token, own) = ("token".to_owned(), "own".to_owned());
        assert_eq!(
            shown,
            [
                ("b".to_owned(), vec![&token], Some("7")),
                ("s".to_owned(), vec![&own], None)
            ]
        );
        assert!(stand_ins(&connection, &GivenTokens::default()).is_empty());
    }
}
