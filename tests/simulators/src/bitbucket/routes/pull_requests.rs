//! Pull requests, to be read only.

use serde_json::{Value, json};

use super::{
    super::{
        errors::Refusal,
        visit::{Answer, Visit},
        world::{PullRequest, PullRequestState, Repository, Right},
    },
    branches::commit_of,
    repositories,
};
use crate::reply::Reply;

/// The newest first. The only filter is `state`; its default is `OPEN`.
pub(super) fn list(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.repository(Right::View)?;
    let wanted = wanted(visit.query.value("state").unwrap_or("OPEN"))?;
    let newest_first = repository.pull_requests.iter().rev();
    let fitting =
        newest_first.filter(|pull_request| wanted.is_none_or(|state| state == pull_request.state));
    let rows = fitting.map(|pull_request| Some(json(visit, &repository, pull_request)));
    visit.page(rows.collect())
}

pub(super) fn show(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.repository(Right::View)?;
    let id = visit.parameter("pull-request");
    let mut all = repository.pull_requests.iter();
    match all.find(|pull_request| pull_request.id.to_string() == id) {
        Some(found) => Ok(Reply::ok(json(visit, &repository, found))),
        None => Err(Refusal::NoPullRequest {
            id,
            key: visit.world.key_of(repository.project).to_owned(),
            slug: repository.slug,
        }),
    }
}

/// The state that is asked for; none where all are.
fn wanted(text: &str) -> Result<Option<PullRequestState>, Refusal> {
    if text.eq_ignore_ascii_case("ALL") {
        return Ok(None);
    }
    let state = serde_json::from_value(json!(text.to_uppercase()));
    // What a real server says of other words is not known.
    state
        .map(Some)
        .map_err(|_| Refusal::invalid("state", format!("{text} is not a state of pull requests")))
}

fn json(visit: &Visit<'_>, repository: &Repository, pull_request: &PullRequest) -> Value {
    let PullRequest {
        id,
        title,
        state,
        from,
        to,
        commit,
        created,
        updated,
    } = pull_request;
    let open = *state == PullRequestState::Open;
    let target = commit_of(repository, to);
    let key = visit.world.key_of(repository.project);
    let own = format!(
        "{}/projects/{key}/repos/{}/pull-requests/{id}",
        visit.base, repository.slug
    );
    let end = |branch: &str, commit: &str| {
        json!({
            "id": format!("refs/heads/{branch}"), "displayId": branch, "type": "BRANCH",
            "latestCommit": commit, "repository": repositories::json(visit, repository),
        })
    };
    let mut body = json!({
        "id": id, "version": 0, "title": title, "state": state, "open": open, "closed": !open,
        "createdDate": created, "updatedDate": updated,
        "fromRef": end(from, commit), "toRef": end(to, &target),
        "locked": false, "reviewers": [], "participants": [],
        "links": { "self": [{ "href": own }] },
    });
    if !open {
        body["closedDate"] = json!(updated);
    }
    body
}
