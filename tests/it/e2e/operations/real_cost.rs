//! What creates and quiet intervals cost a real SonarQube, by its own access log.

use std::io::Write as _;
use std::time::Instant;

use bindery::bitbucket;
use bindery::http::{HostPolicy, Options, PlainHttp, Token, Transport};
use bindery::identity::{ProjectKey, RepositoryPath, ServerUrl, SettingId};
use bindery::sonarqube::{self, NewBinding};
use futures::StreamExt as _;
use serde_json::json;
use simulators::bitbucket::Caller;

use crate::e2e::environment::many;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, on};
use crate::support::servers;

on!([real_26_9] => creates_and_quiet_intervals_cost_a_real_server_what_the_guide_says);

/// So many bindings, unless `BINDERY_REAL_BINDINGS` says otherwise: the guide shows the numbers of 300.
const BINDINGS: usize = 30;

/// As many imports as the operator has in progress for one connection.
const AT_ONCE: usize = 8;

/// The Bitbucket project of the bare loop.
const BARE: &str = "OPS";

/// Promise: a create among many costs SonarQube its import, one call for the branch and a share of listings and
/// look-ups. A quiet interval costs listings and a few reads.
async fn creates_and_quiet_intervals_cost_a_real_server_what_the_guide_says(server: Server) {
    let wanted = servers::optional("BINDERY_REAL_BINDINGS");
    let count = wanted.map_or(BINDINGS, |count| count.parse().unwrap());
    let mut env = TestEnvironment::set(server).await;
    env.patience *= 10;
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = many::repositories(&env, count);
    env.reconcile_now("the repositories").await;

    let before = Seen::so_far(&env);
    let begun = Instant::now();
    env.apply(&many::bindings(&slugs));
    for slug in &slugs {
        env.binding_is("payments", slug, ("Ready", "True")).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let create = before.since(&env);
    let bare = bare_loop(&env, &slugs).await;
    let each = per(create.without_listings(), count);
    print_line(&format!(
        "{count} creates on a real 26.9: {each:.2} calls each to both servers and {} pages of listings in {seconds:.1} s, \
         {:.1} a second; the bare loop makes {:.1} a second",
        create.listings.len(),
        per(count, 1) / seconds,
        per(count, 1) / bare,
    ));
    let imports = create.sonarqube.iter().filter(|it| it.starts_with("PUT "));
    assert_eq!(imports.count(), count, "{create:?}");
    // The first and the last ones, while few are at work, ask the servers themselves.
    let most = per(31 * count, 10) + 100.0;
    assert!(per(create.without_listings(), 1) <= most, "{create:?}");

    env.reconcile_now("everything is listed").await;
    let before = Seen::so_far(&env);
    env.reconcile_now("quiet").await;
    let quiet = before.since(&env);
    let spread = quiet.sonarqube.iter();
    let spread = spread.filter(|it| it.contains("/get_binding")).count();
    print_line(&format!(
        "a sweep that somebody asked for, of {count} settled bindings: {} pages of listings, {spread} spread reads, {} others",
        quiet.listings.len(),
        quiet.without_listings() - spread,
    ));
    // A sweep for the bindings that were just created may fall into the same time.
    assert!(
        quiet.listings.len() <= 2 * (3 * count.div_ceil(500) + 1),
        "{quiet:?}"
    );
}

/// Calls that the servers have seen from the operator: method and target.
#[derive(Debug, Default)]
struct Seen {
    listings: Vec<String>,
    sonarqube: Vec<String>,
    bitbucket: Vec<String>,
}

impl Seen {
    fn so_far(env: &TestEnvironment) -> Self {
        let mut seen = Self::default();
        for line in env.sonarqube.requests().lines() {
            let mut quoted = line.split('"');
            let (request, agent) = (quoted.nth(1), quoted.nth(3));
            let agent = agent.unwrap_or_default();
            let request = request.unwrap_or_default().trim_end_matches(" HTTP/1.1");
            if agent.starts_with("bindery/") {
                let is_listing = ["/projects/search?", "/project-bindings?"];
                let asks_for = ["projects=", "&q=", "repository="];
                let is_page = is_listing.iter().any(|it| request.contains(it))
                    && !asks_for.iter().any(|it| request.contains(it));
                let calls = if is_page {
                    &mut seen.listings
                } else {
                    &mut seen.sonarqube
                };
                calls.push(request.to_owned());
            }
        }
        for call in env.bitbucket.calls() {
            if call.caller == Caller::Bindery {
                let is_page = call.operation == "repositories" && !call.target.contains("name=");
                let calls = if is_page {
                    &mut seen.listings
                } else {
                    &mut seen.bitbucket
                };
                calls.push(format!("{} {}", call.method, call.target));
            }
        }
        seen
    }

    fn since(&self, env: &TestEnvironment) -> Self {
        let now = Self::so_far(env);
        let new = |now: Vec<String>, before: &[String]| now[before.len()..].to_vec();
        Self {
            listings: {
                let mut left = now.listings;
                for call in &self.listings {
                    let place = left.iter().position(|it| it == call).unwrap();
                    left.remove(place);
                }
                left
            },
            sonarqube: new(now.sonarqube, &self.sonarqube),
            bitbucket: new(now.bitbucket, &self.bitbucket),
        }
    }

    fn without_listings(&self) -> usize {
        self.sonarqube.len() + self.bitbucket.len()
    }
}

/// Imports as many repositories by the calls alone that an import cannot do without, and returns how many seconds that
/// takes.
async fn bare_loop(env: &TestEnvironment, slugs: &[String]) -> f64 {
    env.bitbucket.world(|world| {
        for slug in slugs {
            world.repository(BARE, slug);
        }
    });
    let token = |token: &str| Token::parse(token.as_bytes()).unwrap();
    let sonarqube = transport(&env.sonarqube.url);
    let sonarqube = sonarqube::Client::new(sonarqube, token(&env.sonarqube.token));
    let bitbucket = transport(env.bitbucket.url().as_str().trim_end_matches('/'));
    let bitbucket = bitbucket::Client::new(bitbucket, token(BITBUCKET_TOKEN));
    let setting = SettingId::new(env.setting_id());
    let begun = Instant::now();
    let all = futures::stream::iter(slugs);
    all.for_each_concurrent(AT_ONCE, async |slug| {
        let repository = RepositoryPath::parse(BARE, slug).unwrap();
        let key = ProjectKey::parse(&format!("{BARE}:{slug}")).unwrap();
        let new = NewBinding {
            project: &key,
            name: slug,
            setting: &setting,
            repository: &repository,
            monorepo: false,
        };
        sonarqube.put_bound_project(&new).await.unwrap();
        bitbucket.default_branch(&repository).await.unwrap();
        sonarqube.main_branch(&key).await.unwrap();
    })
    .await;
    begun.elapsed().as_secs_f64()
}

fn transport(url: &str) -> Transport {
    let options = Options {
        plain_http: PlainHttp::Allowed,
        hosts: HostPolicy::parse("127.0.0.0/8").unwrap(),
        ..Options::default()
    };
    Transport::new(ServerUrl::parse(url).unwrap(), options).unwrap()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per(count: usize, each: usize) -> f64 {
    count as f64 / each as f64
}

/// Past the capture of the test runner: these numbers are to be seen in every run.
fn print_line(line: &str) {
    let mut error = std::io::stderr();
    error.write_all(format!("{line}\n").as_bytes()).unwrap();
}
