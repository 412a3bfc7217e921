//! The inputs, in the order of `docs/reliability.md`: what is wrong, and what comes of it.

use serde_json::{Value, json};

use super::Given;

/// What is made wrong. Without it the object becomes Ready.
pub(crate) enum Wrong {
    /// A change of a connection, from how things are here.
    Connection(fn(&Given) -> Value),
    /// A change of a binding.
    Binding(fn(&Given) -> Value),
    /// A change of a binding that is Ready.
    ReadyBinding(fn(&Given) -> Value),
    /// What the Secret of Bitbucket's token holds under its key.
    Token(fn(&Given) -> String),
    /// The same of SonarQube's token.
    SonarQubeToken(fn(&Given) -> String),
    /// An argument of `bindery run`.
    Argument(&'static str),
    /// Nothing that a field could say: the named test shows it, with the correction.
    ShownBy(&'static str),
}

/// What comes of it.
pub(crate) enum Answer {
    /// The API server refuses it, with these words.
    Refused(&'static str),
    /// `Ready` is False with this reason, and these words.
    Reported(&'static str, &'static str),
    /// It works, and the status has these words.
    Accepted(&'static str),
    /// The operator does not start: status 2 and these words.
    Status2(&'static str),
    /// As the named test says.
    AsShown,
}

/// The number in `docs/reliability.md`, what is wrong, and what comes of it.
pub(crate) type Row = (usize, Wrong, Answer);

use Answer::{Accepted, AsShown, Refused, Reported, Status2};
use Wrong::{Argument, Binding, Connection, ReadyBinding, ShownBy, SonarQubeToken, Token};

const SONARQUBE_URL: &str =
    "must be an absolute http(s) URL, for example https://sonarqube.example.com";
const BITBUCKET_URL: &str =
    "must be an absolute http(s) URL, for example https://bitbucket.example.com";
const NO_PASSWORD: &str = "must not contain credentials or '@'; use tokenSecretRef";
const NO_QUERY: &str = "must not contain a query string or fragment";
const INTERVAL: &str = "interval must be between 10s and 24h, for example 10m or 1h30m";
const SLUG: &str = "is not a Bitbucket repository slug: use the name after /repos/ in the repository URL, for example payments-api";
const KEY: &str = "sonarqubeProject.key may hold letters, digits, '-', '_', '.' and ':', and needs at least one character that is not a digit";

#[rustfmt::skip] // a table
pub(crate) const ROWS: &[Row] = &[
    (1, Connection(|_| sonarqube("sq.example.com")), Refused(SONARQUBE_URL)),
    (1, Connection(|_| bitbucket("ftp://bitbucket.example.com")), Refused(BITBUCKET_URL)),
    (2, Connection(|_| bitbucket("https://user:pw@host")), Refused(NO_PASSWORD)),
    (3, Connection(|_| sonarqube("https://host/?x=")), Refused(NO_QUERY)),
    (3, Connection(|_| bitbucket("https://host/#f")), Refused(NO_QUERY)),
    (4, Connection(|_| sonarqube("https://")), Refused("must contain a host name")),
    (5, Connection(|given| sonarqube(&given.sonarqube.replace("localhost", "127.0.0.1"))), Reported("InsecureURL", "--allow-http")),
    (6, Connection(|_| sonarqube("http://localhost:99999")), Reported("InvalidSpec", "spec.sonarqube.url")),
    (6, Connection(|_| bitbucket("http://localhost:1/a b")), Reported("InvalidSpec", "must not contain spaces")),
    (6, Connection(|_| bitbucket("http://localhost:1/../b")), Reported("InvalidSpec", "'..'")),
    (7, Connection(|_| sonarqube("https://169.254.169.254")), Reported("HostNotAllowed", "blocked range")),
    (8, Connection(|given| bitbucket(&format!("{}/", given.bitbucket.replace("localhost", "LocalHost")))), Accepted("Succeeded")),
    (9, Connection(|_| bitbucket("https://bitbucket.org/acme")), Refused("Bitbucket Cloud (bitbucket.org) is not supported")),
    (10, Connection(|given| spec(json!({"sonarqube": {"url": given.bitbucket}, "bitbucket": {"url": given.sonarqube}}))), Reported("UnexpectedResponse", "this looks like Bitbucket")),
    (11, Connection(|_| interval(json!("1s"))), Refused(INTERVAL)),
    (11, Connection(|_| interval(json!("-5m"))), Refused(INTERVAL)),
    (11, Connection(|_| interval(json!("99999999999999h"))), Refused(INTERVAL)),
    (12, Connection(|_| interval(json!("1d"))), Refused(INTERVAL)),
    (12, Connection(|_| interval(json!(10))), Refused(".spec.interval: expected string")),
    (13, Connection(|_| spec(json!({"intervall": "10m"}))), Refused(".spec.intervall: field not declared in schema")),
    (14, Binding(|_| spec(json!({"deletionPolicy": "delete"}))), Refused("supported values: \"Unbind\", \"Orphan\", \"DeleteProject\"")),
    (15, Connection(|_| spec(json!({"access": [{"namespaceSelector": {}, "repositories": ["PAY/*"]}]}))), Refused("an element that omits all key fields [\"name\"]")),
    (15, Connection(|_| many_entries()), Refused("must have at most 1000 items")),
    (16, Connection(|_| spec(json!({"configurationName": " bitbucket"}))), Refused("configurationName must not begin or end with a space")),
    (17, Binding(|_| json!({"metadata": {"name": "a".repeat(201)}})), Refused("metadata.name must be at most 200 characters")),
    (18, Binding(|_| repository(json!({"slug": null}))), Refused("spec.repository.slug: Required value")),
    (19, Binding(|_| repository(json!({"slug": "a/b"}))), Refused(SLUG)),
    (19, Binding(|_| repository(json!({"slug": "my repo"}))), Refused(SLUG)),
    (20, Binding(|_| repository(json!({"project": "PAY/.."}))), Refused("use the name after /projects/ in the repository URL, for example PAY")),
    (21, Binding(|_| repository(json!({"project": "~jdoe", "slug": "tools"}))), Accepted("_jdoe:tools")),
    (22, Binding(|_| key("12345")), Refused(KEY)),
    (22, Binding(|_| key("my project")), Refused(KEY)),
    (22, Binding(|_| key(&"a".repeat(401))), Refused("may not be more than 400")),
    (23, Binding(|_| spec(json!({"mode": "Bind"}))), Refused("sonarqubeProject.key is required when mode is Bind")),
    (23, Binding(|_| spec(json!({"monorepo": true}))), Refused("sonarqubeProject.key is required when monorepo is true")),
    (24, ReadyBinding(|_| key("another")), Refused("sonarqubeProject.key is immutable")),
    (25, Binding(|_| spec(json!({"monorepo": "yes"}))), Refused(".spec.monorepo: expected boolean")),
    (26, Binding(|_| json!({"metadata": {"annotations": {"a": "a".repeat(262_144)}}})), Refused("may not be more than 262144 bytes")),
    (27, Binding(|_| spec(json!({"connectionRef": {"name": "absent"}}))), Reported("ConnectionNotFound", "there is no BitbucketConnection platform/absent")),
    (28, Connection(|_| token(json!({"name": "absent"}))), Reported("SecretNotFound", "platform/absent")),
    (28, Connection(|_| token(json!({"key": "pat"}))), Reported("SecretKeyMissing", "no key pat")),
    (28, Token(|_| String::new()), Reported("SecretEmpty", "key token")),
    (29, Token(|given| format!("{}\r\n", given.token)), Accepted("spaces or line breaks around the token are left out")),
    (30, Token(|_| "one\ntwo".to_owned()), Reported("SecretMalformed", "a space or a line break")),
    (30, Token(|_| "Bearer canary".to_owned()), Reported("SecretMalformed", "store the token without \"Bearer\"")),
    (30, Token(|_| "Y2FuYXJ5LWJpdGJ1Y2tldC13cml0ZS10b2tlbi03ZjNh".to_owned()), Reported("SecretMalformed", "base64 of a text")),
    (30, Token(|_| "a".repeat(2001)), Reported("SecretMalformed", "2000")),
    (31, SonarQubeToken(|given| given.weak_token.clone()), Reported("PermissionMissing", "Administer System")),
    (32, Token(|_| "of-another-server".to_owned()), Reported("AuthenticationFailed", "spec.bitbucket.tokenSecretRef")),
    (33, Connection(|_| spec(json!({"sonarqube": {"caBundleRef": {"kind": "Secret", "name": "no-bundle", "key": "token"}}}))), Reported("TLSFailed", "holds no certificate")),
    (34, ShownBy("each_error_of_a_connection_is_named_and_can_be_corrected"), AsShown),
    (35, Binding(|_| key("taken")), Reported("ProjectAlreadyBound", "another sonarqubeProject.key")),
    (36, Binding(|_| repository(json!({"project": "HR", "slug": "salaries"}))), Reported("RepositoryNotFound", "HR/salaries")),
    (37, ShownBy("suspended_objects_can_be_deleted_and_leave_everything"), AsShown),
    (38, ShownBy("each_right_that_is_missing_is_named"), AsShown),
    (39, Argument("--minimum-interval=1d"), Status2("not a duration between")),
    (39, Argument("--minimum-intervall=1h"), Status2("unexpected argument")),
    (40, ShownBy("bindings_that_lost_a_claim_call_no_server"), AsShown),
];

fn within(field: &str, change: Value) -> Value {
    Value::Object([(field.to_owned(), change)].into_iter().collect())
}

fn spec(change: Value) -> Value {
    within("spec", change)
}

fn sonarqube(url: &str) -> Value {
    spec(json!({"sonarqube": {"url": url}}))
}

fn bitbucket(url: &str) -> Value {
    spec(json!({"bitbucket": {"url": url}}))
}

fn token(reference: Value) -> Value {
    spec(within("bitbucket", within("tokenSecretRef", reference)))
}

fn interval(interval: Value) -> Value {
    spec(within("interval", interval))
}

fn repository(repository: Value) -> Value {
    spec(within("repository", repository))
}

fn key(key: &str) -> Value {
    spec(json!({"sonarqubeProject": {"key": key}}))
}

fn many_entries() -> Value {
    let entry = |nth| json!({"name": format!("team-{nth}"), "namespaceSelector": {}, "repositories": ["PAY/*"]});
    spec(json!({"access": (0..1001).map(entry).collect::<Vec<_>>()}))
}
