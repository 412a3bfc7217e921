//! Another writer undoes what Bindery writes.

use serde_json::json;
use simulators::bitbucket::Fault;
use simulators::sonarqube::{SERVER_BASE_URL, World};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::waiting::condition;
use crate::support::server::{Server, simulated};

simulated!(what_is_undone_again_and_again_is_said_and_seldom_written);
simulated!(a_configuration_that_is_changed_back_is_said_and_seldom_written);
simulated!(a_base_url_that_is_changed_back_is_reported_and_blocks_no_binding);

const WRITE: &str = "POST /api/projects/update_visibility";
const UPDATE: &str = "POST /api/alm_settings/update_bitbucket";

/// Promise: a fight with another writer is named, once, and costs one write an interval.
async fn what_is_undone_again_and_again_is_said_and_seldom_written(server: Server) {
    let env = TestEnvironment::set_with(server, &["--minimum-interval", "60s"]).await;
    env.connection(json!({"interval": "1m"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    // Another client changes it back before SonarQube answers.
    let undone = Fault::at(WRITE).answer(204, "");
    env.sonarqube.simulated().fault(undone);
    let project = json!({"sonarqubeProject": {"visibility": "Private"}});
    env.binding("payments", "checkout", "PAY/checkout", project);
    let said = env
        .binding_reason("payments", "checkout", "FightDetected")
        .await;
    assert!(
        said.contains("the visibility Private of SonarQube project PAY:checkout"),
        "{said}"
    );
    assert_eq!(writes(&env), 3);
    for round in 0..3 {
        env.reconcile_now(&format!("again-{round}")).await;
        let once = || writes(&env) >= 4 + round;
        env.eventually("written once more", once).await;
    }
    let binding = env
        .binding_is("payments", "checkout", ("Stalled", "True"))
        .await;
    let events = env.reasons(&binding);
    let count = |reason: &str| events.iter().filter(|event| *event == reason).count();
    assert_eq!(count("NotReady"), 1, "{events:?}");
    assert!(count("DriftCorrected") <= 3, "{events:?}");
    assert!(writes(&env) <= 6 + 2, "{}", writes(&env));
    env.sonarqube.simulated().clear_faults();
    env.reconcile_now("the-other-is-gone").await;
    env.reconcile_now("and-nothing-is-undone").await;
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
}

/// Promise: the same of a connection, whose bindings wait: SonarQube would send their tokens to a URL that another
/// client set.
async fn a_configuration_that_is_changed_back_is_said_and_seldom_written(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let sonarqube = env.sonarqube.simulated();
    // Another client changes it back before SonarQube answers.
    sonarqube.fault(Fault::at(UPDATE).answer(204, ""));
    let theirs = "https://theirs.example.com";
    sonarqube.world(|world| theirs.clone_into(&mut world.settings[0].url));
    sonarqube.clear_calls();
    env.reconcile_now("changed").await;
    let said = env.connection_reason("bitbucket", "FightDetected").await;
    assert!(
        said.contains("configuration bitbucket of SonarQube"),
        "{said}"
    );
    // A request that comes during a reconcile is seen by it, and has another one follow: one write more.
    let first = written(&env, "update_bitbucket");
    assert!((3..=4).contains(&first), "{first}");
    for round in 0..2 {
        let before = written(&env, "update_bitbucket");
        env.reconcile_now(&format!("again-{round}")).await;
        let more = written(&env, "update_bitbucket") - before;
        assert!((1..=2).contains(&more), "{more}");
    }
    let connection = env.connection_is("bitbucket", ("Stalled", "True")).await;
    let synced = condition(&connection, "ConfigurationSynced").unwrap();
    assert_eq!(synced["reason"], "FightDetected", "{synced}");
    let events = env.reasons(&connection);
    let count = |reason: &str| events.iter().filter(|event| *event == reason).count();
    assert!(count("DriftCorrected") <= 3, "{events:?}");
    sonarqube.clear_faults();
    env.reconcile_now("the-other-is-gone").await;
    env.reconcile_now("and-nothing-is-undone").await;
    env.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Promise: what is as declared after all serves its bindings, while the condition says who has to stop.
async fn a_base_url_that_is_changed_back_is_reported_and_blocks_no_binding(server: Server) {
    let env = TestEnvironment::set(server).await;
    let ours = "https://sonarqube.example.com";
    env.connection(json!({"interval": "1h", "sonarqube": {"serverBaseURL": ours}}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    // The first write undid nothing.
    env.reconcile_now("quiet").await;
    let change_back = async |round: u32| {
        env.sonarqube.simulated().world(|world| {
            let theirs = "https://theirs.example.com".to_owned();
            world.properties.insert(SERVER_BASE_URL.to_owned(), theirs);
        });
        env.reconcile_now(&format!("changed-back-{round}")).await;
        let now = |world: &mut World| world.properties[SERVER_BASE_URL].clone();
        assert_eq!(env.sonarqube.simulated().world(now), ours);
    };
    for round in 0..3 {
        change_back(round).await;
        env.connection_is("bitbucket", ("Ready", "True")).await;
    }
    change_back(3).await;
    let said = env.connection_reason("bitbucket", "FightDetected").await;
    for part in [ours, "leave out spec.sonarqube.serverBaseURL"] {
        assert!(said.contains(part), "{said}");
    }
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
    env.reconcile_now("nothing-is-undone").await;
    env.connection_is("bitbucket", ("Ready", "True")).await;
}

fn writes(env: &TestEnvironment) -> usize {
    written(env, "update_visibility")
}

fn written(env: &TestEnvironment, call: &str) -> usize {
    let calls = env.sonarqube.simulated().calls();
    let writes = calls
        .iter()
        .filter(|one| one.method == "POST" && one.target.contains(call));
    writes.count()
}
