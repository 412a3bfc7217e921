//! Whether pull requests are decorated, from the binding's own mouth.

use bindery::crd::ProjectBinding;
use serde_json::json;
use simulators::bitbucket::Permission;
use simulators::sonarqube::{AnalysedPullRequest, Decoration};

use crate::e2e::environment::waiting::condition;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, on};

on!([simulated_26_9_enterprise, simulated_26_9_developer, simulated_26_9_branch_plugin] =>
    a_binding_shows_whether_its_pull_requests_are_decorated,
    a_re_pointed_binding_shows_nothing_of_the_former_repository,
    a_repository_that_was_created_after_the_last_listing_is_not_accused,
    a_corrected_spec_is_shown_without_a_request,
    a_change_in_sonarqube_is_shown_on_request_and_then_everywhere,
    a_changed_right_is_shown_on_request,
    a_token_with_more_rights_is_shown_without_a_request,
    a_revoked_token_is_shown_by_the_decoration_condition_alone,
    a_binding_changed_by_another_client_is_left_and_described,
);

/// Promise: a report on the latest commit is seen; a missing one is reported, with what to do; and Ready is never
/// delayed.
async fn a_binding_shows_whether_its_pull_requests_are_decorated(server: Server) {
    let env = TestEnvironment::set(server).await;
    let able = json!({"sonarqube": {"serverBaseURL": "https://sonarqube.example.com"}});
    env.connection(able);
    env.binding("platform", "checkout", "PAY/checkout", json!({}));
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    let message = reported(&env, "nothing was analysed", "NotChecked").await;
    assert!(message.contains("no analysed pull request"), "{message}");
    assert!(message.contains("Next check: within 12"), "{message}");

    assert!(matches!(analyse(&env, 'a').await, Decoration::Done));
    let message = reported(&env, "one is decorated", "Succeeded").await;
    assert_eq!(message, "pull request 1 is decorated");

    // Bitbucket takes reports with Read alone: the proof outweighs what the listing of rights says.
    let token = [Permission::ProjectRead, Permission::RepoRead];
    env.bitbucket
        .world(|world| world.token(BITBUCKET_TOKEN, "bindery", &token).clone());
    let message = reported(&env, "the token may only read", "Succeeded").await;
    let risk = "pull request 1 is decorated. Risk: the token";
    assert!(message.starts_with(risk), "{message}");
    let token = [Permission::ProjectRead, Permission::RepoWrite];
    env.bitbucket
        .world(|world| world.token(BITBUCKET_TOKEN, "bindery", &token).clone());

    // As if Bitbucket had refused the report.
    env.bitbucket
        .world(|world| world.repository("PAY", "checkout").reports.clear());
    let message = reported(&env, "the report is missing", "NotDecorated").await;
    assert!(message.contains("has no report of it"), "{message}");
    assert!(
        message.contains("the analysis was of another commit"),
        "{message}"
    );

    // A comment changes the pull request, but not its latest commit.
    env.bitbucket.world(|world| {
        let pull_requests = &mut world.repository("PAY", "checkout").pull_requests;
        pull_requests[0].updated = LONG_AFTER_THE_ANALYSIS;
    });
    reported(&env, "somebody comments", "NotDecorated").await;

    // SonarQube's token loses the right to write.
    env.bitbucket.world(|world| {
        world.token(BITBUCKET_TOKEN, "bindery", &[Permission::RepoRead]);
        world.repository("PAY", "checkout").grants.clear();
    });
    reported(&env, "the right is gone", "PermissionMissing").await;
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;
}

/// Promise: what is reported of pull requests belongs to the repository in the same status.
async fn a_re_pointed_binding_shows_nothing_of_the_former_repository(server: Server) {
    let env = TestEnvironment::set(server).await;
    let able = json!({"sonarqube": {"serverBaseURL": "https://sonarqube.example.com"}});
    env.connection(able);
    env.binding("platform", "checkout", "PAY/checkout", json!({}));
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    assert!(matches!(analyse(&env, 'a').await, Decoration::Done));
    reported(&env, "one is decorated", "Succeeded").await;
    env.binding("platform", "checkout", "PAY/ledger", json!({}));
    let binding = env
        .binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    let condition = condition(&binding, "DecorationReady").unwrap();
    assert_eq!(condition["reason"], "NotChecked", "{condition}");
}

/// Epoch milliseconds in 2100.
const LONG_AFTER_THE_ANALYSIS: i64 = 4_102_444_800_000;

