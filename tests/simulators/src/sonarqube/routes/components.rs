//! Projects as users see them who do not administer the system.

use serde_json::json;

use super::Route;
use super::projects::page;
use crate::sonarqube::{
    refusal::Refusal,
    visit::{Answer, Visit, ok},
    world::{Project, ProjectPermission},
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/components/search_projects", search_projects),
    Route::get("/api/components/show", show),
];

/// The search index serves no more.
const MOST: usize = 10_000;

fn search_projects(visit: &mut Visit<'_>) -> Answer {
    let number = visit.number("p", 1)?;
    if number <= 0 {
        return Err(Refusal::bad(format!(
            "Page must be greater or equal to 1 (got {number})"
        )));
    }
    let (page, size) = page(visit)?;
    if page * size > MOST {
        return Err(Refusal::bad(format!(
            "Can return only the first {MOST} results. {}th result asked.",
            page * size
        )));
    }
    let browsed = |project: &&Project| visit.may(project, ProjectPermission::Browse);
    let mut found: Vec<_> = visit.world.projects.iter().filter(browsed).collect();
    found.sort_by_key(|project| project.name.to_lowercase());
    let rows = found.iter().skip((page - 1) * size).take(size);
    let rows: Vec<_> = rows
        .map(|project| {
            json!({
                "key": project.key, "name": project.name, "qualifier": "TRK", "isFavorite": false, "tags": [],
                "visibility": project.visibility.as_str(),
            })
        })
        .collect();
    ok(&json!({
        "paging": {"pageIndex": page, "pageSize": size, "total": found.len()}, "components": rows,
    }))
}

fn show(visit: &mut Visit<'_>) -> Answer {
    let key = visit.required("component")?;
    let Some(project) = visit.world.project(&key) else {
        return Err(Refusal::not_found(format!(
            "Component key '{key}' not found"
        )));
    };
    if !visit.may(project, ProjectPermission::Browse) {
        return Err(Refusal::Forbidden);
    }
    ok(&json!({
        "component": {
            "key": project.key, "name": project.name, "qualifier": "TRK", "tags": [],
            "visibility": project.visibility.as_str(),
        },
        "ancestors": [],
    }))
}
