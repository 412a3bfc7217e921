//! Answers of SonarQube that callers share who ask at the same time.

use std::time::Duration;

use bindery::http::Token;
use bindery::sonarqube::{Client, NewProject};
use futures::future::join_all;
use futures::poll;
use simulators::sonarqube::{Edition, Fault, Profile, SonarQube, Version};

use super::bench::{key, transport};

const TOKEN: &str = "squ_simulated-bindery";
const SETTINGS: &str = "GET /api/v2/dop-translation/dop-settings";
const SEARCH: &str = "GET /api/projects/search";

/// The answer must not be older than the question.
const NOW: Duration = Duration::ZERO;

async fn start() -> (SonarQube, Client) {
    let profile = Profile::new(Version::V26_9, Edition::Community);
    let sonarqube = SonarQube::start(profile).await.unwrap();
    sonarqube.world(|world| world.set_up("squ_simulated-admin", TOKEN));
    let token = Token::parse(TOKEN.as_bytes()).unwrap();
    let client = Client::new(transport(sonarqube.url().as_str()), token);
    (sonarqube, client)
}

fn slow(at: &str) -> Fault {
    Fault::at(at).delay(Duration::from_millis(50))
}

/// Promise: a hundred imports at once look up their keys in a few calls.
#[tokio::test]
async fn keys_requested_together_share_calls() {
    let (sonarqube, client) = start().await;
    let there = key("PAY:there-7");
    let project = NewProject {
        key: &there,
        name: "There",
        visibility: None,
    };
    client.create_project(&project).await.unwrap();
    sonarqube.clear_calls();
    sonarqube.fault(slow(SEARCH));
    let keys: Vec<_> = (0..100)
        .map(|number| key(&format!("PAY:there-{number}")))
        .collect();
    let found = join_all(
        keys.iter()
            .map(|key| client.project_spelt(key, NOW, Vec::new)),
    )
    .await;
    for (key, found) in keys.iter().zip(found) {
        let found = found.unwrap().map(|project| project.key);
        assert_eq!(found.as_ref(), (*key == there).then_some(key));
    }
    let calls = sonarqube.calls().len();
    assert!(calls <= 3, "{calls} calls");
    // Who asks later is not answered by an earlier call.
    client.delete_project(&there).await.unwrap();
    assert_eq!(
        client.project_spelt(&there, NOW, Vec::new).await.unwrap(),
        None
    );
}

/// Promise: a key that was looked up along with another one is not looked up again, for as long as its reader says;
/// then it is.
#[tokio::test]
async fn keys_of_the_next_bindings_are_read_in_the_same_call() {
    let (sonarqube, client) = start().await;
    sonarqube.clear_calls();
    let keys: Vec<_> = (0..50)
        .map(|number| key(&format!("PAY:{number}")))
        .collect();
    let a_while = Duration::from_mins(1);
    for key in &keys {
        let found = client.project_spelt(key, a_while, || keys.clone()).await;
        assert_eq!(found.unwrap(), None);
    }
    assert_eq!(sonarqube.calls().len(), 1);
    let there = NewProject {
        key: &keys[7],
        name: "There",
        visibility: None,
    };
    client.create_project(&there).await.unwrap();
    let found = client.project_spelt(&keys[7], NOW, Vec::new).await;
    assert!(found.unwrap().is_some());
}

/// Promise: of many imports one asks where the token goes; one that comes later than it takes for good asks again.
#[tokio::test]
async fn settings_serve_for_as_long_as_their_reader_says() {
    let (sonarqube, client) = start().await;
    sonarqube.clear_calls();
    for _ in 0..20 {
        client
            .shared_dop_settings(Duration::from_mins(1))
            .await
            .unwrap();
    }
    assert_eq!(sonarqube.calls().len(), 1);
    client.shared_dop_settings(NOW).await.unwrap();
    assert_eq!(sonarqube.calls().len(), 2);
}

/// Promise: a caller that is cut short takes nobody's answer along.
#[tokio::test]
async fn a_shared_read_outlives_the_reconcile_that_made_it() {
    let (sonarqube, client) = start().await;
    let never = Duration::from_hours(1);
    sonarqube.fault(Fault::at(SEARCH).times(1));
    sonarqube.fault(Fault::at(SEARCH).delay(never).times(1));
    let keys = ["PAY:first", "PAY:second", "PAY:third"].map(key);
    let [first, second, third] = keys
        .each_ref()
        .map(|key| client.project_spelt(key, NOW, Vec::new));
    let (mut first, mut second, mut third) = (Box::pin(first), Box::pin(second), Box::pin(third));
    // The first has its call in progress; the others wait for the next one.
    for waiting in [&mut first, &mut second, &mut third] {
        assert!(poll!(waiting).is_pending());
    }
    assert_eq!(first.await.unwrap(), None);
    // The second takes the third along, and is cut short while its call is in progress.
    while sonarqube.calls().len() < 2 {
        assert!(poll!(&mut second).is_pending());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(second);
    assert_eq!(third.await.unwrap(), None);
    assert_eq!(sonarqube.calls().len(), 3);
}

/// Promise: imports at once share the list of configurations, and no import goes by one that is older than its
/// question.
#[tokio::test]
async fn settings_are_read_together_and_never_older_than_the_question() {
    let (sonarqube, client) = start().await;
    sonarqube.clear_calls();
    let ask = || client.shared_dop_settings(NOW);
    for settings in join_all((0..20).map(|_| ask())).await {
        settings.unwrap();
    }
    let together = sonarqube.calls().len();
    assert!(
        together <= 2,
        "{together}: the first, and one for all others"
    );
    ask().await.unwrap();
    assert_eq!(sonarqube.calls().len(), together + 1);
}

/// Promise: callers that wait for a server which does not answer wait for two calls at most.
#[tokio::test]
async fn a_failure_is_waited_for_once() {
    let (sonarqube, client) = start().await;
    let long = Duration::from_millis(500);
    sonarqube.fault(Fault::at(SETTINGS).delay(long).answer(500, "{}"));
    let ask = || client.shared_dop_settings(NOW);
    let started = tokio::time::Instant::now();
    for settings in join_all((0..20).map(|_| ask())).await {
        settings.unwrap_err();
    }
    let waited = started.elapsed();
    // One after the other they would wait for ten seconds.
    assert!(waited < 10 * long, "{waited:?}");
    sonarqube.clear_faults();
    ask().await.unwrap();
}
