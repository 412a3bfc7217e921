//! The long forms of the fault tests, for `make chaos`: `make test` has a short form of each.

mod lives;
mod storm;

use std::io::Write as _;

use crate::support::servers::optional;

/// A row of the table that `make chaos` prints, past the test runner's capture.
pub(super) fn row(fault: &str, result: &str) {
    let line = format!("chaos | {fault} | {result}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// A number that `make chaos` was given.
fn number(name: &str, default: usize) -> usize {
    optional(name).map_or(default, |text| text.parse().unwrap())
}

/// Promise: five rounds of SIGKILL among imports on the real server make no project twice and forget none.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: make chaos"]
async fn five_rounds_of_kills_on_a_real_server() {
    let server = crate::support::server::real_26_9();
    for _ in 0..5 {
        Box::pin(super::operator_crash::no_import_is_made_twice(server)).await;
    }
    row(
        "SIGKILL three times among 30 imports, SonarQube 26.9",
        "5 rounds, 30 projects each, all ours",
    );
}
