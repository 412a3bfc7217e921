//! Projects.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::Route;
use crate::sonarqube::{
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, no_content, ok},
    world::{GlobalPermission, Project, ProjectPermission, Visibility},
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/projects/search", search),
    Route::get("/api/navigation/component", component),
    Route::post("/api/projects/create", create),
    Route::post("/api/projects/delete", delete),
    Route::post("/api/projects/update_key", update_key),
    Route::post("/api/projects/update_visibility", update_visibility),
];

const VISIBILITIES: [&str; 2] = ["private", "public"];

/// What is allowed in a key, as every message about keys ends.
const ALLOWED: &str =
    "Allowed characters are alphanumeric, '-', '_', '.' and ':', with at least one non-digit.";

/// Whether a project may be made under a key.
pub(super) fn check_key(visit: &Visit<'_>, key: &str) -> Result<(), Refusal> {
    if !is_well_formed(key) {
        return Err(Refusal::bad(format!(
            "Malformed key for Project: '{key}'. {ALLOWED}"
        )));
    }
    let length = key.chars().count();
    if length > 400 {
        return Err(Refusal::bad(format!(
            "Component key length ({length}) is longer than the maximum authorized (400). '{key}' was provided."
        )));
    }
    if !visit.profile.compares_keys_loosely() {
        return match visit.world.project(key) {
            Some(_) => Err(Refusal::bad(format!(
                "Could not create Project, key already exists: {key}"
            ))),
            None => Ok(()),
        };
    }
    match visit.world.similar(key) {
        Some(taken) => Err(Refusal::bad(format!(
            "Could not create Project with key: \"{key}\". A similar key already exists: \"{}\"",
            taken.key
        ))),
        None => Ok(()),
    }
}

fn is_well_formed(key: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.:".contains(letter);
    key.chars().all(allowed) && key.chars().any(|letter| !letter.is_ascii_digit())
}

/// The search page that a question's `p` and `ps` name.
pub(super) fn page(visit: &Visit<'_>) -> Result<(usize, usize), Refusal> {
    let (page, size) = (visit.number("p", 1)?, visit.limited("ps", 100, 500)?);
    if page <= 0 {
        return Err(Refusal::bad(format!(
            "Page index must be strictly positive. Got {page}"
        )));
    }
    if size <= 0 {
        return Err(Refusal::bad(format!(
            "Page size must be strictly positive. Got {size}"
        )));
    }
    Ok((
        usize::try_from(page).unwrap_or(1),
        usize::try_from(size).unwrap_or(1),
    ))
}

/// What is read of a project's page; the real one has much more. An administrator of the system sees every project.
fn component(visit: &mut Visit<'_>) -> Answer {
    let key = visit.required("component")?;
    let Some(project) = visit.world.project(&key) else {
        return Err(Refusal::not_found(format!(
            "Component key '{key}' not found"
        )));
    };
    if !visit.has(GlobalPermission::Admin) && !visit.may(project, ProjectPermission::Browse) {
        return Err(Refusal::Forbidden);
    }
    // Up to 9.9 this is the project's id as well.
    let id = &project.main_branch.id;
    ok(&json!({
        "key": project.key, "id": id, "name": project.name,
        "visibility": project.visibility.as_str(),
    }))
}

/// The keys that projects are looked for by, if any are named.
fn named_keys(visit: &Visit<'_>, name: &str) -> Result<Option<HashSet<String>>, Refusal> {
    let Some(keys) = visit.optional(name) else {
        return Ok(None);
    };
    let count = keys.split(',').count();
    let keys = keys.split(',').map(str::to_owned).collect();
    if count > 1000 {
        let can = visit.profile.can_contain();
        return Err(Refusal::bad(format!(
            "'{name}' {can} only 1000 values, got {count}"
        )));
    }
    Ok(Some(keys))
}

fn search(visit: &mut Visit<'_>) -> Answer {
    let (page, size) = page(visit)?;
    visit.demand(GlobalPermission::Admin)?;
    let text = visit.optional("q").map(|text| text.to_lowercase());
    let exact = named_keys(visit, "projects")?;
    let loose = if visit.profile.knows_project_keys() {
        named_keys(visit, "projectKeys")?
    } else {
        None
    };
    let visibility = visit.one_of("visibility", &VISIBILITIES)?;
    let fits = |project: &&Project| {
        let contains = |text: &String| {
            project.key.to_lowercase().contains(text) || project.name.to_lowercase().contains(text)
        };
        let named = |keys: &HashSet<String>| keys.contains(&project.key);
        let resembled = |keys: &HashSet<String>| {
            keys.iter()
                .any(|key| key.eq_ignore_ascii_case(&project.key))
        };
        text.as_ref().is_none_or(contains)
            && exact.as_ref().is_none_or(named)
            && loose.as_ref().is_none_or(resembled)
            && visibility
                .as_ref()
                .is_none_or(|it| it == project.visibility.as_str())
    };
    let mut found: Vec<_> = visit.world.projects.iter().filter(fits).collect();
    found.sort_by_cached_key(|project| project.name.to_lowercase());
    let rows = found.iter().skip((page - 1) * size).take(size);
    let rows: Vec<_> = rows.map(|project| shown(visit.profile, project)).collect();
    ok(&json!({
        "paging": {"pageIndex": page, "pageSize": size, "total": found.len()}, "components": rows,
    }))
}

