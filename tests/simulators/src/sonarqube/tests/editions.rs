//! What each edition has, as it is known of them.

use serde_json::{Value, json};

use super::{
    super::{
        Credential, Edition, Fault, Platform, Profile, ProjectPermission, SonarQube, Version,
        Visibility,
    },
    TOKEN, send, send_as, start,
};
use crate::bitbucket::{self, Bitbucket, Permission, Right};

const SET: &str = "POST /api/alm_settings/set_bitbucket_binding";
const DELETE: &str = "POST /api/alm_settings/delete_binding";
const VALIDATE: &str = "GET /api/alm_settings/validate_binding?project=p";
const CREATE: &str = "POST /api/alm_settings/create_bitbucket";

/// Those that set bindings.
const MORE: [Edition; 3] = [
    Edition::BranchPlugin,
    Edition::Developer,
    Edition::Enterprise,
];

/// The text of the first error of an answer.
fn message(body: &Value) -> &str {
    body["errors"][0]["msg"].as_str().unwrap_or_default()
}

/// A Bitbucket with PAY/checkout, which `good` may read.
pub(super) async fn bitbucket() -> Bitbucket {
    let bitbucket = Bitbucket::start(bitbucket::Profile::V9_4).await.unwrap();
    bitbucket.world(|world| {
        world.repository("PAY", "checkout");
        world.grant_project("reader", "PAY", Right::Read);
        world.token("good", "reader", &[Permission::RepoRead]);
    });
    bitbucket
}

/// A server with a project `p`, which is bound to nothing and which the operator's user administers, and a setting
/// `bb`.
pub(super) async fn with_project(profile: Profile, bitbucket: &Bitbucket) -> SonarQube {
    let sonarqube = start(profile).await;
    let url = bitbucket.url();
    let url = url.as_str().trim_end_matches('/');
    sonarqube.world(|world| {
        world.create_setting(Platform::Bitbucket, "bb", url, "good");
        let project = world.create_project("p", "P", Visibility::Private, "main");
        let administer = ("bindery".to_owned(), ProjectPermission::Administer);
        project.permissions.insert(administer);
    });
    sonarqube
}

/// Binds `p` to a repository of PAY.
pub(super) async fn bind(sonarqube: &SonarQube, slug: &str, monorepo: &str) {
    let form = format!("project=p&almSetting=bb&repository=PAY&slug={slug}&monorepo={monorepo}");
    let bound = send(sonarqube, SET, &form).await;
    assert_eq!(bound.status, 204, "{}", bound.body);
}

#[tokio::test]
async fn bindings_are_set_removed_and_validated_in_every_edition_but_community() {
    for edition in Edition::ALL {
        let sonarqube = start(Profile::new(Version::V26_9, edition)).await;
        for line in [SET, DELETE, "GET /api/alm_settings/validate_binding"] {
            let answer = send(&sonarqube, line, "").await;
            let path = line.split(' ').nth(1).unwrap();
            let expected = if edition == Edition::Community {
                (404, format!("Unknown url : {path}"))
            } else {
                (400, "The 'project' parameter is missing".to_owned())
            };
            let reported = (answer.status, message(&answer.json()).to_owned());
            assert_eq!(reported, expected, "{edition:?}");
        }
    }
}

#[tokio::test]
async fn an_edition_has_its_name_features_and_plugins() {
    let everything = ["branch-support", "monorepo", "multiple-alm"];
    for (edition, name, features, has_plugin) in [
        (Edition::Community, "community", &[][..], false),
        (Edition::BranchPlugin, "community", &everything[..], true),
        (Edition::Developer, "developer", &everything[..1], false),
        (Edition::Enterprise, "enterprise", &everything[..], false),
    ] {
        let sonarqube = start(Profile::new(Version::V9_9, edition)).await;
        let global = send(&sonarqube, "GET /api/navigation/global", "").await;
        assert_eq!(global.json()["edition"], name);
        let reported = send(&sonarqube, "GET /api/features/list", "").await;
        let mut reported: Vec<String> = serde_json::from_str(&reported.body).unwrap();
        reported.sort();
        assert_eq!(reported, features, "{edition:?}");
        let plugins = send(&sonarqube, "GET /api/plugins/installed", "").await;
        let lists_plugin = plugins.body.contains("communityBranchPlugin");
        assert_eq!(lists_plugin, has_plugin, "{edition:?}");
    }
    let older = start(Profile::new(Version::V8_9, Edition::Enterprise)).await;
    let answer = send(&older, "GET /api/features/list", "").await;
    assert_eq!(answer.status, 404, "features are listed since 9.6");
}

