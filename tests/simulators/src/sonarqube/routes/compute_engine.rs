//! `api/ce`: background tasks. Only those of pull request analyses are kept.

use serde_json::{Value, json};

use super::Route;
use crate::sonarqube::{
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, ok},
    world::{Analysis, GlobalPermission, Project, ProjectPermission},
};

pub(super) const ROUTES: &[Route] = &[Route::get("/api/ce/activity", activity)];

/// Kinds of background tasks.
const KINDS: [&str; 4] = ["REPORT", "ISSUE_SYNC", "AUDIT_PURGE", "PROJECT_EXPORT"];
const KINDS_SINCE_HISTORY: [&str; 5] = [
    "REPORT",
    "ISSUE_SYNC",
    "AUDIT_PURGE",
    "HISTORY_PURGE",
    "PROJECT_EXPORT",
];

/// The newest first. Of a project only to those who administer it, be they administrators of the system (9.9, 26.9).
fn activity(visit: &mut Visit<'_>) -> Answer {
    let kinds: &[&str] = if visit.profile.purges_history() {
        &KINDS_SINCE_HISTORY
    } else if visit.profile.pages_tasks() {
        &KINDS
    } else {
        &KINDS[..2]
    };
    let kind = visit.one_of("type", kinds)?;
    // Too large a size is reported before the caller is checked, and too small a one after that.
    let size = visit.limited("ps", 100, 1000)?;
    let component = visit.optional("component");
    match &component {
        None => visit.demand(GlobalPermission::Admin)?,
        Some(key) => {
            let project = visit
                .world
                .project(key)
                .ok_or_else(|| Refusal::not_found(format!("Component '{key}' does not exist")))?;
            if !visit.may(project, ProjectPermission::Administer) {
                return Err(Refusal::Forbidden);
            }
        }
    }
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| Refusal::bad("page size must be >= 1"))?;
    let reports = kind.is_none_or(|kind| kind == "REPORT");
    let all = visit.world.analyses();
    let fitting: Vec<_> = all
        .filter(|(project, _)| reports && component.as_ref().is_none_or(|key| project.key == *key))
        .collect();
    let fields = visit.optional("additionalFields").unwrap_or_default();
    let fills_warnings = visit.profile.always_lists_warnings() || fields.contains("warnings");
    let first = fitting.iter().take(size);
    let tasks: Vec<_> = first
        .map(|(project, analysis)| shown(visit.profile, project, analysis, fills_warnings))
        .collect();
    let mut listed = json!({"tasks": tasks});
    if visit.profile.pages_tasks() {
        listed["paging"] = json!({"pageIndex": 1, "pageSize": size, "total": fitting.len()});
    }
    ok(&listed)
}

fn shown(profile: Profile, project: &Project, analysis: &Analysis, fills_warnings: bool) -> Value {
    let pull_request = &analysis.pull_request;
    let warnings: &[String] = if fills_warnings {
        &pull_request.warnings
    } else {
        &[]
    };
    let date = &pull_request.date;
    let mut task = json!({
        "id": analysis.task, "type": "REPORT", "componentId": project.id, "componentKey": project.key,
        "componentName": project.name, "componentQualifier": "TRK", "status": "SUCCESS",
        "submittedAt": date, "startedAt": date, "executedAt": date, "executionTimeMs": 176,
        "hasScannerContext": true, "warningCount": pull_request.warnings.len(), "warnings": warnings,
        "pullRequest": pull_request.key, "pullRequestTitle": pull_request.title,
    });
    if profile.always_lists_warnings() {
        task["infoMessages"] = json!([]);
    }
    task
}
