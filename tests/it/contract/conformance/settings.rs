//! `api/alm_settings`.

use reqwest::Method;
use serde_json::json;

use super::conversation::{BITBUCKET_TOKEN, Conversation, Who};

const CREATE: &str = "api/alm_settings/create_bitbucket";
const UPDATE: &str = "api/alm_settings/update_bitbucket";
const DELETE: &str = "api/alm_settings/delete";
const VALIDATE: &str = "api/alm_settings/validate";
const COUNT: &str = "api/alm_settings/count_binding";
const DEFINITIONS: &str = "api/alm_settings/list_definitions";

pub(super) async fn a_configuration_lives(talk: &mut Conversation) {
    let url = talk.bitbucket_url();
    let (mine, pat) = (("key", "mine"), ("personalAccessToken", BITBUCKET_TOKEN));
    talk.get(DEFINITIONS, &[]).await;
    talk.get("api/v2/dop-translation/dop-settings", &[]).await;
    talk.post(CREATE, &[mine, ("url", &url), pat]).await;
    everything(talk).await;
    talk.get(VALIDATE, &[mine]).await;
    talk.bitbucket_was_asked();
    talk.post(CREATE, &[mine, ("url", &url), pat]).await;
    talk.post(CREATE, &[("key", "other"), ("url", &url), pat])
        .await;
    let cloud = [
        ("key", "cloud"),
        ("clientId", "a"),
        ("clientSecret", "b"),
        ("workspace", "c"),
    ];
    talk.post("api/alm_settings/create_bitbucketcloud", &cloud)
        .await;

    let slashed = format!("{url}/");
    talk.post(UPDATE, &[mine, ("url", &url)]).await;
    talk.post(UPDATE, &[mine, ("url", &slashed)]).await;
    talk.post(UPDATE, &[mine, ("url", &slashed), pat]).await;
    talk.get(DEFINITIONS, &[]).await;
    talk.get(VALIDATE, &[mine]).await;
    talk.bitbucket_was_asked();
    talk.post(
        UPDATE,
        &[mine, ("newKey", "  renamed 1/2 "), ("url", &slashed)],
    )
    .await;
    let renamed = ("key", "renamed 1/2");
    everything(talk).await;
    talk.get(VALIDATE, &[renamed]).await;
    talk.post(
        UPDATE,
        &[
            renamed,
            ("newKey", ""),
            ("url", &slashed),
            ("personalAccessToken", ""),
        ],
    )
    .await;
    talk.post(
        UPDATE,
        &[renamed, ("newKey", "renamed 1/2"), ("url", &slashed)],
    )
    .await;
    talk.post(
        UPDATE,
        &[
            renamed,
            ("url", &slashed),
            ("personalAccessToken", "a-bad-token"),
        ],
    )
    .await;
    talk.get(VALIDATE, &[renamed]).await;
    talk.bitbucket_was_asked();
    // Where Bitbucket answers those who show no token, every version checks the token that it has.
    talk.let_bitbucket_answer_all_callers();
    talk.get(VALIDATE, &[renamed]).await;
    talk.bitbucket_was_asked();
    talk.post(UPDATE, &[renamed, ("url", &slashed), pat]).await;
    talk.get(VALIDATE, &[renamed]).await;
    talk.bitbucket_was_asked();
    talk.get(COUNT, &[("almSetting", "renamed 1/2")]).await;
    talk.get(COUNT, &[("almSetting", "mine")]).await;
    talk.post(DELETE, &[("key", "mine")]).await;
    talk.post(DELETE, &[renamed]).await;
    everything(talk).await;
    talk.post(DELETE, &[renamed]).await;
    talk.post(CREATE, &[mine, ("url", "ftp://x"), pat]).await;
    talk.get(VALIDATE, &[mine]).await;
    for url in [
        "http://exa mple:99999",
        "http://",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://no-such-host.invalid",
        "http://127.0.0.1:1/context/",
        "HTTP://127.0.0.1:1",
        "nothing",
    ] {
        talk.post(UPDATE, &[mine, ("url", url), pat]).await;
        talk.get(VALIDATE, &[mine]).await;
    }
}

async fn everything(talk: &mut Conversation) {
    talk.get(DEFINITIONS, &[]).await;
    talk.get("api/alm_settings/list", &[]).await;
    talk.get("api/v2/dop-translation/dop-settings", &[]).await;
}

pub(super) async fn a_configuration_is_refused(talk: &mut Conversation) {
    let long = "x".repeat(201);
    let (key, url, pat) = (
        ("key", "mine"),
        ("url", "http://127.0.0.1:1"),
        ("personalAccessToken", "x"),
    );
    for parameters in [
        vec![],
        vec![key],
        vec![key, url],
        vec![key, pat],
        vec![url, pat],
        vec![key, url, ("personalAccessToken", " ")],
        vec![("key", " "), url, pat],
        vec![("key", &long), url, pat],
    ] {
        talk.post(CREATE, &parameters).await;
        talk.post(UPDATE, &parameters).await;
    }
    talk.post(UPDATE, &[("key", "nope"), url]).await;
    talk.get(VALIDATE, &[("key", "nope")]).await;
    talk.get(VALIDATE, &[]).await;
    talk.get(COUNT, &[]).await;
    talk.get("api/alm_settings/list", &[("project", "nope")])
        .await;
    talk.get("api/alm_settings/get_binding", &[]).await;
    talk.get("api/alm_settings/get_binding", &[("project", "nope")])
        .await;
    talk.post(
        CREATE,
        &[key, ("url", &format!("http://{}", "x".repeat(2000))), pat],
    )
    .await;
    talk.post(
        CREATE,
        &[key, url, ("personalAccessToken", &"x".repeat(2001))],
    )
    .await;
    // Keys are unique over all platforms, and an update does not check the platform.
    talk.post(
        "api/alm_settings/create_gitlab",
        &[("key", "lab"), ("url", "http://127.0.0.1:1/api/v4"), pat],
    )
    .await;
    talk.post(CREATE, &[("key", "lab"), url, pat]).await;
    talk.post(CREATE, &[key, url, pat]).await;
    talk.post(UPDATE, &[key, ("newKey", "lab"), url]).await;
    talk.post(UPDATE, &[("key", "lab"), url]).await;
    talk.post(UPDATE, &[("key", "lab"), url, pat]).await;
    talk.post(UPDATE, &[("key", "lab"), ("newKey", "labs"), url])
        .await;
    talk.get(COUNT, &[("almSetting", "labs")]).await;
    talk.get(DEFINITIONS, &[]).await;
    talk.get(VALIDATE, &[key]).await;
    talk.by(Who::Administrator);
    talk.get("api/alm_settings/list", &[]).await;
    talk.json(
        Method::GET,
        "api/v2/dop-translation/dop-settings",
        json!({}),
    )
    .await;
}
