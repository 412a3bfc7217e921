//! What chart and `deploy/` install is admitted without a field that the API server does not know.

use super::cluster::Cluster;
use crate::support::chart::manifest;
use crate::support::servers::{Servers, kustomize};

/// Every object that a value adds, those of the Prometheus operator aside: its kinds are not here.
pub(super) const EVERYTHING: &str = r#"
    grants.clusterWide=true,grants.namespaces.default={"secrets":["token"],"configMaps":["ca"]},
    grafanaDashboard.enabled=true,
    networkPolicy={"enabled":true,"from":[{"namespaceSelector":{}}],"egress":[{"to":[{"ipBlock":{"cidr":"10.0.0.0/8"}}],"ports":[{"port":443}]}]},
    hostAliases=[{"ip":"10.0.0.7","hostnames":["bitbucket.example.com"]}],
    tolerations=[{"key":"ci","operator":"Exists"}],image.pullSecrets=["registry"]
"#;

fn admitted(servers: &Servers, name: &str, manifest: &str) -> Result<String, String> {
    let file = std::env::temp_dir().join(format!("bindery-{name}-{}.yaml", std::process::id()));
    std::fs::write(&file, manifest).unwrap();
    let path = file.to_str().unwrap();
    let options = [
        "--dry-run=server",
        "--validate=strict",
        "--server-side",
        "--force-conflicts",
    ];
    let outcome = servers.kubectl(&[&["apply"], &options[..], &["--filename", path]].concat());
    std::fs::remove_file(&file).unwrap();
    outcome
}

#[tokio::test]
async fn the_api_server_knows_every_field_of_chart_and_base() {
    let cluster = Cluster::connect().await;
    let values: String = EVERYTHING.split('\n').map(str::trim).collect();
    let chart = manifest("default", &values).unwrap();
    admitted(&cluster.servers, "chart", &chart).unwrap();
    let base = kustomize("deploy").replace("bindery-system", "default");
    admitted(&cluster.servers, "base", &base).unwrap();
    let misspelt = chart.replace("terminationGracePeriodSeconds", "terminationGracePeriod");
    let refusal = admitted(&cluster.servers, "misspelt", &misspelt).unwrap_err();
    assert!(refusal.contains("terminationGracePeriod"), "{refusal}");
}
