//! `api/v2/dop-translation`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    Route,
    alm_integrations::import_token,
    flaws::{page, validate},
    import::{Found, Import, NewCodeWish, Place, import},
};
use crate::sonarqube::{
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, json, ok},
    world::{Binding, GlobalPermission, Project, ProjectPermission},
};

const BOUND_PROJECTS: &str = "/api/v2/dop-translation/bound-projects";
const PROJECT_BINDINGS: &str = "/api/v2/dop-translation/project-bindings";

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v2/dop-translation/dop-settings", dop_settings),
    Route::get(PROJECT_BINDINGS, project_bindings),
    Route::get(
        "/api/v2/dop-translation/project-bindings/{}",
        project_binding,
    ),
    Route::post(BOUND_PROJECTS, |visit| bind(visit, Verb::Post)),
    Route::put(BOUND_PROJECTS, |visit| bind(visit, Verb::Put)).only(Profile::puts_bound_projects),
];

fn dop_settings(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Provisioning)?;
    let rows = visit.world.settings.iter().map(|setting| {
        json!({
            "id": setting.id, "type": setting.platform.as_str(), "key": setting.key,
            "url": setting.url, "appId": null,
        })
    });
    let rows: Vec<_> = rows.collect();
    let count = rows.len();
    ok(&json!({
        "dopSettings": rows, "page": {"pageIndex": 1, "pageSize": count, "total": count},
    }))
}

fn shown(project: &Project, binding: &Binding) -> Value {
    json!({
        "id": binding.id, "devOpsPlatformSettingId": binding.setting, "projectId": project.id,
        "projectKey": project.key, "repository": binding.repository, "slug": binding.slug,
    })
}

fn project_bindings(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Provisioning)?;
    let (index, size) = page(visit)?;
    let (repository, setting) = (visit.optional("repository"), visit.optional("dopSettingId"));
    // Repositories of Bitbucket are found by none.
    let by_url = visit.profile.knows_repository_urls() && visit.given("repositoryUrl").is_some();
    if by_url && (repository.is_some() || setting.is_some()) {
        return Err(Refusal::bad(
            "'repositoryUrl' parameter cannot be used together with 'repository' or 'dopSettingId' parameters",
        ));
    }
    let mut rows: Vec<_> = visit
        .world
        .bindings()
        .filter(|(project, binding)| {
            let named = |text: &String| {
                binding.repository.eq_ignore_ascii_case(text)
                    || binding.slug.eq_ignore_ascii_case(text)
            };
            !by_url
                && repository.as_ref().is_none_or(named)
                && setting.as_ref().is_none_or(|id| *id == binding.setting)
                && (!visit.profile.hides_bindings()
                    || visit.may(project, ProjectPermission::Browse))
        })
        .collect();
    rows.sort_by_key(|(_, binding)| (&binding.repository, &binding.id));
    let total = rows.len();
    let rows = rows.iter().skip((index - 1) * size).take(size);
    let rows: Vec<_> = rows
        .map(|(project, binding)| shown(project, binding))
        .collect();
    ok(&json!({
        "projectBindings": rows, "page": {"pageIndex": index, "pageSize": size, "total": total},
    }))
}

fn project_binding(visit: &mut Visit<'_>) -> Answer {
    let found = visit
        .world
        .bindings()
        .find(|(_, binding)| binding.id == visit.tail);
    match found {
        Some((project, binding)) if visit.may(project, ProjectPermission::Browse) => {
            ok(&shown(project, binding))
        }
        None if visit.profile.shows_v2_errors_of_its_container() => Err(Refusal::not_found(
            format!("Project binding '{}' not found", visit.tail),
        )),
        Some(_) | None => Err(Refusal::hidden()),
    }
}

/// What is done with an existing project.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// It is a conflict.
    Post,
    /// It is bound.
    Put,
}

/// A body of bound-projects that was looked through; 25.1 makes up what is missing.
struct Wish {
    key: Option<String>,
    name: Option<String>,
    monorepo: bool,
    new_code: NewCodeWish,
}

