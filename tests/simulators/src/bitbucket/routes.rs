//! Every route that is simulated, on one screen or two.

mod access_tokens;
mod branches;
mod insights;
mod projects;
mod pull_requests;
mod repositories;
mod server;
mod users;

use percent_encoding::percent_decode_str;

use super::{
    profile::Profile,
    visit::{Answer, Visit},
};

/// One route. In its path `*` stands for `1.0` or `latest` and `{name}` for any segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// What faults and the call log call it.
    pub(crate) operation: &'static str,
    method: &'static str,
    path: &'static str,
    since: (u32, u32),
    pub(crate) answer: fn(&mut Visit<'_>) -> Answer,
}

/// Where a method and path lead.
#[derive(Debug)]
pub(crate) enum Destination {
    Route(Route, Vec<(&'static str, String)>),
    /// The path is known, the method is not.
    OtherMethod,
    Nowhere,
}

/// Finds the route of a raw path under the base.
pub(crate) fn find(profile: Profile, method: &str, path: &str) -> Destination {
    let mut destination = Destination::Nowhere;
    for route in ROUTES
        .iter()
        .filter(|route| profile.is_at_least(route.since))
    {
        let Some(parameters) = matches(route.path, path) else {
            continue;
        };
        if route.method == method {
            return Destination::Route(*route, parameters);
        }
        destination = Destination::OtherMethod;
    }
    destination
}

/// The names of all routes.
pub fn operations() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|route| route.operation)
}

fn matches(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (expected, found) = (template.split('/'), path.split('/'));
    if expected.clone().count() != found.clone().count() {
        return None;
    }
    let mut parameters = Vec::new();
    for (expected, found) in expected.zip(found) {
        let name = expected
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        if let Some(name) = name {
            let value = percent_decode_str(found).decode_utf8().ok()?.into_owned();
            parameters.push((name, value));
        } else if expected != found && !(expected == "*" && matches!(found, "1.0" | "latest")) {
            return None;
        }
    }
    Some(parameters)
}

