//! What the tests of sets need beside the environment of all tests.

use bindery::crd::{ProjectBinding, ProjectBindingSet};
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::manifests::merge;

/// Applies the set `all` in `payments`, of the repositories of `PAY`, with these fields of its spec changed or added.
pub(crate) fn apply(env: &TestEnvironment, change: Value) {
    env.apply(&manifest(change));
}

/// The manifest of that set.
pub(super) fn manifest(change: Value) -> Value {
    let mut spec = json!({
        "connectionRef": {"name": "bitbucket", "namespace": "platform"},
        "select": [{"project": "PAY"}],
    });
    merge(&mut spec, change);
    json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBindingSet",
        "metadata": {"name": "all", "namespace": "payments"}, "spec": spec,
    })
}

/// Waits until the set reports these counts: matched, bound, skipped, conflicting.
pub(super) async fn counts(env: &TestEnvironment, expected: [i64; 4]) -> ProjectBindingSet {
    env.until("payments", "all", |set: &ProjectBindingSet| {
        let status = set.status.as_ref();
        let counts = status.and_then(|status| status.repositories);
        counts.is_some_and(|it| [it.matched, it.bound, it.skipped, it.conflicting] == expected)
    })
    .await
}

/// Has the set reconciled now, and waits until it was.
pub(super) async fn reconcile(env: &TestEnvironment, request: &str) -> ProjectBindingSet {
    let annotations = json!({"bindery.dev/reconcile-requested-at": request});
    let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
    let api = env.api::<ProjectBindingSet>("payments");
    api.patch("all", &PatchParams::default(), &patch)
        .await
        .unwrap();
    env.until("payments", "all", |set: &ProjectBindingSet| {
        let status = set.status.as_ref();
        status.and_then(|status| status.last_handled_reconcile_at.as_deref()) == Some(request)
    })
    .await
}

/// Has the connection list everything again, then the set go by that listing.
pub(super) async fn next_listing(env: &TestEnvironment, request: &str) {
    env.reconcile_now(request).await;
    reconcile(env, request).await;
}

/// The names of the bindings in `payments` that are not being deleted.
pub(super) async fn bindings(env: &TestEnvironment) -> Vec<String> {
    let uids = uids(env).await.into_iter();
    uids.map(|(name, _)| name).collect()
}

/// The same with their uids: one that was deleted and created again has another.
pub(super) async fn uids(env: &TestEnvironment) -> Vec<(String, String)> {
    let api = env.api::<ProjectBinding>("payments");
    let listed = api.list(&ListParams::default()).await.unwrap();
    let stay = listed
        .items
        .into_iter()
        .filter(|it| it.metadata.deletion_timestamp.is_none());
    stay.map(|it| (it.name_any(), it.uid().unwrap())).collect()
}
