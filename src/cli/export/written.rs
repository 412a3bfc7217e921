//! An estate as files: manifests, a kustomization, and a list of what is not bound.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Value, json};

use super::estate::{Configuration, Estate};
use crate::cli::yaml;
use crate::crd::BitbucketConnection;
use crate::declared::connection::references;
use crate::rbac;

/// How the objects are written.
pub(super) struct Style<'a> {
    pub(super) namespace: &'a str,
    pub(super) sonarqube_url: &'a str,
    /// The operator's service account.
    pub(super) account: &'a (String, String),
    /// `Observe` or `Full`.
    pub(super) management: &'static str,
}

/// The longest name of an object: a Role is named after it.
const LONGEST: usize = 200;

/// The files of an export, by name.
pub(super) fn files(
    estate: &Estate,
    style: &Style<'_>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let (mut connections, mut grants, mut bindings) = (String::new(), String::new(), String::new());
    let (mut taken, mut names) = (BTreeSet::new(), BTreeSet::new());
    for configuration in &estate.configurations {
        let name = unique(configuration.key.as_str(), &mut taken);
        let connection = connection(configuration, &name, style);
        let parsed: BitbucketConnection = serde_json::from_value(connection.clone())?;
        let place = (style.namespace, &*name);
        let (role, binding) = rbac::grant(place, &references(&parsed), style.account);
        connections += &yaml(&connection)?;
        grants += &[yaml(&role)?, yaml(&binding)?].concat();
        for bound in &configuration.bound {
            let repository = &bound.repository;
            let shared = if bound.monorepo {
                format!("-{}", bound.key)
            } else {
                String::new()
            };
            let wanted = format!("{}-{}{shared}", repository.project(), repository.slug());
            let mut spec = json!({
                "connectionRef": {"name": name},
                "repository": {"project": repository.project(), "slug": repository.slug()},
                "sonarqubeProject": {"key": bound.key.as_str()},
                "managementPolicy": style.management,
            });
            if bound.monorepo {
                spec["monorepo"] = json!(true);
            }
            bindings += &yaml(&json!({
                "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
                "metadata": {"name": unique(&wanted, &mut names), "namespace": style.namespace},
                "spec": spec,
            }))?;
        }
    }
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "resources": ["namespace.yaml", "grants.yaml", "connections.yaml", "bindings.yaml"],
    });
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": style.namespace}});
    let files = [
        ("namespace.yaml", yaml(&namespace)?),
        ("grants.yaml", grants),
        ("connections.yaml", connections),
        ("bindings.yaml", bindings),
        ("kustomization.yaml", yaml(&kustomization)?),
        ("UNBOUND.csv", unbound(estate)),
    ];
    Ok(files.map(|(name, text)| (name.to_owned(), text)).into())
}

fn connection(configuration: &Configuration, name: &str, style: &Style<'_>) -> Value {
    let mut spec = json!({
        "bitbucket": {
            "url": configuration.url.trim().trim_end_matches('/'),
            "tokenSecretRef": {"name": format!("{name}-bitbucket-token")},
        },
        "sonarqube": {
            "url": style.sonarqube_url.trim_end_matches('/'),
            "tokenSecretRef": {"name": "sonarqube-token"},
        },
        "managementPolicy": style.management,
    });
    if configuration.key.as_str() != name {
        spec["configurationName"] = json!(configuration.key.as_str());
    }
    json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "BitbucketConnection",
        "metadata": {"name": name, "namespace": style.namespace},
        "spec": spec,
    })
}

/// A name of an object for a text, and another one for each text: where letters had to be changed or the name is taken,
/// it ends with a hash of the text.
fn unique(text: &str, taken: &mut BTreeSet<String>) -> String {
    let lower = text.to_lowercase();
    let name: String = lower
        .chars()
        .map(|sign| {
            if sign.is_ascii_alphanumeric() {
                sign
            } else {
                '-'
            }
        })
        .take(LONGEST - 9)
        .collect();
    let name = name.trim_matches('-').to_owned();
    let is_same = name == lower.replace([':', '.', '_', '~'], "-");
    if is_same && !name.is_empty() && taken.insert(name.clone()) {
        return name;
    }
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let hash = format!("{:08x}", hasher.finish() & 0xffff_ffff);
    let name = format!("{name}-{hash}").trim_matches('-').to_owned();
    taken.insert(name.clone());
    name
}

