//! A token is rotated by an edit of its Secret.

use bindery::crd::{BitbucketConnection, SecretVersion};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use simulators::bitbucket::Permission;

use super::token_leaks;
use crate::e2e::environment::many;
use crate::e2e::environment::snapshot::SPREAD_READ;
use crate::e2e::environment::snapshot::Snapshot;
use crate::e2e::environment::waiting::condition;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, on};

on!([simulated_26_9, real_26_9, simulated_25_1] => a_rotation_costs_five_calls_and_touches_no_binding);
on!([simulated_26_9, simulated_25_1] => a_new_sonarqube_token_is_used_at_once);

on!([simulated_26_9] => characters_around_a_token_are_ignored_and_reported);
on!([simulated_26_9, real_26_9, simulated_25_1] => a_token_that_was_changed_in_sonarqube_by_hand_is_set_back);

const NEW_TOKEN: &str = "canary+second/bitbucket=token-91c2";
const BAD_TOKEN: &str = "canary+bad/bitbucket=token-55e0";

/// Promise: five calls and one status, however many bindings there are; bad tokens stay out of SonarQube.
async fn a_rotation_costs_five_calls_and_touches_no_binding(server: Server) {
    let env = many_bindings(server).await;
    env.bitbucket.world(|world| {
        let permissions = [Permission::ProjectRead, Permission::RepoWrite];
        world.token(NEW_TOKEN, "bindery", &permissions);
    });

    rotate(&env, NEW_TOKEN).await;
    env.bitbucket
        .world(|world| world.revoke_token(BITBUCKET_TOKEN))
        .unwrap();
    works(&env);

    // The same bytes in a new version of the Secret.
    let before = Snapshot::now(&env).await;
    env.apply(&json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"token": NEW_TOKEN},
        "metadata": {"name": "bitbucket-token", "namespace": "platform", "labels": {"rewritten": "yes"}},
    }));
    applied(&env).await;
    let done = before.since(&env).await;
    eprintln!("equal bytes: {:#?}", done.calls);
    assert_eq!(done.writes(), 0, "{done:?}");
    assert_eq!(done.written, ["BitbucketConnection bitbucket"]);

    // A bad one.
    let before = Snapshot::now(&env).await;
    env.secret("bitbucket-token", BAD_TOKEN);
    let message = env
        .connection_reason("bitbucket", "AuthenticationFailed")
        .await;
    assert!(
        message.contains("put a valid one into the Secret"),
        "{message}"
    );
    works(&env);
    env.secret("bitbucket-token", NEW_TOKEN);
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let done = before.since(&env).await;
    assert_eq!(done.writes(), 0, "{done:?}");
    assert_eq!(done.written, ["BitbucketConnection bitbucket"]);

    let tokens = [BITBUCKET_TOKEN, NEW_TOKEN, BAD_TOKEN, &env.sonarqube.token];
    token_leaks::assert_no_leak(&env, &tokens);
}

/// Promise: a token works with a line break behind it, as `echo` leaves one; a condition reports it until it is gone.
async fn characters_around_a_token_are_ignored_and_reported(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.secret("bitbucket-token", &format!("{BITBUCKET_TOKEN}\r\n"));
    env.connection(json!({}));
    let advice = |connection: &BitbucketConnection| {
        let valid = condition(connection, "CredentialsValid").unwrap();
        valid["message"].as_str().unwrap_or_default().to_owned()
    };
    let ready = env.connection_is("bitbucket", ("Ready", "True")).await;
    assert_eq!(
        advice(&ready),
        "spaces or line breaks around the token are left out; store it without them in: bitbucket-token"
    );
    env.secret("bitbucket-token", BITBUCKET_TOKEN);
    let tidy = |connection: &BitbucketConnection| advice(connection).is_empty();
    env.until("platform", "bitbucket", tidy).await;
}

