//! What is fed: the product's own parsers.

use bindery::cli::RunArguments;
use bindery::crd::{BitbucketConnection, ProjectBinding, ProjectBindingSet};
use bindery::http::{CaBundle, HostPolicy, Token};
use bindery::identity::{KeyTemplate, ProjectKey, RepositoryPath, ServerUrl, SettingKey};
use bindery::plan::{Access, AccessRule, AdmittedKeys, patterns as listed};
use clap::Parser;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

/// A token is never shown, and what is accepted goes into a header.
pub(super) fn tokens(input: &[u8]) {
    let shown = match Token::parse(input) {
        Ok(token) => format!("{token:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    let secret = text(input.trim_ascii());
    assert!(secret.len() < 20 || !shown.contains(&secret), "{shown}");
}

/// What is accepted is normalised, and holds nothing but a place.
pub(super) fn urls(input: &[u8]) {
    let text = text(input);
    match ServerUrl::parse(&text) {
        Ok(url) => {
            assert_eq!(ServerUrl::parse(url.as_str()), Ok(url.clone()));
            assert!(!url.as_str().contains(['?', '#', ' ']), "{url}");
            let host = url.as_str().split('/').nth(2).unwrap();
            assert!(!host.contains('@'), "{url}");
            assert!(!url.as_str().ends_with('/'), "{url}");
        }
        Err(error) => assert!(!error.to_string().contains("canary"), "{error}"),
    }
}

pub(super) fn bundles(input: &[u8]) {
    // A line of the corpus has no line breaks.
    let pem = text(input).replace("\\n", "\n");
    if let Err(error) = CaBundle::parse(pem.as_bytes()) {
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

pub(super) fn host_lists(input: &[u8]) {
    let text = text(input);
    let _ = HostPolicy::parse(&text);
    let _ = HostPolicy::denying(&text);
}

#[derive(Parser)]
struct Run {
    #[command(flatten)]
    _run: RunArguments,
}

pub(super) fn durations(input: &[u8]) {
    let argument = format!("--minimum-interval={}", text(input));
    let _ = Run::try_parse_from(["bindery", &argument]);
}

/// What is accepted reads the same when it is read again.
pub(super) fn names(input: &[u8]) {
    let text = text(input);
    if let Ok(key) = ProjectKey::parse(&text) {
        assert_eq!(ProjectKey::parse(key.as_str()), Ok(key));
    }
    if let Ok(key) = SettingKey::parse(&text) {
        assert_eq!(SettingKey::parse(key.as_str()), Ok(key));
    }
    let (project, slug) = text.split_once('/').unwrap_or((&text, "slug"));
    if let Ok(path) = RepositoryPath::parse(project, slug) {
        let again = RepositoryPath::parse(path.project(), path.slug());
        let template = KeyTemplate::parse(&text).unwrap_or_default();
        let _ = template.key(&path);
        assert_eq!(again, Ok(path));
    }
}

/// Pattern and text, separated by a line break that the corpus writes as `\n`.
pub(super) fn patterns(input: &[u8]) {
    let text = text(input);
    let (patterns, path) = text.split_once("\\n").unwrap_or((&text, "PAY/checkout"));
    let (project, slug) = path.split_once('/').unwrap_or((path, "slug"));
    let rule = AccessRule {
        repositories: listed(patterns),
        projects: AdmittedKeys::Matching(vec![patterns.chars().take(128).collect()]),
    };
    let path = RepositoryPath::reported(project, slug);
    let _ = Access::Admitted(vec![rule]).admits(&path, &ProjectKey::reported(slug));
}

/// Objects as the API server gives them.
pub(super) fn objects(input: &[u8]) {
    again::<ProjectBinding>(input);
    again::<BitbucketConnection>(input);
    again::<ProjectBindingSet>(input);
}

fn again<K: DeserializeOwned + Serialize>(input: &[u8]) {
    if let Ok(object) = serde_json::from_slice::<K>(input) {
        let written = serde_json::to_value(&object).unwrap();
        let read: K = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), written);
    }
}
