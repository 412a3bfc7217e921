//! Users, their rights, their tokens, and settings of the server.

use reqwest::Method;
use serde_json::Value;

use super::bound_projects::body;
use super::conversation::{Conversation, Who};
use super::imports::with_token;

const NAVIGATION: &str = "api/navigation/component";

/// Makes a user with these global permissions, and returns as whom he calls.
pub(super) async fn user(talk: &mut Conversation, login: &str, permissions: &[&str]) -> Who {
    let user = ("login", login);
    talk.post(
        "api/users/create",
        &[user, ("name", login), ("password", "Aa1!Aa1!Aa1!")],
    )
    .await;
    for permission in permissions {
        talk.post(
            "api/permissions/add_user",
            &[user, ("permission", permission)],
        )
        .await;
    }
    talk.post("api/user_tokens/revoke", &[user, ("name", "contract")])
        .await;
    let token = talk
        .post("api/user_tokens/generate", &[user, ("name", "contract")])
        .await;
    Who::Holder(token["token"].as_str().unwrap().to_owned())
}

pub(super) async fn rights_of_users(talk: &mut Conversation) {
    talk.by(Who::Administrator);
    talk.post(
        "api/projects/create",
        &[
            ("project", "hidden"),
            ("name", "Hidden"),
            ("visibility", "private"),
        ],
    )
    .await;
    talk.post(
        "api/projects/create",
        &[
            ("project", "open"),
            ("name", "Open"),
            ("visibility", "public"),
        ],
    )
    .await;
    talk.post(
        "api/projects/create",
        &[
            ("project", "closed"),
            ("name", "Closed"),
            ("visibility", "private"),
        ],
    )
    .await;
    talk.post(
        "api/permissions/remove_group",
        &[
            ("groupName", "sonar-users"),
            ("projectKey", "closed"),
            ("permission", "user"),
        ],
    )
    .await;
    let nothing = user(talk, "nothing", &[]).await;
    let administrates = user(talk, "administrates", &["admin"]).await;
    let creates = user(talk, "creates", &["provisioning"]).await;
    for who in [nothing, administrates, creates, Who::Bindery] {
        talk.by(who);
        for path in [
            "api/alm_settings/list_definitions",
            "api/alm_settings/list",
            "api/projects/search",
            "api/v2/dop-translation/dop-settings",
            "api/v2/dop-translation/project-bindings",
        ] {
            talk.get(path, &[]).await;
        }
        talk.fields("api/users/current", &[], &["login", "permissions"])
            .await;
        talk.get("api/alm_settings/count_binding", &[("almSetting", "nope")])
            .await;
        talk.get("api/alm_settings/validate", &[("key", "nope")])
            .await;
        talk.get("api/alm_integrations/check_pat", &[("almSetting", "nope")])
            .await;
        talk.get(
            "api/settings/values",
            &[("keys", "sonar.core.serverBaseURL")],
        )
        .await;
        talk.post("api/alm_settings/delete", &[("key", "nope")])
            .await;
        talk.post(
            "api/alm_integrations/set_pat",
            &[("almSetting", "nope"), ("pat", "x")],
        )
        .await;
        talk.post(
            "api/settings/set",
            &[("key", "sonar.core.serverBaseURL"), ("value", "http://x")],
        )
        .await;
        talk.post(
            "api/settings/reset",
            &[("keys", "sonar.core.serverBaseURL")],
        )
        .await;
        for key in ["hidden", "open", "closed"] {
            let project = ("project", key);
            talk.fields(NAVIGATION, &[("component", key)], &["key", "id", "name"])
                .await;
            talk.get("api/alm_settings/get_binding", &[project]).await;
            talk.get("api/project_branches/list", &[project]).await;
            talk.get("api/new_code_periods/list", &[project]).await;
            talk.post(
                "api/projects/update_visibility",
                &[project, ("visibility", "odd")],
            )
            .await;
            talk.post("api/project_branches/rename", &[project, ("name", "main")])
                .await;
        }
        talk.post("api/projects/delete", &[("project", "nope")])
            .await;
        for login in ["admin", "nobody"] {
            talk.get("api/user_tokens/search", &[("login", login)])
                .await;
        }
        talk.post("api/user_tokens/search", &[("login", "admin")])
            .await;
    }
    talk.by(Who::Administrator);
    for login in ["nothing", "administrates", "creates"] {
        talk.post("api/users/deactivate", &[("login", login)]).await;
    }
}

/// The default template lets all users browse private projects. Without that, an administrator of the system sees
/// little of a project, and may grant himself everything.
pub(super) async fn a_project_is_hidden(talk: &mut Conversation) {
    with_token(talk).await;
    let setting = talk.setting_id().await;
    let body = body(&setting, "hidden", "Hidden", "PAY/checkout");
    let bound = "api/v2/dop-translation/bound-projects";
    talk.json(Method::POST, bound, body.clone()).await;
    // Made by hand where there is no such call; a conflict everywhere else.
    let by_hand = [("project", "hidden"), ("name", "Hidden")];
    talk.post("api/projects/create", &by_hand).await;
    let project = ("projectKey", "hidden");
    talk.by(Who::Administrator);
    let everybody = [
        ("groupName", "sonar-users"),
        project,
        ("permission", "user"),
    ];
    talk.post("api/permissions/remove_group", &everybody).await;
    let private = [("project", "hidden"), ("visibility", "private")];
    talk.post("api/projects/update_visibility", &private).await;
    talk.post("api/permissions/remove_group", &everybody).await;
    talk.by(Who::Bindery);
    seen(talk, &body).await;
    for permission in ["user", "admin"] {
        let granted = [("login", "bindery"), project, ("permission", permission)];
        talk.post("api/permissions/add_user", &granted).await;
        seen(talk, &body).await;
    }
    talk.post("api/projects/delete", &[("project", "hidden")])
        .await;
}

/// What can be seen of a project, and done to it.
async fn seen(talk: &mut Conversation, body: &Value) {
    let project = [("project", "hidden")];
    for path in [
        "api/alm_settings/get_binding",
        "api/project_branches/list",
        "api/new_code_periods/list",
        "api/new_code_periods/show",
        "api/alm_settings/list",
    ] {
        talk.get(path, &project).await;
    }
    talk.fields(
        NAVIGATION,
        &[("component", "hidden")],
        &["key", "id", "name"],
    )
    .await;
    talk.get("api/projects/search", &[]).await;
    talk.get("api/v2/dop-translation/project-bindings", &[])
        .await;
    let counted = [("almSetting", "mine")];
    talk.get("api/alm_settings/count_binding", &counted).await;
    let bound = "api/v2/dop-translation/bound-projects";
    talk.json(Method::PUT, bound, body.clone()).await;
    let main = [("project", "hidden"), ("name", "main")];
    talk.post("api/project_branches/rename", &main).await;
}
