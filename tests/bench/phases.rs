//! One run: so many bindings are created, left alone, changed and deleted, on servers of their own.

use std::path::Path;
use std::time::{Duration, Instant};

use bindery::crd::{ProjectBinding, ProjectBindingStatus};
use serde_json::json;

use super::cluster::{self, Cluster, NAMESPACE, Requests, binding};
use super::floor::{self, Floor, Statuses};
use super::operator::Operator;
use super::run::{Percentiles, Phase, Run};
use super::servers::{self, FLOOR_PROJECT, PROJECT, Servers};
use super::work::Watch;

const CONNECTION: &str = "bitbucket";

/// How often each connection looks for drift.
const INTERVAL: Duration = Duration::from_mins(1);

/// At most so many bindings are changed by a person.
const CHANGED: usize = 20;

/// What a run works with.
struct Bench {
    cluster: Cluster,
    servers: Servers,
    operator: Operator,
    watch: Watch,
}

/// The floor of a run, measured before the operator's phases.
struct Floors {
    short: Floor,
    whole: Floor,
}

/// The moment at which a phase begins.
struct Begun {
    at: Instant,
    cpu: f64,
    requests: Requests,
}

pub(crate) async fn run(binary: &Path, size: usize) -> Run {
    let (mut bench, floors) = Bench::set_up(binary, size).await;
    let bindings: Vec<_> = (0..size)
        .map(|nth| binding(&format!("r{nth}"), CONNECTION, &format!("{PROJECT}/r{nth}")))
        .collect();
    let some = names(&bindings[..changed(size)]);
    say(size, "create");
    let create = bench.create(&bindings).await;
    let memory_after_create = bench.operator.memory();
    say(size, "quiet");
    let quiet = bench.quiet().await;
    let memory_at_rest = bench.operator.memory();
    say(size, "restart");
    let restart = bench.restart(size).await;
    let memory_after_restart = bench.operator.memory();
    say(size, "a person's changes");
    let change = bench.change_some(&some).await;
    say(size, "a person's changes during a sweep");
    let change_during_sweep = bench.change_during_sweep(&some).await;
    say(size, "drift");
    let drift = bench.drift(&bindings).await;
    say(size, "rotation");
    let rotation = bench.rotate().await;
    say(size, "delete");
    let delete = bench.delete(&names(&bindings)).await;
    say(size, "a person's changes during create");
    let change_during_create = bench.change_during_create(&bindings).await;
    bench.clear(&bindings).await;
    Run {
        bindings: size,
        create,
        floor: floors.short,
        floor_with_whole_statuses: floors.whole,
        memory_after_create,
        quiet,
        memory_at_rest,
        restart,
        memory_after_restart,
        change,
        change_during_sweep,
        change_during_create,
        drift,
        rotation,
        delete,
    }
}

fn changed(size: usize) -> usize {
    (size / 5).clamp(1, CHANGED)
}

/// The repository whose binding shows what the operator writes.
const SAMPLE: &str = "r0";

/// The status that the operator writes for a binding.
async fn sample(cluster: &Cluster, watch: &mut Watch) -> ProjectBindingStatus {
    let sample = binding("sample", CONNECTION, &format!("{PROJECT}/{SAMPLE}"));
    let name = names(std::slice::from_ref(&sample));
    cluster.create(&sample).await;
    watch.until_all_ready(&name).await;
    let written = cluster.bindings().get_status(&name[0]).await.unwrap();
    cluster.delete_all(&name).await;
    watch.until_all_gone(&name).await;
    written.status.unwrap()
}

fn say(size: usize, phase: &str) {
    println!("{size} bindings: {phase}");
}

pub(crate) fn names(bindings: &[ProjectBinding]) -> Vec<String> {
    let names = bindings.iter().map(|one| one.metadata.name.clone());
    names.map(Option::unwrap).collect()
}

impl Bench {
    /// Everything but the bindings; the floors were measured while no operator ran.
    async fn set_up(binary: &Path, size: usize) -> (Self, Floors) {
        let cluster = Cluster::ready().await;
        let servers = Servers::start(size).await;
        cluster.connection(CONNECTION, &servers);
        let operator = Operator::start(&cluster, binary);
        cluster.connection_is_ready(CONNECTION);
        // The floor bears what it costs to see each change, as the operator's phases do.
        let mut watch = Watch::start(&cluster);
        let status = sample(&cluster, &mut watch).await;
        drop(operator);
        servers.sonarqube.world(|world| world.projects.clear());
        say(size, "the floor");
        let short = floor::measure(&cluster, &servers, size, &Statuses::Short).await;
        servers.sonarqube.world(|world| world.projects.clear());
        say(size, "the floor with whole statuses");
        let whole = Statuses::Whole(Box::new(status), SAMPLE);
        let whole = floor::measure(&cluster, &servers, size, &whole).await;
        servers.remove(FLOOR_PROJECT, size);
        let bench = Self {
            operator: Operator::start(&cluster, binary),
            watch,
            cluster,
            servers,
        };
        bench.settle().await;
        (bench, Floors { short, whole })
    }

    async fn begin(&self) -> Begun {
        self.servers.forget_calls();
        Begun {
            requests: self.cluster.requests().await,
            cpu: self.operator.cpu(),
            at: Instant::now(),
        }
    }

    async fn end(&self, begun: Begun) -> Phase {
        Phase {
            seconds: begun.at.elapsed().as_secs_f64(),
            cpu: self.operator.cpu() - begun.cpu,
            calls: self.servers.calls(),
            requests: cluster::between(&begun.requests, &self.cluster.requests().await),
        }
    }

