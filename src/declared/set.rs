//! What a ProjectBindingSet declares, as the core wants it, and the bindings that it is made of.

use serde_json::{Value, json};

use crate::crd::{
    OnRepositoryGone, ProjectBindingSet, SET, SET_TEMPLATE, SelectEntry, SetLimits, SkippedSort,
};
use crate::identity::RepositoryPath;
use crate::plan::set::{Desired, Entry, Left, OnGone, Skip, fingerprint};

/// Namespace and name of the connection that a set refers to.
#[must_use]
pub(crate) fn connection_of(set: &ProjectBindingSet) -> (String, String) {
    let reference = &set.spec.connection_ref;
    let own = || set.metadata.namespace.clone();
    let namespace = reference.namespace.clone().or_else(own);
    (namespace.unwrap_or_default(), reference.name.clone())
}

/// What a set declares, with what is left of its limits.
#[must_use]
pub(crate) fn desired(set: &ProjectBindingSet, left: Left) -> Desired {
    let spec = &set.spec;
    Desired {
        select: spec.select.iter().map(entry).collect(),
        name_template: spec.template.name_template.clone(),
        template: template(set),
        on_gone: match spec.on_repository_gone {
            OnRepositoryGone::Keep => OnGone::Keep,
            OnRepositoryGone::Delete => OnGone::Delete,
        },
        left,
    }
}

/// How many bindings a set may create, and how many it may delete, in one interval.
#[must_use]
pub(crate) fn limits(set: &ProjectBindingSet) -> (usize, usize) {
    let SetLimits {
        new_per_interval,
        deleted_per_interval,
    } = set.spec.limits;
    let limit = |value: i32| usize::try_from(value).unwrap_or_default();
    (limit(new_per_interval), limit(deleted_per_interval))
}

/// Identifies what is applied to each binding of a set.
#[must_use]
pub(crate) fn template(set: &ProjectBindingSet) -> String {
    fingerprint(&body(set).to_string())
}

/// The binding of a repository, as it is applied.
#[must_use]
pub(crate) fn manifest(set: &ProjectBindingSet, name: &str, repository: &RepositoryPath) -> Value {
    let mut manifest = body(set);
    let metadata = &mut manifest["metadata"];
    metadata["name"] = name.into();
    metadata["annotations"][SET_TEMPLATE] = template(set).into();
    manifest["spec"]["repository"] =
        json!({"project": repository.project(), "slug": repository.slug()});
    manifest
}

/// What all bindings of a set have in common.
fn body(set: &ProjectBindingSet) -> Value {
    let template = &set.spec.template;
    let mut labels = json!(template.metadata.labels);
    labels[SET] = set.metadata.name.clone().into();
    let mut spec = json!(template.spec);
    spec["connectionRef"] = json!(set.spec.connection_ref);
    json!({
        "apiVersion": "bindery.dev/v1alpha1",
        "kind": "ProjectBinding",
        "metadata": {"labels": labels, "annotations": template.metadata.annotations},
        "spec": spec,
    })
}

fn entry(entry: &SelectEntry) -> Entry {
    let skip = entry.skip.iter().map(|sort| match sort {
        SkippedSort::Archived => Skip::Archived,
        SkippedSort::Forks => Skip::Forks,
        SkippedSort::Empty => Skip::Empty,
        SkippedSort::Personal => Skip::Personal,
    });
    Entry {
        project: entry.project.clone(),
        include: entry.include.clone(),
        exclude: entry.exclude.clone(),
        skip: skip.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(template: &Value) -> ProjectBindingSet {
        serde_json::from_value(json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBindingSet",
            "metadata": {"name": "all", "namespace": "payments"},
            "spec": {
                "connectionRef": {"name": "bitbucket", "namespace": "platform"},
                "select": [{"project": "PAY"}], "template": template,
            },
        }))
        .unwrap()
    }

    /// Promise: a field that the template does not name is not applied, so people may set it.
    #[test]
    fn a_binding_has_what_the_template_names_and_nothing_else() {
        let template = json!({
            "metadata": {"labels": {"team": "payments"}},
            "spec": {"deletionPolicy": "Orphan", "sonarqubeProject": {"visibility": "Private"}},
        });
        let set = set(&template);
        let path = RepositoryPath::parse("PAY", "checkout").unwrap();
        let mut applied = manifest(&set, "pay-checkout", &path);
        let annotation = applied["metadata"]["annotations"][SET_TEMPLATE].take();
        assert_eq!(annotation, json!(super::template(&set)));
        let expected = json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {
                "name": "pay-checkout", "labels": {"team": "payments", "bindery.dev/set": "all"},
                "annotations": {"bindery.dev/set-template": null},
            },
            "spec": {
                "connectionRef": {"kind": "BitbucketConnection", "name": "bitbucket", "namespace": "platform"},
                "repository": {"project": "PAY", "slug": "checkout"},
                "deletionPolicy": "Orphan", "sonarqubeProject": {"visibility": "Private"},
            },
        });
        assert_eq!(applied, expected);
    }

    #[test]
    fn the_template_identifies_what_is_applied_and_not_the_names() {
        let of = |template: Value| super::template(&set(&template));
        assert_eq!(of(json!({})), of(json!({"nameTemplate": "x-{slug}"})));
        assert_ne!(of(json!({})), of(json!({"spec": {"mode": "Import"}})));
        let labelled = json!({"metadata": {"labels": {"team": "payments"}}});
        assert_ne!(of(json!({})), of(labelled));
        for field in ["name", "namespace"] {
            let mut moved = json!(set(&json!({})));
            moved["spec"]["connectionRef"][field] = "other".into();
            let moved = serde_json::from_value(moved).unwrap();
            assert_ne!(of(json!({})), super::template(&moved), "{field}");
        }
    }
}
