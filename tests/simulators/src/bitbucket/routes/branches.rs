//! Branches and the default one.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::super::{
    errors::Refusal,
    visit::{Answer, Visit},
    world::{BranchOrder, Repository, Right},
};
use crate::reply::Reply;

pub(super) fn list(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.repository(Right::View)?;
    let filter = visit
        .query
        .value("filterText")
        .unwrap_or_default()
        .to_lowercase();
    let mut names: Vec<_> = repository
        .branches
        .iter()
        .filter(|name| name.to_lowercase().contains(&filter))
        .collect();
    if visit.query.value("orderBy") == Some("ALPHABETICAL") {
        names.sort();
    } else {
        let is_default = |name: &&String| **name == repository.default_branch;
        match visit.world.settings.branch_order {
            BranchOrder::DefaultFirst => names.sort_by_key(|name| !is_default(name)),
            BranchOrder::DefaultLast => names.sort_by_key(is_default),
        }
    }
    visit.page(
        names
            .into_iter()
            .map(|name| Some(json(&repository, name)))
            .collect(),
    )
}

/// `branches/default`, the older of the two.
pub(super) fn old_default(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.repository(Right::View)?;
    let name = &repository.default_branch;
    if repository.branches.is_empty() {
        return Ok(Reply::no_content());
    }
    if !repository.branches.contains(name) {
        return Err(Refusal::NoBranch { name: name.clone() });
    }
    Ok(Reply::ok(json(&repository, name)))
}

/// `default-branch`: answers whether the branch exists or not.
pub(super) fn default(visit: &mut Visit<'_>) -> Answer {
    let name = visit.repository(Right::View)?.default_branch;
    let id = format!("refs/heads/{name}");
    Ok(Reply::ok(
        json!({ "id": id, "displayId": name, "type": "BRANCH" }),
    ))
}

fn json(repository: &Repository, name: &str) -> Value {
    let commit = commit_of(repository, name);
    json!({
        "id": format!("refs/heads/{name}"),
        "displayId": name,
        "type": "BRANCH",
        "latestCommit": commit,
        "latestChangeset": commit,
        "isDefault": name == repository.default_branch,
    })
}

/// What was pushed for the latest pull request from a branch; otherwise a commit id that stays as it is.
pub(super) fn commit_of(repository: &Repository, name: &str) -> String {
    let mut newest_first = repository.pull_requests.iter().rev();
    if let Some(pull_request) = newest_first.find(|pull_request| pull_request.from == name) {
        return pull_request.commit.clone();
    }
    let mut hasher = DefaultHasher::new();
    (repository.id, name).hash(&mut hasher);
    let digits = format!("{:016x}", hasher.finish());
    digits.chars().cycle().take(40).collect()
}
