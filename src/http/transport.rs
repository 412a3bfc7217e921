//! The only place that builds an HTTP client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use reqwest::redirect;
use url::{Url, form_urlencoded};

use super::answer::Answer;
use super::auth::{Authorization, Token};
use super::budget::{Budget, Budgets, Limits, Sign};
use super::ca::CaBundle;
use super::call::{Body, Call, Field, Verb};
use super::failure::{Failure, Problem};
use super::hosts::{HostPolicy, HostRefusal, Resolver};
use super::plain::PlainHttp;
use super::record::{Outcome, Recorder, Unrecorded};
use super::redact::Redactor;
use super::retry_after::retry_after;
use super::urgency::Urgency;
use crate::fence::Fence;
use crate::identity::ServerUrl;

const LARGEST_BODY: usize = 8 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a server is left alone that is asked too much and does not say for how long.
const WITHOUT_A_WORD: Duration = Duration::from_secs(1);

/// How a transport behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the server is called in metrics, for example `sonarqube`.
    pub system: &'static str,
    /// Certificate authorities trusted besides those of the system.
    pub ca_bundle: Option<CaBundle>,
    /// Where calls may go; default: everywhere but loopback, link-local and metadata addresses.
    pub hosts: HostPolicy,
    /// Where tokens may travel in clear; default: nowhere.
    pub plain_http: PlainHttp,
    /// From the start of a call to the last byte of its answer, unless the call says otherwise; default: 30 s.
    pub timeout: Duration,
    /// How much the server is asked in the name of one token.
    pub limits: Limits,
    /// The budgets of the process; default: those of this transport alone.
    pub budgets: Budgets,
    /// Must be open when a write begins; default: it always is.
    pub fence: Fence,
    /// Receives every call.
    pub recorder: Arc<dyn Recorder>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            system: "unknown",
            ca_bundle: None,
            hosts: HostPolicy::default(),
            plain_http: PlainHttp::Refused,
            timeout: Duration::from_secs(30),
            limits: Limits::default(),
            budgets: Budgets::default(),
            fence: Fence::open(),
            recorder: Arc::new(Unrecorded),
        }
    }
}

/// Why no call can be made to a server at all.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Plain http, which was not allowed.
    #[error("plain http sends the token unencrypted; use https or start with --allow-http=HOST")]
    InsecureUrl,
    /// A host that is not allowed, whichever address it resolves to.
    #[error("{0}")]
    Host(HostRefusal),
    /// The TLS library takes neither the system's certificate authorities nor the bundle's.
    #[error(
        "no TLS client can be built; check the certificate authorities of the system and the CA bundle"
    )]
    Tls(#[source] reqwest::Error),
}

/// Calls to one server. Cheap to clone; clones share connections, and transports of one server and one token their
/// budget.
///
/// Follows no redirect, asks no proxy, retries nothing, takes compressed answers, and reads at most 8 MiB of an answer,
/// counted as it is without compression.
#[derive(Clone, Debug)]
pub struct Transport {
    inner: Arc<Inner>,
    budget: Budget,
    urgency: Urgency,
}

#[derive(Debug)]
struct Inner {
    client: reqwest::Client,
    base: ServerUrl,
    options: Options,
    redactor: Arc<Redactor>,
}

impl Transport {
    /// Prepares calls to the server at a base URL; connects only when one is sent.
    ///
    /// # Errors
    /// When no call could ever be allowed.
    pub fn new(base: ServerUrl, mut options: Options) -> Result<Self, Refusal> {
        let narrowed = options.plain_http.narrowed(&base, options.hosts);
        options.hosts = narrowed.ok_or(Refusal::InsecureUrl)?;
        options.hosts.check_name(&base).map_err(Refusal::Host)?;
        let inner = Inner {
            client: build_client(&base, &options).map_err(Refusal::Tls)?,
            base,
            options,
            redactor: Arc::default(),
        };
        Ok(Self {
            budget: inner.budget(None),
            inner: Arc::new(inner),
            urgency: Urgency::Check,
        })
    }

    /// The server's base URL.
    #[must_use]
    pub fn base(&self) -> &ServerUrl {
        &self.inner.base
    }

    /// The same for calls that count as those of a token, also where they do not carry it.
    #[must_use]
    pub fn for_token(mut self, token: &Token) -> Self {
        self.budget = self.inner.budget(Some(token));
        self
    }

    /// The same for calls of another urgency; at first they are those of a connection that looks after itself.
    #[must_use]
    pub fn at(&self, urgency: Urgency) -> Self {
        Self {
            urgency,
            ..self.clone()
        }
    }

    /// The server is back: one call at first, and more with every answer.
    pub fn begin_slowly(&self) {
        self.budget.begin_slowly();
    }

