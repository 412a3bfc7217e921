//! Users and their tokens.

use serde_json::{Value, json};

use super::Route;
use crate::sonarqube::{
    refusal::Refusal,
    visit::{Answer, Visit, no_content, ok, text},
    world::{GlobalPermission, Identity, Token, User},
};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/authentication/validate", validate).open(),
    Route::get("/api/users/current", current),
    Route::post("/api/users/create", create),
    Route::post("/api/users/deactivate", deactivate),
    Route::post("/api/user_tokens/generate", generate),
    Route::post("/api/user_tokens/revoke", revoke),
    Route::get("/api/user_tokens/search", search),
];

fn validate(visit: &mut Visit<'_>) -> Answer {
    let valid = *visit.identity != Identity::Anonymous;
    let body = json!({"valid": valid}).to_string();
    text(&body, "application/json;charset=ISO-8859-1")
}

fn current(visit: &mut Visit<'_>) -> Answer {
    let login = visit.login().to_owned();
    let permissions = visit.world.permissions_of(&login);
    let permissions: Vec<_> = permissions
        .into_iter()
        .map(GlobalPermission::as_str)
        .collect();
    let user = visit.world.user(&login);
    let mut groups = vec!["sonar-users"];
    if user.administrates {
        groups.insert(0, "sonar-administrators");
    }
    ok(&json!({
        "isLoggedIn": true, "login": user.login, "name": user.name, "local": true,
        "groups": groups, "permissions": {"global": permissions},
    }))
}

fn create(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Admin)?;
    let (login, name) = (visit.required("login")?, visit.required("name")?);
    let password = visit.required("password")?;
    if visit.world.active_user(&login).is_some() {
        return Err(Refusal::bad(format!(
            "An active user with login '{login}' already exists"
        )));
    }
    let user = visit.world.user(&login);
    user.active = true;
    (user.name, user.password) = (name, password);
    ok(&json!({"user": shown(user)}))
}

fn shown(user: &User) -> Value {
    json!({
        "login": user.login, "name": user.name, "local": true, "active": user.active, "scmAccounts": [],
    })
}

/// A user who goes leaves his permissions and his tokens.
fn deactivate(visit: &mut Visit<'_>) -> Answer {
    visit.demand(GlobalPermission::Admin)?;
    let login = visit.required("login")?;
    if visit.world.active_user(&login).is_none() {
        return Err(Refusal::not_found(format!("User '{login}' doesn't exist")));
    }
    for project in &mut visit.world.projects {
        project.permissions.retain(|(holder, _)| *holder != login);
    }
    let user = visit.world.user(&login);
    user.active = false;
    user.permissions.clear();
    user.tokens.clear();
    let mut body = shown(user);
    body["externalIdentity"] = json!(login);
    body["externalProvider"] = json!("sonarqube");
    body["groups"] = json!([]);
    ok(&json!({"user": body}))
}

fn generate(visit: &mut Visit<'_>) -> Answer {
    let login = holder(visit)?;
    let name = visit.bounded("name", 100)?;
    let expires = visit.optional("expirationDate");
    if visit.world.active_user(&login).is_none() {
        return Err(Refusal::not_found(format!(
            "User with login '{login}' doesn't exist"
        )));
    }
    let secret = format!(
        "squ_{:.40}",
        visit.world.new_id().replace('-', "").repeat(2)
    );
    let user = visit.world.user(&login);
    if user.tokens.iter().any(|token| token.name == name) {
        return Err(Refusal::bad(format!(
            "A user token for login '{login}' and name '{name}' already exists"
        )));
    }
    user.tokens.push(Token {
        name: name.clone(),
        secret: secret.clone(),
        expires: expires.clone(),
    });
    let mut body = json!({
        "login": login, "name": name, "token": secret, "type": "USER_TOKEN",
        "createdAt": "2027-01-15T08:00:00+0000",
    });
    if let Some(day) = expires {
        body["expirationDate"] = json!(format!("{day}T00:00:00+0000"));
    }
    ok(&body)
}

fn revoke(visit: &mut Visit<'_>) -> Answer {
    let login = holder(visit)?;
    let name = visit.required("name")?;
    let user = visit.world.user(&login);
    user.tokens.retain(|token| token.name != name);
    no_content()
}

fn search(visit: &mut Visit<'_>) -> Answer {
    let login = holder(visit)?;
    let user = visit.world.user(&login);
    let tokens = user
        .tokens
        .iter()
        .map(|token| json!({"name": token.name, "type": "USER_TOKEN", "isExpired": false}));
    ok(&json!({"login": login, "userTokens": tokens.collect::<Vec<_>>()}))
}

/// Whose tokens are meant: the caller's, or for administrators anybody's.
fn holder(visit: &Visit<'_>) -> Result<String, Refusal> {
    let login = visit.optional("login");
    let login = login.unwrap_or_else(|| visit.login().to_owned());
    if login != visit.login() {
        visit.demand(GlobalPermission::Admin)?;
    }
    Ok(login)
}
