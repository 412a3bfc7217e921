//! The instance itself: its state, version and abilities.

#![expect(
    clippy::unnecessary_wraps,
    reason = "all routes have one type; these cannot refuse"
)]

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::{
    errors::Refusal,
    visit::{Answer, Visit},
    world::ServerState,
};
use crate::reply::Reply;

pub(super) fn status(visit: &mut Visit<'_>) -> Answer {
    let state = visit.world.settings.server_state;
    let status = match state {
        ServerState::Running => StatusCode::OK,
        ServerState::Starting
        | ServerState::Maintenance
        | ServerState::Error
        | ServerState::FirstRun
        | ServerState::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok(Reply::json(status, json!({ "state": state })))
}

pub(super) fn application_properties(visit: &mut Visit<'_>) -> Answer {
    let (major, minor, patch) = visit.profile.version();
    Ok(Reply::ok(json!({
        "version": format!("{major}.{minor}.{patch}"),
        "buildNumber": (major * 1_000_000 + minor * 1_000 + patch).to_string(),
        "buildDate": "1768254573030",
        "displayName": "Bitbucket",
    })))
}

pub(super) fn capabilities(visit: &mut Visit<'_>) -> Answer {
    let base = visit.base;
    Ok(Reply::ok(json!({
        "application": "stash",
        "capabilities": {
            "webhooks": format!("{base}/rest/webhooks/latest/capabilities"),
            "build": format!("{base}/rest/build-status/latest/capabilities"),
            "code-insights": format!("{base}/rest/insights/latest/capabilities"),
            "repository-mirroring": format!("{base}/rest/mirroring/latest/capabilities"),
        },
    })))
}

pub(super) fn insights_capabilities(_: &mut Visit<'_>) -> Answer {
    Ok(Reply::ok(json!(["reports", "annotations"])))
}

pub(super) fn license(visit: &mut Visit<'_>) -> Answer {
    visit.authenticated()?;
    if !visit.world.is_administrator(&visit.identity) {
        return Err(Refusal::NotAdministrator);
    }
    Ok(Reply::ok(
        json!({ "numberOfDaysBeforeExpiry": 0, "unlimitedNumberOfUsers": true }),
    ))
}

pub(super) fn rate_limit_settings(visit: &mut Visit<'_>) -> Answer {
    visit.authenticated()?;
    let limit = visit.world.settings.rate_limit.clone();
    let bucket = limit.clone().unwrap_or_default();
    let settings: Value = json!({ "capacity": bucket.capacity, "fillRate": bucket.fill_rate });
    Ok(Reply::ok(
        json!({ "enabled": limit.is_some(), "defaultSettings": settings }),
    ))
}
