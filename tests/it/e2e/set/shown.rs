//! The first set of the guide, as kubectl shows it.

use bindery::crd::ProjectBindingSet;
use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::waiting::says;
use crate::support::examples::{commands, lines, objects};
use crate::support::server::{Server, on};
use crate::support::tree;

on!([simulated_26_9] => a_set_is_as_the_guide_shows_it);

const PAGE: &str = "docs/guide/set.md";

/// The words of a table, without those of its last column, AGE.
fn words(table: &str) -> Vec<Vec<&str>> {
    let rows = lines(table).into_iter();
    let words = rows.map(|row| row.split_whitespace().collect::<Vec<_>>());
    words.map(|row| row[..row.len() - 1].to_vec()).collect()
}

/// Promise: the guide shows what a person sees.
async fn a_set_is_as_the_guide_shows_it(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.bitbucket.world(|world| {
        world.repository("PAY", "old").archived = true;
        world.repository("PAY", "sandbox-1");
    });
    env.connection(json!({"interval": "1h"}));
    env.binding("payments", "by-hand", "PAY/ledger", json!({}));
    env.binding_is("payments", "by-hand", ("Ready", "True"))
        .await;
    let page = std::fs::read_to_string(tree::top().join(PAGE)).unwrap();
    env.apply(&objects(&page)[0]);
    env.until("payments", "pay", |set: &ProjectBindingSet| {
        let status = set.status.as_ref();
        let counts = status.and_then(|status| status.repositories);
        says(set, ("Ready", "True")) && counts.is_some_and(|counts| counts.bound == 2)
    })
    .await;
    let shown = commands(PAGE).into_iter();
    let mut shown = shown.filter(|shown| !shown.output.is_empty());
    let (shown, more) = (shown.next().unwrap(), shown.next());
    assert!(more.is_none(), "another output, which no test compares");
    let arguments = [&shown.arguments()[..], &["--namespace", "payments"]].concat();
    let printed = env.kubectl(&arguments);
    assert_eq!(words(&shown.output), words(&printed), "{printed}");
}