    /// Sends one call and reads its whole answer, with any status.
    ///
    /// # Errors
    /// When there is no complete answer, or it is a redirect.
    pub async fn send(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let inner = &*self.inner;
        inner.redactor.remember(call.tokens());
        let operation = call.operation;
        let options = &inner.options;
        let arrived = Instant::now();
        let permit = self.budget.enter(self.urgency).await;
        options.recorder.waited(options.system, arrived.elapsed());
        let mut permit = permit.map_err(|problem| Failure { operation, problem })?;
        let started = Instant::now();
        let result = inner.perform(&call).await;
        permit.learn(sign(&result));
        let outcome = match &result {
            Ok(answer) => Outcome::Status(answer.status),
            Err(Problem::Redirected { status, .. }) => Outcome::Status(*status),
            Err(problem) => Outcome::Failed(problem.label()),
        };
        let elapsed = started.elapsed();
        options
            .recorder
            .record(options.system, operation, outcome, elapsed);
        result.map_err(|problem| Failure { operation, problem })
    }
}

/// What the end of a call shows of the server.
fn sign(result: &Result<Answer, Problem>) -> Sign {
    match result {
        Ok(answer) => match answer.status {
            429 => {
                let pause = retry_after(&answer.headers).unwrap_or(WITHOUT_A_WORD);
                Sign::Busy { pause }
            }
            // What answers is the server, or the proxy before it.
            502..=504 => Sign::Away {
                problem: answer.unwanted().problem,
                pause: retry_after(&answer.headers),
            },
            _ => Sign::Answers,
        },
        Err(problem) if problem.is_silence() => Sign::Away {
            problem: problem.clone(),
            pause: None,
        },
        Err(_) => Sign::Nothing,
    }
}

impl Inner {
    fn budget(&self, token: Option<&Token>) -> Budget {
        let Options {
            budgets,
            system,
            limits,
            ..
        } = &self.options;
        budgets.of((*system, &self.base), token, *limits)
    }

    async fn perform(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        // Asked last: the call may have waited for long.
        if call.is_write() {
            self.options.fence.check().map_err(Problem::Fenced)?;
        }
        let deadline = call.timeout.unwrap_or(self.options.timeout);
        let explain = |error: reqwest::Error| Problem::of(&error, deadline);
        let mut response = self
            .request(call)
            .timeout(deadline)
            .send()
            .await
            .map_err(explain)?;
        if response.status().is_redirection() {
            let location = response.headers().get(LOCATION);
            let location = location.and_then(|value| value.to_str().ok());
            return Err(Problem::Redirected {
                status: response.status().as_u16(),
                location: location.and_then(|target| self.shown(response.url(), target)),
            });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(explain)? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(Problem::BodyTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            operation: call.operation,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
            redactor: Arc::clone(&self.redactor),
        })
    }

    fn request(&self, call: &Call<'_>) -> reqwest::RequestBuilder {
        let url = call.url(&self.base);
        let mut request = match call.operation.verb {
            Verb::Get => self.client.get(url),
            Verb::Post => self.client.post(url),
            Verb::Put => self.client.put(url),
        };
        for (name, value) in &call.headers {
            request = request.header(*name, *value);
        }
        if let Some(header) = call.authorization.and_then(Authorization::header) {
            request = request.header(AUTHORIZATION, header);
        }
        match &call.body {
            Body::None => request,
            Body::Json(body) => request.json(body),
            Body::Form(fields) => request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form(fields)),
        }
    }

    /// The target of a redirect without its query, which may hold what a login page was asked for.
    fn shown(&self, from: &Url, target: &str) -> Option<String> {
        let url = from.join(target).ok()?;
        let text = format!("{}{}", url.authority(), url.path());
        let text = text.rsplit('@').next().unwrap_or_default();
        Some(self.redactor.excerpt(text))
    }
}

fn form(fields: &[(&'static str, Field<'_>)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, field) in fields {
        let value = match field {
            Field::Plain(value) => value,
            Field::Secret(token) => token.reveal(),
        };
        form.append_pair(name, value);
    }
    form.finish()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place: every rule on outgoing calls is set here"
)]
fn build_client(base: &ServerUrl, options: &Options) -> Result<reqwest::Client, reqwest::Error> {
    // Fails when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = options.ca_bundle.as_ref().map(CaBundle::certificates);
    let resolver = Resolver::new(options.hosts.clone(), base.port());
    reqwest::Client::builder()
        .user_agent(concat!("bindery/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(certificates.transpose()?.unwrap_or_default())
        .dns_resolver(resolver)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(options.limits.concurrency)
        .build()
}