/// What nothing was written for, as comma-separated values.
fn unbound(estate: &Estate) -> String {
    let mut text = "kind,name\n".to_owned();
    let unreadable = estate.unreadable_projects.iter();
    let unreadable = unreadable.map(|key| ("unreadable", key.to_string()));
    let projects = estate.unbound_projects.iter();
    let projects = projects.map(|key| ("project", key.to_string()));
    let projects = unreadable.chain(projects);
    let repositories = estate.unbound_repositories.iter();
    let repositories = repositories.map(|path| ("repository", path.to_string()));
    for (kind, name) in projects.chain(repositories) {
        let name = if name.contains([',', '"', '\n']) {
            format!("\"{}\"", name.replace('"', "\"\""))
        } else {
            name
        };
        let _ = writeln!(text, "{kind},{name}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::export::estate::Bound;
    use crate::identity::{ProjectKey, RepositoryPath, SettingKey};

    fn bound(key: &str, slug: &str, monorepo: bool) -> Bound {
        Bound {
            key: ProjectKey::reported(key),
            repository: RepositoryPath::parse("PAY", slug).unwrap(),
            monorepo,
        }
    }

    #[test]
    fn names_are_valid_and_none_is_used_twice() {
        let mut taken = BTreeSet::new();
        let names = ["PAY-checkout", "pay-checkout", "PAY-a_b", "Größe", "~", ""];
        let names: Vec<_> = names.iter().map(|it| unique(it, &mut taken)).collect();
        assert_eq!(names[0], "pay-checkout");
        assert!(names[1].starts_with("pay-checkout-"), "{names:?}");
        assert_eq!(names[2], "pay-a-b");
        let all: BTreeSet<_> = names.iter().collect();
        assert_eq!(all.len(), names.len(), "{names:?}");
        for name in &names {
            let is_name = name
                .chars()
                .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-');
            assert!(
                is_name && !name.starts_with('-') && !name.ends_with('-'),
                "{name}"
            );
        }
    }

    /// Promise: what is exported says which project each binding is, and changes nothing when it is applied.
    #[test]
    fn an_estate_is_written_as_it_is() {
        let estate = Estate {
            configurations: vec![Configuration {
                key: SettingKey::reported("Main Bitbucket"),
                url: "https://bitbucket.example.com".to_owned(),
                bound: vec![
                    bound("legacy key", "checkout", false),
                    bound("b", "mono", true),
                ],
            }],
            unbound_projects: vec![ProjectKey::reported("a,b")],
            unreadable_projects: vec![ProjectKey::reported("hidden")],
            unbound_repositories: vec![RepositoryPath::parse("OPS", "deploy").unwrap()],
        };
        let style = Style {
            namespace: "platform",
            sonarqube_url: "https://sonarqube.example.com/",
            account: &("bindery-system".to_owned(), "bindery".to_owned()),
            management: "Observe",
        };
        let files = files(&estate, &style).unwrap();
        let read = |name: &str| serde_saphyr::from_multiple::<Value>(&files[name]).unwrap();
        let connection = &read("connections.yaml")[0];
        assert_eq!(connection["spec"]["configurationName"], "Main Bitbucket");
        assert_eq!(connection["spec"]["managementPolicy"], "Observe");
        let bindings = read("bindings.yaml");
        let keys: Vec<_> = bindings
            .iter()
            .map(|it| {
                (
                    &it["spec"]["sonarqubeProject"]["key"],
                    it["spec"]["monorepo"] == true,
                )
            })
            .collect();
        assert_eq!(keys, [(&json!("legacy key"), false), (&json!("b"), true)]);
        let granted = &read("grants.yaml")[0]["rules"][0]["resourceNames"];
        assert_eq!(granted.as_array().unwrap().len(), 2);
        assert_eq!(
            files["UNBOUND.csv"],
            "kind,name\nunreadable,hidden\nproject,\"a,b\"\nrepository,OPS/deploy\n"
        );
    }
}
