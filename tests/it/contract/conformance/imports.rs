//! `api/alm_integrations`, and what SonarQube makes of Bitbucket's answers.

use simulators::bitbucket::{Effect, Fault, SIGN_ON_PAGE};

use super::conversation::{BITBUCKET_TOKEN, Conversation, Who};

pub(super) const SET_PAT: &str = "api/alm_integrations/set_pat";
const CHECK_PAT: &str = "api/alm_integrations/check_pat";
const LIST: &str = "api/alm_integrations/list_bitbucketserver_projects";
const SEARCH: &str = "api/alm_integrations/search_bitbucketserver_repos";
const IMPORT: &str = "api/alm_integrations/import_bitbucketserver_project";
const SETTING: (&str, &str) = ("almSetting", "mine");

pub(super) async fn configured(talk: &mut Conversation) {
    let url = talk.bitbucket_url();
    let setting = [
        ("key", "mine"),
        ("url", &*url),
        ("personalAccessToken", BITBUCKET_TOKEN),
    ];
    talk.post("api/alm_settings/create_bitbucket", &setting)
        .await;
}

pub(super) async fn with_token(talk: &mut Conversation) {
    configured(talk).await;
    talk.post(SET_PAT, &[SETTING, ("pat", BITBUCKET_TOKEN)])
        .await;
}

