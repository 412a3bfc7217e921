//! `api/alm_integrations`: acts with the caller's own token.

use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    Route,
    import::{Import, NewCodeWish, Place, import},
};
use crate::sonarqube::{
    bitbucket::Question,
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, ask, no_content, ok},
    world::{GlobalPermission, Platform, Setting},
};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/alm_integrations/set_pat", set_pat),
    Route::get("/api/alm_integrations/check_pat", check_pat),
    Route::get(
        "/api/alm_integrations/list_bitbucketserver_projects",
        list_projects,
    ),
    Route::get(
        "/api/alm_integrations/search_bitbucketserver_repos",
        search_repositories,
    ),
    Route::post(
        "/api/alm_integrations/import_bitbucketserver_project",
        import_project,
    ),
];

/// The setting that a write names; it may be left out where there is only one.
fn configuration<'a>(
    visit: &'a Visit<'_>,
    platform: Option<Platform>,
) -> Result<&'a Setting, Refusal> {
    if !visit.profile.guesses_setting() {
        return named(visit);
    }
    if let Some(key) = visit.optional_bounded("almSetting", 200)? {
        return visit.world.setting(&key).ok_or_else(|| {
            Refusal::not_found(format!("DevOps Platform configuration '{key}' not found."))
        });
    }
    let all = visit.world.settings.iter();
    let fitting: Vec<_> = all
        .filter(|setting| platform.is_none_or(|platform| platform == setting.platform))
        .collect();
    let kind = platform.map_or(String::new(), |platform| {
        format!("{} ", platform.constant())
    });
    match fitting.as_slice() {
        [only] => Ok(only),
        [] => Err(Refusal::not_found(format!(
            "There is no {kind}configuration for DevOps Platform. Please add one."
        ))),
        _ => Err(Refusal::bad(
            "Parameter almSetting is required as there are multiple DevOps Platform configurations.",
        )),
    }
}

/// The setting that a read names.
fn named<'a>(visit: &'a Visit<'_>) -> Result<&'a Setting, Refusal> {
    let key = visit.bounded("almSetting", 200)?;
    visit.world.setting(&key).ok_or_else(|| {
        let word = visit.profile.platform_word();
        Refusal::not_found(format!("{word} Setting '{key}' not found"))
    })
}

fn set_pat(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Provisioning)?;
    let token = visit.bounded("pat", 2000)?;
    let key = configuration(visit, None)?.key.clone();
    let login = visit.login().to_owned();
    if let Some(setting) = visit.world.setting_mut(&key) {
        setting.import_tokens.insert(login, token);
    }
    no_content()
}

fn check_pat(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Provisioning)?;
    let setting = named(visit)?;
    let token = import_token(visit, setting)?;
    let question = Question::new(
        &setting.url,
        "/rest/api/1.0/profile/recent/repos",
        Some(&token),
    );
    ask(question, |_, _| no_content())
}

/// The caller's token for a setting.
pub(super) fn import_token(visit: &Visit<'_>, setting: &Setting) -> Result<String, Refusal> {
    let token = setting.import_tokens.get(visit.login());
    token.cloned().ok_or_else(|| {
        Refusal::bad(format!(
            "personal access token for '{}' is missing",
            setting.key
        ))
    })
}

/// What both listings ask with: URL and token, then `start` and `limit` where listings have pages.
fn lister(visit: &Visit<'_>) -> Result<(String, String, Option<String>), Refusal> {
    visit.demand(GlobalPermission::Provisioning)?;
    let setting = named(visit)?;
    let page = page(visit)?;
    let token = setting.import_tokens.get(visit.login()).cloned();
    let token = token.ok_or_else(|| Refusal::bad("No personal access token found"))?;
    Ok((setting.url.clone(), token, page))
}

fn page(visit: &Visit<'_>) -> Result<Option<String>, Refusal> {
    if !visit.profile.pages_listings() {
        return Ok(None);
    }
    let size = visit.limited("pageSize", 25, 100)?;
    let start = visit.optional("start").unwrap_or_default();
    Ok(Some(format!("start={start}&limit={size}")))
}

fn list_projects(visit: &mut Visit<'_>) -> Answer {
    let (url, token, page) = lister(visit)?;
    let query = page.map_or_else(String::new, |page| format!("?{page}"));
    let path = format!("/rest/api/1.0/projects{query}");
    ask(Question::new(&url, path, Some(&token)), |visit, answer| {
        let answer = answer.ok_or(Refusal::Internal)?;
        let project = |row: &Value| json!({"key": row["key"], "name": row["name"]});
        let projects = json!({"projects": rows(&answer, project)});
        ok(&listing(visit.profile, &answer, projects))
    })
}

