//! The command that lets the operator read what a connection refers to.

use std::collections::BTreeSet;

use crate::crd::CaBundleKind;
use crate::kubernetes::watches::Watched;

/// One command for everything that the connection, given as `(namespace, name)`, refers to. It may be run again.
pub(super) fn command(
    references: &[Watched],
    (namespace, connection): (&str, &str),
    account: &str,
) -> String {
    let resources: BTreeSet<_> = references.iter().map(|it| resource(it.kind)).collect();
    let resources: Vec<_> = resources.into_iter().collect();
    let names: BTreeSet<_> = references.iter().map(|it| &*it.name).collect();
    let names: Vec<_> = names
        .into_iter()
        .map(|name| format!("--resource-name={name}"))
        .collect();
    let role = format!("bindery-{connection}");
    let apply = format!("-n {namespace} --dry-run=client -o yaml | kubectl apply -f -");
    format!(
        "kubectl create role {role} --verb=get,list,watch --resource={} {} {apply} && kubectl create rolebinding {role} --role={role} --serviceaccount={account} {apply}",
        resources.join(","),
        names.join(" "),
    )
}

/// A kind of object as roles name it.
pub(super) fn resource(kind: CaBundleKind) -> &'static str {
    match kind {
        CaBundleKind::Secret => "secrets",
        CaBundleKind::ConfigMap => "configmaps",
    }
}
