//! What a server says instead of doing what it was asked, to the letter.

use axum::http::StatusCode;
use serde_json::json;

use crate::reply::Reply;

/// Which of the two APIs was called: their errors differ in shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// `api/…`: `{"errors":[{"msg":"…"}]}`.
    V1,
    /// `api/v2/…`: `{"message":"…"}`.
    V2,
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No or no valid credentials: a status and nothing else.
    Unauthorized,
    /// A valid token while the server starts.
    NotYetAuthenticated,
    /// A permission is missing.
    Forbidden,
    /// There is no such call, by its path.
    UnknownUrl(String),
    /// There is such a call with another method: the one that is required, where the API tells it.
    OtherMethod(Option<&'static str>),
    /// The same for OPTIONS of v2, which says nothing.
    NoOptions,
    /// The body is in no form that is read.
    MediaType,
    /// Something that was named is not there.
    NotFound(String),
    /// Something about the request is wrong.
    Bad(String),
    /// A defect of the server.
    Internal,
}

impl Refusal {
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::Bad(message.into())
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound(message.into())
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::bad(format!("The '{parameter}' parameter is missing"))
    }

    pub(crate) fn no_project(key: &str) -> Self {
        Self::not_found(format!("Project '{key}' not found"))
    }

    /// What v2 says of what is not there, and of what is not to be known.
    pub(crate) fn hidden() -> Self {
        Self::not_found("You do not have access to this resource or it does not exist.")
    }

    pub(crate) fn reply(self, api: Api) -> Reply {
        let (status, message) = match self {
            Self::Unauthorized => return Reply::empty(StatusCode::UNAUTHORIZED),
            Self::NoOptions => return Reply::empty(StatusCode::METHOD_NOT_ALLOWED),
            Self::NotYetAuthenticated => (
                StatusCode::UNAUTHORIZED,
                "User is not authenticated".to_owned(),
            ),
            Self::Forbidden => (StatusCode::FORBIDDEN, "Insufficient privileges".to_owned()),
            Self::UnknownUrl(path) => {
                let message = match api {
                    Api::V1 => format!("Unknown url : {path}"),
                    Api::V2 => "Resource not found.".to_owned(),
                };
                (StatusCode::NOT_FOUND, message)
            }
            Self::OtherMethod(required) => {
                let message = required.map_or_else(
                    || "Method not supported.".to_owned(),
                    |method| format!("HTTP method {method} is required"),
                );
                (StatusCode::METHOD_NOT_ALLOWED, message)
            }
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported media type.".to_owned(),
            ),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, message),
            Self::Bad(message) => (StatusCode::BAD_REQUEST, message),
            Self::Internal => {
                let message = match api {
                    Api::V1 => "An error has occurred. Please contact your administrator",
                    Api::V2 => {
                        "An unexpected error occurred. Please contact support if the problem persists."
                    }
                };
                (StatusCode::INTERNAL_SERVER_ERROR, message.to_owned())
            }
        };
        let body = match api {
            Api::V1 => json!({"errors": [{"msg": message}]}),
            Api::V2 => json!({"message": message}),
        };
        Reply::text(status, "application/json", body.to_string())
    }
}
