//! Fifty connections to fifty pairs of servers: what one that hangs and one that fails cost the others.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::cluster::{Cluster, NAMESPACE, binding};
use super::operator::Operator;
use super::phases::names;
use super::servers::{FLOOR_PROJECT, PROJECT, Servers};
use super::work::Watch;

const CONNECTIONS: usize = 50;

/// Bindings of each connection.
const EACH: usize = 20;

/// Seconds until all bindings of the 48 that are always well are Ready.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Fifty {
    pub(crate) all_well: f64,
    pub(crate) one_hangs_and_one_fails: f64,
}

pub(crate) async fn run(binary: &Path) -> Fifty {
    let cluster = Cluster::ready().await;
    let mut pairs = Vec::new();
    for nth in 0..CONNECTIONS {
        let servers = Servers::start(EACH).await;
        cluster.connection(&name(nth), &servers);
        pairs.push(servers);
    }
    let _operator = Operator::start(&cluster, binary);
    for nth in 0..CONNECTIONS {
        cluster.connection_is_ready(&name(nth));
    }
    let mut watch = Watch::start(&cluster);
    println!("50 connections: all are well");
    let all_well = create(&cluster, &mut watch, PROJECT).await;
    println!("50 connections: one hangs, one fails");
    pairs[0].hang();
    pairs[1].fail();
    let one_hangs_and_one_fails = create(&cluster, &mut watch, FLOOR_PROJECT).await;
    for servers in &pairs {
        servers.heal();
    }
    clear(&cluster).await;
    Fifty {
        all_well,
        one_hangs_and_one_fails,
    }
}

fn name(nth: usize) -> String {
    format!("connection-{nth}")
}

/// How long it takes until the bindings of all connections but the first two are Ready.
async fn create(cluster: &Cluster, watch: &mut Watch, project: &str) -> f64 {
    let of = |connection: usize, nth: usize| {
        let own = format!("{}-{connection}-{nth}", project.to_lowercase());
        binding(&own, &name(connection), &format!("{project}/r{nth}"))
    };
    // Those of one connection do not come one after the other: so are they applied from many repositories.
    let all = (0..EACH).flat_map(|nth| (0..CONNECTIONS).map(move |connection| (connection, nth)));
    let all: Vec<_> = all.map(|(connection, nth)| of(connection, nth)).collect();
    let well = (2..CONNECTIONS).flat_map(|connection| (0..EACH).map(move |nth| (connection, nth)));
    let well: Vec<_> = well.map(|(connection, nth)| of(connection, nth)).collect();
    let begun = Instant::now();
    cluster.create_all(&all).await;
    watch.until_all_ready(&names(&well)).await;
    begun.elapsed().as_secs_f64()
}

async fn clear(cluster: &Cluster) {
    let left = cluster.left().await;
    cluster.delete_all(&left).await;
    while !cluster.left().await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    let all = ["delete", "bitbucketconnections", "--all", "-n", NAMESPACE];
    cluster.kubectl(&all);
}
