//! The branches of projects: only the main one, as plain Community has it.

use serde_json::json;

use super::Route;
use crate::sonarqube::{
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, no_content, ok},
    world::ProjectPermission,
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/project_branches/list", list),
    Route::post("/api/project_branches/rename", rename),
    Route::post("/api/project_branches/set_main", set_main).only(Profile::sets_main_branch),
];

fn list(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project("project")?;
    visit.demand_browse(project)?;
    let branch = &project.main_branch;
    let mut row = json!({
        "name": branch.name, "isMain": true, "type": "BRANCH", "status": {},
        "excludedFromPurge": true,
    });
    if visit.profile.reports_more_of_projects() {
        row["branchId"] = json!(branch.id);
    }
    ok(&json!({"branches": [row]}))
}

fn rename(visit: &mut Visit<'_>) -> Answer {
    let key = visit.required("project")?;
    let name = visit.bounded("name", 255)?;
    visit.project_for("project", ProjectPermission::Administer)?;
    if let Some(project) = visit.world.project_mut(&key) {
        if let Some(definition) = project.new_code.remove(&project.main_branch.name) {
            project.new_code.insert(name.clone(), definition);
        }
        project.main_branch.name = name;
    }
    no_content()
}

fn set_main(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project_for("project", ProjectPermission::Administer)?;
    let branch = visit.required("branch")?;
    if project.main_branch.name == branch {
        return no_content();
    }
    Err(Refusal::not_found(format!(
        "Branch '{branch}' not found for project '{}'.",
        project.key
    )))
}
