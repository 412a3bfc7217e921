//! The SonarQube client on real servers and on simulated ones: the same test, the same answers.

use bindery::identity::{RepositoryPath, ServerUrl, SettingId, SettingKey};
use bindery::sonarqube::{BitbucketAnswer, Client, Error, NewBinding, Phase};

use super::bench::{Bench, key, token, transport, with_setting};
use crate::support::server::{Server, everywhere_with_v2};

everywhere_with_v2!(
    the_server_reports_its_version_and_features,
    a_good_token_has_a_user_and_a_bad_one_has_none,
    a_setting_is_created_renamed_counted_and_deleted,
    an_unreachable_bitbucket_is_reported_as_such,
    the_server_base_url_is_set_and_read,
    a_bitbucket_client_recognises_sonarqube,
);

async fn the_server_reports_its_version_and_features(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
    let status = client.status().await.unwrap();
    assert_eq!(status.phase, Phase::Up);
    let version = format!("{}.", server.version);
    assert!(
        status.version.to_string().starts_with(&version),
        "{status:?}"
    );
    assert!(!status.id.as_str().is_empty());
    assert_eq!(
        client.edition().await.unwrap().as_deref(),
        Some("community")
    );
    assert_eq!(client.features().await.unwrap(), Some(Vec::new()));
    assert!(!client.has_set_bitbucket_binding().await.unwrap());
    assert_eq!(
        client.has_put_bound_project().await.unwrap(),
        server.binds_existing_projects()
    );
}

async fn a_good_token_has_a_user_and_a_bad_one_has_none(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
    assert!(client.validate_token().await.unwrap());
    let user = client.current_user().await.unwrap();
    assert!(user.has("admin") && user.has("provisioning"), "{user:?}");

    let stranger = Client::new(transport(&bench.sonarqube.url), token());
    assert!(!stranger.validate_token().await.unwrap());
    let error = stranger.current_user().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    let error = stranger.dop_settings().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
}

async fn a_setting_is_created_renamed_counted_and_deleted(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
    let (setting, url, _lock) = with_setting(&bench, "contract-a").await;
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
    assert_eq!(
        client.project_bindings::<Vec<_>>(Some(&id)).await.unwrap(),
        []
    );
    client.delete_setting(&second).await.unwrap();
    let error = client.count_binding(&second).await.unwrap_err();
    let expected = "DevOps Platform setting with key 'contract-b' cannot be found";
    assert_eq!(error.message(), Some(expected));
    assert!(matches!(error, Error::NotFound { .. }));
}

async fn an_unreachable_bitbucket_is_reported_as_such(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
    let (setting, _url, _lock) = with_setting(&bench, "contract-c").await;
    let answer = |result: Result<(), Error>| result.unwrap_err().bitbucket_answer();
    assert_eq!(
        answer(client.validate(&setting).await),
        Some(BitbucketAnswer::Unreachable)
    );
    client.set_pat(&setting, &token()).await.unwrap();

    let repository = RepositoryPath::parse("PAY", "checkout").unwrap();
    let id = client.dop_settings().await.unwrap().remove(0).id;
    let project = key("contract-unreachable");
    let binding = NewBinding {
        project: &project,
        name: "Checkout",
        setting: &id,
        repository: &repository,
        monorepo: false,
    };
    let refused = client.post_bound_project(&binding).await.unwrap_err();
    assert_eq!(
        refused.bitbucket_answer(),
        Some(BitbucketAnswer::Unreachable)
    );
    let unknown = NewBinding {
        setting: &SettingId::new("no-such-id"),
        ..binding
    };
    let error = client.post_bound_project(&unknown).await.unwrap_err();
    assert!(error.is_setting_unknown(), "{error:?}");
    let expected = if server.binds_existing_projects() {
        "devOpsPlatformSettingId value not found, must be the ID of the DevOps Platform configuration"
    } else {
        "ALM setting not found"
    };
    assert_eq!(error.message(), Some(expected));
    assert_eq!(
        client.project_bindings_of(&id, &repository).await.unwrap(),
        []
    );
    assert_eq!(client.project(&project).await.unwrap(), None);
    client.delete_setting(&setting).await.unwrap();
}

async fn the_server_base_url_is_set_and_read(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
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

async fn a_bitbucket_client_recognises_sonarqube(server: Server) {
    use bindery::bitbucket;
    use bindery::http::{BodyKind, Problem};
    let bench = Bench::at(server).await;
    let error = bitbucket::Client::new(transport(&bench.sonarqube.url), token())
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
