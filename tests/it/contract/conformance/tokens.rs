//! Tokens, and settings of the server.

use super::conversation::{Conversation, Who};
use super::people::user;

pub(super) async fn tokens_come_and_go(talk: &mut Conversation) {
    talk.by(Who::Administrator);
    let who = user(talk, "comes", &["admin"]).await;
    let login = ("login", "comes");
    talk.post("api/user_tokens/generate", &[login, ("name", "contract")])
        .await;
    talk.post(
        "api/user_tokens/generate",
        &[("login", "nobody"), ("name", "contract")],
    )
    .await;
    talk.post("api/user_tokens/generate", &[login]).await;
    talk.post(
        "api/users/create",
        &[login, ("name", "x"), ("password", "Aa1!Aa1!Aa1!")],
    )
    .await;
    talk.by(who);
    talk.get("api/authentication/validate", &[]).await;
    talk.fields("api/users/current", &[], &["login", "permissions"])
        .await;
    talk.by(Who::Administrator);
    let dated = ("name", "dated");
    talk.post("api/user_tokens/revoke", &[login, dated]).await;
    // Days that are over are refused; where tokens never expire, no version checks them.
    for day in ["soon", "2020-01-01", "2020-13-45", "20200101"] {
        let name = format!("until {day}");
        let wrong = [login, ("name", &*name), ("expirationDate", day)];
        talk.post("api/user_tokens/generate", &wrong).await;
        talk.post("api/user_tokens/revoke", &wrong[..2]).await;
    }
    let dated = [login, dated, ("expirationDate", "2099-12-31")];
    let token = talk.post("api/user_tokens/generate", &dated).await;
    talk.by(Who::Holder(token["token"].as_str().unwrap().to_owned()));
    talk.get("api/authentication/validate", &[]).await;
    talk.get("api/server/version", &[]).await;
    talk.fields("api/users/current", &[], &["login"]).await;
    talk.get("api/no/such", &[]).await;
    talk.get("api/user_tokens/search", &[]).await;
    talk.by(Who::Administrator);
    talk.post("api/user_tokens/revoke", &[("login", "nobody"), dated[1]])
        .await;
    talk.post(
        "api/permissions/remove_user",
        &[login, ("permission", "admin")],
    )
    .await;
    talk.post("api/user_tokens/revoke", &[login, ("name", "contract")])
        .await;
    talk.post("api/user_tokens/revoke", &[login, ("name", "contract")])
        .await;

    let name = ("key", "sonar.core.serverBaseURL");
    talk.by(Who::Bindery);
    talk.get("api/settings/values", &[("keys", name.1)]).await;
    talk.post("api/settings/set", &[name, ("value", "")]).await;
    talk.post("api/settings/set", &[name]).await;
    talk.post(
        "api/settings/set",
        &[name, ("value", "https://sonarqube.example.com/ ")],
    )
    .await;
    talk.get(
        "api/settings/values",
        &[("keys", "sonar.core.serverBaseURL,sonar.no.such")],
    )
    .await;
    talk.post("api/settings/reset", &[("keys", name.1)]).await;
    talk.get("api/settings/values", &[("keys", name.1)]).await;
    talk.by(Who::Administrator);
    talk.post("api/users/deactivate", &[login]).await;
}

/// What a scanner's token serves for.
pub(super) async fn a_token_is_of_a_kind(talk: &mut Conversation) {
    talk.by(Who::Administrator);
    let analyses = user(talk, "analyses", &["admin", "provisioning", "scan"]).await;
    let login = ("login", "analyses");
    let global = ("type", "GLOBAL_ANALYSIS_TOKEN");
    let project = ("type", "PROJECT_ANALYSIS_TOKEN");
    let generate = "api/user_tokens/generate";
    let odd = ("name", "odd");
    for refused in [
        vec![login, odd, global],
        vec![odd, ("type", "ODD")],
        vec![odd, project, ("projectKey", "nope")],
        vec![odd, project],
        // `admin` lacks Execute Analysis.
        vec![odd, global],
    ] {
        talk.post(generate, &refused).await;
        talk.post("api/user_tokens/revoke", &[odd]).await;
    }
    talk.by(analyses);
    let token = talk.post(generate, &[("name", "analysis"), global]).await;
    talk.by(Who::Administrator);
    talk.get("api/user_tokens/search", &[login]).await;
    talk.post(
        "api/projects/create",
        &[("project", "open"), ("name", "Open")],
    )
    .await;
    let token = token["token"].as_str().unwrap_or("untold");
    talk.by(Who::Holder(token.to_owned()));
    for path in [
        "api/authentication/validate",
        "api/alm_settings/list_definitions",
        "api/alm_settings/list",
        "api/projects/search",
        "api/v2/dop-translation/dop-settings",
        "api/v2/dop-translation/project-bindings",
        "api/user_tokens/search",
    ] {
        talk.get(path, &[]).await;
    }
    talk.fields("api/users/current", &[], &["login", "permissions"])
        .await;
    let name = ("key", "sonar.core.serverBaseURL");
    talk.get("api/settings/values", &[("keys", name.1)]).await;
    talk.post("api/settings/set", &[name, ("value", "http://x")])
        .await;
    talk.post(
        "api/projects/create",
        &[("project", "scanned"), ("name", "Scanned")],
    )
    .await;
    for key in ["open", "scanned"] {
        let project = [("project", key)];
        talk.get("api/alm_settings/get_binding", &project).await;
        talk.get("api/project_branches/list", &project).await;
        talk.get("api/new_code_periods/list", &project).await;
        talk.fields(
            "api/navigation/component",
            &[("component", key)],
            &["key", "id", "name"],
        )
        .await;
        talk.post("api/projects/delete", &project).await;
    }
    talk.by(Who::Administrator);
    talk.post("api/users/deactivate", &[login]).await;
}

/// Background tasks, where nothing was ever analysed.
pub(super) async fn nothing_was_analysed(talk: &mut Conversation) {
    let path = "api/ce/activity";
    let reports = ("type", "REPORT");
    talk.post(
        "api/projects/create",
        &[("project", "p"), ("name", "P"), ("visibility", "private")],
    )
    .await;
    talk.by(Who::Administrator);
    let silent = user(talk, "silent", &[]).await;
    for who in [Who::Nobody, silent, Who::Bindery, Who::Administrator] {
        talk.by(who);
        for query in [
            vec![reports],
            vec![reports, ("component", "nope")],
            vec![reports, ("component", "p")],
            vec![reports, ("component", "p"), ("ps", "1000")],
            vec![
                reports,
                ("component", "p"),
                ("additionalFields", "warnings"),
            ],
            vec![reports, ("ps", "0")],
            vec![reports, ("ps", "-1")],
            vec![reports, ("ps", "x")],
            vec![reports, ("ps", "1001")],
            vec![reports, ("component", "nope"), ("ps", "1001")],
            vec![("type", "ODD")],
        ] {
            talk.get(path, &query).await;
        }
    }
    talk.post("api/users/deactivate", &[("login", "silent")])
        .await;
    for permission in ["user", "admin"] {
        talk.post(
            "api/permissions/add_user",
            &[
                ("login", "bindery"),
                ("projectKey", "p"),
                ("permission", permission),
            ],
        )
        .await;
        talk.by(Who::Bindery);
        talk.get(path, &[reports, ("component", "p")]).await;
        talk.by(Who::Administrator);
    }
}
