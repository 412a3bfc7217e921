//! Two operators that are killed, stopped and robbed of their lease while users work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bindery::crd::ProjectBinding;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};
use simulators::bitbucket::Permission;

use super::{number, row};
use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::fault_proxy::FaultProxy;
use crate::e2e::environment::operator::{LEASE, LOOPBACK, Operator};
use crate::e2e::environment::oracles::{self, Act};
use crate::e2e::environment::waiting::says;
use crate::support::server::simulated_26_9;

/// The shortest lease that there is.
const ARGUMENTS: [&str; 5] = [
    "--minimum-interval",
    "10s",
    "--allow-project-deletion",
    "--lease-duration",
    "5s",
];

/// How long the lease lasts.
const LASTS: Duration = Duration::from_secs(5);

/// Two operators, each with a proxy of its own before the API server.
struct Storm {
    env: TestEnvironment,
    operators: [Operator; 2],
    proxies: [FaultProxy; 2],
    begun: Instant,
    /// The numbers of the bindings that were created and not deleted.
    alive: Vec<usize>,
    faults: usize,
}

/// Promise: under five minutes of kills, stops and thefts every binding gets one project, no object of others is touched,
/// and no operator writes while it does not lead.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: make chaos"]
async fn two_operators_under_kills_stops_and_thefts() {
    let bindings = number("BINDERY_CHAOS_BINDINGS", 1000);
    let seconds = number("BINDERY_CHAOS_SECONDS", 300);
    let mut storm = Storm::begin().await;
    let foreign = storm.foreign();
    let mut created = 0;
    let mut round = 0;
    while created < bindings {
        let second = usize::try_from(storm.begun.elapsed().as_secs()).unwrap();
        let due = (bindings * (second + 1) / seconds).min(bindings);
        storm.create(created..due);
        created = created.max(due);
        storm.edit(round).await;
        storm.disturb(round).await;
        round += 1;
    }
    storm.settles().await;
    oracles::foreign_untouched(&foreign, &storm.foreign()).unwrap();
    storm.one_writer();
    let (faults, alive) = (storm.faults, storm.alive.len());
    row(
        &format!("{faults} kills, stops and thefts under {bindings} bindings, two operators"),
        &format!("{alive} bindings, one project each, one writer, nothing foreign touched"),
    );
}

fn name(number: usize) -> String {
    format!("storm-{number}")
}

fn binding(number: usize, visibility: &str) -> Value {
    json!({
        "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
        "metadata": {"name": name(number), "namespace": "payments"},
        "spec": {
            "connectionRef": {"name": "bitbucket", "namespace": "platform"},
            "repository": {"project": "PAY", "slug": name(number)},
            "deletionPolicy": "DeleteProject",
            "sonarqubeProject": {"visibility": visibility},
        },
    })
}

impl Storm {
    async fn begin() -> Self {
        let mut env = TestEnvironment::set_with(simulated_26_9(), &ARGUMENTS).await;
        env.patience = Duration::from_mins(6);
        env.operator.kill();
        let (kubeconfig, nothing) = (env.servers.kubeconfig, Arc::default());
        let proxies = [
            FaultProxy::before_cluster(kubeconfig, &nothing).await,
            FaultProxy::before_cluster(kubeconfig, &nothing).await,
        ];
        let begun = Instant::now();
        env.sonarqube
            .create_foreign_project("foreign", "Of another team");
        let operators = [0, 1].map(|index: usize| start(&env, &proxies[index]));
        env.connection(json!({"interval": "1m"}));
        env.connection_is("bitbucket", ("Ready", "True")).await;
        Self {
            env,
            operators,
            proxies,
            begun,
            alive: Vec::new(),
            faults: 0,
        }
    }

    /// What belongs to others.
    fn foreign(&self) -> Value {
        self.env.sonarqube.project("foreign").unwrap_or_default()
    }

