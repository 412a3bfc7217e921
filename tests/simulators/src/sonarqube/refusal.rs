//! What a server says instead of doing what it was asked, to the letter.

use axum::http::StatusCode;
use serde_json::json;

use crate::reply::Reply;

/// Tomcat's page.
const NO_SUCH_PAGE: &str = r#"<!doctype html><html lang="en"><head><title>HTTP Status 404 – Not Found</title><style type="text/css">body {font-family:Tahoma,Arial,sans-serif;} h1, h2, h3, b {color:white;background-color:#525D76;} h1 {font-size:22px;} h2 {font-size:16px;} h3 {font-size:14px;} p {font-size:12px;} a {color:black;} .line {height:1px;background-color:#525D76;border:none;}</style></head><body><h1>HTTP Status 404 – Not Found</h1></body></html>"#;

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
    /// A permission is missing that only users who are logged in have.
    NotAuthenticated,
    /// A permission is missing.
    Forbidden,
    /// There is no such call, by its path.
    UnknownUrl(String),
    /// The same of v2 on 10.7, where the servlet container answers.
    NoSuchPage,
    /// The method is not the right one, in these words.
    OtherMethod(String),
    /// No call has this method.
    NoMethod,
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

    /// What v2 of 10.7 says of methods and bodies that it cannot use.
    pub(crate) fn unreadable() -> Self {
        Self::bad("An error occurred while processing the request.")
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
            Self::NoMethod => return Reply::empty(StatusCode::METHOD_NOT_ALLOWED),
            Self::NoSuchPage => {
                let page = NO_SUCH_PAGE.to_owned();
                return Reply::text(StatusCode::NOT_FOUND, "text/html;charset=utf-8", page);
            }
            Self::NotAuthenticated => (
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
            Self::OtherMethod(message) => (StatusCode::METHOD_NOT_ALLOWED, message),
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
