//! Settings of the server.

use serde_json::json;

use super::Route;
use crate::sonarqube::{
    refusal::Refusal,
    visit::{Answer, Visit, no_content, ok},
    world::GlobalPermission,
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/settings/values", values),
    Route::post("/api/settings/set", set),
    Route::post("/api/settings/reset", reset),
];

fn values(visit: &mut Visit<'_>) -> Answer {
    visit.demand_login()?;
    let keys = visit.optional("keys").unwrap_or_default();
    let values = keys.split(',').filter_map(|key| {
        let value = visit.world.properties.get(key)?;
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
    visit.demand(GlobalPermission::Admin)?;
    let value = value.ok_or_else(|| {
        Refusal::bad("Either 'value', 'values' or 'fieldValues' must be provided")
    })?;
    if value.is_empty() {
        return Err(Refusal::bad("A non empty value must be provided"));
    }
    visit.world.properties.insert(key, value);
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
