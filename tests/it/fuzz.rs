//! What people and servers write, mutated at random: nothing panics, nothing hangs, and what is accepted is accepted again.
//!
//! `make fuzz` runs each target for a minute from another seed, `make test` a fixed number of inputs from a fixed one. The
//! corpus has one sample a line. An input that fails goes there.

mod json;
mod mutate;
mod targets;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime};

use mutate::Mutator;

/// Every target runs for so many seconds, if that is set.
const SECONDS: &str = "BINDERY_FUZZ_SECONDS";

/// Runs a target on mutated samples, and prints how many inputs it had.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a run takes its length from the environment, and prints how many inputs it had"
)]
fn fuzz(name: &str, samples: &str, inputs: u64, mut target: impl FnMut(&[u8])) {
    let seconds = std::env::var(SECONDS).ok();
    let seconds = seconds.map(|text| Duration::from_secs(text.parse().unwrap()));
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    let seed = if seconds.is_some() {
        u64::try_from(now & u128::from(u64::MAX)).unwrap()
    } else {
        7
    };
    let mut mutator = Mutator::new(seed, samples);
    let began = Instant::now();
    let mut done = 0;
    while seconds.map_or(done < inputs, |seconds| began.elapsed() < seconds) {
        let input = mutator.input();
        let answered = catch_unwind(AssertUnwindSafe(|| target(&input)));
        assert!(
            answered.is_ok(),
            "{name}: input {done} of seed {seed}: {}",
            escaped(&input)
        );
        done += 1;
    }
    println!("{name}: {done} inputs from seed {seed}, no finding");
}

fn escaped(input: &[u8]) -> String {
    input.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{}", byte.escape_ascii());
        text
    })
}

macro_rules! targets {
    ($($name:ident: $inputs:literal),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                let samples = include_str!(concat!("fuzz/corpus/", stringify!($name), ".txt"));
                fuzz(stringify!($name), samples, $inputs, targets::$name);
            }
        )+
    };
}

targets!(
    tokens: 3_000,
    urls: 700,
    bundles: 1_000,
    host_lists: 3_000,
    durations: 300,
    names: 3_000,
    patterns: 3_000,
    objects: 1_000,
);

#[test]
fn sonarqube_answers() {
    let mut server = json::Server::start();
    let samples = include_str!("fuzz/corpus/sonarqube_answers.txt");
    fuzz("sonarqube_answers", samples, 40, |body| {
        server.sonarqube(body);
    });
}

#[test]
fn bitbucket_answers() {
    let mut server = json::Server::start();
    let samples = include_str!("fuzz/corpus/bitbucket_answers.txt");
    fuzz("bitbucket_answers", samples, 40, |body| {
        server.bitbucket(body);
    });
}
