//! The SonarQube client on a real SonarQube 26.9.

use bindery::http::{HostPolicy, Options, Token, Transport};
use bindery::identity::{ProjectKey, RepositoryPath, ServerUrl, SettingId, SettingKey};
use bindery::sonarqube::{
    BitbucketAnswer, Client, Error, NewBinding, NewCode, NewProject, Permission, Phase, Visibility,
};
use tokio::sync::{Mutex, MutexGuard};

use super::scripted::loopback;
use crate::support::turn;

/// Plain Community allows one Bitbucket setting on a server: tests that have one take turns.
static ONE_SETTING: Mutex<()> = Mutex::const_new(());

#[expect(
    clippy::disallowed_methods,
    reason = "`make test` tells the tests where its servers are"
)]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `make test`, which starts a real SonarQube")
    })
}

fn transport() -> Transport {
    let url = ServerUrl::parse(&told("BINDERY_SONARQUBE_URL")).unwrap();
    let hosts = HostPolicy::parse("127.0.0.0/8").unwrap();
    Transport::new(
        url,
        Options {
            hosts,
            ..loopback()
        },
    )
    .unwrap()
}

fn client() -> Client {
    let token = told("BINDERY_SONARQUBE_TOKEN");
    Client::new(transport(), Token::parse(token.as_bytes()).unwrap())
}

fn token() -> Token {
    Token::parse(b"a-token-of-bitbucket").unwrap()
}

fn key(text: &str) -> ProjectKey {
    ProjectKey::parse(text).unwrap()
}

/// A setting for one test, and the turn that goes with it.
async fn with_setting(
    client: &Client,
    name: &str,
) -> (SettingKey, ServerUrl, MutexGuard<'static, ()>) {
    let turn = ONE_SETTING.lock().await;
    for left in client.definitions().await.unwrap().bitbucket {
        client.delete_setting(&left.key).await.unwrap();
    }
    let setting = SettingKey::parse(name).unwrap();
    let url = ServerUrl::parse("http://127.0.0.1:1").unwrap();
    client
        .create_bitbucket(&setting, &url, &token())
        .await
        .unwrap();
    (setting, url, turn)
}

/// A project for one test, nothing left of an earlier run.
async fn with_project(client: &Client, name: &str) -> ProjectKey {
    let key = key(name);
    let _ = client.delete_project(&key).await;
    let project = NewProject {
        key: &key,
        name: "Contract",
        visibility: Some(Visibility::Private),
        main_branch: Some("develop"),
    };
    client.create_project(&project).await.unwrap();
    key
}

#[tokio::test]
async fn the_server_tells_what_it_is_and_offers() {
    let _turn = turn::shared().await;
    let client = client();
    let status = client.status().await.unwrap();
    assert_eq!(status.phase, Phase::Up);
    assert!(status.version.at_least(25, 12));
    assert!(!status.id.as_str().is_empty());
    assert_eq!(
        client.edition().await.unwrap().as_deref(),
        Some("community")
    );
    assert_eq!(client.features().await.unwrap(), [""; 0]);
    assert!(!client.has_set_bitbucket_binding().await.unwrap());
    assert!(client.has_put_bound_project().await.unwrap());
}

#[tokio::test]
async fn a_good_token_has_a_user_and_a_bad_one_has_none() {
    let _turn = turn::shared().await;
    let client = client();
    assert!(client.validate_token().await.unwrap());
    let user = client.current_user().await.unwrap();
    assert!(user.has("admin") && user.has("provisioning"), "{user:?}");

    let stranger = Client::new(transport(), token());
    assert!(!stranger.validate_token().await.unwrap());
    let error = stranger.current_user().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    let error = stranger.dop_settings().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
}

