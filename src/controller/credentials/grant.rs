//! What the operator lacks to read what a connection refers to, and the commands that grant it.

use std::collections::BTreeSet;

use crate::crd::CaBundleKind;
use crate::kubernetes::rights::{self, Right};
use crate::kubernetes::watches::Watched;

/// Names what may not be read. If other verbs are granted, also those that are missing: a user who finds a Role for this
/// object would search for another cause.
pub(super) async fn lacking(client: &kube::Client, watched: &Watched) -> String {
    let Watched {
        kind,
        namespace,
        name,
    } = watched;
    let mut missing = vec!["get"];
    for verb in ["list", "watch"] {
        let right = Right {
            verb: verb.to_owned(),
            group: String::new(),
            resource: resource(*kind).to_owned(),
            namespace: Some(namespace.clone()),
            name: Some(name.clone()),
        };
        // Without an answer it counts as missing.
        if !rights::have_i(client, &right).await.unwrap_or(false) {
            missing.push(verb);
        }
    }
    let object = format!("{} {namespace}/{name}", resource(*kind));
    if let ["get", "list", "watch"] = *missing {
        return object;
    }
    format!("{object} (missing verbs: {})", missing.join(", "))
}

/// The command that prints the grant as a manifest, for GitOps.
pub(super) fn printed((namespace, connection): (&str, &str), account: &str) -> String {
    format!("bindery grant {namespace}/{connection} --service-account {account}")
}

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
