//! What is refused, and the bodies that say so, to the letter of each version.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    exceptions::{
        ARGUMENT_VALIDATION, AUTHENTICATION_REQUIRED, AUTHORISATION, AUTHORIZATION,
        CAPTCHA_REQUIRED, DUPLICATE, INCORRECT_PASSWORD, INTEGRITY, NO_ACCESS, NO_SUCH_BRANCH,
        NO_SUCH_PROJECT, NO_SUCH_PULL_REQUEST, NO_SUCH_REPOSITORY, NO_SUCH_USER,
    },
    profile::Profile,
    world::{RateLimit, RateLimitBody, WorldError},
};
use crate::reply::Reply;

const NOT_PERMITTED: &str = "You are not permitted to access this resource";
const BAD_CREDENTIALS: &str = "Authentication failed. Please check your credentials and try again.";
const UNLICENSED: &str = "You are not currently licensed to use Bitbucket.\nPlease contact your administrator to resolve this issue.";

/// Why a request is not answered as asked for.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// Anonymous, and the resource is not public.
    Anonymous,
    /// Known, but without the right: a 401 too.
    NotPermitted,
    /// The same for resources of administrators, which name another exception since 9.0.
    NotAdministrator,
    BadCredentials,
    Unlicensed,
    Captcha {
        login: String,
    },
    /// A token where only the login page is.
    LoginPage {
        location: String,
    },
    NoProject {
        key: String,
    },
    NoRepository {
        key: String,
        slug: String,
    },
    NoUser {
        slug: String,
    },
    NoBranch {
        name: String,
    },
    NoPullRequest {
        id: String,
        key: String,
        slug: String,
    },
    /// Without an exception name, as Code Insights and tokens do it.
    Missing {
        context: Option<&'static str>,
        message: String,
    },
    /// Bad input; with a context there is no exception name.
    Invalid {
        context: Option<&'static str>,
        message: String,
    },
    Conflict {
        exception: &'static str,
        message: String,
    },
    Moved {
        status: u16,
        location: String,
    },
    UnknownRoute {
        uri: String,
        accepts_json: bool,
    },
    /// Outside `/rest`, or outside the context path.
    NoPage,
    MethodNotAllowed,
    NotAcceptable,
    RateLimited(RateLimit),
    Unavailable,
}

impl Refusal {
    pub(crate) fn invalid(context: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            context: Some(context),
            message: message.into(),
        }
    }

    /// The answer as `profile` words it.
    #[expect(clippy::too_many_lines, reason = "a table: an arm for each refusal")]
    pub(crate) fn reply(self, profile: Profile) -> Reply {
        let unauthorized = |exception: &str, message: &str| {
            errors(
                profile,
                StatusCode::UNAUTHORIZED,
                None,
                message,
                Some(exception),
            )
        };
        let not_found = |exception: &str, message: &str| {
            errors(
                profile,
                StatusCode::NOT_FOUND,
                None,
                message,
                Some(exception),
            )
        };
        match self {
            Self::Anonymous if profile.has_new_rest_stack() => {
                unauthorized(AUTHENTICATION_REQUIRED, NOT_PERMITTED)
            }
            Self::NotAdministrator if profile.has_new_rest_stack() => {
                unauthorized(AUTHORIZATION, NOT_PERMITTED)
            }
            Self::Anonymous | Self::NotAdministrator | Self::NotPermitted => {
                unauthorized(AUTHORISATION, NOT_PERMITTED)
            }
            Self::BadCredentials => unauthorized(INCORRECT_PASSWORD, BAD_CREDENTIALS),
            Self::Unlicensed => unauthorized(NO_ACCESS, UNLICENSED),
            Self::Captcha { login } => captcha(profile, &login),
            Self::NoProject { key } => {
                not_found(NO_SUCH_PROJECT, &format!("Project {key} does not exist."))
            }
            Self::NoRepository { key, slug } => not_found(
                NO_SUCH_REPOSITORY,
                &format!("Repository {key}/{slug} does not exist."),
            ),
            Self::NoUser { slug } => {
                not_found(NO_SUCH_USER, &format!("User {slug} does not exist."))
            }
            Self::NoBranch { name } => not_found(
                NO_SUCH_BRANCH,
                &format!("The branch \"{name}\" does not exist."),
            ),
            Self::NoPullRequest { id, key, slug } => not_found(
                NO_SUCH_PULL_REQUEST,
                &format!("Pull request {id} does not exist in {key}/{slug}."),
            ),
            Self::Missing { context, message } => {
                errors(profile, StatusCode::NOT_FOUND, context, &message, None)
            }
            Self::Invalid { context, message } => {
                let exception = context.is_none().then_some(ARGUMENT_VALIDATION);
                errors(
                    profile,
                    StatusCode::BAD_REQUEST,
                    context,
                    &message,
                    exception,
                )
            }
            Self::Conflict { exception, message } => errors(
                profile,
                StatusCode::CONFLICT,
                None,
                &message,
                Some(exception),
            ),
            Self::LoginPage { location } => Reply::redirect(302, &location),
            Self::Moved { status, location } => Reply::redirect(status, &location),
            Self::UnknownRoute { uri, accepts_json } => unknown_route(profile, &uri, accepts_json),
            Self::NoPage => Reply::html(StatusCode::NOT_FOUND, "<h1>404 Not Found</h1>"),
            Self::MethodNotAllowed => stack_error(
                profile,
                StatusCode::METHOD_NOT_ALLOWED,
                "HTTP 405 Method Not Allowed",
            ),
            Self::NotAcceptable => Reply::empty(StatusCode::NOT_ACCEPTABLE),
            Self::RateLimited(limit) => rate_limited(profile, &limit),
            Self::Unavailable => Reply::html(
                StatusCode::SERVICE_UNAVAILABLE,
                "<h1>Bitbucket is unavailable</h1>",
            ),
        }
    }
}

