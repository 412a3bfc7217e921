//! A simulated server is held to the real one of its version: both are asked the same, in the same order, each
//! beside a Bitbucket of its own, and what they answer must be equal to the letter.
#![expect(
    clippy::too_many_lines,
    reason = "a conversation is a list of questions, with nothing to take apart"
)]

mod bound_projects;
mod conversation;
mod imports;
mod people;
mod projects;
mod protocol;
mod settings;

use std::io::Write;

use conversation::Conversation;

use crate::support::server::{Server, real_25_1, real_26_9, simulated_25_1, simulated_26_9};

/// Runs each conversation on both servers of each version.
macro_rules! twins {
    ($($part:ident::$name:ident),+ $(,)?) => {
        $(
            mod $name {
                #[tokio::test(flavor = "multi_thread")]
                async fn twins_26_9() {
                    let pair = (super::real_26_9(), super::simulated_26_9());
                    super::compare(stringify!($name), pair, async |it| super::$part::$name(it).await).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn twins_25_1() {
                    let pair = (super::real_25_1(), super::simulated_25_1());
                    super::compare(stringify!($name), pair, async |it| super::$part::$name(it).await).await;
                }
            }
        )+
    };
}

twins!(
    protocol::what_no_call_should_look_like,
    protocol::what_a_server_is,
    settings::a_configuration_lives,
    settings::a_configuration_is_refused,
    imports::a_token_is_kept,
    imports::bitbucket_answers_badly,
    imports::a_repository_is_imported,
    bound_projects::a_project_is_bound,
    bound_projects::a_binding_is_refused,
    projects::a_project_lives,
    projects::a_project_is_refused,
    projects::branches_and_new_code,
    people::who_may_what,
    people::a_project_is_hidden,
    people::tokens_come_and_go,
);

async fn compare(
    name: &str,
    (real, simulated): (Server, Server),
    conversation: impl AsyncFn(&mut Conversation),
) {
    let _turn = real.alone().await;
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
    let told = format!(
        "twins of {}: {} answers alike in {name}\n",
        real.version,
        real_answers.len()
    );
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}

async fn held(server: Server, conversation: &impl AsyncFn(&mut Conversation)) -> Vec<String> {
    let mut held = Conversation::with(server).await;
    conversation(&mut held).await;
    held.transcript()
}