fn bind(visit: &mut Visit<'_>, verb: Verb) -> Answer {
    let field = |name: &str| {
        let value = visit.body.map(|body| &body[name]);
        value.and_then(Value::as_str).map(str::to_owned)
    };
    if visit.profile.validates_bodies() {
        validate(visit.body)?;
    }
    visit.demand(GlobalPermission::Provisioning)?;
    let setting = field("devOpsPlatformSettingId").and_then(|id| visit.world.setting_of_id(&id));
    let setting = setting.ok_or_else(|| no_setting(visit.profile))?.clone();
    // 25.1 does not see that it is missing, and asks for it by the word for nothing.
    let slug = field("repositoryIdentifier").unwrap_or_else(|| "null".to_owned());
    import_token(visit, &setting)?;
    let new_code = NewCodeWish::of(
        field("newCodeDefinitionType"),
        field("newCodeDefinitionValue"),
    )?;
    let project = field("projectIdentifier").ok_or_else(|| {
        Refusal::bad(format!(
            "The BitBucket project, in which the repository {slug} is located, is mandatory"
        ))
    })?;
    let monorepo = visit.body.and_then(|body| body["monorepo"].as_bool());
    let wish = Wish {
        key: field("projectKey"),
        name: field("projectName"),
        // 25.1 does not see that it is missing before it needs it.
        monorepo: monorepo.ok_or(Refusal::Internal)?,
        new_code,
    };
    let place = Place { project, slug };
    let id = setting.id.clone();
    import(visit, &setting, &place, move |visit, found| {
        let there = |key: &String| visit.world.project(key).is_some();
        if verb == Verb::Put && wish.key.as_ref().is_some_and(there) {
            rebind(visit, &id, wish, found)
        } else {
            create(visit, verb, &id, wish, found)
        }
    })
}

fn no_setting(profile: Profile) -> Refusal {
    Refusal::bad(if profile.names_setting_field() {
        "devOpsPlatformSettingId value not found, must be the ID of the DevOps Platform configuration"
    } else {
        "ALM setting not found"
    })
}

fn create(visit: &mut Visit<'_>, verb: Verb, setting: &str, wish: Wish, found: &Found) -> Answer {
    let Wish {
        key,
        name,
        monorepo,
        new_code,
    } = wish;
    let profile = visit.profile;
    let made = Import {
        setting: setting.to_owned(),
        key: key.unwrap_or_else(|| found.made_up_key(visit)),
        name: name.unwrap_or_else(|| found.name.clone()),
        monorepo,
        new_code,
    };
    let project = made.create(visit, found)?;
    let status = match verb {
        Verb::Post => StatusCode::CREATED,
        Verb::Put => StatusCode::OK,
    };
    json(status, &bound(profile, project, true))
}

/// Points an existing project at a repository, if the caller may, and knows its name.
fn rebind(visit: &mut Visit<'_>, setting: &str, wish: Wish, found: &Found) -> Answer {
    let Wish {
        key,
        name,
        monorepo,
        new_code,
    } = wish;
    let key = key.unwrap_or_default();
    let project = visit.world.project(&key).ok_or(Refusal::Internal)?;
    let administers = visit.may(project, ProjectPermission::Administer);
    if visit.profile.protects_bound_projects() && !administers {
        return Err(Refusal::hidden());
    }
    if name.as_ref() != Some(&project.name) {
        return Err(Refusal::bad(format!(
            "Project with key '{key}' cannot be bound - configuration mismatch"
        )));
    }
    let definition = new_code.read(visit.profile, &project.main_branch.name)?;
    let known = project.binding.as_ref().map(|binding| binding.id.clone());
    let fresh = visit.world.new_id();
    let profile = visit.profile;
    let project = visit.world.project_mut(&key).ok_or(Refusal::Internal)?;
    project.binding = Some(Binding {
        id: known.unwrap_or(fresh),
        setting: setting.to_owned(),
        repository: found.project.clone(),
        slug: found.slug.clone(),
        monorepo,
    });
    if let Some(definition) = definition {
        let main = project.main_branch.name.clone();
        project.new_code.insert(main, definition);
    }
    ok(&bound(profile, project, false))
}

fn bound(profile: Profile, project: &Project, created: bool) -> Value {
    let binding = project.binding.as_ref().map(|binding| &binding.id);
    let mut body = json!({"projectId": project.id, "bindingId": binding});
    if profile.puts_bound_projects() {
        body["newProjectCreated"] = json!(created);
    }
    body
}
