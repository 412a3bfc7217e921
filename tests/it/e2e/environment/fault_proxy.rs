//! A proxy before a server. It loses, delays, changes and answers what a test asks it to, records every request, and can
//! end its client by SIGKILL at any write.
//!
//! It stands before the Kubernetes API or before SonarQube. The operator needs no failpoints: the proxy knows when a write
//! is committed, and when its answer is not read yet.

mod fault;
mod killer;
mod stream;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub(crate) use fault::{Effect, Fault};
pub(crate) use killer::{Killer, Moment};
pub(crate) use stream::Tear;

/// The most that is read of a request or of an answer.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The proxy before one server. Gone when dropped.
pub(crate) struct FaultProxy {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

/// One request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Which token it had: a hash of it.
    pub(crate) token: u64,
    /// What the client was answered; none while it waits, or if the connection was lost.
    pub(crate) status: Option<u16>,
}

impl Seen {
    /// Whether it changes something. Renewals of the lease are no work, and reviews change nothing.
    pub(crate) fn is_write(&self) -> bool {
        is_write(&self.method, &self.target)
    }
}

pub(super) struct Shared {
    upstream: String,
    client: reqwest::Client,
    faults: Mutex<Vec<Fault>>,
    seen: Mutex<Vec<Seen>>,
    /// All faults ended.
    cleared: Notify,
    killer: Arc<Killer>,
}

impl FaultProxy {
    /// Stands before a server of plain http.
    pub(crate) async fn before(upstream: &str, killer: &Arc<Killer>) -> Self {
        Self::start(upstream, None, killer).await
    }

    /// Stands before the API server of a kubeconfig. Its clients use plain http and their own tokens.
    pub(crate) async fn before_cluster(kubeconfig: &std::path::Path, killer: &Arc<Killer>) -> Self {
        let config = std::fs::read_to_string(kubeconfig).unwrap();
        let config: Value = serde_saphyr::from_str(&config).unwrap();
        let cluster = &config["clusters"][0]["cluster"];
        let authority = cluster["certificate-authority-data"].as_str().unwrap();
        let authority =
            base64::Engine::decode(&base64::prelude::BASE64_STANDARD, authority).unwrap();
        Self::start(
            cluster["server"].as_str().unwrap(),
            Some(&authority),
            killer,
        )
        .await
    }

    async fn start(upstream: &str, authority: Option<&[u8]>, killer: &Arc<Killer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            upstream: upstream.trim_end_matches('/').to_owned(),
            client: client(authority),
            faults: Mutex::default(),
            seen: Mutex::default(),
            cleared: Notify::new(),
            killer: Arc::clone(killer),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            shared,
            _tasks: tasks,
        }
    }

    /// Adds what goes wrong from now on. The first fault that fits a request and is left counts.
    pub(crate) fn fault(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push(fault);
    }

    /// Whether all faults that hit a number of requests have hit them.
    pub(crate) fn spent(&self) -> bool {
        self.shared
            .faults
            .lock()
            .unwrap()
            .iter()
            .all(Fault::is_spent)
    }

    /// Ends all faults, those of streams in progress included.
    pub(crate) fn clear(&self) {
        self.shared.faults.lock().unwrap().clear();
        self.shared.cleared.notify_waiters();
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the proxy forwards as it is, with no rule of the operator's transport"
)]
fn client(authority: Option<&[u8]>) -> reqwest::Client {
    // The operator's transport installs what reqwest needs; here no other code does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = authority.map(|pem| reqwest::Certificate::from_pem(pem).unwrap());
    // One connection for each watch: a stream that stands still must not slow another one down.
    let builder = reqwest::Client::builder().http1_only().no_proxy();
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    builder.tls_certs_merge(authority).build().unwrap()
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().unwrap().as_str().to_owned();
    let number = shared.note(&head.method, &target, token(&head.headers));
    let body = axum::body::to_bytes(body, MOST_BYTES).await.unwrap();
    let effect = shared.strike(head.method.as_str(), &target, Fault::is_of_request);
    match &effect {
        Effect::Delay(delay) => tokio::time::sleep(*delay).await,
        Effect::Hang => {
            shared.cleared.notified().await;
            return lost();
        }
        Effect::Drop => return lost(),
        Effect::Answer(status, body) => {
            shared.answered(number, *status);
            return scripted(*status, body);
        }
        Effect::Forward | Effect::LoseAnswer | Effect::Stream(_) => {}
    }
    let moment = if is_write(head.method.as_str(), &target) {
        shared.killer.write(&target)
    } else {
        None
    };
    if shared.killer.has_struck() || moment == Some(Moment::BeforeIt) {
        shared.killer.strike(moment);
        return lost();
    }
    let Ok(response) = shared
        .forward(&head.method, &target, &head.headers, body)
        .await
    else {
        return lost();
    };
    if moment.is_some() || matches!(effect, Effect::LoseAnswer) {
        // Read to its end: all is committed then.
        let _ = response.bytes().await;
        shared.killer.strike(moment);
        return lost();
    }
    shared.answered(number, response.status().as_u16());
    answer_with(shared, &target, response)
}