    fn create(&mut self, numbers: std::ops::Range<usize>) {
        let items: Vec<_> = numbers
            .clone()
            .map(|number| binding(number, "Public"))
            .collect();
        if items.is_empty() {
            return;
        }
        self.env.bitbucket.world(|world| {
            for number in numbers.clone() {
                world.repository("PAY", &name(number));
            }
        });
        self.env
            .apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}));
        self.alive.extend(numbers);
    }

    /// A few bindings are edited, one is deleted, and the token is rotated now and then.
    async fn edit(&mut self, round: usize) {
        for step in 0..3 {
            let Some(number) = self
                .alive
                .get((round * 7 + step * 13) % self.alive.len().max(1))
            else {
                return;
            };
            let visibility = if round.is_multiple_of(2) {
                "Private"
            } else {
                "Public"
            };
            self.env.apply(&binding(*number, visibility));
        }
        let doomed = self.alive.swap_remove((round * 11) % self.alive.len());
        let api = self.env.api::<ProjectBinding>("payments");
        api.delete(&name(doomed), &DeleteParams::default())
            .await
            .unwrap();
        if round.is_multiple_of(4) {
            let token = format!("canary-storm-{round}");
            self.env.bitbucket.world(|world| {
                world.token(
                    &token,
                    "bindery",
                    &[Permission::ProjectRead, Permission::RepoWrite],
                );
            });
            self.env.secret("bitbucket-token", &token);
        }
    }

    /// One of the two is killed, stopped for longer than its lease, or robbed of it.
    async fn disturb(&mut self, round: usize) {
        let index = (round / 3) % 2;
        match round % 3 {
            0 => self.operators[index].kill_silently(),
            1 => {
                self.operators[index].signal("STOP");
                tokio::time::sleep(Duration::from_secs(7)).await;
                self.operators[index].signal("CONT");
            }
            _ => {
                let stolen = r#"{"spec": {"holderIdentity": "thief"}}"#;
                self.env
                    .kubectl(&[&LEASE[..], &["--patch", stolen]].concat());
            }
        }
        self.faults += 1;
        tokio::time::sleep(Duration::from_secs(4)).await;
        for index in [0, 1] {
            // As Kubernetes does.
            if self.operators[index].ended().is_some() {
                self.operators[index] = start(&self.env, &self.proxies[index]);
            }
        }
    }

    /// Waits until all bindings are Ready and those that were deleted are gone. Each has a project of its own.
    async fn settles(&mut self) {
        let env = &self.env;
        let api = env.api::<ProjectBinding>("payments");
        let since = Instant::now();
        loop {
            for index in [0, 1] {
                if self.operators[index].ended().is_some() {
                    self.operators[index] = start(env, &self.proxies[index]);
                }
            }
            let all = api.list(&ListParams::default()).await.unwrap().items;
            let waiting: Vec<_> = all
                .iter()
                .filter(|it| !says(*it, ("Ready", "True")))
                .collect();
            if all.len() == self.alive.len() && waiting.is_empty() {
                break;
            }
            let first = waiting.first().map(|it| (it.name_any(), &it.status));
            let (found, wanted) = (all.len(), self.alive.len());
            assert!(
                since.elapsed() < env.patience,
                "{found} of {wanted}; {first:#?}"
            );
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let mut projects = super::super::crash_sweep::state::projects(env);
        oracles::one_project_each(&projects).unwrap();
        projects.retain(|(key, _)| key != "foreign");
        projects.sort();
        let wanted = self.alive.iter().map(|number| {
            let name = name(*number);
            (format!("PAY:{name}"), format!("PAY/{name}"))
        });
        let mut wanted: Vec<_> = wanted.collect();
        wanted.sort();
        assert_eq!(projects, wanted);
    }

    /// What both proxies have seen shows one writer at any time.
    fn one_writer(&self) {
        let acts = |index: usize| oracles::acts(index, &self.proxies[index].seen(), self.begun);
        let acts: Vec<Act> = [acts(0), acts(1)].concat();
        oracles::one_writer(&acts, LASTS).unwrap();
    }
}

fn start(env: &TestEnvironment, proxy: &FaultProxy) -> Operator {
    let arguments = [&LOOPBACK[..], &ARGUMENTS].concat();
    Operator::start_through(&env.servers, &env.directory, Some(&proxy.url), &arguments)
}
