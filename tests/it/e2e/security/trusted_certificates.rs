//! Whom the operator trusts is an edit of a ConfigMap, as tokens are edits of Secrets.

use kube::ResourceExt as _;
use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::support::server::{Server, simulated};
use crate::support::tls::{Authority, Front, Leaf};

simulated!(an_untrusted_certificate_is_reported_once_until_it_is_trusted);

/// Promise: what is wrong with a certificate is reported in one status; both corrections, another bundle and another
/// certificate, need no restart, and what was up to date stays so meanwhile.
async fn an_untrusted_certificate_is_reported_once_until_it_is_trusted(server: Server) {
    let env = TestEnvironment::set(server).await;
    let authority = Authority::new();
    let plain = env.sonarqube.url.strip_prefix("http://").unwrap();
    let front = Front::start(plain.parse().unwrap(), authority.shows(Leaf::Good)).await;
    lend(&env, "corporate-ca");
    trust(&env, &Authority::new());
    env.connection(json!({"sonarqube": {
        "url": front.url, "caBundleRef": {"name": "corporate-ca"},
    }}));
    let reported = env.connection_reason("bitbucket", "TLSFailed").await;
    assert!(
        reported.contains("an authority that is not trusted"),
        "{reported}"
    );

    trust(&env, &authority);
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let settled = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;

    front.show(authority.shows(Leaf::Expired));
    let reported = env.connection_reason("bitbucket", "TLSFailed").await;
    assert!(reported.contains("has expired"), "{reported}");
    // The counts have a writer of their own, which may come later.
    env.counted(1).await;
    let reconciles = || env.operator.reconciles("bitbucketconnection");
    let (writes, looked) = (env.operator.status_writes(), reconciles());
    let again = || reconciles() >= looked + 2;
    env.eventually("it is looked at again", again).await;
    assert_eq!(env.operator.status_writes(), writes);

    front.show(authority.shows(Leaf::Good));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let now = env
        .binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    assert_eq!(now.resource_version(), settled.resource_version());
}

/// Lets the operator read this ConfigMap of `platform`, as the guide says to.
fn lend(env: &TestEnvironment, name: &str) {
    env.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "bindery-authorities", "namespace": "platform"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["get", "list", "watch"]}],
    }));
    env.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "bindery-authorities", "namespace": "platform"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "bindery-authorities"},
        "subjects": [{"kind": "ServiceAccount", "name": "bindery", "namespace": "bindery-system"}],
    }));
}

fn trust(env: &TestEnvironment, authority: &Authority) {
    env.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "corporate-ca", "namespace": "platform"},
        "data": {"ca.crt": authority.bundle},
    }));
}