fn answer_with(shared: Arc<Shared>, target: &str, response: reqwest::Response) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::from_u16(response.status().as_u16()).unwrap();
    for (name, value) in response.headers() {
        if ![header::CONNECTION, header::TRANSFER_ENCODING].contains(name) {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    *answer.body_mut() = if is_watch(target) {
        stream::of_events(shared, target.to_owned(), response)
    } else {
        stream::as_it_is(response)
    };
    answer
}

impl Shared {
    fn note(&self, method: &Method, target: &str, token: u64) -> usize {
        let mut seen = self.seen.lock().unwrap();
        let (method, target) = (method.as_str().to_owned(), target.to_owned());
        seen.push(Seen {
            at: Instant::now(),
            method,
            target,
            token,
            status: None,
        });
        seen.len() - 1
    }

    fn answered(&self, number: usize, status: u16) {
        self.seen.lock().unwrap()[number].status = Some(status);
    }

    /// What goes wrong with this request, of the faults that are of this kind.
    pub(super) fn strike(
        &self,
        method: &str,
        target: &str,
        kind: impl Fn(&Fault) -> bool,
    ) -> Effect {
        let mut faults = self.faults.lock().unwrap();
        let fitting = faults.iter_mut().filter(|fault| kind(fault));
        let mut fitting = fitting.filter(|fault| fault.fits(method, target));
        fitting.find_map(Fault::hit).unwrap_or(Effect::Forward)
    }

    async fn forward(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}{target}", self.upstream);
        let mut request = self.client.request(method.clone(), url).body(body);
        for (name, value) in headers {
            if ![header::HOST, header::CONNECTION, header::CONTENT_LENGTH].contains(name) {
                request = request.header(name, value);
            }
        }
        request.send().await
    }
}

/// A hash of what stands for the client.
fn token(headers: &HeaderMap) -> u64 {
    let mut hasher = DefaultHasher::new();
    headers.get(header::AUTHORIZATION).hash(&mut hasher);
    hasher.finish()
}

fn is_write(method: &str, target: &str) -> bool {
    // Reviews are questions that are asked by POST: who the operator is, and what it may do.
    let no_work = ["coordination", "authentication", "authorization"];
    let mut no_work = no_work.iter().map(|group| format!("/apis/{group}.k8s.io/"));
    method != "GET" && !no_work.any(|start| target.starts_with(&start))
}

fn is_watch(target: &str) -> bool {
    target.contains("watch=true") || target.contains("watch=1")
}

fn scripted(status: u16, body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Not a byte of an answer: hyper sends the status together with the first bytes.
fn lost() -> Response<Body> {
    let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    Response::new(Body::from_stream(futures::stream::iter([Err::<Bytes, _>(
        lost,
    )])))
}