#[tokio::test]
async fn a_setting_is_created_renamed_counted_and_deleted() {
    let _turn = turn::shared().await;
    let client = client();
    let (setting, url, _turn) = with_setting(&client, "contract-a").await;
    let ids = |settings: Vec<bindery::sonarqube::DopSetting>| {
        settings.into_iter().map(|it| (it.id, it.key))
    };
    let (id, _) = ids(client.dop_settings().await.unwrap()).next().unwrap();

    let second = SettingKey::parse("contract-b").unwrap();
    let error = client
        .create_bitbucket(&second, &url, &token())
        .await
        .unwrap_err();
    assert!(error.is_configuration_limit(), "{error:?}");

    client
        .update_bitbucket(&setting, &second, &url, None)
        .await
        .unwrap();
    let definitions = client.definitions().await.unwrap();
    assert_eq!(definitions.bitbucket[0].key, second);
    assert!(url.same(&definitions.bitbucket[0].url) && definitions.foreign.is_empty());
    let renamed: Vec<_> = ids(client.dop_settings().await.unwrap()).collect();
    assert_eq!(renamed, [(id.clone(), second.clone())]);

    let moved = ServerUrl::parse("http://127.0.0.1:2").unwrap();
    let error = client
        .update_bitbucket(&second, &second, &moved, None)
        .await
        .unwrap_err();
    assert_eq!(
        error.message(),
        Some("Please provide the Personal Access Token to update the URL.")
    );
    client
        .update_bitbucket(&second, &second, &moved, Some(&token()))
        .await
        .unwrap();

    assert_eq!(client.count_binding(&second).await.unwrap(), 0);
    assert_eq!(client.project_bindings(&id).await.unwrap(), []);
    client.delete_setting(&second).await.unwrap();
    let error = client.count_binding(&second).await.unwrap_err();
    let expected = "DevOps Platform setting with key 'contract-b' cannot be found";
    assert_eq!(error.message(), Some(expected));
    assert!(matches!(error, Error::NotFound { .. }));
}

#[tokio::test]
async fn a_bitbucket_that_nobody_reaches_is_told_as_such() {
    let _turn = turn::shared().await;
    let client = client();
    let (setting, _url, _turn) = with_setting(&client, "contract-c").await;
    let answer = |result: Result<(), Error>| result.unwrap_err().bitbucket_answer();
    assert_eq!(
        answer(client.validate(&setting).await),
        Some(BitbucketAnswer::Unreachable)
    );
    assert_eq!(
        answer(client.check_pat(&setting).await),
        Some(BitbucketAnswer::TokenMissing)
    );
    client.set_pat(&setting, &token()).await.unwrap();
    assert_eq!(
        answer(client.check_pat(&setting).await),
        Some(BitbucketAnswer::Unreachable)
    );

    let repository = RepositoryPath::parse("PAY", "checkout").unwrap();
    let id = client.dop_settings().await.unwrap().remove(0).id;
    let project = key("contract-unreachable");
    let new_code = NewCode::Days(30);
    let binding = NewBinding {
        project: &project,
        name: "Checkout",
        setting: &id,
        repository: &repository,
        monorepo: false,
        new_code: Some(&new_code),
    };
    for result in [
        client.put_bound_project(&binding).await,
        client.post_bound_project(&binding).await,
    ] {
        assert_eq!(
            result.unwrap_err().bitbucket_answer(),
            Some(BitbucketAnswer::Unreachable)
        );
    }
    let unknown = NewBinding {
        setting: &SettingId::new("no-such-id"),
        ..binding
    };
    let error = client.put_bound_project(&unknown).await.unwrap_err();
    let expected = "devOpsPlatformSettingId value not found, must be the ID of the DevOps Platform configuration";
    assert_eq!(error.message(), Some(expected));
    assert_eq!(
        client.project_bindings_of(&id, &repository).await.unwrap(),
        []
    );
    assert_eq!(client.project(&project).await.unwrap(), None);
    client.delete_setting(&setting).await.unwrap();
}

