//! Writes, by those who may not make them.

use reqwest::Method;
use serde_json::json;

use super::bound_projects::{BOUND, body};
use super::conversation::{BITBUCKET_TOKEN, Conversation, Who};
use super::imports::{SET_PAT, with_token};
use super::people::user;

pub(super) async fn calls_that_need_a_right(talk: &mut Conversation) {
    with_token(talk).await;
    let setting = talk.setting_id().await;
    talk.by(Who::Administrator);
    for key in ["theirs", "kept"] {
        let project = [("project", key), ("name", key), ("visibility", "private")];
        talk.post("api/projects/create", &project).await;
    }
    for (login, permissions) in [
        ("nothing", &[][..]),
        ("creates", &["provisioning"]),
        ("administrates", &["admin"]),
        ("scans", &["scan"]),
    ] {
        talk.by(Who::Administrator);
        let who = user(talk, login, permissions).await;
        talk.by(who);
        settings(talk).await;
        imports(talk).await;
        bindings(talk, login, &setting).await;
        projects(talk, login).await;
    }
    talk.by(Who::Administrator);
    talk.get("api/projects/search", &[]).await;
    talk.get("api/alm_settings/list_definitions", &[]).await;
    for login in ["nothing", "creates", "administrates", "scans"] {
        talk.post("api/users/deactivate", &[("login", login)]).await;
    }
}

async fn settings(talk: &mut Conversation) {
    let url = talk.bitbucket_url();
    let (key, url, pat) = (
        ("key", "mine"),
        ("url", &*url),
        ("personalAccessToken", "x"),
    );
    talk.post(
        "api/alm_settings/create_bitbucket",
        &[("key", "new"), url, pat],
    )
    .await;
    talk.post("api/alm_settings/update_bitbucket", &[key, url])
        .await;
    talk.post("api/alm_settings/create_bitbucket", &[]).await;
    talk.post("api/alm_settings/update_bitbucket", &[]).await;
    talk.post("api/alm_settings/delete", &[]).await;
    talk.get("api/alm_settings/count_binding", &[("almSetting", "mine")])
        .await;
}

async fn imports(talk: &mut Conversation) {
    let setting = ("almSetting", "mine");
    talk.post(SET_PAT, &[setting, ("pat", BITBUCKET_TOKEN)])
        .await;
    for path in [
        "list_bitbucketserver_projects",
        "search_bitbucketserver_repos",
    ] {
        talk.get(&format!("api/alm_integrations/{path}"), &[setting])
            .await;
    }
    let repository = [
        setting,
        ("projectKey", "PAY"),
        ("repositorySlug", "checkout"),
    ];
    let import = "api/alm_integrations/import_bitbucketserver_project";
    talk.post(import, &repository).await;
    talk.post(import, &[]).await;
    talk.bitbucket_was_asked();
}

async fn bindings(talk: &mut Conversation, login: &str, setting: &str) {
    for method in [Method::POST, Method::PUT] {
        let new = body(
            setting,
            &format!("bound-{login}-{method}"),
            login,
            "PAY/ledger",
        );
        talk.json(method.clone(), BOUND, new).await;
        let theirs = body(setting, "theirs", "theirs", "PAY/ledger");
        talk.json(method.clone(), BOUND, theirs).await;
        // A malformed body is reported before the right that is missing, or after it.
        talk.json(method, BOUND, json!({})).await;
    }
    talk.get("api/v2/dop-translation/project-bindings", &[])
        .await;
    talk.bitbucket_was_asked();
}

async fn projects(talk: &mut Conversation, login: &str) {
    let named = [("project", &*format!("made-by-{login}")), ("name", login)];
    talk.post("api/projects/create", &named).await;
    let permission = ("permission", "admin");
    talk.post(
        "api/permissions/add_user",
        &[("login", login), ("projectKey", "kept"), permission],
    )
    .await;
    talk.post(
        "api/permissions/add_user",
        &[("login", "nothing"), ("permission", "scan")],
    )
    .await;
    talk.post(
        "api/permissions/remove_user",
        &[("login", login), ("projectKey", "kept"), permission],
    )
    .await;
    talk.post(
        "api/permissions/remove_group",
        &[
            ("groupName", "sonar-users"),
            ("projectKey", "kept"),
            ("permission", "user"),
        ],
    )
    .await;
    talk.get("api/permissions/users", &[("projectKey", "kept")])
        .await;
    talk.post(
        "api/projects/update_key",
        &[("from", "kept"), ("to", "other")],
    )
    .await;
    let kept = ("project", "kept");
    talk.post(
        "api/projects/update_visibility",
        &[kept, ("visibility", "public")],
    )
    .await;
    talk.post(
        "api/new_code_periods/set",
        &[kept, ("type", "PREVIOUS_VERSION")],
    )
    .await;
    talk.post("api/new_code_periods/unset", &[kept]).await;
    talk.post("api/projects/delete", &[("project", "theirs")])
        .await;
}
