//! Users.

use serde_json::{Value, json};

use super::super::{
    errors::Refusal,
    visit::{Answer, Visit},
    world::{Standing, Switch, User},
};
use crate::reply::Reply;

pub(super) fn list(visit: &mut Visit<'_>) -> Answer {
    demand_reader(visit)?;
    let filter = visit
        .query
        .value("filter")
        .unwrap_or_default()
        .to_lowercase();
    let users = visit.world.users.iter().map(|user| {
        let found = user.slug.to_lowercase().contains(&filter)
            || user.display_name.to_lowercase().contains(&filter);
        found.then(|| json(visit.base, user))
    });
    visit.page(users.collect())
}

pub(super) fn show(visit: &mut Visit<'_>) -> Answer {
    demand_reader(visit)?;
    let slug = visit.parameter("user");
    let user = visit
        .world
        .find_user(&slug)
        .ok_or(Refusal::NoUser { slug })?;
    Ok(Reply::ok(json(visit.base, user)))
}

fn demand_reader(visit: &Visit<'_>) -> Result<(), Refusal> {
    visit.authenticated()?;
    let is_user = visit.world.user_of(&visit.identity).is_some();
    if is_user || visit.world.settings.service_tokens_list_users == Switch::On {
        return Ok(());
    }
    Err(Refusal::NotPermitted)
}

pub(super) fn json(base: &str, user: &User) -> Value {
    let User {
        id,
        slug,
        display_name,
        standing,
        kind,
        ..
    } = user;
    json!({
        "name": slug,
        "emailAddress": format!("{slug}@example.com"),
        "active": *standing != Standing::Inactive,
        "displayName": display_name,
        "id": id,
        "slug": slug,
        "type": kind,
        "links": { "self": [{ "href": format!("{base}/users/{slug}") }] },
    })
}
