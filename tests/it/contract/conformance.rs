//! A simulated server is held to the real one of its version: both are asked the same, in the same order, each
//! beside a Bitbucket of its own, and what they answer must be equal to the letter.
#![expect(
    clippy::too_many_lines,
    reason = "a conversation is a list of questions, with nothing to take apart"
)]

mod bindings;
mod bound_projects;
mod conversation;
mod hidden;
mod imports;
mod people;
mod projects;
mod protocol;
mod rights;
mod settings;
mod tokens;

use std::collections::BTreeSet;
use std::io::Write;

use conversation::Conversation;

use crate::support::server::{
    Kind, Server, on, real_8_9, real_9_9, real_10_7, real_25_1, real_25_12, real_26_9,
    simulated_8_9, simulated_9_9, simulated_10_7, simulated_25_1, simulated_25_12, simulated_26_9,
};
use crate::support::stopwatch::Stopwatch;

/// Holds a conversation with both servers of each version: `a_conversation::conforms_26_9` and so on.
macro_rules! on_versions {
    ([$($conforms:ident: $real:ident, $simulated:ident);+] $part:ident::$name:ident) => {
        mod $name {
            use super::{$part, compare, $($real, $simulated),+};

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $conforms() {
                    let pair = ($real(), $simulated());
                    compare(stringify!($name), pair, async |it| $part::$name(it).await).await;
                }
            )+
        }
    };
}

/// The conversations. Those with versions whose real servers are not started by `make test` are in a module of their
/// own, which it leaves out by its name: `make contract-all` holds them.
macro_rules! conformance {
    ($($part:ident::$name:ident),+ $(,)?) => {
        $(on_versions!(
            [conforms_26_9: real_26_9, simulated_26_9; conforms_25_1: real_25_1, simulated_25_1]
            $part::$name
        );)+

        mod other_versions {
            use super::*;

            $(on_versions!(
                [
                    conforms_25_12: real_25_12, simulated_25_12;
                    conforms_10_7: real_10_7, simulated_10_7;
                    conforms_9_9: real_9_9, simulated_9_9;
                    conforms_8_9: real_8_9, simulated_8_9
                ]
                $part::$name
            );)+
        }

        /// Everything that is asked in these conversations: methods and paths as the simulator's routes name them.
        async fn asked(server: Server) -> BTreeSet<(String, &'static str)> {
            let mut asked = BTreeSet::new();
            $(
                let mut talk = Conversation::with(server).await;
                Box::pin($part::$name(&mut talk)).await;
                asked.extend(talk.operations());
            )+
            asked
        }
    };
}

conformance!(
    protocol::malformed_calls,
    protocol::version_and_edition,
    settings::a_configuration_lives,
    settings::a_configuration_is_refused,
    imports::a_token_is_kept,
    imports::bitbucket_answers_badly,
    imports::a_repository_is_imported,
    imports::a_setting_is_guessed,
    imports::a_repository_has_several_projects,
    bound_projects::a_project_is_bound,
    bound_projects::a_binding_is_refused,
    bindings::a_binding_meets_a_bad_bitbucket,
    bindings::a_binding_brings_new_code,
    bindings::bindings_come_in_pages,
    projects::a_project_lives,
    projects::a_project_is_refused,
    projects::branches_and_new_code,
    people::rights_of_users,
    people::a_project_is_hidden,
    tokens::tokens_come_and_go,
    tokens::a_token_is_of_a_kind,
    tokens::nothing_was_analysed,
    rights::calls_that_need_a_right,
);

on!(
    [simulated_26_9, simulated_25_12, simulated_25_1, simulated_10_7, simulated_9_9, simulated_8_9]
    => every_call_that_is_simulated_is_asked_in_some_conversation
);

/// What no conversation asks for, and why.
const ASKED_ELSEWHERE: [(&str, &str, &str); 2] = [
    (
        "POST",
        "/api/system/restart",
        "a conversation with a server that restarts is held in `e2e::outage::starting_up`",
    ),
    (
        "GET",
        "/api/plugins/installed",
        "the real answer lists what every version brings; of the simulated one only the plugin's own row is used",
    ),
];

async fn every_call_that_is_simulated_is_asked_in_some_conversation(server: Server) {
    let Kind::Simulated(profile) = server.kind else {
        panic!("real servers have more calls than anybody asks for")
    };
    let asked = asked(server).await;
    let known = simulators::sonarqube::operations(profile);
    assert!(known.len() > 30, "{known:?}");
    let elsewhere = |(method, path): &(&str, &str)| {
        ASKED_ELSEWHERE
            .iter()
            .any(|(other, place, _)| (other, place) == (method, path))
    };
    let missing: Vec<_> = known
        .into_iter()
        .filter(|(method, path)| !asked.contains(&((*method).to_owned(), *path)))
        .filter(|call| !elsewhere(call))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

async fn compare(
    name: &str,
    (real, simulated): (Server, Server),
    conversation: impl AsyncFn(&mut Conversation),
) {
    let _lock = (real.alone().await, Stopwatch::start());
    let real_answers = held(real, &conversation).await;
    let simulated_answers = held(simulated, &conversation).await;
    assert!(!real_answers.is_empty(), "nothing was asked");
    let differences: Vec<_> = real_answers
        .iter()
        .zip(&simulated_answers)
        .filter(|(real, simulated)| real != simulated)
        .map(|(real, simulated)| format!("real:      {real}\nsimulated: {simulated}\n"))
        .collect();
    assert!(
        differences.is_empty() && real_answers.len() == simulated_answers.len(),
        "{} of {} answers differ:\n{}",
        differences.len(),
        real_answers.len(),
        differences.join("\n")
    );
    // Straight to the terminal: the test runner shows only failures what they print.
    let reported = format!(
        "conformance of {}: {} answers alike in {name}\n",
        real.version,
        real_answers.len()
    );
    std::io::stderr().write_all(reported.as_bytes()).unwrap();
}

async fn held(server: Server, conversation: &impl AsyncFn(&mut Conversation)) -> Vec<String> {
    let mut held = Conversation::with(server).await;
    conversation(&mut held).await;
    held.transcript()
}
