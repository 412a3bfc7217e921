//! HTTP access tokens of users, projects and repositories.
//!
//! A token cannot make, change or revoke tokens, but may read those of its user; whether real servers allow
//! the latter is not known.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    super::{
        errors::Refusal,
        visit::{Answer, Visit},
        world::{Identity, Owner, Permission, Right, Token},
    },
    users,
};
use crate::reply::Reply;

const DAY: i64 = 86_400_000;

pub(super) fn list(visit: &mut Visit<'_>) -> Answer {
    let owner = owner(visit)?;
    let tokens = visit
        .world
        .tokens
        .iter()
        .filter(|token| token.owner == owner);
    visit.page(tokens.map(|token| Some(json(visit, token))).collect())
}

pub(super) fn show(visit: &mut Visit<'_>) -> Answer {
    let id = existing(visit)?;
    let token = visit.world.token_of(&id).ok_or_else(|| missing(&id))?;
    Ok(Reply::ok(json(visit, token)))
}

pub(super) fn create(visit: &mut Visit<'_>) -> Answer {
    demand_password(visit)?;
    let owner = owner(visit)?;
    if let Owner::User(slug) = &owner
        && visit
            .world
            .user_of(&visit.identity)
            .is_none_or(|user| user.slug != *slug)
    {
        return Err(Refusal::NotPermitted);
    }
    let body = visit.json()?;
    let name = name(&body)?;
    let permissions = permissions(&body)?;
    let expires = body["expiryDays"]
        .as_i64()
        .map(|days| visit.world.now() + days * DAY);
    // Twenty bytes that only need to differ from those of other tokens, not to be unguessable.
    let number = visit.world.tokens.len();
    let made = visit
        .world
        .add_token(&format!("unfinished {number}"), owner, &permissions);
    let secret = STANDARD.encode(format!("{}:{:0>20}", made.id, made.id));
    made.secret = super::super::world::Secret::new(secret.clone());
    made.name = name;
    made.expires = expires;
    let made = made.clone();
    let mut body = json(visit, &made);
    body["token"] = json!(secret);
    if let Some(days) = expires.map(|expires| (expires - made.created) / DAY) {
        body["expiryDays"] = json!(days);
    }
    Ok(Reply::ok(body))
}

pub(super) fn edit(visit: &mut Visit<'_>) -> Answer {
    demand_password(visit)?;
    let id = existing(visit)?;
    let body = visit.json()?;
    let permissions = permissions(&body)?;
    let name = body["name"].as_str().map(str::to_owned);
    let token = visit.world.tokens.iter_mut().find(|token| token.id == id);
    let token = token.ok_or_else(|| missing(&id))?;
    token.permissions = permissions;
    if let Some(name) = name {
        token.name = name;
    }
    show(visit)
}

pub(super) fn delete(visit: &mut Visit<'_>) -> Answer {
    demand_password(visit)?;
    let id = existing(visit)?;
    visit.world.tokens.retain(|token| token.id != id);
    Ok(Reply::no_content())
}

fn demand_password(visit: &Visit<'_>) -> Result<(), Refusal> {
    visit.authenticated()?;
    match visit.identity {
        Identity::Token { .. } => Err(Refusal::NotPermitted),
        Identity::Password { .. } | Identity::Anonymous => Ok(()),
    }
}

/// Whose tokens the path is about, if the caller may see them.
fn owner(visit: &Visit<'_>) -> Result<Owner, Refusal> {
    visit.authenticated()?;
    if !visit.parameter("repository").is_empty() {
        return Ok(Owner::Repository(visit.repository(Right::Admin)?.id));
    }
    if !visit.parameter("project").is_empty() {
        return Ok(Owner::Project(visit.project(Right::Admin)?.id));
    }
    let slug = visit.parameter("user");
    let Some(user) = visit.world.find_user(&slug) else {
        return Err(Refusal::NoUser { slug });
    };
    let own = visit
        .world
        .user_of(&visit.identity)
        .is_some_and(|caller| caller.id == user.id);
    if own || visit.world.is_administrator(&visit.identity) {
        return Ok(Owner::User(user.slug.clone()));
    }
    Err(Refusal::NotPermitted)
}

/// The id in the path, if it is that of a token of this owner.
fn existing(visit: &Visit<'_>) -> Result<String, Refusal> {
    let (owner, id) = (owner(visit)?, visit.parameter("token"));
    let found = visit
        .world
        .token_of(&id)
        .is_some_and(|token| token.owner == owner);
    if found { Ok(id) } else { Err(missing(&id)) }
}

fn missing(id: &str) -> Refusal {
    Refusal::Missing {
        context: None,
        message: format!("No access token found with ID: {id}"),
    }
}

fn name(body: &Value) -> Result<String, Refusal> {
    let name = body["name"].as_str().filter(|name| !name.is_empty());
    name.map(str::to_owned)
        .ok_or_else(|| Refusal::invalid("name", "A token must have a name."))
}

fn permissions(body: &Value) -> Result<Vec<Permission>, Refusal> {
    let parsed: Option<Vec<_>> = serde_json::from_value(body["permissions"].clone()).ok();
    let refused = || Refusal::invalid("permissions", "A token must have known permissions.");
    parsed
        .filter(|permissions| !permissions.is_empty())
        .ok_or_else(refused)
}

fn json(visit: &Visit<'_>, token: &Token) -> Value {
    let Token {
        id,
        name,
        owner,
        permissions,
        created,
        expires,
        last_authenticated,
        ..
    } = token;
    let mut body = json!({
        "id": id,
        "name": name,
        "createdDate": created,
        "permissions": permissions,
    });
    if let Owner::User(slug) = owner {
        body["user"] = visit
            .world
            .find_user(slug)
            .map_or(Value::Null, |user| users::json(visit.base, user));
    }
    for (field, date) in [
        ("expiryDate", expires),
        ("lastAuthenticated", last_authenticated),
    ] {
        if let Some(date) = date {
            body[field] = json!(date);
        }
    }
    body
}
