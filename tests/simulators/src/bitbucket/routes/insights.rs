//! Code Insights and build results, kept by commit.

use serde_json::{Value, json};

use super::super::{
    auth,
    errors::Refusal,
    visit::{Answer, Visit},
    world::{Report, Repository, Right},
};
use crate::reply::Reply;

/// Annotations stored for a report; a request that would exceed it is refused as a whole.
const MOST_ANNOTATIONS: usize = 1000;
const MOST_DATA: usize = 6;

pub(super) fn list(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.repository(Right::View)?;
    let commit = commit(visit)?;
    let reports = repository
        .reports
        .iter()
        .filter(|((at, _), _)| *at == commit);
    visit.page(
        reports
            .map(|(_, report)| Some(report.body.clone()))
            .collect(),
    )
}

pub(super) fn show(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.repository(Right::View)?;
    Ok(Reply::ok(existing(visit, &repository)?.body))
}

pub(super) fn put(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.writable(Right::Read)?;
    let place = (commit(visit)?, visit.parameter("report"));
    let mut body = visit.json()?;
    validate(&body)?;
    let creator = caller(visit);
    let former = repository.reports.get(&place);
    if let Some(former) = former {
        demand_creator(visit, former)?;
    }
    body["key"] = json!(place.1);
    if body["createdDate"].is_null() {
        body["createdDate"] = json!(visit.world.now());
    }
    let annotations = former
        .map(|report| report.annotations.clone())
        .unwrap_or_default();
    let report = Report {
        body: body.clone(),
        creator,
        annotations,
    };
    if let Some(repository) = visit.world.repository_mut(repository.id) {
        repository.reports.insert(place, report);
    }
    Ok(Reply::ok(body))
}

pub(super) fn delete(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.writable(Right::Read)?;
    let place = (commit(visit)?, visit.parameter("report"));
    if let Some(report) = repository.reports.get(&place) {
        demand_creator(visit, report)?;
    }
    if let Some(repository) = visit.world.repository_mut(repository.id) {
        repository.reports.remove(&place);
    }
    Ok(Reply::no_content())
}

pub(super) fn annotations(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.repository(Right::View)?;
    let annotations = existing(visit, &repository)?.annotations;
    let body = json!({ "totalCount": annotations.len(), "annotations": annotations });
    Ok(Reply::ok(body))
}

pub(super) fn annotate(visit: &mut Visit<'_>) -> Answer {
    let added = visit.json()?["annotations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    change_annotations(visit, |stored, key| {
        for mut annotation in added {
            validate_annotation(&annotation)?;
            annotation["reportKey"] = json!(key);
            stored.push(annotation);
        }
        Ok(())
    })
}

pub(super) fn put_annotation(visit: &mut Visit<'_>) -> Answer {
    let mut annotation = visit.json()?;
    let id = visit.parameter("annotation");
    change_annotations(visit, |stored, key| {
        validate_annotation(&annotation)?;
        annotation["externalId"] = json!(id);
        annotation["reportKey"] = json!(key);
        stored.retain(|other| other["externalId"] != json!(id));
        stored.push(annotation);
        Ok(())
    })
}

pub(super) fn delete_annotations(visit: &mut Visit<'_>) -> Answer {
    let id = visit.query.value("externalId").map(str::to_owned);
    change_annotations(visit, |stored, _| {
        stored.retain(|annotation| {
            id.as_ref()
                .is_some_and(|id| annotation["externalId"] != **id)
        });
        Ok(())
    })
}

pub(super) fn create_build(visit: &mut Visit<'_>) -> Answer {
    let repository = visit.repository(Right::Read)?;
    let mut build = visit.json()?;
    for field in ["key", "state", "url"] {
        if build[field].as_str().is_none_or(str::is_empty) {
            return Err(Refusal::invalid(
                field,
                format!("{field} must not be empty"),
            ));
        }
    }
    build["commit"] = json!(commit(visit)?);
    if let Some(repository) = visit.world.repository_mut(repository.id) {
        repository.builds.push(build);
    }
    Ok(Reply::no_content())
}

/// Changes the annotations of the report in the path, all or nothing.
fn change_annotations(
    visit: &mut Visit<'_>,
    change: impl FnOnce(&mut Vec<Value>, &str) -> Result<(), Refusal>,
) -> Answer {
    let repository = visit.writable(Right::Read)?;
    let report = existing(visit, &repository)?;
    demand_creator(visit, &report)?;
    let place = (commit(visit)?, visit.parameter("report"));
    let mut annotations = report.annotations;
    change(&mut annotations, &place.1)?;
    if annotations.len() > MOST_ANNOTATIONS {
        let message = format!("A report can have at most {MOST_ANNOTATIONS} annotations.");
        return Err(Refusal::invalid("annotations", message));
    }
    let stored = visit.world.repository_mut(repository.id);
    if let Some(report) = stored.and_then(|repository| repository.reports.get_mut(&place)) {
        report.annotations = annotations;
    }
    Ok(Reply::no_content())
}

fn existing(visit: &Visit<'_>, repository: &Repository) -> Result<Report, Refusal> {
    let key = visit.parameter("report");
    let report = repository
        .reports
        .get(&(commit(visit)?, key.clone()))
        .cloned();
    report.ok_or_else(|| Refusal::Missing {
        context: Some("reportKey"),
        message: format!("No report found with key: {key}"),
    })
}

/// Only its creator or an administrator changes a report.
fn demand_creator(visit: &Visit<'_>, report: &Report) -> Result<(), Refusal> {
    let allowed = report.creator == caller(visit) || visit.world.is_administrator(&visit.identity);
    if allowed {
        Ok(())
    } else {
        Err(Refusal::NotPermitted)
    }
}

fn caller(visit: &Visit<'_>) -> String {
    auth::shown_name(visit.world, &visit.identity)
        .map(|(name, _)| name)
        .unwrap_or_default()
}

fn commit(visit: &Visit<'_>) -> Result<String, Refusal> {
    let commit = visit.parameter("commit");
    if commit.len() == 40 && commit.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(commit);
    }
    Err(Refusal::invalid(
        "commitId",
        "The commit id must be a full 40 digit hash.",
    ))
}

fn validate(report: &Value) -> Result<(), Refusal> {
    let title = report["title"].as_str().unwrap_or_default();
    if title.is_empty() || title.chars().count() > 450 {
        return Err(Refusal::invalid(
            "title",
            "The title must have 1 to 450 characters.",
        ));
    }
    if report["details"]
        .as_str()
        .is_some_and(|details| details.chars().count() > 2000)
    {
        return Err(Refusal::invalid(
            "details",
            "The details must have at most 2000 characters.",
        ));
    }
    if report["data"]
        .as_array()
        .is_some_and(|data| data.len() > MOST_DATA)
    {
        return Err(Refusal::invalid(
            "data",
            "A report can have at most 6 data items.",
        ));
    }
    match report["result"].as_str() {
        None | Some("PASS" | "FAIL") => Ok(()),
        Some(_) => Err(Refusal::invalid(
            "result",
            "The result must be PASS or FAIL.",
        )),
    }
}

fn validate_annotation(annotation: &Value) -> Result<(), Refusal> {
    let message = annotation["message"].as_str().unwrap_or_default();
    if message.is_empty() || message.chars().count() > 2000 {
        return Err(Refusal::invalid(
            "message",
            "The message must have 1 to 2000 characters.",
        ));
    }
    match annotation["severity"].as_str() {
        Some("LOW" | "MEDIUM" | "HIGH") => Ok(()),
        Some(_) | None => Err(Refusal::invalid("severity", "The severity is not known.")),
    }
}
