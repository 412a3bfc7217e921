//! Who may do what in the cluster: the one source of `deploy/rbac.yaml` and of the chart's roles.
//!
//! Secrets and `ConfigMaps` are not here: a namespace grants access to them one by one
//! (`deploy/samples/grants.yaml`, the chart's `grants`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use kube::Resource as _;

use crate::crd::{self, BitbucketConnection, CaBundleKind, ProjectBinding, ProjectBindingSet};

/// Name of the operator's `ServiceAccount`, of its `ClusterRole` and of the binding between them.
pub const OPERATOR: &str = "bindery";

/// Namespace of the operator.
pub const SYSTEM_NAMESPACE: &str = "bindery-system";

const READ: [&str; 3] = ["get", "list", "watch"];
const EDIT: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];

/// Every role.
#[must_use]
pub fn roles() -> [ClusterRole; 4] {
    let [bindings, connections] = edit_roles();
    [operator_role(), view_role(), bindings, connections]
}

/// What the operator needs in every namespace, and nothing more.
#[must_use]
pub fn operator_role() -> ClusterRole {
    role(OPERATOR, None, rules_of_the_operator(&READ))
}

/// Name of the Role in each namespace of an operator that is started with `--namespaces`, and of the binding to it. It is
/// fixed, so that helm refuses a second operator in the same namespace.
pub const NAMESPACED: &str = "bindery-namespaced";

/// What an operator needs in each of its namespaces, if it is started with `--namespaces`.
#[must_use]
pub fn namespaced_role() -> Role {
    Role {
        metadata: ObjectMeta {
            name: Some(NAMESPACED.to_owned()),
            ..ObjectMeta::default()
        },
        // A Role allows to get its own namespace, but neither a list nor a watch.
        rules: Some(rules_of_the_operator(&["get"])),
    }
}

fn rules_of_the_operator(of_namespaces: &[&str]) -> Vec<PolicyRule> {
    let kinds = kinds();
    let statuses: Vec<_> = kinds.iter().map(|kind| format!("{kind}/status")).collect();
    vec![
        rule(crd::GROUP, &kinds, &READ),
        // Finalizers are metadata, which only the main resource takes.
        rule(crd::GROUP, &kinds, &["patch"]),
        rule(crd::GROUP, &statuses, &["patch"]),
        // What sets are for.
        rule(
            crd::GROUP,
            &[ProjectBinding::plural(&()).into_owned()],
            &["create", "delete"],
        ),
        // `access` selects namespaces by label.
        rule("", &owned(&["namespaces"]), of_namespaces),
        rule("events.k8s.io", &owned(&["events"]), &["create", "patch"]),
    ]
}

/// Gives [`operator_role`] to the operator.
#[must_use]
pub fn operator_binding() -> ClusterRoleBinding {
    binding_to(&operator_role())
}

/// Gives a role to the operator, by a binding of the same name.
fn binding_to(role: &ClusterRole) -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: ObjectMeta {
            name: role.metadata.name.clone(),
            ..ObjectMeta::default()
        },
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "ClusterRole".to_owned(),
            name: role.metadata.name.clone().unwrap_or_default(),
        },
        subjects: Some(vec![operator()]),
    }
}

/// What `--metrics-authentication` needs: to ask whose a token is, and what that user may do.
#[must_use]
pub fn metrics_authentication_role() -> ClusterRole {
    let create = |group, resource| rule(group, &owned(&[resource]), &["create"]);
    role(
        "bindery-metrics-authentication",
        None,
        vec![
            create("authentication.k8s.io", "tokenreviews"),
            create("authorization.k8s.io", "subjectaccessreviews"),
        ],
    )
}

/// Gives [`metrics_authentication_role`] to the operator.
#[must_use]
pub fn metrics_authentication_binding() -> ClusterRoleBinding {
    binding_to(&metrics_authentication_role())
}

/// Allows to read `/metrics` where `--metrics-authentication` is set. Bind it to your Prometheus.
#[must_use]
pub fn metrics_reader_role() -> ClusterRole {
    let metrics = PolicyRule {
        non_resource_urls: Some(owned(&["/metrics"])),
        verbs: owned(&["get"]),
        ..PolicyRule::default()
    };
    role("bindery-metrics-reader", None, vec![metrics])
}

/// Name of the Role for the lease, and of the binding to it.
const LEASE: &str = "bindery-lease";

