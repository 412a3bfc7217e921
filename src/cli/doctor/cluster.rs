//! What is wrong with the cluster and the operator in it.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::core::DeserializeGuard;
use kube::{Client, ResourceExt as _};

use crate::crd::{self, BitbucketConnection, CaBundleKind};
use crate::declared::connection::references;
use crate::kubernetes::rights::{self, Right};
use crate::kubernetes::{Error, Namespaces, once};
use crate::rbac;

use super::finding::{Finding, Mend, Report};

/// The oldest Kubernetes that is supported.
const OLDEST: (u32, u32) = (1, 33);

/// An account, as `(namespace, name)`.
type Account = (String, String);

/// The version of Kubernetes.
pub(super) async fn version(client: &Client, report: &mut Report) -> Result<(), Error> {
    let found = once::version(client).await?;
    let (major, minor) = found;
    if found >= OLDEST {
        report.well.push(format!("Kubernetes {major}.{minor}"));
    } else {
        let (oldest, needed) = OLDEST;
        report.wrong.push(Finding {
            about: format!("Kubernetes {major}.{minor}"),
            what: format!("{oldest}.{needed} or later is needed"),
            mend: Mend::Advice("upgrade the cluster".to_owned()),
        });
    }
    Ok(())
}

/// The definitions. `false`: one is missing, so that there are no objects.
pub(super) async fn definitions(client: &Client, report: &mut Report) -> Result<bool, Error> {
    let (mut missing, mut outdated) = (Vec::new(), Vec::new());
    for definition in crd::definitions() {
        let name = definition.name_any();
        let found = once::definition(client, &name).await?;
        match found {
            None => missing.push(name),
            Some(found) => {
                let schema = |of: &crd::Definition| {
                    let versions = of.spec.versions.iter();
                    versions
                        .map(|it| (it.schema.clone(), it.additional_printer_columns.clone()))
                        .collect::<Vec<_>>()
                };
                if schema(&found) != schema(&definition) {
                    outdated.push(name);
                }
            }
        }
    }
    let command = format!(
        "{} crds | kubectl apply --server-side --force-conflicts --filename -",
        report.program
    );
    let mut wrong = |names: &[String], what: &str| {
        if !names.is_empty() {
            report.wrong.push(Finding {
                about: format!("CRD {}", names.join(", ")),
                what: what.to_owned(),
                mend: Mend::Command(command.clone()),
            });
        }
    };
    wrong(&missing, "not installed");
    wrong(&outdated, "not as this version of Bindery defines it");
    if missing.is_empty() && outdated.is_empty() {
        report
            .well
            .push(format!("CRDs {}", env!("CARGO_PKG_VERSION")));
    }
    Ok(missing.is_empty())
}

/// Whether one operator leads, and no other one writes the same objects.
pub(super) async fn leader(
    client: &Client,
    account: &Account,
    report: &mut Report,
) -> Result<(), Error> {
    let held = once::leases(client).await?;
    let (own, others): (Vec<_>, Vec<_>) = held
        .into_iter()
        .filter(|lease| lease.is_fresh)
        .partition(|lease| lease.namespace == account.0);
    match own.first() {
        Some(lease) => report.well.push(format!("one leader ({})", lease.holder)),
        None => report.wrong.push(Finding {
            about: format!("operator in namespace {}", account.0),
            what: "no operator leads: nothing is reconciled".to_owned(),
            mend: Mend::Command(format!(
                "kubectl rollout restart deployment {} --namespace {}",
                rbac::OPERATOR,
                account.0
            )),
        }),
    }
    for other in others {
        let second = (other.namespace.clone(), account.1.clone());
        let everywhere = Right {
            verb: "patch".to_owned(),
            group: crd::GROUP.to_owned(),
            resource: "projectbindings/status".to_owned(),
            ..Right::default()
        };
        if rights::has(client, &second, &everywhere).await? {
            report.wrong.push(Finding {
                about: format!("operator in namespace {}", other.namespace),
                what: format!(
                    "a second operator leads there ({}), and may write all objects as well",
                    other.holder
                ),
                mend: Mend::Advice("uninstall one of the two".to_owned()),
            });
        }
    }
    Ok(())
}

