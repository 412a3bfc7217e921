//! How SonarQube asks its Bitbucket, and what it makes of the answers.

use std::time::Duration;

use serde_json::Value;

use super::{profile::Profile, refusal::Refusal};

/// One `GET` that SonarQube makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The setting's URL, verbatim.
    pub(crate) base: String,
    /// From a slash on, with its query.
    pub(crate) path: String,
    /// The token; none for what needs none.
    pub(crate) token: Option<String>,
}

impl Question {
    pub(crate) fn new(base: &str, path: impl Into<String>, token: Option<&str>) -> Self {
        Self {
            base: base.to_owned(),
            path: path.into(),
            token: token.map(str::to_owned),
        }
    }
}

/// What SonarQube calls its Bitbucket with.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    client: reqwest::Client,
    profile: Profile,
}

impl Asker {
    #[expect(
        clippy::disallowed_methods,
        reason = "it stands for the client inside SonarQube, not for the operator's"
    )]
    pub(crate) fn new(profile: Profile, timeout: Duration) -> Result<Self, reqwest::Error> {
        // reqwest is built without a provider of its own. Who comes second finds one installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(profile.user_agent())
            .redirect(if profile.follows_redirects() {
                reqwest::redirect::Policy::limited(20)
            } else {
                reqwest::redirect::Policy::none()
            })
            .connect_timeout(timeout)
            .read_timeout(timeout)
            .no_proxy()
            .build()?;
        Ok(Self { client, profile })
    }

    /// Asks, and reads the answer as SonarQube does: `None` where there was none in a good answer.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Option<Value>, Refusal> {
        let Question { base, path, token } = question;
        let scheme = base.to_ascii_lowercase();
        if !(scheme.starts_with("http://") || scheme.starts_with("https://")) {
            return Err(Refusal::bad("url must start with http:// or https://"));
        }
        let base = base.strip_suffix('/').unwrap_or(base);
        // A malformed URL is a defect of the server.
        let url = reqwest::Url::parse(&format!("{base}{path}")).map_err(|_| Refusal::Internal)?;
        let mut request = self.client.get(url).header("x-atlassian-token", "no-check");
        if self.profile.asks_for_json() {
            request = request.header("accept", "application/json");
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let unreachable = |_| unable();
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let body = answer.text().await.map_err(unreachable)?;
        if (200..300).contains(&status) {
            return read(self.profile, &body);
        }
        Err(refused(self.profile, status, &body))
    }
}

fn unable() -> Refusal {
    Refusal::bad("Unable to contact Bitbucket server")
}

/// An error of Bitbucket. One that is JSON but lists no `errors` trips SonarQube up.
fn refused(profile: Profile, status: u16, body: &str) -> Refusal {
    let lists_errors = |value: &Value| value.get("errors").is_some_and(Value::is_array);
    match serde_json::from_str::<Value>(body) {
        Ok(value) if value.is_object() && !lists_errors(&value) => return Refusal::Internal,
        Ok(_) | Err(_) => {}
    }
    match status {
        401 => Refusal::bad("Invalid personal access token"),
        404 if profile.distinguishes_odd_answers() => {
            Refusal::bad("Error 404. The requested Bitbucket server is unreachable.")
        }
        _ => unable(),
    }
}

/// Reads JSON as leniently as Gson does: nothing is null, and a bare word is a string.
fn read(profile: Profile, body: &str) -> Result<Option<Value>, Refusal> {
    let body = body.trim();
    let other_shape =
        || Refusal::bad("Unable to contact Bitbucket server, got an unexpected response");
    if body.is_empty() {
        return Ok(None);
    }
    if let Ok(value) = serde_json::from_str::<Value>(body) {
        return if value.is_object() {
            Ok(Some(value))
        } else {
            Err(other_shape())
        };
    }
    let ends_a_word = |letter: char| letter.is_whitespace() || "/\\;#={}[]:,".contains(letter);
    if body.contains(ends_a_word) && profile.distinguishes_odd_answers() {
        Err(Refusal::bad("Unexpected response from Bitbucket server"))
    } else {
        Err(other_shape())
    }
}
