//! What stops a connection or a binding, in words that say what to do, and that it continues once a user has done it.

use std::process::Command;

use bindery::crd::BitbucketConnection;
use serde_json::json;
use simulators::bitbucket::{Caller, Fault, Right};

use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, on, simulated};

on!([simulated_26_9, simulated_25_1] =>
    a_wrong_and_a_weak_token_of_sonarqube_are_distinguished,
    a_conflicting_configuration_is_named_and_can_be_adopted,
);
simulated!(
    a_silent_server_says_nothing_about_a_token,
    a_list_that_changes_while_it_is_read_blocks_no_binding,
    a_missing_repository_is_bound_when_it_appears,
    a_wrong_token_of_bitbucket_is_said_and_not_pushed,
    a_secret_is_missing_then_lacks_its_key_then_serves,
    the_printed_command_grants_a_secret,
    a_second_connection_for_a_configuration_waits_for_the_first,
    a_repository_that_the_token_may_not_see_stops_its_own_binding_only,
);

/// Promise: a repository that is not there is waited for, and nothing is created meanwhile.
async fn a_missing_repository_is_bound_when_it_appears(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.binding("payments", "late", "PAY/late", json!({}));
    let message = env
        .binding_reason("payments", "late", "RepositoryNotFound")
        .await;
    assert!(message.contains("PAY/late"), "{message}");
    assert_eq!(env.sonarqube.project_keys(), [""; 0]);

    env.bitbucket.world(|world| {
        world.repository("PAY", "late");
    });
    env.binding_is("payments", "late", ("Ready", "True")).await;
    assert_eq!(
        env.sonarqube.bound_to("PAY:late").as_deref(),
        Some("PAY/late")
    );
}

/// Promise: a token that its own server refuses is never given to SonarQube, and a good one needs no other action.
async fn a_wrong_token_of_bitbucket_is_said_and_not_pushed(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.secret("bitbucket-token", "wrong");
    env.connection(json!({}));
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    let message = env
        .connection_reason("bitbucket", "AuthenticationFailed")
        .await;
    for word in ["Bitbucket", "spec.bitbucket.tokenSecretRef", "Secret"] {
        assert!(message.contains(word), "no {word} in {message}");
    }
    env.connection_is("bitbucket", ("CredentialsValid", "False"))
        .await;
    let message = env
        .binding_reason("payments", "checkout", "ConnectionNotReady")
        .await;
    assert!(message.contains("AuthenticationFailed"), "{message}");
    assert!(env.sonarqube.settings().is_empty());

    env.secret("bitbucket-token", BITBUCKET_TOKEN);
    env.binding_is("payments", "checkout", ("Ready", "True"))
        .await;
}

/// Promise: SonarQube's refusals of a token, and what its user lacks, are distinguished, and a change of the Secret is
/// enough.
async fn a_wrong_and_a_weak_token_of_sonarqube_are_distinguished(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.secret(
        "sonarqube-token",
        "squ_0123456789012345678901234567890123456789",
    );
    env.connection(json!({}));
    let message = env
        .connection_reason("bitbucket", "AuthenticationFailed")
        .await;
    for word in ["SonarQube", "spec.sonarqube.tokenSecretRef", "Secret"] {
        assert!(message.contains(word), "no {word} in {message}");
    }
    env.connection_is("bitbucket", ("SonarQubeReachable", "True"))
        .await;

    let weak = env.sonarqube.user_with("weak", &["provisioning"]);
    env.secret("sonarqube-token", &weak);
    let message = env
        .connection_reason("bitbucket", "PermissionMissing")
        .await;
    assert!(message.contains("weak"), "{message}");
    assert!(message.contains("Administer System"), "{message}");
    assert!(!message.contains("Create Projects"), "{message}");

    env.secret("sonarqube-token", &env.sonarqube.token);
    env.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Promise: the condition that is false is that of what is wrong, wherever in a reconcile it shows.
async fn a_silent_server_says_nothing_about_a_token(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let says = async |kinds: [(&str, &str); 4]| {
        let says_all = |connection: &BitbucketConnection| {
            let mut kinds = kinds.iter();
            kinds.all(|kind| crate::e2e::environment::waiting::says(connection, *kind))
        };
        env.until("platform", "bitbucket", says_all).await;
    };
    let names = [
        "SonarQubeReachable",
        "BitbucketReachable",
        "CredentialsValid",
        "ConfigurationSynced",
    ];
    let states = |states: [&'static str; 4]| {
        let mut states = states.into_iter();
        names.map(|name| (name, states.next().unwrap()))
    };
    let simulated = env.sonarqube.simulated();
    simulated.fault(Fault::at("/api/users/current").answer(503, "{}"));
    says(states(["False", "Unknown", "Unknown", "Unknown"])).await;
    simulated.clear_faults();
    env.connection_is("bitbucket", ("Ready", "True")).await;

    let listing = Fault::at("/rest/api/1.0/repos");
    let ours = listing.clone().caller(Caller::Bindery);
    env.bitbucket.fault(ours.answer(503, "{}"));
    says(states(["True", "False", "True", "True"])).await;
    env.bitbucket.clear_faults();
    env.connection_is("bitbucket", ("Ready", "True")).await;

    // SonarQube makes an error of its own of it.
    let theirs = listing.caller(Caller::SonarQube);
    env.bitbucket.fault(theirs.answer(503, "{}"));
    says(states(["True", "True", "True", "False"])).await;
    env.bitbucket.clear_faults();
    env.connection_is("bitbucket", ("Ready", "True")).await;

    let base_url = json!({"serverBaseURL": "https://sonarqube.example.com"});
    env.connection(json!({"managementPolicy": "Observe", "sonarqube": base_url}));
    env.connection_reason("bitbucket", "DriftDetected").await;
    says(states(["True", "True", "True", "False"])).await;
}

/// Promise: while SonarQube's list of projects changes as it is read, what was read last serves on.
async fn a_list_that_changes_while_it_is_read_blocks_no_binding(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let page = r#"{"paging":{"pageIndex":1,"pageSize":500,"total":7},"components":[]}"#;
    let simulated = env.sonarqube.simulated();
    simulated.clear_calls();
    simulated.fault(Fault::at("GET /api/projects/search").answer(200, page));
    env.reconcile_now("while projects are imported").await;
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    let reported = env.reasons(&connection);
    assert!(!reported.contains(&"NotReady".to_owned()), "{reported:?}");
    let calls = simulated.calls();
    let listed = calls
        .iter()
        .filter(|call| call.target.contains("projects/search"));
    assert!(listed.count() >= 4, "read again");
}

/// Promise: what is wrong with a Secret is said by name, and noticed when it is corrected.
async fn a_secret_is_missing_then_lacks_its_key_then_serves(server: Server) {
    let env = TestEnvironment::set(server).await;
    let reference =
        json!({"bitbucket": {"tokenSecretRef": {"name": "second-token", "key": "pat"}}});
    env.servers
        .kubectl(&[
            "delete",
            "secret",
            "second-token",
            "-n",
            "platform",
            "--ignore-not-found",
        ])
        .unwrap();
    env.connection(reference);
    let message = env.connection_reason("bitbucket", "SecretNotFound").await;
    assert!(message.contains("platform/second-token"), "{message}");

    env.secret("second-token", BITBUCKET_TOKEN);
    let message = env.connection_reason("bitbucket", "SecretKeyMissing").await;
    assert!(message.contains("no key pat"), "{message}");

    env.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "second-token", "namespace": "platform"},
        "stringData": {"pat": BITBUCKET_TOKEN},
    }));
    env.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Promise: all grants that are missing are named in one message, with the one command that gives them, word for word.