impl From<WorldError> for Refusal {
    fn from(error: WorldError) -> Self {
        let message = error.to_string();
        match error {
            WorldError::NoProject { key } => Self::NoProject { key },
            WorldError::NoRepository { key, slug } => Self::NoRepository { key, slug },
            WorldError::NoToken | WorldError::NoPullRequest { .. } => Self::Missing {
                context: None,
                message,
            },
            WorldError::NotEmpty { key } => Self::Conflict {
                exception: INTEGRITY,
                message: format!(
                    "The project \"{key}\" cannot be deleted because it has repositories."
                ),
            },
            WorldError::Taken { .. } => Self::Conflict {
                exception: DUPLICATE,
                message: "This repository URL is already taken.".to_owned(),
            },
        }
    }
}

fn captcha(profile: Profile, login: &str) -> Reply {
    let message =
        "CAPTCHA required. Your Bitbucket account has been marked as requiring a CAPTCHA.";
    let denied = format!("CAPTCHA_CHALLENGE; login-url={login}");
    errors(
        profile,
        StatusCode::FORBIDDEN,
        None,
        message,
        Some(CAPTCHA_REQUIRED),
    )
    .with("x-authentication-denied-reason", denied)
}

/// `{"errors":[…]}`: the older REST stack writes null keys, that of 9.0 leaves them out.
pub(crate) fn errors(
    profile: Profile,
    status: StatusCode,
    context: Option<&str>,
    message: &str,
    exception: Option<&str>,
) -> Reply {
    let fields = [
        ("context", context.map(Value::from)),
        ("message", Some(Value::from(message))),
        ("exceptionName", exception.map(Value::from)),
    ];
    let shown = fields
        .into_iter()
        .filter(|(_, value)| value.is_some() || !profile.has_new_rest_stack())
        .map(|(name, value)| (name.to_owned(), value.unwrap_or(Value::Null)));
    Reply::json(status, json!({ "errors": [shown.collect::<Map<_, _>>()] }))
}

fn unknown_route(profile: Profile, uri: &str, accepts_json: bool) -> Reply {
    let status = StatusCode::NOT_FOUND;
    if profile.has_new_rest_stack() {
        return stack_error(profile, status, "HTTP 404 Not Found");
    }
    let message = format!("null for uri: {uri}");
    if accepts_json {
        return stack_error(profile, status, &message);
    }
    let message = message.replace('&', "&amp;").replace('<', "&lt;");
    let head = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
    let body = format!(
        "{head}<status><status-code>404</status-code><message>{message}</message></status>"
    );
    Reply::text(status, "application/xml;charset=UTF-8", body)
}

/// What the REST stack itself says: no `errors[]`, on which `SonarQube` trips.
fn stack_error(profile: Profile, status: StatusCode, message: &str) -> Reply {
    let mut body = json!({ "message": message, "status-code": status.as_u16() });
    if profile.has_new_rest_stack() {
        body["sub-code"] = json!(-1);
    }
    Reply::json(status, body)
}

fn rate_limited(profile: Profile, limit: &RateLimit) -> Reply {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let message = "You have been rate limited.";
    let reply = match limit.body {
        RateLimitBody::Errors => errors(profile, status, None, message, None),
        RateLimitBody::Message => Reply::json(status, json!({ "message": message })),
        RateLimitBody::Html => Reply::html(status, "<h1>429 Too Many Requests</h1>"),
        RateLimitBody::Empty => Reply::empty(status),
    };
    match limit.retry_after_seconds {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    }
}
