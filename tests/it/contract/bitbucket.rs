//! The Bitbucket client on the simulator, which is held to recorded answers of real servers.

use bindery::bitbucket::{Access, Client, Error, Lookup, MissingPart};
use bindery::http::{BodyKind, Problem, Token, Transport};
use bindery::identity::{RepositoryPath, ServerUrl};
use simulators::bitbucket::{
    Bitbucket, Credential, Fault, Permission, Profile, Right, SIGN_ON_PAGE, Standing, Switch,
};

use super::scripted::loopback;

const TOKEN: &str = "a-token-of-bitbucket";

/// A server with the repositories PAY/checkout and PAY/ledger, which `reader` may read.
async fn server(profile: Profile) -> Bitbucket {
    let bitbucket = Bitbucket::start_under(profile, "/git").await.unwrap();
    bitbucket.world(|world| {
        world.repository("PAY", "checkout").branches = vec!["main".to_owned()];
        "develop".clone_into(&mut world.repository("PAY", "ledger").default_branch);
        world.grant_project("reader", "PAY", Right::Read);
        world.token(
            TOKEN,
            "reader",
            &[Permission::ProjectRead, Permission::RepoRead],
        );
    });
    bitbucket
}

fn client(bitbucket: &Bitbucket, token: &str) -> Client {
    let url = ServerUrl::parse(bitbucket.url().as_str()).unwrap();
    let transport = Transport::new(url, loopback()).unwrap();
    Client::new(transport, Token::parse(token.as_bytes()).unwrap())
}

fn path(project: &str, slug: &str) -> RepositoryPath {
    RepositoryPath::parse(project, slug).unwrap()
}

fn unexpected(error: &Error) -> Option<BodyKind> {
    let Error::Transport(failure) = error else {
        return None;
    };
    if let Problem::UnexpectedBody { found } = failure.problem {
        Some(found)
    } else {
        None
    }
}

#[tokio::test]
async fn every_version_reports_itself_without_a_token() {
    for profile in Profile::ALL {
        let bitbucket = server(profile).await;
        let server = client(&bitbucket, TOKEN).server().await.unwrap();
        let (major, minor, patch) = profile.version();
        let expected = format!("{major}.{minor}.{patch}");
        assert_eq!(server.version.to_string(), expected);
        assert_eq!(server.display_name, "Bitbucket");
        let calls = bitbucket.calls();
        assert_eq!(calls[0].credential, Credential::Anonymous);
    }
}

