//! What v2 says of parameters and bodies that are no good.

use serde_json::Value;

use crate::sonarqube::{refusal::Refusal, visit::Visit};

/// Index and size of the page that is asked for.
pub(super) fn page(visit: &Visit<'_>) -> Result<(usize, usize), Refusal> {
    let (index, size) = (
        number(visit, "pageIndex", 1)?,
        number(visit, "pageSize", 50)?,
    );
    let rejected = |name: &str, value: i64, error: &str| rejected(name, &value.to_string(), error);
    let flaws = if visit.profile.validates_bodies() {
        let mut flaws = String::new();
        if index < 1 {
            flaws += &rejected("pageIndex", index, "must be greater than 0");
            flaws += &rejected("pageIndex", index, "must be greater than or equal to 1");
        }
        if size < 0 {
            flaws += &rejected("pageSize", size, "must be greater than or equal to 0");
        }
        if size > 500 {
            flaws += &rejected("pageSize", size, "must be less than or equal to 500");
        }
        flaws
    } else if index < 1 {
        "page index must be >= 1".to_owned()
    } else if size < 0 {
        "page size must be >= 1".to_owned()
    } else {
        String::new()
    };
    if !flaws.is_empty() {
        return Err(Refusal::bad(flaws));
    }
    Ok((
        usize::try_from(index).unwrap_or(1),
        usize::try_from(size).unwrap_or(0),
    ))
}

fn number(visit: &Visit<'_>, name: &str, default: i64) -> Result<i64, Refusal> {
    let Some(text) = visit.optional(name) else {
        return Ok(default);
    };
    text.parse().map_err(|_| {
        let cause = if visit.profile.shows_v2_errors_of_its_container() {
            "nested exception is java.lang.NumberFormatException: "
        } else {
            ""
        };
        let error = format!(
            "Failed to convert value of type 'java.lang.String' to required type 'java.lang.Integer'; {cause}For input string: \"{text}\""
        );
        Refusal::bad(rejected(name, &text, &error))
    })
}

fn rejected(name: &str, value: &str, error: &str) -> String {
    format!("Value {value} for field {name} was rejected. Error: {error}.")
}

/// Reported one by one if several are wrong, in no certain order.
pub(super) fn validate(body: Option<&Value>) -> Result<(), Refusal> {
    let body = body.unwrap_or(&Value::Null);
    let texts = [
        "projectKey",
        "projectName",
        "devOpsPlatformSettingId",
        "repositoryIdentifier",
    ];
    let mut wrong: Vec<_> = texts
        .into_iter()
        .filter_map(|name| match body[name].as_str() {
            None => Some(rejected(name, "{}", "must not be empty")),
            Some("") => Some(rejected(name, "", "must not be empty")),
            Some(_) => None,
        })
        .collect();
    if !body["monorepo"].is_boolean() {
        wrong.push(rejected("monorepo", "{}", "must not be null"));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Refusal::bad(wrong.concat()))
    }
}