const URL: &str = "https://sonarqube.example.com";
const LOCAL: &str = "http://localhost:9000";

/// A connection that sweeps once an hour: what changes sooner was found by other means.
fn hourly(env: &TestEnvironment, base_url: Option<&str>) {
    env.connection(json!({"interval": "1h", "sonarqube": {"serverBaseURL": base_url}}));
}

/// Binds `PAY/checkout` in `platform`, and waits until it is ready, and says this of decoration.
async fn bound(env: &TestEnvironment, reason: &str) {
    env.binding("platform", "checkout", "PAY/checkout", json!({}));
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    says(env, "checkout", reason).await;
}

/// Waits until a binding in `platform` says this of decoration, and returns its message.
async fn says(env: &TestEnvironment, name: &str, reason: &str) -> String {
    let is_so = |binding: &ProjectBinding| {
        condition(binding, "DecorationReady").is_some_and(|condition| condition["reason"] == reason)
    };
    let binding = env.until("platform", name, is_so).await;
    let condition = condition(&binding, "DecorationReady").unwrap();
    condition["message"].as_str().unwrap().to_owned()
}

/// Asks the binding `checkout` alone, and returns reason and message of `DecorationReady` in the very status that says
/// that it was asked.
async fn asked(env: &TestEnvironment, request: &str) -> (String, String) {
    let binding = env
        .requested_reconcile("platform", "checkout", request)
        .await;
    let condition = condition(&binding, "DecorationReady").unwrap();
    let text = |field: &str| condition[field].as_str().unwrap().to_owned();
    (text("reason"), text("message"))
}

/// D33. Promise: of what no listing has shown yet nothing is said that is not known.
async fn a_repository_that_was_created_after_the_last_listing_is_not_accused(server: Server) {
    let env = TestEnvironment::set(server).await;
    hourly(&env, Some(URL));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    env.bitbucket
        .world(|world| world.repository("PAY", "fresh").id);
    env.binding("platform", "fresh", "PAY/fresh", json!({}));
    let binding = env.binding_is("platform", "fresh", ("Ready", "True")).await;
    let condition = condition(&binding, "DecorationReady").unwrap();
    assert_eq!(condition["reason"], "NotChecked", "{condition}");
}

/// D36. Promise: who does what the message says sees that it worked, within seconds.
async fn a_corrected_spec_is_shown_without_a_request(server: Server) {
    let env = TestEnvironment::set(server).await;
    hourly(&env, None);
    bound(&env, "ServerBaseURLUnset").await;
    hourly(&env, Some(URL));
    says(&env, "checkout", "NotChecked").await;
}

/// D36. Promise: a request for one binding checks all that its condition depends on; all bindings then report
/// what holds for the server.
async fn a_change_in_sonarqube_is_shown_on_request_and_then_everywhere(server: Server) {
    let env = TestEnvironment::set(server).await;
    let set = |url: &str| {
        let setting = [("key", "sonar.core.serverBaseURL"), ("value", url)];
        env.sonarqube.post("api/settings/set", &setting)
    };
    hourly(&env, None);
    env.binding("platform", "ledger", "PAY/ledger", json!({}));
    bound(&env, "ServerBaseURLUnset").await;
    says(&env, "ledger", "ServerBaseURLUnset").await;
    for (url, reason) in [(URL, "NotChecked"), (LOCAL, "ServerBaseURLLocal")] {
        set(url);
        assert_eq!(asked(&env, url).await.0, reason);
        says(&env, "ledger", reason).await;
    }
}

/// D36, of the right to write.
async fn a_changed_right_is_shown_on_request(server: Server) {
    let env = TestEnvironment::set(server).await;
    hourly(&env, Some(URL));
    bound(&env, "NotChecked").await;
    for (right, reason) in [
        (Permission::RepoRead, "PermissionMissing"),
        (Permission::RepoWrite, "NotChecked"),
    ] {
        let token = [Permission::ProjectRead, right];
        env.bitbucket
            .world(|world| world.token(BITBUCKET_TOKEN, "bindery", &token).clone());
        let (reported, message) = asked(&env, &format!("{right:?}")).await;
        assert_eq!(reported, reason, "{message}");
        assert!(message.contains("no analysed pull request"), "{message}");
    }
}

