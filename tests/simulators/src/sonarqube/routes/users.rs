//! Users and their tokens.

use serde_json::{Value, json};

use super::Route;
use crate::sonarqube::{
    refusal::Refusal,
    visit::{Answer, Visit, no_content, ok, text},
    world::{GlobalPermission, Identity, Token, TokenKind, User, day_after, is_date},
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
    visit.demand_login()?;
    let login = visit.login().to_owned();
    let permissions: Vec<_> = visit
        .permissions()
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
    let typed = visit.profile.types_tokens();
    let (kind, expires) = if typed {
        (kind(visit, &login)?, expiration(visit)?)
    } else {
        (TokenKind::User, None)
    };
    let prefix = if typed { kind.prefix() } else { "" };
    let secret = format!("{prefix}{}", visit.world.new_secret());
    let user = visit.world.user(&login);
    if user.tokens.iter().any(|token| token.name == name) {
        return Err(Refusal::bad(format!(
            "A user token for login '{login}' and name '{name}' already exists"
        )));
    }
    user.tokens.push(Token {
        name: name.clone(),
        secret: secret.clone(),
        kind,
        expires: expires.clone(),
        used: false,
    });
    let mut body = json!({
        "login": login, "name": name, "token": secret, "createdAt": "2027-01-15T08:00:00+0000",
    });
    if typed {
        body["type"] = json!(kind.as_str());
    }
    if let Some(day) = expires {
        body["expirationDate"] = json!(format!("{day}T00:00:00+0000"));
    }
    ok(&body)
}

fn kind(visit: &Visit<'_>, login: &str) -> Result<TokenKind, Refusal> {
    let word = visit.one_of("type", &TokenKind::ALL.map(TokenKind::as_str))?;
    let mut kinds = TokenKind::ALL.into_iter();
    let kind = kinds.find(|kind| word.as_deref() == Some(kind.as_str()));
    match kind.unwrap_or(TokenKind::User) {
        TokenKind::GlobalAnalysis if login != visit.login() => Err(Refusal::bad(
            "A Global Analysis Token cannot be generated for another user.",
        )),
        TokenKind::GlobalAnalysis => {
            visit.demand(GlobalPermission::Scan)?;
            Ok(TokenKind::GlobalAnalysis)
        }
        TokenKind::ProjectAnalysis => {
            let key = visit.optional("projectKey").ok_or_else(|| {
                Refusal::bad("A projectKey is needed when creating Project Analysis Token")
            })?;
            match visit.world.project(&key) {
                Some(_) => Ok(TokenKind::ProjectAnalysis),
                None => Err(Refusal::not_found(format!("Project key '{key}' not found"))),
            }
        }
        TokenKind::User => Ok(TokenKind::User),
    }
}

/// Tomorrow at the earliest.
fn expiration(visit: &Visit<'_>) -> Result<Option<String>, Refusal> {
    let Some(day) = visit.optional("expirationDate") else {
        return Ok(None);
    };
    if !is_date(&day) {
        return Err(Refusal::bad(
            "Supplied date format for parameter expirationDate is wrong. Please supply date in the ISO 8601 date format (YYYY-MM-DD)",
        ));
    }
    let tomorrow = day_after(&visit.world.today);
    if day < tomorrow {
        return Err(Refusal::bad(format!(
            "The minimum value for parameter expirationDate is {tomorrow}."
        )));
    }
    Ok(Some(day))
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
    let today = visit.world.today.clone();
    let user = visit.world.user(&login);
    let mut tokens: Vec<_> = user.tokens.iter().collect();
    tokens.sort_by_key(|token| &token.name);
    let tokens = tokens.into_iter().map(|token| {
        let mut row = json!({"name": token.name, "createdAt": "2027-01-15T08:00:00+0000"});
        if token.used {
            row["lastConnectionDate"] = json!("2027-01-15T09:00:00+0000");
        }
        if typed {
            row["type"] = json!(token.kind.as_str());
        }
        if let Some(day) = &token.expires {
            row["expirationDate"] = json!(format!("{day}T00:00:00+0000"));
            row["isExpired"] = json!(token.is_expired(&today));
        }
        row
    });
    ok(&json!({"login": login, "userTokens": tokens.collect::<Vec<_>>()}))
}

/// Whose tokens are meant: the caller's, or for administrators anybody's.
fn holder(visit: &Visit<'_>) -> Result<String, Refusal> {
    visit.demand_login()?;
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
