//! Bindings of projects that are there: what Bitbucket's answers make of them, their new code, their listing.

use reqwest::Method;
use serde_json::{Value, json};
use simulators::bitbucket::{Effect, Fault};

use super::bound_projects::{BINDINGS, BOUND, body, what_became_of, with};
use super::conversation::{BITBUCKET_TOKEN, Conversation};
use super::imports::{BAD_ANSWERS, SET_PAT, with_token};

/// What becomes of a binding while Bitbucket misbehaves: at once, or only when it is asked for branches.
pub(super) async fn a_binding_meets_a_bad_bitbucket(talk: &mut Conversation) {
    with_token(talk).await;
    let setting = talk.setting_id().await;
    let good = body(&setting, "PAY:checkout", "Checkout", "PAY/checkout");
    for at in ["*", "branches"] {
        for (status, answer) in BAD_ANSWERS {
            talk.bitbucket.fault(Fault::at(at).answer(status, answer));
            both(talk, &good).await;
            talk.bitbucket.clear_faults();
            talk.bitbucket_was_asked();
        }
        let elsewhere = talk.bitbucket_url();
        talk.bitbucket
            .fault(Fault::at(at).redirect(302, &elsewhere));
        both(talk, &good).await;
        talk.bitbucket.clear_faults();
        talk.bitbucket_was_asked();
        talk.bitbucket.fault(Fault::at(at).effect(Effect::Drop));
        both(talk, &good).await;
        talk.bitbucket.clear_faults();
        // It repeats what is lost on a connection that was used before.
        talk.bitbucket.clear_calls();
        talk.get("api/projects/search", &[]).await;
        talk.get(BINDINGS, &[]).await;
    }
    let setting = ("almSetting", "mine");
    for token in ["a-bad-token", BITBUCKET_TOKEN] {
        talk.post(SET_PAT, &[setting, ("pat", token)]).await;
        both(talk, &good).await;
        talk.bitbucket_was_asked();
    }
    // What is bound stays bound as it was.
    may_administer(talk, "PAY:checkout").await;
    talk.bitbucket.fault(Fault::at("*").answer(500, "{}"));
    both(talk, &with(good, &json!({"monorepo": true}))).await;
    talk.bitbucket.clear_faults();
    what_became_of(talk, "PAY:checkout").await;
}

async fn both(talk: &mut Conversation, body: &Value) {
    for method in [Method::POST, Method::PUT] {
        talk.json(method, BOUND, body.clone()).await;
    }
}

async fn may_administer(talk: &mut Conversation, key: &str) {
    for permission in ["user", "admin"] {
        let granted = [
            ("login", "bindery"),
            ("projectKey", key),
            ("permission", permission),
        ];
        talk.post("api/permissions/add_user", &granted).await;
    }
}

/// The new code of an existing project, when it is bound.
pub(super) async fn a_binding_brings_new_code(talk: &mut Conversation) {
    with_token(talk).await;
    let setting = talk.setting_id().await;
    let good = body(&setting, "PAY:checkout", "Checkout", "PAY/checkout");
    talk.json(Method::POST, BOUND, good.clone()).await;
    may_administer(talk, "PAY:checkout").await;
    let kind = "newCodeDefinitionType";
    let value = "newCodeDefinitionValue";
    for change in [
        json!({kind: "NUMBER_OF_DAYS", value: "30"}),
        json!({}),
        json!({kind: "NUMBER_OF_DAYS", value: "0", "repositoryIdentifier": "ledger"}),
        json!({kind: "NUMBER_OF_DAYS"}),
        json!({kind: "FOO", value: "1"}),
        json!({value: "7", "repositoryIdentifier": "ledger"}),
        json!({kind: "REFERENCE_BRANCH", value: "release"}),
        json!({kind: "REFERENCE_BRANCH"}),
        json!({kind: "PREVIOUS_VERSION", value: "1"}),
        json!({kind: "PREVIOUS_VERSION", value: null}),
        json!({kind: "NUMBER_OF_DAYS", value: "14", "repositoryIdentifier": "ledger"}),
    ] {
        talk.json(Method::PUT, BOUND, with(good.clone(), &change))
            .await;
        what_became_of(talk, "PAY:checkout").await;
    }
    talk.bitbucket_was_asked();
}

/// In which order bindings are listed, page by page.
pub(super) async fn bindings_come_in_pages(talk: &mut Conversation) {
    with_token(talk).await;
    let setting = talk.setting_id().await;
    for (key, repository) in [
        ("d", "PAY/ledger"),
        ("c", "~jdoe/tools"),
        ("b", "PAY/checkout"),
        ("a", "OPS/deploy"),
    ] {
        let body = body(&setting, key, key, repository);
        talk.json(Method::POST, BOUND, body).await;
    }
    talk.get(BINDINGS, &[]).await;
    for (index, size) in [
        ("1", "1"),
        ("4", "1"),
        ("1", "3"),
        ("2", "3"),
        ("3", "3"),
        ("0", "3"),
        ("-1", "3"),
        ("x", "3"),
        ("1", "-1"),
        ("1", "x"),
    ] {
        let page = [("pageIndex", index), ("pageSize", size)];
        talk.get(BINDINGS, &page).await;
    }
    let url = format!("{}/scm/pay/checkout.git", talk.bitbucket_url());
    for url in [&*url, "https://git.example.com/PAY", "PAY", "x"] {
        talk.get(BINDINGS, &[("repositoryUrl", url)]).await;
    }
    let other = [("repository", "PAY"), ("dopSettingId", &*setting)];
    for other in other {
        talk.get(BINDINGS, &[("repositoryUrl", "x"), other]).await;
    }
}
