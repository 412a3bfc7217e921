//! An answer, before it is sent.

use axum::http::StatusCode;
use serde_json::Value;

/// Status, headers and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Value>) -> Self {
        Self::json(StatusCode::OK, body.into())
    }

    pub(crate) const fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    pub(crate) const fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    pub(crate) fn json(status: StatusCode, body: impl Into<Value>) -> Self {
        Self::text(
            status,
            "application/json;charset=UTF-8",
            body.into().to_string(),
        )
    }

    pub(crate) fn html(status: StatusCode, body: &str) -> Self {
        Self::text(
            status,
            "text/html;charset=UTF-8",
            format!("<html><body>{body}</body></html>"),
        )
    }

    pub(crate) fn text(status: StatusCode, content_type: &str, body: String) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body,
        }
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::TEMPORARY_REDIRECT);
        Self::empty(status).with("location", location.to_owned())
    }

    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}