pub(super) async fn a_token_is_kept(talk: &mut Conversation) {
    let unknown = ("almSetting", "nope");
    talk.post(SET_PAT, &[("pat", "x")]).await;
    let repository = [("projectKey", "PAY"), ("repositorySlug", "checkout")];
    talk.post(IMPORT, &repository).await;
    configured(talk).await;
    for setting in [vec![], vec![unknown], vec![SETTING]] {
        talk.get(CHECK_PAT, &setting).await;
        talk.get(LIST, &setting).await;
        talk.get(SEARCH, &setting).await;
        talk.post(IMPORT, &[&setting[..], &repository[..]].concat())
            .await;
        talk.post(SET_PAT, &setting).await;
    }
    talk.post(SET_PAT, &[unknown, ("pat", "x")]).await;
    talk.post(SET_PAT, &[SETTING, ("pat", &"x".repeat(2001))])
        .await;
    talk.bitbucket_was_asked();
    for token in ["a-bad-token", BITBUCKET_TOKEN] {
        talk.post(SET_PAT, &[SETTING, ("pat", token)]).await;
        talk.get(CHECK_PAT, &[SETTING]).await;
        talk.get(LIST, &[SETTING]).await;
        talk.get(SEARCH, &[SETTING]).await;
        talk.bitbucket_was_asked();
    }
    talk.get(LIST, &[SETTING, ("pageSize", "2")]).await;
    talk.get(LIST, &[SETTING, ("pageSize", "2"), ("start", "2")])
        .await;
    talk.get(SEARCH, &[SETTING, ("pageSize", "2"), ("start", "2")])
        .await;
    talk.get(SEARCH, &[SETTING, ("pageSize", "101")]).await;
    talk.get(SEARCH, &[SETTING, ("pageSize", "x")]).await;
    talk.get(SEARCH, &[SETTING, ("projectName", "PAY")]).await;
    talk.get(SEARCH, &[SETTING, ("repositoryName", "check")])
        .await;
    let odd = [
        ("projectName", "a b+c%20"),
        ("repositoryName", "d&name=e/ü"),
    ];
    talk.get(SEARCH, &[SETTING, odd[0], odd[1]]).await;
    talk.bitbucket_was_asked();
    let both = [("projectName", "PAY"), ("repositoryName", "ledger")];
    talk.get(SEARCH, &[SETTING, both[0], both[1]]).await;
    talk.bitbucket_was_asked();
    // Another user has a token of his own, or none.
    talk.by(Who::Administrator);
    talk.get(CHECK_PAT, &[SETTING]).await;
    talk.post(IMPORT, &[SETTING, repository[0], repository[1]])
        .await;
    talk.by(Who::Bindery);
    let renamed = [
        ("key", "mine"),
        ("newKey", "renamed"),
        ("url", &*talk.bitbucket_url()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let renamed: Vec<_> = renamed
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    talk.post("api/alm_settings/update_bitbucket", &renamed)
        .await;
    talk.get(CHECK_PAT, &[("almSetting", "renamed")]).await;
    talk.post("api/alm_settings/delete", &[("key", "renamed")])
        .await;
    configured(talk).await;
    talk.get(CHECK_PAT, &[SETTING]).await;
}

/// An error as Bitbucket returns it.
const ERROR: &str = r#"{"errors":[{"context":null,"message":"no","exceptionName":null}]}"#;

/// What a Bitbucket may answer instead of what it is asked for.
pub(super) const BAD_ANSWERS: [(u16, &str); 16] = [
    (401, ERROR),
    (403, ERROR),
    (404, ERROR),
    (409, ERROR),
    (429, ERROR),
    (500, ERROR),
    (401, "{}"),
    (429, "{\"message\":\"slow down\"}"),
    (502, "<html><body>bad gateway</body></html>"),
    (503, "busy"),
    (200, SIGN_ON_PAGE),
    (200, "<html>"),
    (200, "[]"),
    (200, "{}"),
    (200, "not JSON"),
    (204, ""),
];

pub(super) async fn bitbucket_answers_badly(talk: &mut Conversation) {
    with_token(talk).await;
    for (status, body) in BAD_ANSWERS {
        talk.bitbucket.fault(Fault::at("*").answer(status, body));
        asked(talk).await;
        talk.bitbucket.clear_faults();
        talk.bitbucket_was_asked();
    }
    let elsewhere = talk.bitbucket_url();
    talk.bitbucket
        .fault(Fault::at("*").redirect(302, &elsewhere));
    asked(talk).await;
    talk.bitbucket.clear_faults();
    talk.bitbucket_was_asked();
    talk.bitbucket.fault(Fault::at("*").effect(Effect::Drop));
    asked(talk).await;
    talk.bitbucket.clear_faults();
    // How often it asked is not compared: it repeats what is lost on a connection that was used before.
    talk.bitbucket.clear_calls();
}

async fn asked(talk: &mut Conversation) {
    talk.get("api/alm_settings/validate", &[("key", "mine")])
        .await;
    talk.get(CHECK_PAT, &[SETTING]).await;
    talk.get(LIST, &[SETTING]).await;
    talk.get(SEARCH, &[SETTING]).await;
    let repository = [
        SETTING,
        ("projectKey", "PAY"),
        ("repositorySlug", "checkout"),
    ];
    talk.post(IMPORT, &repository).await;
}

pub(super) async fn a_repository_is_imported(talk: &mut Conversation) {
    with_token(talk).await;
    talk.bitbucket_was_asked();
    for (project, slug) in [
        ("PAY", "checkout"),
        ("pay", "MIXEDCASE"),
        ("PAY", "ledger"),
        ("OPS", "empty"),
        ("OPS", "crowded"),
        ("~jdoe", "tools"),
        ("PAY", "nope"),
        ("NOPE", "checkout"),
    ] {
        let repository = [SETTING, ("projectKey", project), ("repositorySlug", slug)];
        let answer = talk.post(IMPORT, &repository).await;
        talk.bitbucket_was_asked();
        let Some(key) = answer["project"]["key"].as_str() else {
            continue;
        };
        talk.get("api/alm_settings/get_binding", &[("project", key)])
            .await;
        for permission in ["user", "admin"] {
            let granted = [
                ("login", "bindery"),
                ("projectKey", key),
                ("permission", permission),
            ];
            talk.post("api/permissions/add_user", &granted).await;
        }
        let component = [("component", key)];
        talk.fields(
            "api/navigation/component",
            &component,
            &["key", "id", "name"],
        )
        .await;
        talk.get("api/alm_settings/get_binding", &[("project", key)])
            .await;
        talk.get("api/project_branches/list", &[("project", key)])
            .await;
    }
    // Which project a repository is bound to, if nothing else shows it.
    for query in [
        &[][..],
        &[("projectName", "PAY"), ("repositoryName", "checkout")],
        &[("projectName", "pay"), ("repositoryName", "CHECK")],
        &[("projectName", "Operations")],
        &[("projectName", "OPS")],
        &[("repositoryName", "nope")],
    ] {
        talk.get(SEARCH, &[&[SETTING], query].concat()).await;
    }
    talk.bitbucket_was_asked();
    let checkout = [
        SETTING,
        ("projectKey", "PAY"),
        ("repositorySlug", "checkout"),
    ];
    for definition in [
        vec![("newCodeDefinitionType", "FOO")],
        vec![("newCodeDefinitionType", "NUMBER_OF_DAYS")],
        vec![
            ("newCodeDefinitionType", "NUMBER_OF_DAYS"),
            ("newCodeDefinitionValue", "0"),
        ],
        vec![("newCodeDefinitionValue", "30")],
        vec![
            ("newCodeDefinitionType", "NUMBER_OF_DAYS"),
            ("newCodeDefinitionValue", "30"),
        ],
    ] {
        talk.post(IMPORT, &[&checkout[..], &definition[..]].concat())
            .await;
    }
    talk.get("api/alm_settings/count_binding", &[SETTING]).await;
    talk.post(IMPORT, &[SETTING, ("projectKey", "PAY")]).await;
    talk.get(SEARCH, &[SETTING, ("repositoryName", "ledger")])
        .await;
}

/// Where a setting may be left out, and where it is another platform's.
pub(super) async fn a_setting_is_guessed(talk: &mut Conversation) {
    configured(talk).await;
    let repository = [("projectKey", "PAY"), ("repositorySlug", "checkout")];
    let token = ("pat", BITBUCKET_TOKEN);
    talk.post(IMPORT, &repository).await;
    talk.post(SET_PAT, &[token]).await;
    talk.post(IMPORT, &repository).await;
    talk.bitbucket_was_asked();
    let lab = [
        ("key", "lab"),
        ("url", "http://127.0.0.1:1/api/v4"),
        ("personalAccessToken", "x"),
    ];
    talk.post("api/alm_settings/create_gitlab", &lab).await;
    talk.post(SET_PAT, &[token]).await;
    talk.post(IMPORT, &repository).await;
    talk.bitbucket_was_asked();
    let lab = ("almSetting", "lab");
    for path in [CHECK_PAT, LIST, SEARCH] {
        talk.get(path, &[lab]).await;
    }
    talk.post(IMPORT, &[lab, repository[0], repository[1]])
        .await;
    talk.post(SET_PAT, &[lab, ("pat", "x")]).await;
    talk.post(IMPORT, &[lab, repository[0], repository[1]])
        .await;
    talk.post(IMPORT, &[lab, repository[0]]).await;
    talk.get(CHECK_PAT, &[SETTING]).await;
}

/// Which of its projects a repository is shown with.
pub(super) async fn a_repository_has_several_projects(talk: &mut Conversation) {
    with_token(talk).await;
    let setting = talk.setting_id().await;
    let bound = "api/v2/dop-translation/bound-projects";
    let found = [SETTING, ("repositoryName", "checkout")];
    talk.get(SEARCH, &found).await;
    for key in ["m", "Z", "a", "B", "_"] {
        let body = super::bound_projects::body(&setting, key, key, "PAY/checkout");
        talk.json(reqwest::Method::POST, bound, body).await;
        talk.get(SEARCH, &found).await;
    }
    talk.by(Who::Administrator);
    for key in ["_", "B", "Z"] {
        let everybody = [
            ("groupName", "sonar-users"),
            ("projectKey", key),
            ("permission", "user"),
        ];
        talk.post(
            "api/projects/update_visibility",
            &[("project", key), ("visibility", "private")],
        )
        .await;
        talk.post("api/permissions/remove_group", &everybody).await;
    }
    talk.by(Who::Bindery);
    talk.get(SEARCH, &found).await;
}
