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
    let expires = expires.filter(|_| visit.profile.types_tokens());
    if expires.as_deref().is_some_and(|day| !is_date(day)) {
        return Err(Refusal::bad(
            "Supplied date format for parameter expirationDate is wrong. Please supply date in the ISO 8601 date format (YYYY-MM-DD)",
        ));
    }
    let typed = visit.profile.types_tokens();
    let secret = visit.world.new_secret();
    let secret = if typed {
        format!("squ_{secret}")
    } else {
        secret
    };
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
        "login": login, "name": name, "token": secret, "createdAt": "2027-01-15T08:00:00+0000",
    });
    if typed {
        body["type"] = json!("USER_TOKEN");
    }
    if let Some(day) = expires {
        body["expirationDate"] = json!(format!("{day}T00:00:00+0000"));
    }
    ok(&body)
}

/// `2099-12-31`, as far as its letters go.
fn is_date(text: &str) -> bool {
    let parts = text.split('-').map(|part| {
        let digits = part.chars().all(|letter| letter.is_ascii_digit());
        digits.then_some(part.len())
    });
    parts.eq([Some(4), Some(2), Some(2)])
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
    let typed = visit.profile.types_tokens();
    let user = visit.world.user(&login);
    let mut tokens: Vec<_> = user.tokens.iter().collect();
    tokens.sort_by_key(|token| &token.name);
    let tokens = tokens.into_iter().map(|token| {
        let mut row = json!({
            "name": token.name, "createdAt": "2027-01-15T08:00:00+0000",
            "lastConnectionDate": "2027-01-15T09:00:00+0000",
        });
        if typed {
            row["type"] = json!("USER_TOKEN");
        }
        if let Some(day) = &token.expires {
            row["expirationDate"] = json!(format!("{day}T00:00:00+0000"));
            row["isExpired"] = json!(false);
        }
        row
    });
    ok(&json!({"login": login, "userTokens": tokens.collect::<Vec<_>>()}))
}

/// Whose tokens are meant: the caller's, or for administrators anybody's.
fn holder(visit: &Visit<'_>) -> Result<String, Refusal> {
    let login = visit.optional("login");
    let login = login.unwrap_or_else(|| visit.login().to_owned());
    if login != visit.login() {
        visit.demand(GlobalPermission::Admin)?;
    }
    if visit.world.active_user(&login).is_none() {
        return Err(Refusal::not_found(format!(
            "User with login '{login}' doesn't exist"
        )));
    }
    Ok(login)
}