#[tokio::test]
async fn several_settings_are_taken_by_the_plugin_and_enterprise_and_must_then_be_named() {
    let unnamed =
        "Parameter almSetting is required as there are multiple DevOps Platform configurations.";
    let several = [Edition::BranchPlugin, Edition::Enterprise];
    for edition in Edition::ALL {
        let sonarqube = start(Profile::new(Version::V26_9, edition)).await;
        let first = "key=a&url=http%3A%2F%2Fx&personalAccessToken=t";
        let second = "key=b&url=http%3A%2F%2Fx&personalAccessToken=t";
        assert_eq!(send(&sonarqube, CREATE, first).await.status, 204);
        let other = send(&sonarqube, CREATE, second).await;
        if !several.contains(&edition) {
            let reported = (other.status, message(&other.json()).to_owned());
            let expected = (400, "A BITBUCKET setting is already defined".to_owned());
            assert_eq!(reported, expected, "{edition:?}");
            continue;
        }
        assert_eq!(other.status, 204, "{edition:?}");
        for (line, form) in [
            ("POST /api/alm_integrations/set_pat", "pat=t"),
            (
                "POST /api/alm_integrations/import_bitbucketserver_project",
                "projectKey=PAY&repositorySlug=checkout",
            ),
        ] {
            let answer = send(&sonarqube, line, form).await;
            assert_eq!((answer.status, message(&answer.json())), (400, unnamed));
        }
    }
}

#[tokio::test]
async fn errors_of_a_binding_are_as_recorded() {
    let bitbucket = bitbucket().await;
    let profile = Profile::new(Version::V26_9, Edition::BranchPlugin);
    let sonarqube = with_project(profile, &bitbucket).await;
    let no_flag = "The 'monorepo' parameter is missing";
    let bad_flag = "Value of parameter 'monorepo' (maybe) must be one of: [true, false, yes, no]";
    for (line, form, status, expected) in [
        (SET, "project=p&almSetting=bb", 400, no_flag),
        (SET, "project=p&almSetting=bb&monorepo=maybe", 400, bad_flag),
        (
            SET,
            "project=p&almSetting=nope&monorepo=no",
            404,
            "ALM setting 'nope' could not be found",
        ),
        (SET, "project=nope", 404, "Project 'nope' not found"),
        (
            SET,
            "project=p&almSetting=bb&monorepo=no&slug=checkout",
            400,
            "The 'repository' parameter is missing",
        ),
        (DELETE, "project=nope", 404, "Project 'nope' not found"),
    ] {
        let answer = send(&sonarqube, line, form).await;
        assert_eq!((answer.status, message(&answer.json())), (status, expected));
    }
}

#[tokio::test]
async fn administrators_of_the_project_set_and_remove_its_binding() {
    let bitbucket = bitbucket().await;
    for edition in MORE {
        let sonarqube = with_project(Profile::new(Version::V9_9, edition), &bitbucket).await;
        sonarqube.world(|world| world.token("nobody", "t", "squ_nobody"));
        bind(&sonarqube, "zzz", "no").await;
        let binding = || sonarqube.world(|world| world.project("p").unwrap().binding.clone());
        let before = binding().unwrap();
        bind(&sonarqube, "checkout", "false").await;
        let after = binding().unwrap();
        assert_eq!((after.slug.as_str(), after.monorepo), ("checkout", false));
        assert_eq!(after.id, before.id, "it is the same binding");

        for (line, form, status) in [
            (SET, "project=p", 403),
            (DELETE, "project=p", 403),
            (VALIDATE, "", 200),
        ] {
            let answer = send_as("squ_nobody", &sonarqube, line, form).await;
            assert_eq!(answer.status, status, "{line}");
        }
        for _ in 0..2 {
            assert_eq!(send(&sonarqube, DELETE, "project=p").await.status, 204);
        }
        assert_eq!(binding(), None);
    }
}

