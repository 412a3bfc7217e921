//! A token to import with that may read only, beside the one that decorates.

use bindery::crd::BitbucketConnection;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use serde_json::json;
use simulators::bitbucket::{Caller, Credential, Permission};

use crate::e2e::environment::snapshot::Snapshot;
use crate::e2e::environment::{BITBUCKET_TOKEN, TestEnvironment};
use crate::support::server::{Server, simulated};

simulated!(each_of_two_tokens_does_its_own_work_and_is_rotated_alone);

const READ_TOKEN: &str = "canary-bitbucket-read-token-2b8e";
const SECOND_READ_TOKEN: &str = "canary-bitbucket-read-token-c41d";
const SECOND_WRITE_TOKEN: &str = "canary-bitbucket-write-token-90af";

/// Promise: repositories are imported with `importTokenSecretRef`, the configuration holds `tokenSecretRef`, and the
/// rotation of one leaves the other alone.
async fn each_of_two_tokens_does_its_own_work_and_is_rotated_alone(server: Server) {
    let env = TestEnvironment::set(server).await;
    let read = make(&env, READ_TOKEN, Permission::RepoRead);
    make(&env, SECOND_READ_TOKEN, Permission::RepoRead);
    make(&env, SECOND_WRITE_TOKEN, Permission::RepoWrite);
    env.secret("bitbucket-read-token", READ_TOKEN);
    let import = json!({"importTokenSecretRef": {"name": "bitbucket-read-token"}});
    env.connection(json!({"interval": "1h", "bitbucket": import}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    assert_eq!(
        held(&env),
        (BITBUCKET_TOKEN.to_owned(), READ_TOKEN.to_owned())
    );

    env.bitbucket.clear_calls();
    env.binding("payments", "checkout", "PAY/checkout", json!({}));
    env.counted(1).await;
    let calls = env.bitbucket.calls();
    let imports: Vec<_> = calls
        .iter()
        .filter(|call| call.caller == Caller::SonarQube)
        .map(|call| &call.credential)
        .collect();
    assert!(!imports.is_empty(), "{calls:?}");
    assert!(
        imports.iter().all(|credential| **credential == read),
        "{calls:?}"
    );

    let update = "sonarqube POST api/alm_settings/update_bitbucket";
    let set_pat = "sonarqube POST api/alm_integrations/set_pat";
    assert_eq!(
        rotate(&env, "bitbucket-read-token", SECOND_READ_TOKEN).await,
        [set_pat]
    );
    assert_eq!(
        held(&env),
        (BITBUCKET_TOKEN.to_owned(), SECOND_READ_TOKEN.to_owned())
    );
    assert_eq!(
        rotate(&env, "bitbucket-token", SECOND_WRITE_TOKEN).await,
        [update]
    );
    assert_eq!(
        held(&env),
        (SECOND_WRITE_TOKEN.to_owned(), SECOND_READ_TOKEN.to_owned())
    );
}

/// A token of the operator's user in Bitbucket, as the call log names it.
fn make(env: &TestEnvironment, token: &str, may: Permission) -> Credential {
    env.bitbucket.world(|world| {
        let made = world.token(token, "bindery", &[Permission::ProjectRead, may]);
        Credential::Token(made.id.clone())
    })
}

/// What SonarQube holds: the configuration's token, and the one that the operator's user imports with.
fn held(env: &TestEnvironment) -> (String, String) {
    env.sonarqube.simulated().world(|world| {
        let setting = &world.settings[0];
        (
            setting.token.clone(),
            setting.import_tokens["bindery"].clone(),
        )
    })
}

/// Puts another token into a Secret, and returns what was written to SonarQube for it.
async fn rotate(env: &TestEnvironment, secret: &str, token: &str) -> Vec<String> {
    let before = Snapshot::now(env).await;
    env.secret(secret, token);
    let now: Secret = env.api("platform").get(secret).await.unwrap();
    let version = now.resource_version();
    let is_applied = |connection: &BitbucketConnection| {
        let status = connection.status.as_ref().unwrap();
        let applied = status.record.applied_secrets.as_ref().unwrap();
        let versions = [&applied.token, &applied.import_token]
            .into_iter()
            .flatten();
        versions
            .clone()
            .any(|one| Some(&one.resource_version) == version.as_ref())
    };
    env.until("platform", "bitbucket", is_applied).await;
    let done = before.since(env).await;
    assert_eq!(done.written, ["BitbucketConnection bitbucket"]);
    let writes = done
        .calls
        .into_iter()
        .filter(|(call, _)| !call.contains(" GET "));
    writes
        .map(|(call, count)| {
            assert_eq!(count, 1, "{call}");
            call.rsplit_once(' ').unwrap().0.to_owned()
        })
        .collect()
}
