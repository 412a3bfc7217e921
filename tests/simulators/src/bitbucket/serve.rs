//! The network side: connections, waits and losses.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request as HttpRequest, State},
    http::{HeaderName, HeaderValue, Response, StatusCode},
};
use futures::stream;

use super::{
    calls::Outcome,
    control,
    fault::Effect,
    reply::Reply,
    simulation::{Request, Simulation},
};

/// The most that is read of a request.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    simulation: Mutex<Simulation>,
    mode: Mode,
}

/// How an instance runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For tests: the clock stands still, and there is no control path.
    Still,
    /// By hand: the clock runs from here, and `/-/` changes the world.
    Live,
}

impl Shared {
    pub(crate) fn new(mut simulation: Simulation, mode: Mode) -> Self {
        if mode == Mode::Live {
            simulation.run_clock();
        }
        Self {
            simulation: Mutex::new(simulation),
            mode,
        }
    }

    /// A panic inside a test's closure leaves the state as it was then.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Simulation> {
        self.simulation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(State(shared): State<Arc<Shared>>, request: HttpRequest) -> Response<Body> {
    let Ok(request) = read(request).await else {
        return respond(&Reply::empty(StatusCode::PAYLOAD_TOO_LARGE));
    };
    if shared.mode == Mode::Live && request.path.starts_with("/-/") {
        return respond(&control::answer(&mut shared.lock(), &request));
    }
    let (number, delay, effect) = {
        let mut simulation = shared.lock();
        let call = simulation.describe(&request);
        let (delay, effect) = simulation.faults.strike(&call);
        (simulation.calls.begin(call), delay, effect)
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut simulation = shared.lock();
    simulation.tick();
    let (response, outcome) = meet(&mut simulation, &request, effect);
    simulation.calls.end(number, outcome);
    response
}

/// Answers a request, or fails it as asked.
fn meet(
    simulation: &mut Simulation,
    request: &Request,
    effect: Effect,
) -> (Response<Body>, Outcome) {
    match effect {
        Effect::None => {
            let reply = simulation.answer(request);
            (respond(&reply), Outcome::Status(reply.status.as_u16()))
        }
        Effect::Answer {
            status,
            body,
            headers,
        } => (scripted(status, body, headers), Outcome::Status(status)),
        Effect::Drop => (Response::new(lost(Bytes::new())), Outcome::Dropped),
        Effect::CommitThenDrop => {
            simulation.answer(request);
            (Response::new(lost(Bytes::new())), Outcome::Dropped)
        }
        Effect::Truncate => {
            let reply = simulation.answer(request);
            let mut response = respond(&reply);
            let body = Bytes::from(reply.body);
            *response.body_mut() = lost(body.slice(..body.len() / 2));
            (response, Outcome::Dropped)
        }
    }
}

async fn read(request: HttpRequest) -> Result<Request, axum::Error> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MOST_BYTES).await?;
    Ok(Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head
            .uri
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default(),
        headers: head.headers,
        body: body.to_vec(),
    })
}

fn respond(reply: &Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body.clone()));
    *response.status_mut() = reply.status;
    for (name, value) in &reply.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(*name, value);
        }
    }
    response
}

fn scripted(status: u16, body: String, headers: Vec<(String, String)>) -> Response<Body> {
    let kind = if body.starts_with('<') {
        "text/html"
    } else {
        "application/json"
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    let kind = ("content-type".to_owned(), format!("{kind};charset=UTF-8"));
    for (name, value) in std::iter::once(kind).chain(headers) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A body that ends in a lost connection. With nothing before, not even the status line is sent, for hyper
/// sends it together with the first bytes.
fn lost(first: Bytes) -> Body {
    let lost = || Err(io::Error::from(io::ErrorKind::ConnectionReset));
    if first.is_empty() {
        return Body::from_stream(stream::iter([lost()]));
    }
    Body::from_stream(stream::unfold(Some(first), move |first| async move {
        if let Some(first) = first {
            return Some((Ok(first), None));
        }
        // Lets hyper send the first bytes before it learns of the loss.
        tokio::task::yield_now().await;
        Some((lost(), None))
    }))
}
