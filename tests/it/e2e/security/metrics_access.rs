//! Who may read `/metrics`, where it has an address of its own.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::operator::free_address;
use crate::support::server::{Server, simulated};
use crate::support::tls::Authority;

simulated!(metrics_are_served_by_tls_to_those_whom_kubernetes_allows);

/// The account of a Prometheus, and the right to read metrics.
const READER: &str = "metrics-reader";

/// Status and body of `/metrics`, asked for with this token.
fn get(address: &str, bundle: &std::path::Path, token: Option<&str>) -> (u16, String) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--write-out", "\n%{http_code}", "--cacert"]);
    curl.arg(bundle).arg(format!("https://{address}/metrics"));
    if let Some(token) = token {
        curl.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    let output = String::from_utf8(curl.output().unwrap().stdout).unwrap();
    let (body, status) = output.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

/// Lets the operator ask whose a token is, and the account of a Prometheus read metrics.
fn grant(env: &TestEnvironment) {
    env.kubectl(&[
        "apply",
        "--server-side",
        "--filename",
        "deploy/metrics-authentication.yaml",
    ]);
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": READER, "namespace": "platform"},
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": READER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bindery-metrics-reader"},
        "subjects": [{"kind": "ServiceAccount", "name": READER, "namespace": "platform"}],
    });
    env.apply(&account);
    env.apply(&binding);
}

/// Promise: no token, a token that Kubernetes does not know, and one of an account without the right see nothing; the
/// probes need none. A renewed certificate is shown without a restart.
async fn metrics_are_served_by_tls_to_those_whom_kubernetes_allows(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    grant(&env);
    let (authority, address) = (Authority::new(), free_address());
    let directory = env.directory.join("metrics-tls");
    std::fs::create_dir_all(&directory).unwrap();
    let ip = address.parse::<SocketAddr>().unwrap().ip();
    authority.write(&directory, ip);
    let bundle = directory.join("ca.crt");
    std::fs::write(&bundle, &authority.bundle).unwrap();
    let tls = directory.to_str().unwrap().to_owned();
    env.restart_operator(&[
        "--minimum-interval",
        "10s",
        "--metrics-listen",
        &address,
        "--metrics-tls",
        &tls,
        "--metrics-authentication",
    ]);
    let is_ready = || env.operator.get("readyz").0 == 200;
    env.eventually("the operator is ready", is_ready).await;

    let token = |account: &str, namespace: &str| {
        let create = ["create", "token", account, "--namespace", namespace];
        env.kubectl(&create).trim().to_owned()
    };
    let (reader, other) = (token(READER, "platform"), token("default", "platform"));
    assert_eq!(get(&address, &bundle, None).0, 401);
    assert_eq!(get(&address, &bundle, Some("made-up")).0, 401);
    let (status, body) = get(&address, &bundle, Some(&other));
    assert_eq!((status, body.as_str()), (403, ""));
    let (status, body) = get(&address, &bundle, Some(&reader));
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("bindery_build_info"), "{body}");
    // The address of the probes does not serve it as well.
    assert_eq!(env.operator.get("metrics").0, 404);
    assert_eq!(env.operator.get("healthz").0, 200);

    let renewed = Authority::new();
    renewed.write(&directory, ip);
    std::fs::write(&bundle, &renewed.bundle).unwrap();
    let is_shown = || get(&address, &bundle, Some(&reader)).0 == 200;
    env.eventually("the renewed certificate is shown", is_shown)
        .await;
    let log = std::fs::read_to_string(&env.operator.log).unwrap();
    assert!(
        !log.contains(&reader) && !log.contains(&other),
        "a token is in the log"
    );
    env.kubectl(&["delete", "clusterrolebinding", READER]);
}
