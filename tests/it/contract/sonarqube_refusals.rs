//! What SonarQube says when it does not do what it was asked, by the client on real servers and on simulated ones.

use bindery::http::Token;
use bindery::identity::{RepositoryPath, ServerUrl, SettingKey};
use bindery::sonarqube::{BitbucketAnswer, Client, Error};
use simulators::bitbucket::{Fault, SIGN_ON_PAGE};

use super::bench::{Bench, Site, key, token, transport};
use crate::support::server::{Server, everywhere, on};

everywhere!(
    an_unbound_project_and_no_project_differ_by_words_alone,
    answers_of_bitbucket_to_sonarqube_are_recognised,
    a_missing_token_is_reported_as_such,
    the_expiry_date_of_a_token_is_reported,
);

mod simulated_versions {
    use super::*;

    on!([simulated_25_12, simulated_10_7, simulated_9_9, simulated_8_9] =>
        an_unbound_project_and_no_project_differ_by_words_alone,
        a_missing_token_is_reported_as_such,
    );
    on!([simulated_25_12, simulated_10_7, simulated_9_9] =>
        answers_of_bitbucket_to_sonarqube_are_recognised,
        the_expiry_date_of_a_token_is_reported,
    );
}

mod other_versions {
    use super::*;

    on!([real_25_12, real_10_7, real_9_9, real_8_9] =>
        an_unbound_project_and_no_project_differ_by_words_alone,
        a_missing_token_is_reported_as_such,
    );
    on!([real_25_12, real_10_7, real_9_9] =>
        answers_of_bitbucket_to_sonarqube_are_recognised,
        the_expiry_date_of_a_token_is_reported,
    );
}

async fn an_unbound_project_and_no_project_differ_by_words_alone(server: Server) {
    let bench = Bench::at(server).await;
    let client = &bench.client;
    let project = key("contract:unbound");
    let _ = client.delete_project(&project).await;
    let error = client.binding(&project).await.unwrap_err();
    let words = "Project 'contract:unbound' not found";
    assert_eq!(error.message(), Some(words));
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    bench
        .sonarqube
        .create_project("contract:unbound", "Unbound");
    assert_eq!(client.binding(&project).await.unwrap(), None);
    client.delete_project(&project).await.unwrap();
}

/// `check_pat` is not the operator's; `import_repository` and `validate` answer with the same words.
async fn answers_of_bitbucket_to_sonarqube_are_recognised(server: Server) {
    use BitbucketAnswer as B;
    let site = Site::with_token(server, "contract-words").await;
    let client = &site.bench.client;
    let checkout = RepositoryPath::parse("PAY", "checkout").unwrap();
    let error = r#"{"errors":[{"message":"no"}]}"#;
    for (status, body, expected) in [
        (401, error, B::InvalidToken),
        (404, error, B::NotFoundOrUnreachable),
        (403, error, B::Unreachable),
        (500, error, B::Unreachable),
        (429, error, B::Unreachable),
        (503, "busy", B::Unreachable),
        (200, SIGN_ON_PAGE, B::Unexpected),
        (200, "[]", B::Unexpected),
    ] {
        site.bitbucket.fault(Fault::at("*").answer(status, body));
        let validated = client.validate(&site.setting).await;
        let imported = client.import_repository(&site.setting, &checkout).await;
        for failed in [validated.unwrap_err(), imported.unwrap_err()] {
            let reported = failed.bitbucket_answer();
            assert_eq!(reported, Some(expected), "{status} {body}: {failed:?}");
            assert!(failed.message().is_some() && !failed.is_setting_unknown());
        }
        site.bitbucket.clear_faults();
    }
    assert!(client.validate(&site.setting).await.is_ok() || server.version != "26.9");
    let nowhere = ServerUrl::parse("http://127.0.0.1:1").unwrap();
    client
        .update_bitbucket(&site.setting, &site.setting, &nowhere, Some(&token()))
        .await
        .unwrap();
    let failed = client.validate(&site.setting).await.unwrap_err();
    assert_eq!(failed.bitbucket_answer(), Some(B::Unreachable));
    let form = [
        ("key", site.setting.as_str()),
        ("url", "ftp://x"),
        ("personalAccessToken", "x"),
    ];
    site.bench
        .sonarqube
        .post("api/alm_settings/update_bitbucket", &form);
    let failed = client.validate(&site.setting).await.unwrap_err();
    assert_eq!(failed.bitbucket_answer(), Some(B::MalformedUrl));
    client.delete_setting(&site.setting).await.unwrap();
    let failed = client.validate(&site.setting).await.unwrap_err();
    assert_eq!(failed.bitbucket_answer(), None);
    assert!(matches!(failed, Error::NotFound { .. }), "{failed:?}");
}

async fn a_missing_token_is_reported_as_such(server: Server) {
    let site = Site::at(server, "contract-missing").await;
    let client = &site.bench.client;
    let checkout = RepositoryPath::parse("PAY", "checkout").unwrap();
    let imported = client.import_repository(&site.setting, &checkout).await;
    let names = ("PAY", "checkout");
    let found = client.project_of(&site.setting, &checkout, names).await;
    for failed in [imported.unwrap_err(), found.unwrap_err()] {
        let reported = failed.bitbucket_answer();
        assert_eq!(reported, Some(BitbucketAnswer::TokenMissing), "{failed:?}");
    }
    let unknown = SettingKey::parse("contract-no-such").unwrap();
    let failed = client.set_pat(&unknown, &token()).await.unwrap_err();
    assert!(matches!(failed, Error::NotFound { .. }), "{failed:?}");
    client.delete_setting(&site.setting).await.unwrap();
}

/// `authentication/validate` returns no day: it needs no login.
async fn the_expiry_date_of_a_token_is_reported(server: Server) {
    let bench = Bench::at(server).await;
    let name = ("name", "contract-dated");
    bench.sonarqube.post("api/user_tokens/revoke", &[name]);
    let dated = [name, ("expirationDate", "2099-12-31")];
    let made = bench.sonarqube.post("api/user_tokens/generate", &dated);
    let secret = made["token"].as_str().unwrap();
    let token = Token::parse(secret.as_bytes()).unwrap();
    let client = Client::new(transport(&bench.sonarqube.url), token);
    assert!(client.validate_token().await.unwrap());
    assert_eq!(client.token_expiration(), None);
    assert_eq!(client.current_user().await.unwrap().login, "admin");
    assert_eq!(client.token_expiration().as_deref(), Some("2099-12-31"));

    assert!(bench.client.current_user().await.is_ok());
    assert_eq!(bench.client.token_expiration(), None);
    bench.sonarqube.post("api/user_tokens/revoke", &[name]);
    assert!(!client.validate_token().await.unwrap());
}