fn search_repositories(visit: &mut Visit<'_>) -> Answer {
    let (url, token, page) = lister(visit)?;
    let path = search_path(visit, page);
    let setting = named(visit)?.id.clone();
    ask(
        Question::new(&url, path, Some(&token)),
        move |visit, answer| {
            let answer = answer.ok_or(Refusal::Internal)?;
            let repository = |row: &Value| {
                let mut shown = json!({
                    "id": row["id"], "slug": row["slug"], "name": row["name"],
                    "projectKey": row["project"]["key"],
                });
                if visit.profile.pages_listings() {
                    shown["projectName"] = row["project"]["name"].clone();
                }
                if let Some(key) = bound_key(visit, &setting, row) {
                    shown["sqProjectKey"] = json!(key);
                }
                shown
            };
            let repositories = json!({
                "isLastPage": answer["isLastPage"].as_bool().unwrap_or(false),
                "repositories": rows(&answer, repository),
            });
            ok(&listing(visit.profile, &answer, repositories))
        },
    )
}

fn search_path(visit: &Visit<'_>, page: Option<String>) -> String {
    let name = |parameter| {
        let given = visit.optional(parameter).unwrap_or_default();
        if visit.profile.escapes_names() {
            form_urlencoded::byte_serialize(given.as_bytes()).collect::<String>()
        } else {
            given
        }
    };
    format!(
        "/rest/api/1.0/repos?projectname={}&name={}{}",
        name("projectName"),
        name("repositoryName"),
        page.map_or_else(String::new, |page| format!("&{page}")),
    )
}

/// The first by its letters of the projects that are bound to a repository.
fn bound_key(visit: &Visit<'_>, setting: &str, row: &Value) -> Option<String> {
    let bound = visit.world.bindings().filter(|(_, binding)| {
        binding.setting == setting
            && row["project"]["key"] == binding.repository.as_str()
            && row["slug"] == binding.slug.as_str()
    });
    bound.map(|(project, _)| project.key.clone()).min()
}

fn rows(answer: &Value, row: impl Fn(&Value) -> Value) -> Vec<Value> {
    let values = answer["values"].as_array();
    values.into_iter().flatten().map(row).collect()
}

/// What was listed, and where it goes on, if that is returned.
fn listing(profile: Profile, answer: &Value, mut listed: Value) -> Value {
    if profile.pages_listings() {
        let count = answer["values"].as_array().map_or(0, Vec::len);
        listed["paging"] = json!({"pageSize": count});
        listed["isLastPage"] = json!(answer["isLastPage"].as_bool().unwrap_or(true));
        listed["nextPageStart"] = json!(answer["nextPageStart"].as_u64().unwrap_or(0));
    }
    listed
}

/// All that GitLab's own import comes to.
fn demand_bitbucket(visit: &Visit<'_>, setting: &Setting, slug: &str) -> Result<(), Refusal> {
    if setting.platform == Platform::GitLab && visit.profile.imports_by_platform() {
        return Err(Refusal::bad(format!(
            "GitLab project identifier must be a number, was '{slug}'"
        )));
    }
    Ok(())
}

fn import_project(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Provisioning)?;
    if !visit.profile.guesses_setting() {
        visit.bounded("almSetting", 200)?;
    }
    let place = Place {
        project: visit.bounded("projectKey", 200)?,
        slug: visit.bounded("repositorySlug", 200)?,
    };
    let new_code = if visit.profile.limits_new_code() {
        NewCodeWish::of(
            visit.optional("newCodeDefinitionType"),
            visit.optional("newCodeDefinitionValue"),
        )?
    } else {
        NewCodeWish::default()
    };
    let setting = configuration(visit, Some(Platform::Bitbucket))?.clone();
    demand_bitbucket(visit, &setting, &place.slug)?;
    let id = setting.id.clone();
    import(visit, &setting, &place, move |visit, found| {
        let key = found.made_up_key(visit);
        let name = found.name.clone();
        let made = Import {
            setting: id,
            key,
            name,
            monorepo: false,
            new_code,
        };
        let project = made.create(visit, found)?;
        ok(&json!({"project": {
            "key": project.key, "name": project.name, "qualifier": "TRK",
            "visibility": project.visibility.as_str(),
        }}))
    })
}