    /// Waits until only reads that are spread over the interval have been made for a while.
    async fn settle(&self) {
        let others = || self.servers.total_without_spread_reads();
        let mut last = (others(), Instant::now());
        while last.1.elapsed() < Duration::from_secs(4) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = others();
            if now != last.0 {
                last = (now, Instant::now());
            }
        }
    }

    /// Creates all of them and waits until all are Ready, and what was begun with them has ended.
    async fn create(&mut self, bindings: &[ProjectBinding]) -> Phase {
        let begun = self.begin().await;
        self.cluster.create_all(bindings).await;
        self.watch.until_all_ready(&names(bindings)).await;
        // The floor publishes its events as well.
        self.operator.until_events_are_published().await;
        let ready = begun.at.elapsed();
        // The last write that the creation causes.
        self.cluster.until_counted(CONNECTION, bindings.len()).await;
        let phase = self.end(begun).await;
        Phase {
            seconds: ready.as_secs_f64(),
            ..phase
        }
    }

    async fn quiet(&mut self) -> Phase {
        self.settle().await;
        let begun = self.begin().await;
        tokio::time::sleep(INTERVAL).await;
        self.end(begun).await
    }

    /// Until it is ready; the calls and writes until it is up to date.
    async fn restart(&mut self, size: usize) -> Phase {
        self.settle().await;
        let begun = self.begin().await;
        let ready = self.operator.restart();
        self.settle().await;
        self.watch.until_ready(size).await;
        let phase = self.end(Begun { cpu: 0.0, ..begun }).await;
        Phase {
            seconds: ready.as_secs_f64(),
            ..phase
        }
    }

    async fn change_some(&mut self, names: &[String]) -> Percentiles {
        let mut seconds = Vec::new();
        for visibility in ["Private", "Public"] {
            for name in names {
                seconds.push(self.change(name, visibility).await);
            }
        }
        Percentiles::of(seconds)
    }

    /// How long a change of one field takes until it is Ready.
    async fn change(&mut self, name: &str, visibility: &str) -> f64 {
        let begun = Instant::now();
        let spec = json!({"spec": {"sonarqubeProject": {"visibility": visibility}}});
        let changed = self.cluster.patch(name, spec).await;
        let generation = changed.metadata.generation.unwrap();
        self.watch.until_generation(name, generation).await;
        begun.elapsed().as_secs_f64()
    }

    /// Each change is made once the listings have begun that a reconcile of the connection asks for.
    async fn change_during_sweep(&mut self, names: &[String]) -> Percentiles {
        let mut seconds = Vec::new();
        for (nth, visibility) in ["Private", "Public"].into_iter().enumerate() {
            for name in names {
                self.settle_listings().await;
                self.servers.forget_calls();
                let asked = format!("{name}-{nth}");
                self.cluster.ask_for_a_reconcile(CONNECTION, &asked).await;
                while self.servers.listings() == 0 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                seconds.push(self.change(name, visibility).await);
            }
        }
        Percentiles::of(seconds)
    }

    /// Waits until no page was read for as long as the next one of the same listing takes.
    async fn settle_listings(&self) {
        let mut before = None;
        loop {
            let now = self.servers.listings();
            if before == Some(now) {
                return;
            }
            before = Some(now);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn drift(&mut self, bindings: &[ProjectBinding]) -> Phase {
        self.settle().await;
        let one_percent = bindings.len().div_ceil(100);
        let keys = (0..one_percent).map(|nth| format!("{PROJECT}:r{nth}"));
        let keys: Vec<_> = keys.collect();
        let begun = self.begin().await;
        self.servers.unbind(&keys);
        while !self.servers.are_bound(&keys) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.end(begun).await
    }

    /// Until SonarQube has the new token; the calls until all is up to date.
    async fn rotate(&mut self) -> Phase {
        self.settle().await;
        let begun = self.begin().await;
        let name = format!("{CONNECTION}-bitbucket");
        self.cluster.secret(&name, servers::NEXT_BITBUCKET_TOKEN);
        while !self.servers.has_token(servers::NEXT_BITBUCKET_TOKEN) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let seconds = begun.at.elapsed();
        self.settle().await;
        let phase = self.end(begun).await;
        Phase {
            seconds: seconds.as_secs_f64(),
            ..phase
        }
    }

    async fn delete(&mut self, names: &[String]) -> Phase {
        self.settle().await;
        let begun = self.begin().await;
        self.cluster.delete_all(names).await;
        self.watch.until_all_gone(names).await;
        self.operator.until_events_are_published().await;
        let gone = begun.at.elapsed();
        let phase = self.end(begun).await;
        Phase {
            seconds: gone.as_secs_f64(),
            ..phase
        }
    }

    async fn change_during_create(&mut self, bindings: &[ProjectBinding]) -> Percentiles {
        self.servers.sonarqube.world(|world| world.projects.clear());
        self.settle().await;
        let (settled, new) = bindings.split_at(changed(bindings.len()));
        self.create(settled).await;
        self.settle().await;
        let cluster = self.cluster.clone();
        let mut others = Watch::start(&cluster);
        let (settled, new_names) = (names(settled), names(new));
        let all_are_ready = async {
            cluster.create_all(new).await;
            others.until_all_ready(&new_names).await;
        };
        let mut seconds = Vec::new();
        let changes = async {
            for visibility in ["Private", "Public"].into_iter().cycle() {
                for name in &settled {
                    seconds.push(self.change(name, visibility).await);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        };
        tokio::select! {
            () = all_are_ready => {}
            () = changes => {}
        }
        Percentiles::of(seconds)
    }

    /// Leaves the cluster as it was.
    async fn clear(mut self, bindings: &[ProjectBinding]) {
        self.delete(&names(bindings)).await;
        let connection = format!("bitbucketconnection/{CONNECTION}");
        self.cluster
            .kubectl(&["delete", "-n", NAMESPACE, &connection]);
    }
}
