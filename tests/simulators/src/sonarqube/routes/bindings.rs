//! Bindings of projects that exist, which come with every edition but Community, and with the community branch plugin.
//! Recorded with the plugin (26.4); commercial editions are taken to answer alike.

use serde_json::json;

use super::Route;
use crate::sonarqube::{
    profile::{Edition, Profile},
    refusal::Refusal,
    visit::{Answer, Visit, no_content, ok},
    world::{Binding, ProjectPermission},
};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/alm_settings/set_bitbucket_binding", set).only(Profile::sets_bindings),
    Route::post("/api/alm_settings/delete_binding", delete).only(Profile::sets_bindings),
    Route::get("/api/project_pull_requests/list", pull_requests).only(Profile::lists_pull_requests),
];

const FLAGS: [&str; 4] = ["true", "false", "yes", "no"];

/// Takes whatever repository is named, and does not look at the platform of the setting.
fn set(visit: &mut Visit<'_>) -> Answer {
    let key = visit.required("project")?;
    let setting = visit.required("almSetting")?;
    let (repository, slug) = (visit.required("repository")?, visit.required("slug")?);
    let flag = visit.required("monorepo")?;
    if !FLAGS.contains(&&*flag) {
        return Err(Refusal::bad(format!(
            "Value of parameter 'monorepo' ({flag}) must be one of: [true, false, yes, no]"
        )));
    }
    let monorepo = matches!(&*flag, "true" | "yes");
    let project = visit.project_for("project", ProjectPermission::Administer)?;
    let id = match &project.binding {
        Some(binding) => binding.id.clone(),
        None => visit.world.new_id(),
    };
    let Some(setting) = visit.world.setting(&setting) else {
        return Err(Refusal::not_found(format!(
            "ALM setting '{setting}' could not be found"
        )));
    };
    let setting = setting.id.clone();
    if monorepo && visit.profile.edition == Edition::Developer {
        // That Developer Edition refuses is documented; its words are not known.
        return Err(Refusal::bad("Monorepo is not supported by this edition"));
    }
    if let Some(project) = visit.world.project_mut(&key) {
        project.binding = Some(Binding {
            id,
            setting,
            repository,
            slug,
            monorepo,
        });
    }
    no_content()
}

/// Also where nothing is bound.
fn delete(visit: &mut Visit<'_>) -> Answer {
    let key = visit.required("project")?;
    visit.project_for("project", ProjectPermission::Administer)?;
    if let Some(project) = visit.world.project_mut(&key) {
        project.binding = None;
    }
    no_content()
}

/// None was analysed here.
fn pull_requests(visit: &mut Visit<'_>) -> Answer {
    visit.project_for("project", ProjectPermission::Browse)?;
    ok(&json!({"pullRequests": []}))
}
