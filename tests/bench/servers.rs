//! A simulated SonarQube and a simulated Bitbucket, each 10 ms away.

use std::time::Duration;

use bindery::http::{HostPolicy, Limits, Options, PlainHttp, Token, Transport};
use bindery::identity::ServerUrl;
use simulators::bitbucket::{Bitbucket, Fault, Permission, Profile as BitbucketProfile, Right};
use simulators::sonarqube::{Edition, Profile, SonarQube, Version};

use super::calls::{self, Calls};

/// How long each answer takes.
const LATENCY: Duration = Duration::from_millis(10);

pub(crate) const SONARQUBE_TOKEN: &str = "squ_bench-sonarqube-token";
pub(crate) const BITBUCKET_TOKEN: &str = "bench-bitbucket-token-one";
pub(crate) const NEXT_BITBUCKET_TOKEN: &str = "bench-bitbucket-token-two";

/// The Bitbucket project of what the operator binds, and of what the floor binds.
pub(crate) const PROJECT: &str = "PAY";
pub(crate) const FLOOR_PROJECT: &str = "FLR";

pub(crate) struct Servers {
    pub(crate) bitbucket: Bitbucket,
    pub(crate) sonarqube: SonarQube,
}

impl Servers {
    /// With so many repositories, called `r0`, `r1` and so on, for the operator and as many for the floor.
    pub(crate) async fn start(repositories: usize) -> Self {
        let bitbucket = Bitbucket::start(BitbucketProfile::V9_4).await.unwrap();
        bitbucket.world(|world| {
            world.user("bindery");
            for project in [PROJECT, FLOOR_PROJECT] {
                world.project(project);
                for nth in 0..repositories {
                    world.repository(project, &format!("r{nth}"));
                }
                world.grant_project("bindery", project, Right::Write);
            }
            for token in [BITBUCKET_TOKEN, NEXT_BITBUCKET_TOKEN] {
                let rights = [Permission::ProjectRead, Permission::RepoWrite];
                world.token(token, "bindery", &rights);
            }
        });
        let profile = Profile::new(Version::V26_9, Edition::Community);
        let sonarqube = SonarQube::start(profile).await.unwrap();
        sonarqube.world(|world| world.set_up("squ_bench-admin-token", SONARQUBE_TOKEN));
        let servers = Self {
            bitbucket,
            sonarqube,
        };
        servers.heal();
        servers
    }

    /// Ends all faults, except the latency.
    pub(crate) fn heal(&self) {
        self.bitbucket.clear_faults();
        self.sonarqube.clear_faults();
        // SonarQube's own calls to Bitbucket are the same for all clients, and part of an import's time.
        self.bitbucket.fault(Fault::at("*").delay(LATENCY));
        self.sonarqube.fault(Fault::at("*").delay(LATENCY));
    }

    /// Lets every call wait for an hour.
    pub(crate) fn hang(&self) {
        self.bitbucket.clear_faults();
        self.sonarqube.clear_faults();
        let long = Duration::from_hours(1);
        self.bitbucket.fault(Fault::at("*").delay(long));
        self.sonarqube.fault(Fault::at("*").delay(long));
    }

    /// Answers every call with 503.
    pub(crate) fn fail(&self) {
        self.bitbucket.clear_faults();
        self.sonarqube.clear_faults();
        self.bitbucket.fault(Fault::at("*").answer(503, "{}"));
        self.sonarqube.fault(Fault::at("*").answer(503, "{}"));
    }

    pub(crate) fn forget_calls(&self) {
        self.bitbucket.clear_calls();
        self.sonarqube.clear_calls();
    }

    /// What was called since.
    pub(crate) fn calls(&self) -> Calls {
        Calls::of(&self.sonarqube.calls(), &self.bitbucket.calls())
    }

    /// How many calls were made since, by whomever; reads that the operator spreads over the interval are not counted.
    pub(crate) fn total_without_spread_reads(&self) -> usize {
        self.sum(|operation| !calls::is_spread_read(operation))
    }

    /// How many pages of listings were asked for since.
    pub(crate) fn listings(&self) -> usize {
        self.sum(calls::is_listing)
    }

    fn sum(&self, is_one: impl Fn(&str) -> bool) -> usize {
        let all = [self.sonarqube.counts(), self.bitbucket.counts()];
        let all = all.iter().flatten();
        let fitting = all.filter(|((_, operation), _)| is_one(operation));
        fitting.map(|(_, count)| count).sum()
    }

    /// Removes a Bitbucket project's repositories, and all projects of SonarQube.
    pub(crate) fn remove(&self, project: &str, repositories: usize) {
        self.sonarqube.world(|world| world.projects.clear());
        self.bitbucket.world(|world| {
            for nth in 0..repositories {
                world
                    .delete_repository(project, &format!("r{nth}"))
                    .unwrap();
            }
        });
    }

    /// Unbinds projects, as a person might in SonarQube's own pages.
    pub(crate) fn unbind(&self, keys: &[String]) {
        self.sonarqube.world(|world| {
            for key in keys {
                world.project_mut(key).unwrap().binding = None;
            }
        });
    }

    pub(crate) fn are_bound(&self, keys: &[String]) -> bool {
        self.sonarqube.world(|world| {
            let bound = |key: &String| world.project(key).is_some_and(|it| it.binding.is_some());
            keys.iter().all(bound)
        })
    }

    /// Whether SonarQube's configuration holds this token.
    pub(crate) fn has_token(&self, token: &str) -> bool {
        self.sonarqube
            .world(|world| world.settings.iter().any(|setting| setting.token == token))
    }

    /// A client of SonarQube with the operator's token, whose calls are not the operator's.
    pub(crate) fn sonarqube_client(&self) -> bindery::sonarqube::Client {
        let token = Token::parse(SONARQUBE_TOKEN.as_bytes()).unwrap();
        bindery::sonarqube::Client::new(transport(self.sonarqube.url().as_str()), token)
    }

    /// The same of Bitbucket.
    pub(crate) fn bitbucket_client(&self) -> bindery::bitbucket::Client {
        let token = Token::parse(BITBUCKET_TOKEN.as_bytes()).unwrap();
        bindery::bitbucket::Client::new(transport(self.bitbucket.url().as_str()), token)
    }
}

fn transport(url: &str) -> Transport {
    let options = Options {
        plain_http: PlainHttp::Allowed,
        hosts: HostPolicy::parse("127.0.0.0/8").unwrap(),
        limits: Limits {
            concurrency: 64,
            ..Limits::default()
        },
        ..Options::default()
    };
    Transport::new(ServerUrl::parse(url).unwrap(), options).unwrap()
}