/// Whether the operator has its rights. Every right that is missing is named.
pub(super) async fn rights(
    client: &Client,
    (account, namespaces): (&Account, &Namespaces),
    report: &mut Report,
) -> Result<(), Error> {
    let lease = rbac::lease_role().rules.unwrap_or_default();
    let mut needed = rights_of(&lease, Some(&account.0));
    match namespaces {
        Namespaces::All => {
            let rules = rbac::operator_role().rules.unwrap_or_default();
            needed.extend(rights_of(&rules, None));
        }
        Namespaces::Only(names) => {
            let rules = rbac::namespaced_role().rules.unwrap_or_default();
            let each = names.iter().flat_map(|name| rights_of(&rules, Some(name)));
            needed.extend(each);
        }
    }
    let mut missing = BTreeSet::new();
    for right in needed {
        if !rights::has(client, account, &right).await? {
            let place = match (&right.namespace, namespaces) {
                (Some(namespace), Namespaces::Only(_)) => format!(" in {namespace}"),
                (Some(_) | None, _) => String::new(),
            };
            missing.insert(format!("{} {}{place}", right.verb, right.resource));
        }
    }
    if missing.is_empty() {
        report.well.push("the operator has its rights".to_owned());
        return Ok(());
    }
    let missing: Vec<_> = missing.into_iter().collect();
    report.wrong.push(Finding {
        about: format!("service account {}:{}", account.0, account.1),
        what: format!("the operator may not {}", missing.join(", ")),
        mend: match namespaces {
            Namespaces::All => Mend::Command(format!(
                "{} grant --operator | kubectl apply --filename -",
                report.program
            )),
            Namespaces::Only(_) => Mend::Advice(
                "upgrade the chart with these namespaces in `namespaces`: it creates a Role in each of them".to_owned(),
            ),
        },
    });
    Ok(())
}

fn rights_of(rules: &[PolicyRule], namespace: Option<&str>) -> Vec<Right> {
    let of_rule = |rule: &PolicyRule| {
        let group = rule.api_groups.iter().flatten().next().cloned();
        let resources = rule.resources.clone().unwrap_or_default();
        let verbs = rule.verbs.clone();
        resources.into_iter().flat_map(move |resource| {
            let group = group.clone().unwrap_or_default();
            let right = move |verb: String| Right {
                verb,
                group: group.clone(),
                resource: resource.clone(),
                namespace: namespace.map(str::to_owned),
                name: None,
            };
            verbs.clone().into_iter().map(right)
        })
    };
    rules.iter().flat_map(of_rule).collect()
}

/// Whether the operator may read what each connection refers to. All that it may not read is named.
pub(super) async fn grants(
    client: &Client,
    account: &Account,
    connections: &[DeserializeGuard<BitbucketConnection>],
    report: &mut Report,
) -> Result<(), Error> {
    for connection in connections.iter().filter_map(|it| it.0.as_ref().ok()) {
        let (namespace, name) = (
            connection.namespace().unwrap_or_default(),
            connection.name_any(),
        );
        let mut missing = BTreeSet::new();
        for (kind, referenced) in references(connection) {
            let resource = match kind {
                CaBundleKind::Secret => "secrets",
                CaBundleKind::ConfigMap => "configmaps",
            };
            for verb in ["get", "list", "watch"] {
                let right = Right {
                    verb: verb.to_owned(),
                    group: String::new(),
                    resource: resource.to_owned(),
                    namespace: Some(namespace.clone()),
                    name: Some(referenced.clone()),
                };
                if !rights::has(client, account, &right).await? {
                    missing.insert(format!("{resource} {referenced}"));
                }
            }
        }
        if !missing.is_empty() {
            let missing: Vec<_> = missing.into_iter().collect();
            report.wrong.push(Finding {
                about: format!("BitbucketConnection {namespace}/{name}"),
                what: format!("no grant for {}", missing.join(", ")),
                mend: Mend::Command(format!(
                    "{} grant {namespace}/{name} | kubectl apply --filename -",
                    report.program
                )),
            });
        }
    }
    Ok(())
}

/// Whether the user may install the operator.
pub(super) async fn may_install(
    client: &Client,
    namespace: &str,
    report: &mut Report,
) -> Result<(), Error> {
    let needed = [
        ("apiextensions.k8s.io", "customresourcedefinitions", false),
        ("rbac.authorization.k8s.io", "clusterroles", false),
        ("rbac.authorization.k8s.io", "clusterrolebindings", false),
        ("", "serviceaccounts", true),
        ("apps", "deployments", true),
    ];
    let mut missing = Vec::new();
    for (group, resource, is_namespaced) in needed {
        let right = Right {
            verb: "create".to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            namespace: is_namespaced.then(|| namespace.to_owned()),
            name: None,
        };
        if !rights::have_i(client, &right).await? {
            missing.push(resource);
        }
    }
    if missing.is_empty() {
        report.well.push("you may install Bindery".to_owned());
    } else {
        report.wrong.push(Finding {
            about: "your rights".to_owned(),
            what: format!("you may not create {}", missing.join(", ")),
            mend: Mend::Advice("ask an administrator of the cluster".to_owned()),
        });
    }
    Ok(())
}