/// D36. Promise: who puts a token with more rights into the Secret, as the message says, sees that it worked.
async fn a_token_with_more_rights_is_shown_without_a_request(server: Server) {
    const BETTER: &str = "canary-bitbucket-better-token-22a1";
    let env = TestEnvironment::set(server).await;
    env.bitbucket.world(|world| {
        let (read, write) = (Permission::RepoRead, Permission::RepoWrite);
        world.token(BITBUCKET_TOKEN, "bindery", &[Permission::ProjectRead, read]);
        world.token(BETTER, "bindery", &[Permission::ProjectRead, write]);
    });
    hourly(&env, Some(URL));
    bound(&env, "PermissionMissing").await;
    env.secret("bitbucket-token", BETTER);
    says(&env, "checkout", "NotChecked").await;
}

/// D38. Promise: while Bitbucket refuses SonarQube's token no binding says that its pull requests are decorated; it
/// stays Ready, and a request for it gets an answer.
async fn a_revoked_token_is_shown_by_the_decoration_condition_alone(server: Server) {
    let env = TestEnvironment::set(server).await;
    hourly(&env, Some(URL));
    bound(&env, "NotChecked").await;
    assert!(matches!(analyse(&env, 'a').await, Decoration::Done));
    let (reason, _) = asked(&env, "one is decorated").await;
    assert_eq!(reason, "Succeeded");
    let binding = env
        .binding_is("platform", "checkout", ("DecorationReady", "True"))
        .await;
    let reported = || env.reported(&binding).into_iter();
    let is_reported = || reported().any(|reported| reported.reason == "Decorated");
    env.eventually("an event tells it", is_reported).await;

    env.bitbucket
        .world(|world| world.revoke_token(BITBUCKET_TOKEN))
        .unwrap();
    env.ask("a token was revoked").await;
    env.connection_reason("bitbucket", "AuthenticationFailed")
        .await;
    let message = says(&env, "checkout", "AuthenticationFailed").await;
    assert!(message.contains("platform/bitbucket"), "{message}");
    let (reason, _) = asked(&env, "meanwhile").await;
    assert_eq!(reason, "AuthenticationFailed");
    env.binding_is("platform", "checkout", ("Ready", "True"))
        .await;

    let token = [Permission::ProjectRead, Permission::RepoWrite];
    env.bitbucket
        .world(|world| world.token(BITBUCKET_TOKEN, "bindery", &token).clone());
    env.reconcile_now("the token is back").await;
    let message = says(&env, "checkout", "Succeeded").await;
    assert_eq!(message, "pull request 1 is decorated");
}

/// D40. Promise: what Bindery made it does not deny.
async fn a_binding_changed_by_another_client_is_left_and_described(server: Server) {
    let env = TestEnvironment::set(server).await;
    hourly(&env, Some(URL));
    bound(&env, "NotChecked").await;
    let unbinds = json!({"deletionPolicy": "Unbind"});
    env.binding("platform", "checkout", "PAY/checkout", unbinds);
    let binding = env
        .binding_is("platform", "checkout", ("Ready", "True"))
        .await;
    let elsewhere = [
        ("almSetting", "bitbucket"),
        ("project", "PAY:checkout"),
        ("repository", "PAY"),
        ("slug", "ledger"),
        ("monorepo", "false"),
    ];
    let set = "api/alm_settings/set_bitbucket_binding";
    env.sonarqube.post(set, &elsewhere);
    env.delete_binding("platform", "checkout").await;
    let note = env.reported_once(&binding, "Orphaned");
    assert!(
        note.contains("Bindery bound project PAY:checkout for this object"),
        "{note}"
    );
}

/// Opens a pull request, and has it analysed.
async fn analyse(env: &TestEnvironment, digit: char) -> Decoration {
    let commit = digit.to_string().repeat(40);
    let id = env.bitbucket.world(|world| {
        world
            .open_pull_request("PAY", "checkout", "feature", &commit)
            .unwrap()
    });
    let pull_request = AnalysedPullRequest {
        key: id.to_string(),
        title: "A change".to_owned(),
        branch: "feature".to_owned(),
        base: "main".to_owned(),
        commit,
        date: "2099-01-15T08:00:00+0000".to_owned(),
        warnings: Vec::new(),
    };
    let simulated = env.sonarqube.simulated();
    let analysed = simulated.analyse_pull_request("PAY:checkout", pull_request);
    analysed.await.unwrap()
}

/// Has the binding reconciled, waits until it says this of decoration, and returns its message.
async fn reported(env: &TestEnvironment, request: &str, reason: &str) -> String {
    env.reconcile_now(request).await;
    env.requested_reconcile("platform", "checkout", request)
        .await;
    says(env, "checkout", reason).await
}