#[tokio::test]
async fn developer_edition_alone_refuses_monorepos() {
    let bitbucket = bitbucket().await;
    for edition in MORE {
        let sonarqube = with_project(Profile::new(Version::V26_9, edition), &bitbucket).await;
        for flag in ["yes", "true"] {
            let form =
                format!("project=p&almSetting=bb&repository=PAY&slug=checkout&monorepo={flag}");
            let answer = send(&sonarqube, SET, &form).await;
            let refuses = edition == Edition::Developer;
            assert_eq!(answer.status == 400, refuses, "{edition:?}");
            let binding = sonarqube.world(|world| world.project("p").unwrap().binding.clone());
            let shared = binding.is_some_and(|binding| binding.monorepo);
            assert_eq!(shared, !refuses, "{edition:?}");
        }
    }
}

#[tokio::test]
async fn a_binding_is_validated_with_the_token_of_its_setting() {
    let bitbucket = bitbucket().await;
    for edition in MORE {
        let sonarqube = with_project(Profile::new(Version::V26_9, edition), &bitbucket).await;
        let unbound = send(&sonarqube, VALIDATE, "").await;
        assert_eq!((unbound.status, unbound.body.as_str()), (200, ""));
        bind(&sonarqube, "checkout", "no").await;
        assert_eq!(bitbucket.calls(), [], "until here nobody was asked");

        let good = send(&sonarqube, VALIDATE, "").await;
        assert_eq!((good.status, good.body.as_str()), (200, ""));
        let calls = bitbucket.calls();
        let operations: Vec<_> = calls.iter().map(|call| call.operation).collect();
        assert_eq!(operations, ["repository", "application-properties"]);
        let known = |credential: &Credential| matches!(credential, Credential::Token(_));
        assert!(calls.iter().all(|call| known(&call.credential)));
        bitbucket.clear_calls();
    }
}

#[tokio::test]
async fn errors_of_a_bound_repository_are_in_the_words_of_bitbucket() {
    let bitbucket = bitbucket().await;
    let profile = Profile::new(Version::V26_9, Edition::BranchPlugin);
    let sonarqube = with_project(profile, &bitbucket).await;
    let demand = async |expected: &str| {
        let answer = send(&sonarqube, VALIDATE, "").await;
        let body = json!({"scope": "PROJECT", "errors": [{"msg": expected}]});
        assert_eq!((answer.status, answer.json()), (400, body));
    };
    let lead = "Could not retrieve repository details from Bitbucket";
    bind(&sonarqube, "zzz", "no").await;
    demand(&format!("{lead} - Repository PAY/zzz does not exist.")).await;

    bind(&sonarqube, "checkout", "no").await;
    let fault = || Fault::at("application-properties").times(1);
    bitbucket.fault(fault().answer(200, r#"{"version":"5.14.9"}"#));
    demand("The configured Bitbucket instance does not support code insights").await;
    bitbucket.fault(fault().answer(503, r#"{"message":"soon"}"#));
    demand(
        "Could not check Bitbucket configuration - Bitbucket responded with an error status (503)",
    )
    .await;

    sonarqube.world(|world| world.setting_mut("bb").unwrap().token = "bad".to_owned());
    let refused = "Authentication failed. Please check your credentials and try again.";
    demand(&format!("{lead} - {refused}")).await;
    sonarqube.world(|world| {
        let setting = world.setting_mut("bb").unwrap();
        setting.platform = Platform::GitLab;
        "https://x/api/v4".clone_into(&mut setting.url);
    });
    demand("Project could not be retrieved from Gitlab - x: Name or service not known").await;
    assert!(!format!("{:?}", sonarqube.calls()).contains(TOKEN));
}

#[tokio::test]
async fn the_plugin_follows_a_repository_that_moved_and_commercial_editions_do_not() {
    for (edition, status) in [(Edition::BranchPlugin, 200), (Edition::Enterprise, 400)] {
        let bitbucket = bitbucket().await;
        let sonarqube = with_project(Profile::new(Version::V26_9, edition), &bitbucket).await;
        bind(&sonarqube, "checkout", "no").await;
        let renamed = bitbucket.world(|world| world.rename_repository("PAY", "checkout", "till"));
        assert_eq!(renamed, Ok(()));
        let answer = send(&sonarqube, VALIDATE, "").await;
        assert_eq!(answer.status, status, "{edition:?}: {}", answer.body);
    }
}
