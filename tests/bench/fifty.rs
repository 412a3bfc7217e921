//! Fifty connections to fifty pairs of servers: what one that hangs and one that fails cost the others.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::cluster::{Cluster, NAMESPACE, binding};
use super::operator::Operator;
use super::phases::names;
use super::servers::{PROJECT, Servers};
use super::work::Watch;

const CONNECTIONS: usize = 50;

/// Bindings of each connection.
const EACH: usize = 20;

/// Seconds until all bindings of the 48 that are always well are Ready.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Fifty {
    pub(crate) all_well: f64,
    /// The same once more: how far two equal creates differ.
    pub(crate) all_well_again: f64,
    pub(crate) one_hangs_and_one_fails: f64,
}

impl Fifty {
    pub(crate) fn sentence(&self) -> String {
        let Self {
            all_well,
            all_well_again,
            one_hangs_and_one_fails,
        } = self;
        let ratio = one_hangs_and_one_fails / f64::midpoint(*all_well, *all_well_again);
        format!(
            "50 connections with {EACH} bindings each, until those of 48 are Ready: {all_well:.1} s, once more\n\
             {all_well_again:.1} s; while one of the two others hangs and one fails {one_hangs_and_one_fails:.1} s, which is\n\
             {ratio:.2} times the mean of the first two."
        )
    }
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
    let all_well = create(&cluster, &mut watch).await;
    clear(&cluster, &pairs).await;
    println!("50 connections: all are well, once more");
    let all_well_again = create(&cluster, &mut watch).await;
    clear(&cluster, &pairs).await;
    println!("50 connections: one hangs, one fails");
    pairs[0].hang();
    pairs[1].fail();
    let one_hangs_and_one_fails = create(&cluster, &mut watch).await;
    for servers in &pairs {
        servers.heal();
    }
    clear(&cluster, &pairs).await;
    cluster.kubectl(&["delete", "bitbucketconnections", "--all", "-n", NAMESPACE]);
    Fifty {
        all_well,
        all_well_again,
        one_hangs_and_one_fails,
    }
}

fn name(nth: usize) -> String {
    format!("connection-{nth}")
}

/// How long it takes until the bindings of all connections but the first two are Ready.
async fn create(cluster: &Cluster, watch: &mut Watch) -> f64 {
    let of = |connection: usize, nth: usize| {
        let own = format!("b-{connection}-{nth}");
        binding(&own, &name(connection), &format!("{PROJECT}/r{nth}"))
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

/// Leaves neither bindings nor projects.
async fn clear(cluster: &Cluster, pairs: &[Servers]) {
    let left = cluster.left().await;
    cluster.delete_all(&left).await;
    while !cluster.left().await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    for servers in pairs {
        servers.sonarqube.world(|world| world.projects.clear());
    }
}