/// Promise: the token that SonarQube has cannot be read, so it is tried once an interval; one that does not work is set
/// back.
async fn a_token_that_was_changed_in_sonarqube_by_hand_is_set_back(server: Server) {
    let env = TestEnvironment::set(server).await;
    env.connection(json!({}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let url = env.sonarqube.settings()[0]["url"].clone();
    let edit = [
        ("key", "bitbucket"),
        ("url", url.as_str().unwrap()),
        ("personalAccessToken", BAD_TOKEN),
    ];
    let edited = env
        .sonarqube
        .post("api/alm_settings/update_bitbucket", &edit);
    assert_eq!(edited, Value::Null);
    let is_set_back = || {
        let key = [("key", "bitbucket")];
        let validated = env.sonarqube.get("api/alm_settings/validate", &key);
        validated == Value::Null
    };
    env.eventually("it works again", is_set_back).await;
    env.connection_is("bitbucket", ("Ready", "True")).await;
}

/// Promise: SonarQube's token is rotated like Bitbucket's, and one that was revoked is named as such.
async fn a_new_sonarqube_token_is_used_at_once(server: Server) {
    let env = many_bindings(server).await;
    let name = format!("rotated-{}", std::process::id());
    let named = [("login", "bindery"), ("name", &*name)];
    let second = env.sonarqube.post("api/user_tokens/generate", &named);
    let second = second["token"].as_str().unwrap().to_owned();

    let before = Snapshot::now(&env).await;
    env.secret("sonarqube-token", &second);
    let asked = || env.operator.external_calls() != before.calls;
    env.eventually("the servers are asked with it", asked).await;
    env.reconcile_now("rotated").await;
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let done = before.since(&env).await;
    eprintln!(
        "a rotation of SonarQube's token, and a forced reconcile: {:#?}",
        done.calls
    );
    assert_eq!(done.writes(), 0, "{done:?}");
    assert_eq!(done.written, ["BitbucketConnection bitbucket"]);

    // It is the one in use: without it nothing works.
    env.sonarqube.post("api/user_tokens/revoke", &named);
    env.reconcile_now("revoked").await;
    let message = env
        .connection_reason("bitbucket", "AuthenticationFailed")
        .await;
    assert!(
        message.contains("spec.sonarqube.tokenSecretRef"),
        "{message}"
    );
    env.secret("sonarqube-token", &env.sonarqube.token);
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let bindings = before.since(&env).await.written;
    assert_eq!(bindings, ["BitbucketConnection bitbucket"]);
    token_leaks::assert_no_leak(&env, &[&second, &env.sonarqube.token]);
}

const BINDINGS: u32 = 12;

/// Twelve bindings that are not reconciled for an hour.
async fn many_bindings(server: Server) -> TestEnvironment {
    let env = TestEnvironment::set(server).await;
    let slugs = many::repositories(&env, BINDINGS as usize);
    env.connection(json!({"interval": "1h"}));
    env.apply(&many::bindings(&slugs));
    env.counted(BINDINGS).await;
    // So many new bindings ask for a listing: this request waits until that one is there.
    env.reconcile_now("settled").await;
    env
}

/// Edits the Secret, and sees what it costs until SonarQube has the new token, and afterwards.
async fn rotate(env: &TestEnvironment, token: &str) {
    let before = Snapshot::now(env).await;
    env.secret("bitbucket-token", token);
    applied(env).await;
    let done = before.since(env).await;
    eprintln!("a rotation with 12 bindings: {:#?}", done.calls);
    assert!(done.total() <= 5, "{done:?}");
    assert_eq!(done.written, ["BitbucketConnection bitbucket"]);
    assert_eq!(done.status_writes, 1);

    // Reconciles that the status could have triggered come after it: none asks for anything beyond a requested one.
    env.reconcile_now("rotated").await;
    let later = before.since(env).await;
    assert_eq!(later.writes(), done.writes(), "{later:?}");
    assert_eq!(later.written, ["BitbucketConnection bitbucket"]);
    for (call, count) in &later.calls {
        let of_rotation = done.calls.get(call).copied().unwrap_or_default();
        // A requested reconcile asks what the server can do, bindings in bulk among it, and then for the bindings.
        let of_pass = 1 + u64::from(call.contains("/project-bindings "));
        // The spread read of a binding may fall into the test.
        let of_bindings = u64::from(call == SPREAD_READ);
        let allowed = of_rotation + of_pass + of_bindings;
        assert!(*count <= allowed, "{call}: {later:?}");
    }
}

/// Waits until the status says that what the Secret holds now is what SonarQube has.
async fn applied(env: &TestEnvironment) {
    let secret = env
        .api::<Secret>("platform")
        .get("bitbucket-token")
        .await
        .unwrap();
    let version = SecretVersion {
        uid: secret.metadata.uid.unwrap(),
        resource_version: secret.metadata.resource_version.unwrap(),
    };
    env.until(
        "platform",
        "bitbucket",
        |connection: &BitbucketConnection| {
            let status = connection.status.as_ref();
            let applied = status.and_then(|status| status.record.applied_secrets.as_ref());
            applied.is_some_and(|applied| {
                [&applied.token, &applied.import_token] == [&Some(version.clone()); 2]
            })
        },
    )
    .await;
}

/// SonarQube itself reaches Bitbucket, with its own token and with the operator's user's.
fn works(env: &TestEnvironment) {
    let validated = env
        .sonarqube
        .get("api/alm_settings/validate", &[("key", "bitbucket")]);
    assert_eq!(validated, Value::Null);
    let checked = env.sonarqube.get_as_operator(
        "api/alm_integrations/check_pat",
        &[("almSetting", "bitbucket")],
    );
    assert_eq!(checked, Value::Null);
}
