//! `api/alm_settings`.

use serde_json::{Value, json};

use super::Route;
use crate::sonarqube::{
    bitbucket::Question,
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, ask, no_content, ok},
    world::{GlobalPermission, Platform, ProjectPermission, Setting},
};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/alm_settings/create_bitbucket", create_bitbucket),
    Route::post(
        "/api/alm_settings/create_bitbucketcloud",
        create_bitbucketcloud,
    )
    .only(Profile::knows_bitbucket_cloud),
    Route::post("/api/alm_settings/create_gitlab", create_gitlab),
    Route::post("/api/alm_settings/update_bitbucket", update_bitbucket),
    Route::post("/api/alm_settings/delete", delete),
    Route::get("/api/alm_settings/list_definitions", list_definitions),
    Route::get("/api/alm_settings/list", list),
    Route::get("/api/alm_settings/count_binding", count_binding),
    Route::get("/api/alm_settings/validate", validate),
    Route::get("/api/alm_settings/get_binding", get_binding),
];

fn create_bitbucket(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Admin)?;
    let (key, url) = (visit.bounded("key", 200)?, visit.bounded("url", 2000)?);
    let token = visit.bounded("personalAccessToken", 2000)?;
    create(visit, Platform::Bitbucket, &key, &url, &token)
}

fn create_bitbucketcloud(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Admin)?;
    let key = visit.bounded("key", 200)?;
    let secret = visit.required("clientSecret")?;
    create(visit, Platform::BitbucketCloud, &key, "", &secret)
}

fn create_gitlab(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Admin)?;
    let (key, url) = (visit.bounded("key", 200)?, visit.bounded("url", 2000)?);
    let token = visit.bounded("personalAccessToken", 2000)?;
    create(visit, Platform::GitLab, &key, &url, &token)
}

/// The limit of the edition comes before the duplicate.
fn create(visit: &mut Visit<'_>, platform: Platform, key: &str, url: &str, token: &str) -> Answer {
    let several = visit.profile.takes_several_settings();
    let mut others = visit.world.settings.iter().map(|setting| setting.platform);
    if let Some(other) = others.find(|other| !several && other.shares_limit_with(platform)) {
        return Err(Refusal::bad(format!(
            "A {} setting is already defined",
            other.constant()
        )));
    }
    demand_free(visit, key)?;
    visit.world.create_setting(platform, key, url, token);
    no_content()
}

fn demand_free(visit: &Visit<'_>, key: &str) -> Result<(), Refusal> {
    match visit.world.setting(key) {
        Some(_) => Err(Refusal::bad(format!(
            "An {} setting with key '{key}' already exists",
            visit.profile.platform_word()
        ))),
        None => Ok(()),
    }
}

/// Does not check the platform of the setting.
fn update_bitbucket(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Admin)?;
    let key = visit.bounded("key", 200)?;
    let new_key = visit.optional_bounded("newKey", 200)?;
    let url = visit.bounded("url", 2000)?;
    let token = visit.optional_bounded("personalAccessToken", 2000)?;
    let setting = found(visit, &key)?;
    if let Some(new_key) = new_key.as_ref().filter(|new_key| **new_key != key) {
        demand_free(visit, new_key)?;
    }
    if token.is_none() && setting.url != url && visit.profile.protects_url() {
        return Err(Refusal::bad(
            "Please provide the Personal Access Token to update the URL.",
        ));
    }
    if let Some(setting) = visit.world.setting_mut(&key) {
        setting.url = url;
        setting.key = new_key.unwrap_or(key);
        if let Some(token) = token {
            setting.token = token;
        }
    }
    no_content()
}

fn delete(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Admin)?;
    let key = visit.bounded("key", 200)?;
    let id = found(visit, &key)?.id.clone();
    visit.world.delete_setting(&id);
    no_content()
}

fn found<'a>(visit: &'a Visit<'_>, key: &str) -> Result<&'a Setting, Refusal> {
    visit.world.setting(key).ok_or_else(|| {
        Refusal::not_found(format!(
            "{} setting with key '{key}' cannot be found",
            visit.profile.platform_word()
        ))
    })
}

fn list_definitions(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Admin)?;
    let of = |platform| -> Vec<Value> {
        let all = visit.world.settings.iter();
        all.filter(|setting| setting.platform == platform)
            .map(|setting| json!({"key": setting.key, "url": setting.url}))
            .collect()
    };
    ok(&json!({
        "github": [], "azure": [], "bitbucket": of(Platform::Bitbucket),
        "gitlab": of(Platform::GitLab), "bitbucketcloud": of(Platform::BitbucketCloud),
    }))
}

fn list(visit: &mut Visit<'_>) -> Answer {
    match visit.optional("project") {
        Some(_) => {
            visit.project_for("project", ProjectPermission::Administer)?;
        }
        None => visit.demand(GlobalPermission::Provisioning)?,
    }
    let mut settings: Vec<_> = visit.world.settings.iter().collect();
    settings.sort_by_key(|setting| &setting.key);
    let rows: Vec<_> = settings
        .iter()
        .map(|setting| {
            json!({"key": setting.key, "alm": setting.platform.as_str(), "url": setting.url})
        })
        .collect();
    ok(&json!({"almSettings": rows}))
}

fn count_binding(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Admin)?;
    let key = visit.required("almSetting")?;
    let id = &found(visit, &key)?.id;
    let bound = visit
        .world
        .bindings()
        .filter(|(_, binding)| binding.setting == *id);
    ok(&json!({"key": key, "projects": bound.count()}))
}

/// Three calls to Bitbucket; the first that fails is reported.
fn validate(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Admin)?;
    let key = visit.bounded("key", 200)?;
    let setting = found(visit, &key)?;
    let (url, token) = (setting.url.clone(), setting.token.clone());
    let repositories = Question::new(&url, "/rest/api/1.0/repos", Some(&token));
    let users = Question::new(&url, "/rest/api/1.0/users", Some(&token));
    let first = if visit.profile.asks_status_first() {
        "/status"
    } else {
        "/rest/api/1.0/repos"
    };
    ask(Question::new(&url, first, None), |_, _| {
        ask(users, |_, _| ask(repositories, |_, _| no_content()))
    })
}

fn get_binding(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project_for("project", visit.sees_bindings())?;
    let Some((binding, setting)) = visit.world.bound_to(project) else {
        return Err(Refusal::not_found(format!(
            "Project '{}' is not bound to any {}",
            project.key,
            visit.profile.platform_word()
        )));
    };
    ok(&json!({
        "key": setting.key, "alm": setting.platform.as_str(), "url": setting.url,
        "repository": binding.repository, "slug": binding.slug, "monorepo": binding.monorepo,
    }))
}
