//! Who the operator is.

use bindery::kubernetes::own_account;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::cluster::Cluster;

/// Promise: the commands in messages name the account that the operator runs under, of any name and namespace.
#[tokio::test]
async fn the_operator_finds_its_own_account() {
    let cluster = Cluster::connect().await;
    let kubectl = |arguments: &[&str]| cluster.servers.kubectl(arguments);
    let _ = kubectl(&["create", "serviceaccount", "sonar", "--namespace=default"]);
    let token = kubectl(&["create", "token", "sonar", "--namespace=default"]).unwrap();
    let kubeconfig = Kubeconfig::read_from(cluster.servers.kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap();
    assert_eq!(own_account(&cluster.client).await, None, "an administrator");
    config.auth_info.token = Some(token.trim().to_owned().into());
    let client = Client::try_from(config).unwrap();
    assert_eq!(own_account(&client).await.as_deref(), Some("default:sonar"));
}
