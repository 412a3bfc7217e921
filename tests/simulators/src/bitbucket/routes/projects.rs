//! Projects.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::{
        errors::Refusal,
        paging::Query,
        visit::{Answer, Visit},
        world::{Identity, NameFilter, Project, Right, Settings, Switch},
    },
    users,
};
use crate::reply::Reply;

pub(super) fn list(visit: &mut Visit<'_>) -> Answer {
    demand_lister(visit)?;
    let needed = asked_right(&visit.query, "PROJECT")?;
    let settings = &visit.world.settings;
    let rows = visit.world.projects.iter().map(|project| {
        let shown = visit.world.project_right(&visit.identity, project) >= needed
            && names_match(settings, visit.query.value("name"), &project.name);
        shown.then(|| json(visit, project))
    });
    visit.page(rows.collect())
}

pub(super) fn show(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project(Right::View)?;
    Ok(Reply::ok(json(visit, &project)))
}

pub(super) fn permissions(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project(Right::Admin)?;
    visit.page(granted(visit, &project.grants, "PROJECT"))
}

pub(super) fn webhooks(visit: &mut Visit<'_>) -> Answer {
    visit.project(Right::Admin)?;
    visit.page(Vec::new())
}

/// Anonymous visitors may list only where public access is on.
pub(super) fn demand_lister(visit: &Visit<'_>) -> Result<(), Refusal> {
    let closed = visit.world.settings.public_access == Switch::Off;
    if closed && visit.identity == Identity::Anonymous {
        Err(Refusal::Anonymous)
    } else {
        Ok(())
    }
}

/// The right that `permission=` asks for; what is merely visible counts without it.
pub(super) fn asked_right(query: &Query, kind: &str) -> Result<Right, Refusal> {
    let Some(name) = query.value("permission") else {
        return Ok(Right::View);
    };
    let right = name.to_uppercase();
    match right.strip_prefix(kind).unwrap_or_default() {
        "_VIEW" if kind == "PROJECT" => Ok(Right::View),
        "_READ" => Ok(Right::Read),
        "_WRITE" => Ok(Right::Write),
        "_ADMIN" => Ok(Right::Admin),
        _ => Err(Refusal::invalid(
            "permission",
            format!("{name} is not a permission"),
        )),
    }
}

/// Whether a name matches a filter; without a filter all do.
pub(super) fn names_match(settings: &Settings, filter: Option<&str>, name: &str) -> bool {
    let (Some(filter), name) = (filter.map(str::to_lowercase), name.to_lowercase()) else {
        return true;
    };
    match settings.name_filter {
        NameFilter::Whole => name == filter,
        NameFilter::Part => name.contains(&filter),
    }
}

/// The rows of a listing of users and their permissions.
pub(super) fn granted(
    visit: &Visit<'_>,
    grants: &BTreeMap<String, Right>,
    kind: &str,
) -> Vec<Option<Value>> {
    let row = |(slug, right): (&String, &Right)| {
        let level = match right {
            Right::Nothing | Right::View => return None,
            Right::Read => "READ",
            Right::Write => "WRITE",
            Right::Admin => "ADMIN",
        };
        let user = users::json(visit.base, visit.world.find_user(slug)?);
        Some(json!({ "user": user, "permission": format!("{kind}_{level}") }))
    };
    grants.iter().map(row).collect()
}

pub(super) fn json(visit: &Visit<'_>, project: &Project) -> Value {
    let Project {
        id,
        key,
        name,
        description,
        public,
        ..
    } = project;
    let owner = key
        .strip_prefix('~')
        .and_then(|slug| visit.world.find_user(slug));
    let path = owner.map_or_else(
        || format!("projects/{key}"),
        |user| format!("users/{}", user.slug),
    );
    let mut body = json!({
        "key": key,
        "id": id,
        "name": name,
        "public": public,
        "type": if owner.is_some() { "PERSONAL" } else { "NORMAL" },
        "links": { "self": [{ "href": format!("{}/{path}", visit.base) }] },
    });
    if let Some(description) = description {
        body["description"] = json!(description);
    }
    if let Some(owner) = owner {
        body["owner"] = users::json(visit.base, owner);
    }
    body
}
