//! How the community branch plugin calls Bitbucket, which is not how SonarQube does it.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::{
    bitbucket::Question,
    profile::{Edition, Profile},
};

/// A client of its own. What commercial editions do in its place is taken to be alike, save that the plugin follows
/// redirects: it leaves its client as it comes.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    client: reqwest::Client,
}

/// Why there is no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Bitbucket said so, in these words.
    Refused(String),
    /// There was no answer, or none that can be read. Only the beginning of what the plugin says of it is known.
    Lost(String),
}

impl Failure {
    pub(crate) fn into_message(self) -> String {
        match self {
            Self::Refused(message) | Self::Lost(message) => message,
        }
    }
}

impl Plugin {
    #[expect(
        clippy::disallowed_methods,
        reason = "it stands for a client inside SonarQube, not for the operator's"
    )]
    pub(crate) fn new(profile: Profile, timeout: Duration) -> Result<Self, reqwest::Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redirects = if profile.edition == Edition::BranchPlugin {
            reqwest::redirect::Policy::limited(20)
        } else {
            reqwest::redirect::Policy::none()
        };
        let client = reqwest::Client::builder()
            .user_agent("okhttp/4.12.0")
            .redirect(redirects)
            .connect_timeout(timeout)
            .read_timeout(timeout)
            .no_proxy()
            .build()?;
        Ok(Self { client })
    }

    /// Sends a request and reads the answer; an empty one is null.
    pub(crate) async fn call(
        &self,
        method: Method,
        Question { base, path, token }: &Question,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut request = self
            .client
            .request(method, format!("{base}{path}"))
            .header("accept", "application/json")
            .bearer_auth(token.as_deref().unwrap_or_default());
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let lost = |_| Failure::Lost(format!("Failed to connect to {base}"));
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        let text = answer.text().await.map_err(lost)?;
        let read = if text.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_str(&text)
        };
        let value: Value = read.map_err(|_| Failure::Lost("Unexpected character".to_owned()))?;
        if status.is_success() {
            Ok(value)
        } else {
            Err(Failure::Refused(reported(status.as_u16(), &value)))
        }
    }
}

/// What the plugin makes of an error: all messages, if there are any.
fn reported(status: u16, body: &Value) -> String {
    let Some(errors) = body["errors"].as_array() else {
        return format!("Bitbucket responded with an error status ({status})");
    };
    let messages = errors.iter().map(|error| error["message"].as_str());
    messages.flatten().collect::<Vec<_>>().join("\n")
}
