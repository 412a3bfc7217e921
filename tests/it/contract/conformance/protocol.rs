//! What holds for every call.

use reqwest::Method;
use serde_json::json;

use super::conversation::{Conversation, Who};

pub(super) async fn malformed_calls(talk: &mut Conversation) {
    for path in ["api/no/such", "api/alm_settings/no_such", "api/v2/no/such"] {
        talk.get(path, &[]).await;
        talk.post(path, &[]).await;
    }
    talk.get("api/alm_settings/create_bitbucket", &[]).await;
    talk.get("api/alm_settings/set_bitbucket_binding", &[])
        .await;
    talk.post("api/alm_settings/set_bitbucket_binding", &[])
        .await;
    talk.post("api/alm_settings/delete_binding", &[]).await;
    talk.get("api/alm_settings/validate_binding", &[]).await;
    talk.post("api/alm_settings/validate", &[("key", "x")])
        .await;
    talk.post("api/alm_settings/list_definitions", &[]).await;
    for (method, path) in [
        (Method::GET, "api/v2/dop-translation/bound-projects"),
        (Method::PATCH, "api/v2/dop-translation/bound-projects"),
        (Method::DELETE, "api/v2/dop-translation/project-bindings/x"),
        (Method::PUT, "api/v2/dop-translation/dop-settings"),
        (Method::OPTIONS, "api/v2/dop-translation/bound-projects"),
        (Method::PATCH, "api/users/current"),
        (Method::DELETE, "api/users/current"),
        (Method::PUT, "api/alm_settings/delete"),
        (Method::OPTIONS, "api/users/current"),
    ] {
        talk.json(method, path, json!({})).await;
    }
    let path = "api/v2/dop-translation/bound-projects";
    for method in [Method::POST, Method::PUT] {
        let form = "application/x-www-form-urlencoded";
        talk.raw(method.clone(), path, form, "a=b").await;
        talk.raw(method.clone(), path, "application/json", "{")
            .await;
        talk.raw(method.clone(), path, "application/json", "[]")
            .await;
    }
    let create = "api/alm_settings/create_bitbucket";
    talk.raw(Method::POST, create, "application/json", "{\"key\":\"x\"}")
        .await;

    for who in [Who::Nobody, Who::Stranger] {
        talk.by(who);
        for path in [
            "api/users/current",
            "api/alm_settings/list_definitions",
            "api/alm_settings/list",
            "api/projects/search",
            "api/settings/values",
            "api/v2/dop-translation/dop-settings",
            "api/v2/dop-translation/project-bindings",
            "api/authentication/validate",
            "api/no/such",
        ] {
            talk.get(path, &[]).await;
        }
        talk.post("api/alm_settings/create_bitbucket", &[]).await;
        talk.post("api/alm_integrations/set_pat", &[]).await;
        talk.json(
            Method::POST,
            "api/v2/dop-translation/bound-projects",
            json!({}),
        )
        .await;
        talk.json(
            Method::PUT,
            "api/v2/dop-translation/bound-projects",
            json!({}),
        )
        .await;
    }
}

pub(super) async fn version_and_edition(talk: &mut Conversation) {
    for who in [
        Who::Nobody,
        Who::Stranger,
        Who::Bindery,
        Who::Bearer,
        Who::Administrator,
    ] {
        talk.by(who);
        talk.get("api/system/status", &[]).await;
        talk.page("rest/api/1.0/application-properties").await;
        talk.get("api/server/version", &[]).await;
        talk.get("api/authentication/validate", &[]).await;
        talk.get("api/features/list", &[]).await;
        talk.get("api/system/ping", &[]).await;
    }
    for who in [Who::Bindery, Who::Bearer, Who::Administrator] {
        talk.by(who);
        talk.fields(
            "api/navigation/global",
            &[],
            &["edition", "version", "standalone"],
        )
        .await;
        talk.fields(
            "api/users/current",
            &[],
            &["isLoggedIn", "login", "name", "permissions", "groups"],
        )
        .await;
        talk.get("api/v2/analysis/version", &[]).await;
    }
}