#[tokio::test]
async fn a_project_is_created_changed_found_and_deleted() {
    let _turn = turn::shared().await;
    let client = client();
    let first = with_project(&client, "contract:first").await;
    let second = key("contract:second");
    let _ = client.delete_project(&second).await;

    let found = client.project(&first).await.unwrap().unwrap();
    assert_eq!(
        (found.name.as_str(), found.visibility),
        ("Contract", Visibility::Private)
    );
    assert!(found.id.is_some());
    assert_eq!(client.binding(&first).await.unwrap(), None);

    let login = client.current_user().await.unwrap().login;
    for permission in [Permission::Browse, Permission::Administer] {
        client
            .add_user_permission(&login, permission, &first)
            .await
            .unwrap();
    }
    client
        .update_visibility(&first, Visibility::Public)
        .await
        .unwrap();
    client.update_project_key(&first, &second).await.unwrap();
    assert_eq!(client.project(&first).await.unwrap(), None);
    let shouted = key("CONTRACT:Second");
    let moved = client.project(&shouted).await.unwrap().unwrap();
    assert_eq!(
        (&moved.key, moved.visibility),
        (&second, Visibility::Public)
    );
    assert_eq!(moved.id, found.id);
    assert!(
        client
            .projects()
            .await
            .unwrap()
            .iter()
            .any(|it| it.key == second)
    );

    client.delete_project(&second).await.unwrap();
    assert_eq!(client.project(&second).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_wrong_with_a_project_is_told_in_sonarqubes_words() {
    let _turn = turn::shared().await;
    let client = client();
    let taken = with_project(&client, "contract:taken").await;
    let similar = key("CONTRACT:taken");
    let again = NewProject {
        key: &similar,
        name: "x",
        visibility: None,
        main_branch: None,
    };
    let error = client.create_project(&again).await.unwrap_err();
    assert!(error.is_similar_key(), "{error:?}");
    client.delete_project(&taken).await.unwrap();

    let error = client.delete_project(&taken).await.unwrap_err();
    assert_eq!(error.message(), Some("Project 'contract:taken' not found"));
    let error = client.binding(&taken).await.unwrap_err();
    assert_eq!(error.message(), Some("Project 'contract:taken' not found"));
    let error = client
        .update_visibility(&taken, Visibility::Public)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Rejected { status: 400, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn main_branch_and_new_code_are_set_and_read() {
    let _turn = turn::shared().await;
    let client = client();
    let project = with_project(&client, "contract:branches").await;
    let login = client.current_user().await.unwrap().login;
    for permission in [Permission::Browse, Permission::Administer] {
        client
            .add_user_permission(&login, permission, &project)
            .await
            .unwrap();
    }
    assert_eq!(
        client.main_branch(&project).await.unwrap().as_deref(),
        Some("develop")
    );
    client.rename_main_branch(&project, "trunk").await.unwrap();
    client.rename_main_branch(&project, "trunk").await.unwrap();
    assert_eq!(
        client.main_branch(&project).await.unwrap().as_deref(),
        Some("trunk")
    );

    client
        .set_new_code(&project, None, &NewCode::Days(30))
        .await
        .unwrap();
    client
        .set_new_code(&project, Some("trunk"), &NewCode::PreviousVersion)
        .await
        .unwrap();
    let periods = client.new_code_periods(&project).await.unwrap();
    assert_eq!(
        (periods[0].branch.as_str(), periods[0].kind.as_str()),
        ("trunk", "PREVIOUS_VERSION")
    );
    assert!(!periods[0].inherited);
    let error = client
        .set_new_code(&project, None, &NewCode::Days(0))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Rejected { status: 400, .. }),
        "{error:?}"
    );
    client.delete_project(&project).await.unwrap();
}

#[tokio::test]
async fn the_server_base_url_is_set_and_read() {
    let _turn = turn::shared().await;
    let client = client();
    let name = "sonar.core.serverBaseURL";
    let url = client.url().to_string();
    client.set_setting(name, &url).await.unwrap();
    let values = client
        .settings(&[name, "sonar.no.such.setting"])
        .await
        .unwrap();
    assert_eq!(
        values.into_iter().collect::<Vec<_>>(),
        [(name.to_owned(), url)]
    );
    let error = client.set_setting(name, "").await.unwrap_err();
    assert!(
        matches!(error, Error::Rejected { status: 400, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_bitbucket_client_recognises_sonarqube() {
    use bindery::bitbucket;
    use bindery::http::{BodyKind, Problem};
    let error = bitbucket::Client::new(transport(), token())
        .server()
        .await
        .unwrap_err();
    let bitbucket::Error::Transport(failure) = error else {
        panic!("{error:?}")
    };
    let found = matches!(
        failure.problem,
        Problem::UnexpectedBody {
            found: BodyKind::SonarQube
        }
    );
    assert!(found, "{failure:?}");
}