const fn route(
    operation: &'static str,
    method: &'static str,
    path: &'static str,
    since: (u32, u32),
    answer: fn(&mut Visit<'_>) -> Answer,
) -> Route {
    Route {
        operation,
        method,
        path,
        since,
        answer,
    }
}

/// The version from which on a route that all profiles have is there.
const ALWAYS: (u32, u32) = (0, 0);

/// The first that fits counts.
#[rustfmt::skip]
const ROUTES: &[Route] = &[
    route("status", "GET", "/status", ALWAYS, server::status),
    route("application-properties", "GET", "/rest/api/*/application-properties", ALWAYS, server::application_properties),
    route("capabilities", "GET", "/rest/capabilities", ALWAYS, server::capabilities),
    route("insights-capabilities", "GET", "/rest/insights/*/capabilities", ALWAYS, server::insights_capabilities),
    route("license", "GET", "/rest/api/*/admin/license", ALWAYS, server::license),
    route("rate-limit-settings", "GET", "/rest/api/*/admin/rate-limit/settings", (6, 6), server::rate_limit_settings),
    route("users", "GET", "/rest/api/*/users", ALWAYS, users::list),
    route("user", "GET", "/rest/api/*/users/{user}", ALWAYS, users::show),
    route("recent-repositories", "GET", "/rest/api/*/profile/recent/repos", ALWAYS, repositories::recent),
    route("projects", "GET", "/rest/api/*/projects", ALWAYS, projects::list),
    route("project", "GET", "/rest/api/*/projects/{project}", ALWAYS, projects::show),
    route("project-permissions", "GET", "/rest/api/*/projects/{project}/permissions/users", ALWAYS, projects::permissions),
    route("project-webhooks", "GET", "/rest/api/*/projects/{project}/webhooks", (8, 8), projects::webhooks),
    route("project-repositories", "GET", "/rest/api/*/projects/{project}/repos", ALWAYS, repositories::in_project),
    route("repositories", "GET", "/rest/api/*/repos", ALWAYS, repositories::list),
    route("repository", "GET", "/rest/api/*/projects/{project}/repos/{repository}", ALWAYS, repositories::show),
    route("create-repository", "POST", "/rest/api/*/projects/{project}/repos", ALWAYS, repositories::create),
    route("update-repository", "PUT", "/rest/api/*/projects/{project}/repos/{repository}", ALWAYS, repositories::update),
    route("delete-repository", "DELETE", "/rest/api/*/projects/{project}/repos/{repository}", ALWAYS, repositories::delete),
    route("repository-permissions", "GET", "/rest/api/*/projects/{project}/repos/{repository}/permissions/users", ALWAYS, repositories::permissions),
    route("repository-webhooks", "GET", "/rest/api/*/projects/{project}/repos/{repository}/webhooks", ALWAYS, repositories::webhooks),
    route("branches", "GET", "/rest/api/*/projects/{project}/repos/{repository}/branches", ALWAYS, branches::list),
    route("branches-default", "GET", "/rest/api/*/projects/{project}/repos/{repository}/branches/default", ALWAYS, branches::old_default),
    route("default-branch", "GET", "/rest/api/*/projects/{project}/repos/{repository}/default-branch", (7, 0), branches::default),
    route("pull-requests", "GET", "/rest/api/*/projects/{project}/repos/{repository}/pull-requests", ALWAYS, pull_requests::list),
    route("pull-request", "GET", "/rest/api/*/projects/{project}/repos/{repository}/pull-requests/{pull-request}", ALWAYS, pull_requests::show),
    route("create-build", "POST", "/rest/api/*/projects/{project}/repos/{repository}/commits/{commit}/builds", (7, 4), insights::create_build),
    route("reports", "GET", "/rest/insights/*/projects/{project}/repos/{repository}/commits/{commit}/reports", ALWAYS, insights::list),
    route("report", "GET", "/rest/insights/*/projects/{project}/repos/{repository}/commits/{commit}/reports/{report}", ALWAYS, insights::show),
    route("put-report", "PUT", "/rest/insights/*/projects/{project}/repos/{repository}/commits/{commit}/reports/{report}", ALWAYS, insights::put),
    route("delete-report", "DELETE", "/rest/insights/*/projects/{project}/repos/{repository}/commits/{commit}/reports/{report}", ALWAYS, insights::delete),
    route("annotations", "GET", "/rest/insights/*/projects/{project}/repos/{repository}/commits/{commit}/reports/{report}/annotations", ALWAYS, insights::annotations),
    route("create-annotations", "POST", "/rest/insights/*/projects/{project}/repos/{repository}/commits/{commit}/reports/{report}/annotations", ALWAYS, insights::annotate),
    route("put-annotation", "PUT", "/rest/insights/*/projects/{project}/repos/{repository}/commits/{commit}/reports/{report}/annotations/{annotation}", ALWAYS, insights::put_annotation),
    route("delete-annotations", "DELETE", "/rest/insights/*/projects/{project}/repos/{repository}/commits/{commit}/reports/{report}/annotations", ALWAYS, insights::delete_annotations),
    route("user-tokens", "GET", "/rest/access-tokens/*/users/{user}", ALWAYS, access_tokens::list),
    route("create-user-token", "PUT", "/rest/access-tokens/*/users/{user}", ALWAYS, access_tokens::create),
    route("user-token", "GET", "/rest/access-tokens/*/users/{user}/{token}", ALWAYS, access_tokens::show),
    route("edit-user-token", "POST", "/rest/access-tokens/*/users/{user}/{token}", ALWAYS, access_tokens::edit),
    route("delete-user-token", "DELETE", "/rest/access-tokens/*/users/{user}/{token}", ALWAYS, access_tokens::delete),
    route("project-tokens", "GET", "/rest/access-tokens/*/projects/{project}", (7, 18), access_tokens::list),
    route("create-project-token", "PUT", "/rest/access-tokens/*/projects/{project}", (7, 18), access_tokens::create),
    route("project-token", "GET", "/rest/access-tokens/*/projects/{project}/{token}", (7, 18), access_tokens::show),
    route("edit-project-token", "POST", "/rest/access-tokens/*/projects/{project}/{token}", (7, 18), access_tokens::edit),
    route("delete-project-token", "DELETE", "/rest/access-tokens/*/projects/{project}/{token}", (7, 18), access_tokens::delete),
    route("repository-tokens", "GET", "/rest/access-tokens/*/projects/{project}/repos/{repository}", (7, 18), access_tokens::list),
    route("create-repository-token", "PUT", "/rest/access-tokens/*/projects/{project}/repos/{repository}", (7, 18), access_tokens::create),
    route("repository-token", "GET", "/rest/access-tokens/*/projects/{project}/repos/{repository}/{token}", (7, 18), access_tokens::show),
    route("edit-repository-token", "POST", "/rest/access-tokens/*/projects/{project}/repos/{repository}/{token}", (7, 18), access_tokens::edit),
    route("delete-repository-token", "DELETE", "/rest/access-tokens/*/projects/{project}/repos/{repository}/{token}", (7, 18), access_tokens::delete),
];