/// What the operator needs in its own namespace: the lease that one of several operators holds.
#[must_use]
pub fn lease_role() -> Role {
    let leases = owned(&["leases"]);
    Role {
        metadata: in_the_system_namespace(LEASE),
        rules: Some(vec![rule(
            "coordination.k8s.io",
            &leases,
            &["get", "create", "patch"],
        )]),
    }
}

/// Gives [`lease_role`] to the operator.
#[must_use]
pub fn lease_binding() -> RoleBinding {
    RoleBinding {
        metadata: in_the_system_namespace(LEASE),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: LEASE.to_owned(),
        },
        subjects: Some(vec![operator()]),
    }
}

/// Lets an operator read what a connection refers to, by name, and nothing else. `account`: its service account, as
/// `(namespace, name)`.
#[must_use]
pub fn grant(
    (namespace, connection): (&str, &str),
    references: &[(CaBundleKind, String)],
    account: &(String, String),
) -> (Role, RoleBinding) {
    let metadata = ObjectMeta {
        name: Some(format!("{OPERATOR}-{connection}")),
        namespace: Some(namespace.to_owned()),
        ..ObjectMeta::default()
    };
    let named = |kind, resource: &str| {
        let names = references.iter().filter(|(it, _)| *it == kind);
        let names: BTreeSet<_> = names.map(|(_, name)| name.clone()).collect();
        (!names.is_empty()).then(|| PolicyRule {
            resource_names: Some(names.into_iter().collect()),
            ..rule("", &owned(&[resource]), &READ)
        })
    };
    let rules = [
        named(CaBundleKind::Secret, "secrets"),
        named(CaBundleKind::ConfigMap, "configmaps"),
    ];
    let role = Role {
        metadata: metadata.clone(),
        rules: Some(rules.into_iter().flatten().collect()),
    };
    let (of, name) = account;
    let binding = RoleBinding {
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: format!("{OPERATOR}-{connection}"),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: name.clone(),
            namespace: Some(of.clone()),
            ..Subject::default()
        }]),
        metadata,
    };
    (role, binding)
}

fn in_the_system_namespace(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(SYSTEM_NAMESPACE.to_owned()),
        ..ObjectMeta::default()
    }
}

fn operator() -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: OPERATOR.to_owned(),
        namespace: Some(SYSTEM_NAMESPACE.to_owned()),
        ..Subject::default()
    }
}

/// Allows all users who may view, edit or administrate a namespace to view Bindery's objects in it.
#[must_use]
pub fn view_role() -> ClusterRole {
    role(
        "bindery-view",
        Some(aggregated_to("view")),
        vec![rule(crd::GROUP, &kinds(), &READ)],
    )
}

/// Who may edit objects of each kind, their status aside: who may edit a namespace may edit the bindings and sets in it.
/// Connections hold tokens and decide who may use them: only who may administrate a namespace may edit those.
#[must_use]
pub fn edit_roles() -> [ClusterRole; 2] {
    [
        edit_role(
            "bindery-edit",
            "edit",
            [ProjectBinding::plural(&()), ProjectBindingSet::plural(&())],
        ),
        edit_role(
            "bindery-connection-edit",
            "admin",
            [BitbucketConnection::plural(&())],
        ),
    ]
}

fn edit_role<const N: usize>(
    name: &str,
    aggregate: &str,
    plurals: [Cow<'_, str>; N],
) -> ClusterRole {
    let plurals = plurals.map(Cow::into_owned);
    role(
        name,
        Some(aggregated_to(aggregate)),
        vec![rule(crd::GROUP, &plurals, &EDIT)],
    )
}

/// The plural of every kind, as roles name it.
fn kinds() -> Vec<String> {
    let definitions = crd::definitions().into_iter();
    definitions.map(|it| it.spec.names.plural).collect()
}

fn role(
    name: &str,
    labels: Option<BTreeMap<String, String>>,
    rules: Vec<PolicyRule>,
) -> ClusterRole {
    ClusterRole {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels,
            ..ObjectMeta::default()
        },
        rules: Some(rules),
        ..ClusterRole::default()
    }
}

fn rule(group: &str, resources: &[String], verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(owned(&[group])),
        resources: Some(resources.to_vec()),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

/// Kubernetes itself aggregates `view` to `edit` and `edit` to `admin`.
fn aggregated_to(role: &str) -> BTreeMap<String, String> {
    let label = format!("rbac.authorization.k8s.io/aggregate-to-{role}");
    BTreeMap::from([(label, "true".to_owned())])
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().copied().map(str::to_owned).collect()
}
