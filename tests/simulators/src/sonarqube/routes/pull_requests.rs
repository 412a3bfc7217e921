//! `api/project_pull_requests`: what was analysed, whether it was decorated or not.

use serde_json::{Value, json};

use super::Route;
use crate::sonarqube::{
    profile::Profile,
    visit::{Answer, Visit, ok},
    world::AnalysedPullRequest,
};

pub(super) const ROUTES: &[Route] =
    &[Route::get("/api/project_pull_requests/list", list).only(Profile::lists_pull_requests)];

/// The latest analysis of each pull request.
fn list(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project("project")?;
    visit.demand_browse(project)?;
    let mut latest: Vec<&AnalysedPullRequest> = Vec::new();
    for (of, analysis) in visit.world.analyses() {
        let found = &analysis.pull_request;
        if of.id == project.id && !latest.iter().any(|known| known.key == found.key) {
            latest.push(found);
        }
    }
    let rows: Vec<_> = latest.into_iter().map(shown).collect();
    ok(&json!({"pullRequests": rows}))
}

fn shown(pull_request: &AnalysedPullRequest) -> Value {
    let AnalysedPullRequest {
        key,
        title,
        branch,
        base,
        date,
        ..
    } = pull_request;
    json!({
        "key": key, "title": title, "branch": branch, "base": base, "target": base,
        "status": {"qualityGateStatus": "OK"}, "analysisDate": date,
    })
}