async fn the_printed_command_grants_a_secret(server: Server) {
    let env = TestEnvironment::set(server).await;
    for kind in ["role", "rolebinding"] {
        let role = [kind, "bindery-bitbucket", "-n", "platform"];
        env.servers
            .kubectl(&[&["delete"], &role[..], &["--ignore-not-found"]].concat())
            .unwrap();
    }
    for name in ["private-token", "private-import"] {
        env.secret(name, BITBUCKET_TOKEN);
    }
    env.connection(json!({"bitbucket": {
        "tokenSecretRef": {"name": "private-token"}, "importTokenSecretRef": {"name": "private-import"},
    }}));
    let message = env.connection_reason("bitbucket", "SecretForbidden").await;
    let named = "may not read secrets platform/private-token, secrets platform/private-import.";
    assert!(message.contains(named), "{message}");
    let (_, command) = message.split_once("Grant it with: ").unwrap();
    assert!(command.starts_with("kubectl create role "), "{command}");
    let granted = Command::new("sh")
        .args(["-c", command])
        .env("KUBECONFIG", env.servers.kubeconfig)
        .output()
        .unwrap();
    assert!(granted.status.success(), "{granted:?}");
    env.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Promise: where SonarQube takes one configuration, the existing one is named and left alone, and adopted by name.
async fn a_conflicting_configuration_is_named_and_can_be_adopted(server: Server) {
    let env = TestEnvironment::set(server).await;
    let url = env.bitbucket.url();
    let url = url.as_str().trim_end_matches('/');
    env.sonarqube
        .create_setting("corporate", url, "made-by-hand");
    let before = env.sonarqube.everything();
    env.connection(json!({}));
    let message = env
        .connection_reason("bitbucket", "ConfigurationLimit")
        .await;
    assert!(
        message.contains("set spec.configurationName: corporate to adopt it"),
        "{message}"
    );
    assert!(message.contains(url), "{message}");
    assert_eq!(env.sonarqube.everything(), before);

    env.connection(json!({"configurationName": "corporate"}));
    let connection = env.connection_is("bitbucket", ("Ready", "True")).await;
    let status = connection.status.unwrap();
    assert_eq!(status.configuration.unwrap().name, "corporate");
    assert_eq!(status.record.created_by, None);
    assert_eq!(env.sonarqube.everything(), before);
}

/// Promise: one configuration, one owner. The other connection names the first, and waits for its end.
async fn a_second_connection_for_a_configuration_waits_for_the_first(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.connection_named("second", json!({"configurationName": "bitbucket"}));
    let message = env.connection_reason("second", "AlreadyManaged").await;
    assert!(message.contains("platform/bitbucket"), "{message}");
    env.connection_is("bitbucket", ("Ready", "True")).await;

    env.servers
        .kubectl(&["delete", "bbconn", "bitbucket", "-n", "platform"])
        .unwrap();
    env.gone::<BitbucketConnection>("platform", "bitbucket")
        .await;
    env.connection_is("second", ("Ready", "True")).await;
}

/// Promise: what Bitbucket hides from the token is no bad token, and concerns that binding alone.
async fn a_repository_that_the_token_may_not_see_stops_its_own_binding_only(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.bitbucket.world(|world| {
        world.repository("HR", "salaries");
    });
    env.connection(json!({}));
    env.binding("platform", "salaries", "HR/salaries", json!({}));
    env.binding("platform", "checkout", "PAY/checkout", json!({}));
    env.binding_reason("platform", "salaries", "RepositoryNotFound")
        .await;
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    env.connection_is("bitbucket", ("Ready", "True")).await;

    env.bitbucket
        .world(|world| world.grant_project("bindery", "HR", Right::Write));
    env.binding_is("platform", "salaries", ("Ready", "True"))
        .await;
}
