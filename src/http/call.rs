//! What is asked of a server, before it is sent.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use url::Url;

use super::auth::{Authorization, Token};
use crate::identity::ServerUrl;

/// The HTTP methods that the two servers want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Reads.
    Get,
    /// Writes; the only method of SonarQube's v1 API.
    Post,
    /// Writes idempotently.
    Put,
}

/// A method and a path below the server's base URL; `{…}` stands for a segment that the call fills in.
///
/// Names the call in errors, logs and metrics, and so never holds a value of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The method.
    pub verb: Verb,
    /// The path without a slash at its start, for example `api/system/status`.
    pub path: &'static str,
}

impl Operation {
    /// A read.
    #[must_use]
    pub const fn get(path: &'static str) -> Self {
        let verb = Verb::Get;
        Self { verb, path }
    }

    /// A write.
    #[must_use]
    pub const fn post(path: &'static str) -> Self {
        let verb = Verb::Post;
        Self { verb, path }
    }

    /// An idempotent write.
    #[must_use]
    pub const fn put(path: &'static str) -> Self {
        let verb = Verb::Put;
        Self { verb, path }
    }
}

impl Operation {
    /// Whether it may change something on the server.
    #[must_use]
    pub const fn is_write(self) -> bool {
        match self.verb {
            Verb::Get => false,
            Verb::Post | Verb::Put => true,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verb {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
        };
        write!(formatter, "{verb} {}", self.path)
    }
}

/// One value of a form.
pub(super) enum Field<'a> {
    Plain(Cow<'a, str>),
    Secret(&'a Token),
}

pub(super) enum Body<'a> {
    None,
    Form(Vec<(&'static str, Field<'a>)>),
    Json(serde_json::Value),
}

/// One call: an operation with its values. Tokens go into the header and the form only, never into the URL.
#[must_use]
pub struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) segments: Vec<&'a str>,
    pub(super) query: Vec<(&'static str, Cow<'a, str>)>,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Body<'a>,
    pub(super) authorization: Option<&'a Authorization>,
    pub(super) timeout: Option<Duration>,
    pub(super) is_probe: bool,
}

impl<'a> Call<'a> {
    /// The same call, which only finds out whether the server knows the operation: it lacks what the operation needs, so
    /// that it can change nothing.
    pub fn probe(mut self) -> Self {
        self.is_probe = true;
        self
    }

    /// Whether it may change something on the server.
    pub(super) fn is_write(&self) -> bool {
        self.operation.is_write() && !self.is_probe
    }

    /// An anonymous call without values.
    pub fn new(operation: Operation) -> Self {
        Self {
            operation,
            segments: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            is_probe: false,
            body: Body::None,
            authorization: None,
            timeout: None,
        }
    }

    /// The values of the `{…}` segments, in their order; percent-encoded when sent.
    pub fn segments(mut self, values: impl IntoIterator<Item = &'a str>) -> Self {
        self.segments.extend(values);
        self
    }

    /// A parameter of the query string.
    pub fn query(mut self, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// A header whose value is always the same.
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A field of a form body.
    pub fn field(self, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        self.push(name, Field::Plain(value.into()))
    }

    /// A token as a field of a form body.
    pub fn secret(self, name: &'static str, token: &'a Token) -> Self {
        self.push(name, Field::Secret(token))
    }

    /// A JSON body; replaces a form.
    pub fn json(mut self, body: serde_json::Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// Sends the call in the name of a token's owner.
    pub fn authorized(mut self, authorization: &'a Authorization) -> Self {
        self.authorization = Some(authorization);
        self
    }

    /// Another deadline than the transport's, from the start of the call to the last byte of the answer.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    fn push(mut self, name: &'static str, field: Field<'a>) -> Self {
        match &mut self.body {
            Body::Form(fields) => fields.push((name, field)),
            Body::None | Body::Json(_) => self.body = Body::Form(vec![(name, field)]),
        }
        self
    }

    /// Every token that this call carries.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &Token> {
        let fields = match &self.body {
            Body::Form(fields) => fields.as_slice(),
            Body::None | Body::Json(_) => &[],
        };
        let secrets = fields.iter().filter_map(|(_, field)| match field {
            Field::Secret(token) => Some(*token),
            Field::Plain(_) => None,
        });
        secrets.chain(self.authorization.map(Authorization::token))
    }

    pub(super) fn url(&self, base: &ServerUrl) -> Url {
        let mut values = self.segments.iter();
        let segments = self.operation.path.split('/').map(|segment| {
            if segment.starts_with('{') {
                values.next().copied().unwrap_or_default()
            } else {
                segment
            }
        });
        let mut url = base.join(segments);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_the_segments_in_order_and_are_encoded() {
        let base = ServerUrl::parse("https://bitbucket.example.com/git").unwrap();
        let call = Call::new(Operation::get(
            "rest/api/1.0/projects/{project}/repos/{slug}",
        ))
        .segments(["~jdoe", "a b"])
        .query("name", "R&D #1");
        assert_eq!(
            call.url(&base).as_str(),
            "https://bitbucket.example.com/git/rest/api/1.0/projects/~jdoe/repos/a%20b?name=R%26D+%231"
        );
        assert_eq!(
            call.operation.to_string(),
            "GET rest/api/1.0/projects/{project}/repos/{slug}"
        );
    }
}
