//! Repositories: listings, one, and its life.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    super::{
        errors::Refusal,
        paging,
        visit::{Answer, Visit},
        world::{Repository, Right, slug_of},
    },
    projects::{asked_right, demand_lister, granted, json as project_json, names_match},
};
use crate::reply::Reply;

const NAME_RULE: &str = "Repository names are limited to 128 characters. They must start with a letter or number and may contain spaces, hyphens, underscores and periods";

pub(super) fn list(visit: &mut Visit<'_>) -> Answer {
    demand_lister(visit)?;
    let needed = asked_right(&visit.query, "REPO")?;
    let rows = visit.world.repositories.iter().map(|repository| {
        let held = visit.world.repository_right(&visit.identity, repository);
        (held >= needed && fits_the_filter(visit, repository)).then_some(repository)
    });
    let show = |repository: &Repository| json(visit, repository);
    paging::page(&visit.world.settings, &visit.query, rows, show)
}

pub(super) fn recent(visit: &mut Visit<'_>) -> Answer {
    visit.authenticated()?;
    let needed = asked_right(&visit.query, "REPO")?.max(Right::Read);
    let rows = visit.world.repositories.iter().map(|repository| {
        let held = visit.world.repository_right(&visit.identity, repository);
        (held >= needed).then(|| json(visit, repository))
    });
    visit.page(rows.collect())
}

pub(super) fn in_project(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project(Right::View)?;
    let inside = visit
        .world
        .repositories
        .iter()
        .filter(|it| it.project == project.id);
    let rows = inside.map(|repository| {
        let held = visit.world.repository_right(&visit.identity, repository);
        (held >= Right::View).then(|| json(visit, repository))
    });
    visit.page(rows.collect())
}

/// Whether a repository matches the filters of `/repos`, those of its version.
fn fits_the_filter(visit: &Visit<'_>, repository: &Repository) -> bool {
    let (world, query) = (&visit.world, &visit.query);
    let Some(project) = world.project_of(repository.project) else {
        return false;
    };
    let visible = match query.value("visibility") {
        Some("public") => repository.public || project.public,
        Some("private") => !(repository.public || project.public),
        Some(_) | None => true,
    };
    let in_state = query
        .value("state")
        .is_none_or(|state| json!(repository.state) == state);
    let newer = !visit.profile.archives() || {
        let listed = match query.value("archived").unwrap_or("ACTIVE") {
            "ALL" => true,
            "ARCHIVED" => repository.archived,
            _ => !repository.archived,
        };
        let key = query.value("projectkey");
        listed && key.is_none_or(|key| project.key.eq_ignore_ascii_case(key))
    };
    let named = names_match(&world.settings, query.value("name"), &repository.name)
        && names_match(&world.settings, query.value("projectname"), &project.name);
    visible && in_state && newer && named
}

pub(super) fn show(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.repository(Right::View)?;
    Ok(Reply::ok(json(visit, &repository)))
}

pub(super) fn permissions(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.repository(Right::Admin)?;
    visit.page(granted(visit, &repository.grants, "REPO"))
}

pub(super) fn webhooks(visit: &mut Visit<'_>) -> Answer {
    visit.repository(Right::Admin)?;
    visit.page(Vec::new())
}

pub(super) fn create(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project(Right::Admin)?;
    let body = visit.json()?;
    let name = valid_name(body["name"].as_str().unwrap_or_default())?;
    let taken = visit
        .world
        .repositories
        .iter()
        .any(|repository| repository.project == project.id && repository.slug == slug_of(name));
    if taken {
        return Err(super::super::world::WorldError::Taken {
            name: name.to_owned(),
        }
        .into());
    }
    let repository = visit.world.repository(&project.key, name);
    repository.branches.clear();
    if let Some(branch) = body["defaultBranch"].as_str() {
        branch.clone_into(&mut repository.default_branch);
    }
    let repository = repository.clone();
    Ok(Reply::json(StatusCode::CREATED, json(visit, &repository)))
}

pub(super) fn update(visit: &mut Visit<'_>) -> Answer {
    let body = visit.json()?;
    let unarchives = body["archived"] == false;
    let before = if unarchives {
        visit.repository(Right::Admin)?
    } else {
        visit.writable(Right::Admin)?
    };
    let key = visit.world.key_of(before.project).to_owned();
    let mut slug = before.slug;
    if let Some(name) = body["name"].as_str() {
        visit
            .world
            .rename_repository(&key, &slug, valid_name(name)?)?;
        slug = slug_of(name);
    }
    if let Some(target) = body["project"]["key"].as_str() {
        visit.world.move_repository(&key, &slug, target)?;
    }
    let archives = visit.profile.archives();
    let Some(repository) = visit.world.repository_mut(before.id) else {
        return Err(Refusal::NoRepository { key, slug });
    };
    if let Some(branch) = body["defaultBranch"].as_str() {
        branch.clone_into(&mut repository.default_branch);
    }
    if let (Some(archived), true) = (body["archived"].as_bool(), archives) {
        repository.archived = archived;
    }
    let repository = repository.clone();
    Ok(Reply::json(StatusCode::CREATED, json(visit, &repository)))
}

pub(super) fn delete(visit: &mut Visit<'_>) -> Answer {
    let repository = match visit.writable(Right::Admin) {
        Err(Refusal::NoRepository { .. }) => return Ok(Reply::no_content()),
        found => found?,
    };
    let key = visit.world.key_of(repository.project).to_owned();
    visit.world.delete_repository(&key, &repository.slug)?;
    let message = format!(
        "Repository {key}/{} scheduled for deletion.",
        repository.slug
    );
    let body = json!({ "context": null, "message": message, "exceptionName": null });
    Ok(Reply::json(StatusCode::ACCEPTED, body))
}

fn valid_name(name: &str) -> Result<&str, Refusal> {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    let allowed = |it: char| it.is_ascii_alphanumeric() || " -_.".contains(it);
    if starts_well && name.len() <= 128 && name.chars().all(allowed) {
        return Ok(name);
    }
    Err(Refusal::invalid("name", NAME_RULE))
}

pub(super) fn json(visit: &Visit<'_>, repository: &Repository) -> Value {
    let Repository {
        id,
        slug,
        name,
        description,
        public,
        archived,
        origin,
        state,
        ..
    } = repository;
    let key = visit.world.key_of(repository.project);
    let project = visit.world.project_of(repository.project);
    let (base, lower_key) = (visit.base, key.to_lowercase());
    let host = base
        .split("//")
        .nth(1)
        .and_then(|rest| rest.split([':', '/']).next());
    let ssh = format!(
        "ssh://git@{}:7999/{lower_key}/{slug}.git",
        host.unwrap_or_default()
    );
    let mut body = json!({
        "slug": slug,
        "id": id,
        "name": name,
        "hierarchyId": format!("{id:020x}"),
        "scmId": "git",
        "state": state,
        "statusMessage": state.message(),
        "forkable": true,
        "project": project.map(|project| project_json(visit, project)),
        "public": public,
        "links": {
            "clone": [
                { "href": format!("{base}/scm/{lower_key}/{slug}.git"), "name": "http" },
                { "href": ssh, "name": "ssh" },
            ],
            "self": [{ "href": format!("{base}/projects/{key}/repos/{slug}/browse") }],
        },
    });
    if visit.profile.archives() {
        body["archived"] = json!(archived);
    }
    if let Some(origin) = origin {
        body["origin"] = json!({"slug": origin});
    }
    if let Some(description) = description {
        body["description"] = json!(description);
    }
    body
}
