//! `api/plugins`.

use serde_json::json;

use super::Route;
use crate::sonarqube::{
    profile::Edition,
    visit::{Answer, Visit, ok},
};

pub(super) const ROUTES: &[Route] = &[Route::get("/api/plugins/installed", installed)];

/// What is read of it; the real one lists all analyzers and returns much more of each.
fn installed(visit: &mut Visit<'_>) -> Answer {
    let mut plugins = vec![json!({"key": "xml", "name": "XML Code Quality and Security"})];
    if visit.profile.edition == Edition::BranchPlugin {
        plugins.insert(
            0,
            json!({"key": "communityBranchPlugin", "name": "Community Branch Plugin"}),
        );
    }
    ok(&json!({"plugins": plugins}))
}