#[tokio::test]
async fn an_answer_of_another_server_is_recognised() {
    let bitbucket = server(Profile::V9_4).await;
    let client = client(&bitbucket, TOKEN);
    let at = "GET /git/rest/api/1.0/*";
    bitbucket.fault(Fault::at(at).answer(200, SIGN_ON_PAGE));
    assert_eq!(
        unexpected(&client.server().await.unwrap_err()),
        Some(BodyKind::Html)
    );
    assert_eq!(
        unexpected(&client.check_token().await.unwrap_err()),
        Some(BodyKind::Html)
    );
    bitbucket.clear_faults();
    bitbucket.fault(Fault::at(at).redirect(302, "/login"));
    for error in [
        client.server().await.unwrap_err(),
        client
            .repository(&path("PAY", "checkout"))
            .await
            .unwrap_err(),
    ] {
        let Error::Transport(failure) = error else {
            panic!("{error:?}")
        };
        assert!(
            matches!(failure.problem, Problem::Redirected { status: 302, .. }),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_token_is_good_bad_or_its_user_is_not_licensed() {
    for profile in Profile::ALL {
        let bitbucket = server(profile).await;
        let good = client(&bitbucket, TOKEN);
        assert_eq!(good.check_token().await.unwrap().as_deref(), Some("reader"));
        let error = client(&bitbucket, "another-token")
            .check_token()
            .await
            .unwrap_err();
        assert!(matches!(error, Error::InvalidToken { .. }), "{error:?}");
        bitbucket.world(|world| world.user("reader").standing = Standing::Unlicensed);
        let error = good.check_token().await.unwrap_err();
        assert!(matches!(error, Error::Unlicensed { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_repository_is_found_in_any_letter_case_and_spelled_as_bitbucket_does() {
    for profile in Profile::ALL {
        let bitbucket = server(profile).await;
        let found = client(&bitbucket, TOKEN)
            .repository(&path("pay", "Checkout"))
            .await
            .unwrap();
        let Lookup::Found(repository) = found else {
            panic!("{found:?}")
        };
        assert_eq!(repository.path, path("PAY", "checkout"));
        assert_eq!(
            (repository.name.as_str(), repository.archived),
            ("checkout", false)
        );
        assert!(
            repository
                .url
                .unwrap()
                .ends_with("/projects/PAY/repos/checkout/browse")
        );
    }
}

#[tokio::test]
async fn missing_denied_and_moved_repositories_are_distinguished() {
    for profile in Profile::ALL {
        let bitbucket = server(profile).await;
        bitbucket.world(|world| {
            world.repository("SECRET", "plans");
            world.rename_repository("PAY", "ledger", "books").unwrap();
        });
        let client = client(&bitbucket, TOKEN);
        let look = async |project, slug| client.repository(&path(project, slug)).await;
        assert_eq!(
            look("NOPE", "x").await.unwrap(),
            Lookup::Missing(MissingPart::Project)
        );
        assert_eq!(
            look("PAY", "x").await.unwrap(),
            Lookup::Missing(MissingPart::Repository)
        );
        let denied = look("SECRET", "plans").await.unwrap_err();
        assert!(
            matches!(denied, Error::PermissionDenied { .. }),
            "{denied:?}"
        );
        let moved = look("PAY", "ledger").await.unwrap();
        let Lookup::Moved { location, .. } = moved else {
            panic!("{moved:?}")
        };
        assert!(
            location.ends_with("/projects/PAY/repos/books"),
            "{location}"
        );
    }
}

/// With a wrong context path everything is 404, and nothing is gone.
#[tokio::test]
async fn a_wrong_context_path_makes_nothing_missing() {
    for profile in Profile::ALL {
        let bitbucket = server(profile).await;
        let mut url = bitbucket.url();
        url.set_path("/git/rest");
        let transport =
            Transport::new(ServerUrl::parse(url.as_str()).unwrap(), loopback()).unwrap();
        let client = Client::new(transport, Token::parse(TOKEN.as_bytes()).unwrap());
        let error = client
            .repository(&path("PAY", "checkout"))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::WrongRoute { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn the_default_branch_is_found_by_the_call_that_the_version_has() {
    for profile in Profile::ALL {
        let bitbucket = server(profile).await;
        let client = client(&bitbucket, TOKEN);
        let branch = client
            .default_branch(&path("PAY", "checkout"))
            .await
            .unwrap();
        assert_eq!(branch.as_deref(), Some("main"), "{profile:?}");
        let error = client
            .default_branch(&path("PAY", "nope"))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_listing_follows_next_page_start_over_gaps_and_short_pages() {
    let bitbucket = server(Profile::V9_4).await;
    bitbucket.world(|world| {
        for number in 0..7 {
            world.repository("PAY", &format!("more-{number}"));
        }
        world.settings.page_cap = 3;
        world.settings.hidden_rows = 2;
        world.settings.null_next_page_start = Switch::On;
    });
    let client = client(&bitbucket, TOKEN);
    assert_eq!(client.repositories::<Vec<_>>(None).await.unwrap().len(), 9);
    assert_eq!(
        client
            .repositories::<Vec<_>>(Some(Access::Read))
            .await
            .unwrap()
            .len(),
        9
    );
    assert_eq!(
        client
            .repositories::<Vec<_>>(Some(Access::Write))
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn pages_that_do_not_lead_on_are_an_error() {
    let bitbucket = server(Profile::V9_4).await;
    let client = client(&bitbucket, TOKEN);
    for body in [
        r#"{"values":[],"isLastPage":false}"#,
        r#"{"values":[],"isLastPage":false,"nextPageStart":0}"#,
    ] {
        bitbucket.fault(
            Fault::at("GET /git/rest/api/1.0/repos")
                .answer(200, body)
                .times(1),
        );
        let error = client.repositories::<Vec<_>>(None).await.unwrap_err();
        let Error::Transport(failure) = error else {
            panic!("{error:?}")
        };
        assert!(
            matches!(failure.problem, Problem::InconsistentPages),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn errors_are_described_and_none_shows_the_token() {
    let bitbucket = server(Profile::V9_4).await;
    let client = client(&bitbucket, TOKEN);
    for status in [400, 401, 403, 404, 409, 429, 500, 502, 503] {
        let echo = format!(
            r#"{{"errors":[{{"message":"you sent {TOKEN}","exceptionName":"a.{TOKEN}"}}]}}"#
        );
        bitbucket.fault(Fault::at("*").answer(status, &echo).times(1));
        let error = client.check_token().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{error:?}");
        assert_eq!(
            matches!(error, Error::RateLimited { .. }),
            status == 429,
            "{error:?}"
        );
        assert_eq!(
            matches!(error, Error::Transport(_)),
            status >= 500,
            "{error:?}"
        );
    }
}
