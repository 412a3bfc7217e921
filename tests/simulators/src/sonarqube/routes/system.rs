//! What a server is and offers.

use serde_json::json;

use super::Route;
use crate::sonarqube::{
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, empty, ok, text},
    world::GlobalPermission,
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/system/status", status).open(),
    Route::get("/api/server/version", version).open(),
    Route::get("/api/system/ping", |_| text("pong", "text/plain")),
    Route::post("/api/system/restart", restart),
    Route::get("/api/features/list", |visit| {
        ok(&json!(visit.profile.features()))
    })
    .only(Profile::lists_features),
    Route::get("/api/navigation/global", global),
    Route::get("/api/v2/analysis/version", |visit| {
        text(visit.profile.version(), "text/plain;charset=ISO-8859-1")
    }),
];

fn status(visit: &mut Visit<'_>) -> Answer {
    ok(&json!({
        "id": visit.world.server_id,
        "version": visit.profile.version(),
        "status": visit.world.phase().status(),
    }))
}

fn version(visit: &mut Visit<'_>) -> Answer {
    text(visit.profile.version(), "text/plain")
}

fn restart(visit: &mut Visit<'_>) -> Answer {
    if !visit.has(GlobalPermission::Admin) {
        return Err(Refusal::Forbidden);
    }
    visit.world.restart();
    empty()
}

/// What is read of it; the real one returns much more.
fn global(visit: &mut Visit<'_>) -> Answer {
    ok(&json!({
        "edition": visit.profile.edition_name(),
        "version": visit.profile.displayed_version(),
        "standalone": true,
    }))
}