fn shown(profile: Profile, project: &Project) -> Value {
    let mut row = json!({
        "key": project.key, "name": project.name, "qualifier": "TRK",
        "visibility": project.visibility.as_str(),
    });
    if profile.reports_more_of_projects() {
        row["managed"] = json!(false);
    }
    if profile.reports_project_ids() {
        row["projectUuid"] = json!(project.id);
    }
    row
}

fn create(visit: &mut Visit<'_>) -> Answer {
    let (key, name) = (visit.bounded("project", 400)?, visit.required("name")?);
    let name = cut(&name);
    let visibility = visit.one_of("visibility", &VISIBILITIES)?;
    visit.demand(GlobalPermission::Provisioning)?;
    check_key(visit, &key)?;
    let visibility = if visibility.as_deref() == Some("private") {
        Visibility::Private
    } else {
        Visibility::Public
    };
    let main = visit.optional("mainBranch");
    let main = main.filter(|_| visit.profile.names_main_branches());
    let main = main.as_deref().unwrap_or(visit.profile.default_branch());
    let project = visit.world.create_project(&key, &name, visibility, main);
    ok(&json!({"project": {
        "key": project.key, "name": project.name, "qualifier": "TRK",
        "visibility": project.visibility.as_str(),
    }}))
}

/// Longer names than those of 500 characters end in dots.
fn cut(name: &str) -> String {
    if name.chars().count() <= 500 {
        return name.to_owned();
    }
    let head: String = name.chars().take(497).collect();
    format!("{head}...")
}

fn delete(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project("project")?;
    visit.demand_rule_over(project)?;
    let id = project.id.clone();
    visit.world.projects.retain(|project| project.id != id);
    no_content()
}

fn update_key(visit: &mut Visit<'_>) -> Answer {
    let (from, to) = (visit.required("from")?, visit.bounded("to", 400)?);
    visit.project_for("from", ProjectPermission::Administer)?;
    if !is_well_formed(&to) {
        return Err(Refusal::bad(format!("Malformed key for '{to}'. {ALLOWED}")));
    }
    let taken = visit.world.project(&to).is_some();
    if taken && (from != to || visit.profile.refuses_same_key()) {
        return Err(Refusal::bad(format!(
            "Impossible to update key: a component with key \"{to}\" already exists."
        )));
    }
    if let Some(project) = visit.world.project_mut(&from) {
        project.key = to;
    }
    no_content()
}

fn update_visibility(visit: &mut Visit<'_>) -> Answer {
    let key = visit.required("project")?;
    let wanted = visit.one_of("visibility", &VISIBILITIES)?;
    let wanted = wanted.ok_or_else(|| Refusal::missing("visibility"))?;
    let project = visit.world.project(&key);
    let project = project.ok_or_else(|| {
        if visit.profile.speaks_of_entities() {
            Refusal::bad("Component must be a project, a portfolio or an application")
        } else {
            Refusal::not_found(format!("Component key '{key}' not found"))
        }
    })?;
    if !visit.may(project, ProjectPermission::Administer) {
        return Err(Refusal::Forbidden);
    }
    if let Some(project) = visit.world.project_mut(&key) {
        change_visibility(project, &wanted);
    }
    no_content()
}

/// A user with any permission on a project that becomes private may browse it.
fn change_visibility(project: &mut Project, wanted: &str) {
    let browse = |holder: &String| (holder.clone(), ProjectPermission::Browse);
    if wanted == Visibility::Public.as_str() {
        project.visibility = Visibility::Public;
        let of_everybody = [ProjectPermission::Browse, ProjectPermission::SeeCode];
        project
            .permissions
            .retain(|(_, permission)| !of_everybody.contains(permission));
    } else if project.visibility == Visibility::Public {
        project.visibility = Visibility::Private;
        let holders: Vec<_> = project
            .permissions
            .iter()
            .map(|(holder, _)| browse(holder))
            .collect();
        project.permissions.extend(holders);
    }
}
