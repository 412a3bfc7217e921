//! Permissions of users, on the server and on projects.

use serde_json::json;

use super::Route;
use crate::sonarqube::{
    profile::Profile,
    refusal::Refusal,
    visit::{Answer, Visit, no_content, ok},
    world::{GlobalPermission, Project, ProjectPermission, Visibility},
};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/api/permissions/add_user", add),
    Route::post("/api/permissions/remove_user", remove),
    Route::post("/api/permissions/remove_group", remove_group),
    Route::get("/api/permissions/users", users),
];

/// What a permission is about.
enum Change {
    Global(String, GlobalPermission),
    Project(String, ProjectPermission, String),
}

fn add(visit: &mut Visit<'_>) -> Answer {
    match change(visit)? {
        Change::Global(login, permission) => {
            visit.world.user(&login).permissions.insert(permission);
        }
        Change::Project(login, permission, key) => {
            let project = visit.world.project_mut(&key);
            let project = project.ok_or_else(|| Refusal::no_project(&key))?;
            // All users may browse a public project: nothing is kept of it.
            if !(permission.is_of_all_users() && project.visibility == Visibility::Public) {
                project.permissions.insert((login, permission));
            }
        }
    }
    no_content()
}

fn remove(visit: &mut Visit<'_>) -> Answer {
    let own = visit.optional("login").as_deref() == Some(visit.login());
    let word = visit.optional("permission");
    if own && word.as_deref() == Some("admin") && visit.profile.keeps_own_administer() {
        return Err(Refusal::bad(
            "As an admin, you can't remove your own admin right",
        ));
    }
    match change(visit)? {
        Change::Global(login, permission) => {
            visit.world.user(&login).permissions.remove(&permission);
        }
        Change::Project(login, permission, key) => {
            let project = visit.world.project_mut(&key);
            let project = project.ok_or_else(|| Refusal::no_project(&key))?;
            project.permissions.remove(&(login, permission));
        }
    }
    no_content()
}

fn change(visit: &Visit<'_>) -> Result<Change, Refusal> {
    let login = visit.required("login")?;
    let word = visit.required("permission")?;
    let known =
        |login: &str| {
            visit.world.active_user(login).map(|_| ()).ok_or_else(|| {
                Refusal::not_found(format!("User with login '{login}' is not found'"))
            })
        };
    let Some(key) = visit.optional("projectKey") else {
        let permission = GlobalPermission::parse(&word)
            .ok_or_else(|| Refusal::bad(format!("Invalid global permission '{word}'")))?;
        known(&login)?;
        visit.demand(GlobalPermission::Admin)?;
        return Ok(Change::Global(login, permission));
    };
    let permission = ProjectPermission::parse(&word).ok_or_else(|| {
        Refusal::bad(format!(
            "Invalid project permission '{word}'. Valid values are [admin, codeviewer, issueadmin, securityhotspotadmin, scan, user]"
        ))
    })?;
    let project = visit.world.project(&key);
    let project = project.ok_or_else(|| no_entity(visit.profile, &key))?;
    known(&login)?;
    visit.demand_rule_over(project)?;
    Ok(Change::Project(login, permission, key))
}

fn no_entity(profile: Profile, key: &str) -> Refusal {
    Refusal::not_found(if profile.speaks_of_entities() {
        "Entity not found".to_owned()
    } else {
        format!("Project key '{key}' not found")
    })
}

fn remove_group(visit: &mut Visit<'_>) -> Answer {
    let group = visit.required("groupName")?;
    let word = visit.required("permission")?;
    let of_everybody = group == "sonar-users";
    let Some(key) = visit.optional("projectKey") else {
        visit.demand(GlobalPermission::Admin)?;
        if of_everybody {
            visit.world.everybody.retain(|held| held.as_str() != word);
        }
        return no_content();
    };
    let profile = visit.profile;
    let project = visit.world.project(&key);
    visit.demand_rule_over(project.ok_or_else(|| no_entity(profile, &key))?)?;
    let project = visit.world.project_mut(&key);
    let project = project.ok_or_else(|| no_entity(profile, &key))?;
    if of_everybody && word == ProjectPermission::Browse.as_str() {
        if project.visibility == Visibility::Public {
            return Err(Refusal::bad(
                "Permission user can't be removed from a public component",
            ));
        }
        project.everybody_browses = false;
    }
    no_content()
}

/// Those who hold something come first, then all users by name.
fn users(visit: &mut Visit<'_>) -> Answer {
    let key = visit.required("projectKey")?;
    let project = visit.world.project(&key);
    let project = project.ok_or_else(|| no_entity(visit.profile, &key))?;
    visit.demand_rule_over(project)?;
    let active = visit.world.users.iter().filter(|user| user.active);
    let mut rows: Vec<_> = active
        .map(|user| (held_by(project, &user.login), user))
        .collect();
    rows.sort_by_key(|(held, user)| (held.is_empty(), user.name.to_lowercase()));
    let users: Vec<_> = rows
        .iter()
        .map(|(held, user)| {
            let mut row = json!({"login": user.login, "name": user.name, "permissions": held});
            if visit.profile.reports_more_of_projects() {
                row["managed"] = json!(false);
            }
            row
        })
        .collect();
    ok(&json!({
        "paging": {"pageIndex": 1, "pageSize": 20, "total": users.len()}, "users": users,
    }))
}

fn held_by(project: &Project, login: &str) -> Vec<&'static str> {
    let held = project.permissions.iter();
    held.filter(|(holder, _)| holder == login)
        .map(|(_, permission)| permission.as_str())
        .collect()
}

impl ProjectPermission {
    /// Whether all users have it on a public project.
    fn is_of_all_users(self) -> bool {
        matches!(self, Self::Browse | Self::SeeCode)
    }
}
