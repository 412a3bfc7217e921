//! Settings of the server.

use serde_json::json;

use super::Route;
use crate::sonarqube::{
    refusal::Refusal,
    visit::{Answer, Visit, no_content, ok},
    world::{GlobalPermission, ProjectPermission},
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/settings/values", values),
    Route::post("/api/settings/set", set),
    Route::post("/api/settings/reset", reset),
];

fn values(visit: &mut Visit<'_>) -> Answer {
    visit.demand_login()?;
    let keys = visit.optional("keys").unwrap_or_default();
    let properties = match visit.optional("component") {
        Some(_) => {
            &visit
                .project_for("component", ProjectPermission::Browse)?
                .properties
        }
        None => &visit.world.properties,
    };
    let values = keys.split(',').filter_map(|key| {
        let value = properties.get(key)?;
        Some(json!({"key": key, "value": value}))
    });
    let mut body = json!({"settings": values.collect::<Vec<_>>()});
    if visit.profile.names_secured_settings() {
        body["setSecuredSettings"] = json!([]);
    }
    ok(&body)
}

fn set(visit: &mut Visit<'_>) -> Answer {
    let key = visit.required("key")?;
    let value = visit.given("value");
    let of_project = visit.optional("component").is_some();
    let project = if of_project {
        let project = visit.project_for("component", ProjectPermission::Administer)?;
        Some(project.key.clone())
    } else {
        visit.demand(GlobalPermission::Admin)?;
        None
    };
    let value = value.ok_or_else(|| {
        Refusal::bad("Either 'value', 'values' or 'fieldValues' must be provided")
    })?;
    if value.is_empty() {
        return Err(Refusal::bad("A non empty value must be provided"));
    }
    let project = project.and_then(|project| visit.world.project_mut(&project));
    match project {
        Some(project) => project.properties.insert(key, value),
        None => visit.world.properties.insert(key, value),
    };
    no_content()
}

fn reset(visit: &mut Visit<'_>) -> Answer {
    let keys = visit.required("keys")?;
    visit.demand(GlobalPermission::Admin)?;
    for key in keys.split(',') {
        visit.world.properties.remove(key);
    }
    no_content()
}
