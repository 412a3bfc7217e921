//! New code definitions. On Community a project's own is written to its main branch.

use serde_json::{Value, json};

use super::Route;
use crate::sonarqube::{
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, empty, ok},
    world::{NewCode, Project, ProjectPermission},
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/new_code_periods/list", list),
    Route::get("/api/new_code_periods/show", show),
    Route::post("/api/new_code_periods/set", set),
    Route::post("/api/new_code_periods/unset", unset),
];

const NOT_COMPLIANT: &str = "Failed to set the New Code Definition. The given value is not compatible with the Clean as You Code methodology. Please refer to the documentation for compliant options.";

/// Why a type and a value make no definition.
pub(super) enum Flaw {
    /// The type needs a value.
    ValueMissing(String),
    /// Anything else, in SonarQube's words.
    Said(String),
}

/// Reads a definition.
pub(super) fn read(profile: Profile, kind: &str, value: Option<&str>) -> Result<NewCode, Flaw> {
    let said = |text: String| Flaw::Said(text);
    match (kind, value) {
        ("PREVIOUS_VERSION", None) => Ok(NewCode::PreviousVersion),
        ("PREVIOUS_VERSION", Some(_)) => Err(said(format!("Unexpected value for type '{kind}'"))),
        ("NUMBER_OF_DAYS" | "REFERENCE_BRANCH", None) => Err(Flaw::ValueMissing(kind.to_owned())),
        ("NUMBER_OF_DAYS", Some(value)) => match value.parse::<u32>() {
            Ok(days) if (1..=90).contains(&days) || !profile.limits_new_code() => {
                Ok(NewCode::Days(days))
            }
            Ok(_) => Err(said(NOT_COMPLIANT.to_owned())),
            Err(_) => Err(said(format!("Failed to parse number of days: {value}"))),
        },
        ("REFERENCE_BRANCH", Some(value)) => Ok(NewCode::ReferenceBranch(value.to_owned())),
        _ => Err(said(format!("Invalid type: {kind}"))),
    }
}

fn list(visit: &mut Visit<'_>) -> Answer {
    let project = visit.project_for("project", visit.sees_bindings())?;
    let branch = &project.main_branch.name;
    ok(&json!({"newCodePeriods": [of_branch(visit.profile, project, branch)]}))
}

fn of_branch(profile: Profile, project: &Project, branch: &str) -> Value {
    let own = project.new_code.get(branch);
    let mut row = row(profile, own);
    row["projectKey"] = json!(project.key);
    row["branchKey"] = json!(branch);
    row
}

fn row(profile: Profile, own: Option<&NewCode>) -> Value {
    let Some(own) = own else {
        return json!({"type": "PREVIOUS_VERSION", "inherited": true});
    };
    let mut row = json!({"type": own.kind()});
    if profile.limits_new_code() {
        row["updatedAt"] = json!(1_800_000_000_000_u64);
    }
    if let Some(value) = own.value() {
        row["value"] = json!(value);
    }
    row
}

fn show(visit: &mut Visit<'_>) -> Answer {
    let Some(key) = visit.optional("project") else {
        return ok(&json!({"type": "PREVIOUS_VERSION"}));
    };
    let Some(project) = visit.world.project(&key) else {
        return ok(&row(visit.profile, None));
    };
    if !visit.may(project, ProjectPermission::Administer) {
        return Err(Refusal::Forbidden);
    }
    if let Some(branch) = visit.optional("branch") {
        return ok(&of_branch(visit.profile, project, &branch));
    }
    let mut row = row(visit.profile, project.new_code.get(""));
    row["projectKey"] = json!(key);
    ok(&row)
}

fn set(visit: &mut Visit<'_>) -> Answer {
    let kind = visit.required("type")?;
    let value = visit.optional("value");
    let definition = read(visit.profile, &kind, value.as_deref());
    if let Err(Flaw::Said(text)) = &definition
        && text.starts_with("Invalid type")
    {
        return Err(Refusal::bad(text.as_str()));
    }
    let (key, branch) = target(visit)?;
    let definition = definition.map_err(|flaw| match flaw {
        Flaw::ValueMissing(kind) => {
            let word = if visit.profile.limits_new_code() {
                "New code definition"
            } else {
                "New Code Period"
            };
            Refusal::bad(format!("{word} type '{kind}' requires a value"))
        }
        Flaw::Said(text) => Refusal::bad(text),
    })?;
    if let Some(project) = visit.world.project_mut(&key) {
        project.new_code.insert(branch, definition);
    }
    empty()
}

fn unset(visit: &mut Visit<'_>) -> Answer {
    let (key, branch) = target(visit)?;
    if let Some(project) = visit.world.project_mut(&key) {
        project.new_code.remove(&branch);
    }
    empty()
}

/// The project and the branch that a definition is of.
fn target(visit: &Visit<'_>) -> Result<(String, String), Refusal> {
    let project = visit.project_for("project", ProjectPermission::Administer)?;
    let main = &project.main_branch.name;
    match visit.optional("branch") {
        Some(branch) if branch != *main => Err(Refusal::not_found(format!(
            "Branch '{branch}' in project '{}' not found",
            project.key
        ))),
        Some(_) | None => Ok((project.key.clone(), main.clone())),
    }
}
