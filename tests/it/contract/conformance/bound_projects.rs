//! `api/v2/dop-translation`.

use reqwest::Method;
use serde_json::{Value, json};

use super::conversation::{BITBUCKET_TOKEN, Conversation, Who};
use super::imports::{configured, with_token};

pub(super) const BOUND: &str = "api/v2/dop-translation/bound-projects";
pub(super) const BINDINGS: &str = "api/v2/dop-translation/project-bindings";

pub(super) fn body(setting: &str, key: &str, name: &str, repository: &str) -> Value {
    let (project, slug) = repository.split_once('/').unwrap();
    json!({
        "projectKey": key, "projectName": name, "devOpsPlatformSettingId": setting,
        "projectIdentifier": project, "repositoryIdentifier": slug, "monorepo": false,
    })
}

pub(super) fn with(mut body: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

pub(super) async fn a_project_is_bound(talk: &mut Conversation) {
    with_token(talk).await;
    talk.get(BINDINGS, &[]).await;
    let setting = talk.setting_id().await;
    talk.bitbucket_was_asked();
    let new = body(&setting, "PAY:checkout", "Checkout", "pay/CHECKOUT");
    let bound = talk.json(Method::POST, BOUND, new.clone()).await;
    talk.bitbucket_was_asked();
    what_became_of(talk, "PAY:checkout").await;
    talk.json(Method::POST, BOUND, new.clone()).await;
    talk.json(
        Method::POST,
        BOUND,
        with(new.clone(), &json!({"projectKey": "pay:checkout"})),
    )
    .await;
    // To bind it again takes rights that its creator was not given.
    talk.json(Method::PUT, BOUND, new.clone()).await;
    for permission in ["user", "admin"] {
        let granted = [
            ("login", "bindery"),
            ("projectKey", "PAY:checkout"),
            ("permission", permission),
        ];
        talk.post("api/permissions/add_user", &granted).await;
    }
    talk.json(Method::PUT, BOUND, new.clone()).await;
    talk.json(
        Method::PUT,
        BOUND,
        with(new.clone(), &json!({"projectName": "checkout"})),
    )
    .await;
    talk.json(
        Method::PUT,
        BOUND,
        with(new.clone(), &json!({"projectKey": "pay:checkout"})),
    )
    .await;
    talk.json(
        Method::PUT,
        BOUND,
        with(
            new.clone(),
            &json!({"repositoryIdentifier": "ledger", "monorepo": true}),
        ),
    )
    .await;
    talk.bitbucket_was_asked();
    what_became_of(talk, "PAY:checkout").await;

    let days = json!({"newCodeDefinitionType": "NUMBER_OF_DAYS", "newCodeDefinitionValue": "21"});
    let ledger = with(body(&setting, "ledger", "The Ledger", "PAY/ledger"), &days);
    talk.json(Method::POST, BOUND, ledger).await;
    what_became_of(talk, "ledger").await;
    talk.json(
        Method::POST,
        BOUND,
        body(&setting, "empty", "Empty", "OPS/empty"),
    )
    .await;
    what_became_of(talk, "empty").await;
    talk.json(
        Method::PUT,
        BOUND,
        body(&setting, "tools", "Tools", "~jdoe/tools"),
    )
    .await;
    what_became_of(talk, "tools").await;
    talk.get("api/alm_settings/count_binding", &[("almSetting", "mine")])
        .await;
    for query in [
        &[("dopSettingId", &*setting)][..],
        &[("dopSettingId", "nope")],
        &[("repository", "PAY")],
        &[("repository", "ledger")],
        &[("repository", "LEDGER"), ("dopSettingId", &*setting)],
        &[("pageSize", "0")],
        &[("pageSize", "501")],
        &[("pageIndex", "9"), ("pageSize", "500")],
    ] {
        talk.get(BINDINGS, query).await;
    }
    let id = bound["bindingId"].as_str().unwrap_or("none").to_owned();
    talk.get(&format!("{BINDINGS}/{id}"), &[]).await;
    talk.get(&format!("{BINDINGS}/nope"), &[]).await;
    talk.post("api/projects/delete", &[("project", "ledger")])
        .await;
    talk.get(BINDINGS, &[]).await;
    talk.post("api/alm_settings/delete", &[("key", "mine")])
        .await;
    talk.get(BINDINGS, &[]).await;
    talk.get(
        "api/alm_settings/get_binding",
        &[("project", "PAY:checkout")],
    )
    .await;
}

pub(super) async fn what_became_of(talk: &mut Conversation, key: &str) {
    talk.get("api/alm_settings/get_binding", &[("project", key)])
        .await;
    talk.get("api/projects/search", &[("projects", key)]).await;
    talk.fields(
        "api/navigation/component",
        &[("component", key)],
        &["key", "id", "name"],
    )
    .await;
    talk.get("api/project_branches/list", &[("project", key)])
        .await;
    talk.get("api/new_code_periods/list", &[("project", key)])
        .await;
    talk.get("api/permissions/users", &[("projectKey", key)])
        .await;
}

pub(super) async fn a_binding_is_refused(talk: &mut Conversation) {
    configured(talk).await;
    let setting = talk.setting_id().await;
    let good = body(&setting, "PAY:checkout", "Checkout", "PAY/checkout");
    for method in [Method::POST, Method::PUT] {
        talk.json(method, BOUND, good.clone()).await;
    }
    talk.post(
        "api/alm_integrations/set_pat",
        &[("almSetting", "mine"), ("pat", BITBUCKET_TOKEN)],
    )
    .await;
    for change in [
        json!({"devOpsPlatformSettingId": "nope"}),
        json!({"devOpsPlatformSettingId": "mine"}),
        json!({"devOpsPlatformSettingId": ""}),
        json!({"repositoryIdentifier": "nope"}),
        json!({"projectIdentifier": "NOPE"}),
        json!({"projectIdentifier": null}),
        json!({"projectKey": "a b"}),
        json!({"projectKey": "123"}),
        json!({"projectKey": "x".repeat(401)}),
        json!({"newCodeDefinitionType": "FOO"}),
        json!({"newCodeDefinitionType": "NUMBER_OF_DAYS", "newCodeDefinitionValue": "0"}),
        json!({"newCodeDefinitionType": "NUMBER_OF_DAYS", "newCodeDefinitionValue": "91"}),
        json!({"newCodeDefinitionValue": "30"}),
    ] {
        for method in [Method::POST, Method::PUT] {
            talk.json(method, BOUND, with(good.clone(), &change)).await;
        }
    }
    talk.bitbucket_was_asked();
    // Some versions make up what is missing.
    for names in [
        &["projectKey"][..],
        &["projectName"],
        &["projectIdentifier"],
        &["repositoryIdentifier"],
        &["monorepo"],
        &["devOpsPlatformSettingId"],
        &["projectKey", "projectName", "monorepo"],
    ] {
        let mut incomplete = good.clone();
        for name in names {
            incomplete.as_object_mut().unwrap().remove(*name);
        }
        for method in [Method::POST, Method::PUT] {
            talk.json(method, BOUND, incomplete.clone()).await;
        }
        talk.bitbucket_was_asked();
    }
    talk.json(Method::POST, BOUND, json!({})).await;
    talk.get(BINDINGS, &[]).await;
    talk.get("api/projects/search", &[]).await;

    // A project of another user: with and without a permission on it.
    talk.by(Who::Administrator);
    talk.post(
        "api/projects/create",
        &[
            ("project", "theirs"),
            ("name", "Theirs"),
            ("visibility", "private"),
        ],
    )
    .await;
    talk.by(Who::Bindery);
    let theirs = with(
        good.clone(),
        &json!({"projectKey": "theirs", "projectName": "Theirs"}),
    );
    talk.json(Method::POST, BOUND, theirs.clone()).await;
    talk.json(Method::PUT, BOUND, theirs.clone()).await;
    for permission in ["user", "admin"] {
        let granted = [
            ("login", "bindery"),
            ("projectKey", "theirs"),
            ("permission", permission),
        ];
        talk.post("api/permissions/add_user", &granted).await;
        talk.json(Method::PUT, BOUND, theirs.clone()).await;
    }
    talk.get(BINDINGS, &[]).await;
}
