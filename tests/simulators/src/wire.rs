//! The network side of a simulated server: connections, requests, losses.

use std::{collections::BTreeMap, io, net::SocketAddr};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request as HttpRequest,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header},
};
use futures::stream;
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};
use url::{Url, form_urlencoded};

use crate::{
    calls::Outcome,
    fault::{Effect, Scripted},
    reply::Reply,
};

/// The most that is read of a request.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// How an instance runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For tests: there is no control path, and Bitbucket's clock stands still.
    Still,
    /// By hand: there is a control path, and Bitbucket's clock runs.
    Live,
}

/// The instance could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or may not be used.
    #[error("failed to listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The context path makes no URL.
    #[error("the context path must be empty or look like /bitbucket")]
    Context,
}

/// A port on loopback that has no server yet.
pub(crate) struct Port {
    listener: TcpListener,
    /// Scheme, host and port.
    pub(crate) origin: String,
}

/// A port that is answered. Dropping it closes the port.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: Option<oneshot::Sender<()>>,
    tasks: JoinSet<io::Result<()>>,
}

impl Port {
    /// Takes a port; 0 takes a free one.
    pub(crate) async fn take(port: u16) -> Result<Self, StartError> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let failed = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let origin = format!("http://{}", listener.local_addr().map_err(failed)?);
        Ok(Self { listener, origin })
    }

    /// The URL under a context path: empty, or one that starts with a slash and does not end with one.
    pub(crate) fn url(&self, context: &str) -> Result<Url, StartError> {
        let well_formed =
            context.is_empty() || (context.starts_with('/') && !context.ends_with('/'));
        Url::parse(&format!("{}{context}", self.origin))
            .ok()
            .filter(|_| well_formed)
            .ok_or(StartError::Context)
    }

    pub(crate) fn serve(self, router: Router) -> Serving {
        let (stop, stopped) = oneshot::channel::<()>();
        // Connections outlive the task that accepts them: without this they would go on answering.
        let closing = async move { drop(stopped.await) };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            axum::serve(self.listener, router)
                .with_graceful_shutdown(closing)
                .await
        });
        Serving {
            stop: Some(stop),
            tasks,
        }
    }
}

impl Serving {
    /// Stops and waits until the port is closed and every request that was begun is answered.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        while self.tasks.join_next().await.is_some() {}
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Raw.
    pub(crate) path: String,
    /// Raw; with its question mark, or empty.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// What follows the context path, which is empty or starts with a slash; nothing where the request leads elsewhere.
    pub(crate) fn path_below(&self, context: &str) -> Option<&str> {
        let path = self.path.strip_prefix(context)?;
        (path.is_empty() || path.starts_with('/')).then_some(path)
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        // An unreadable header is not an absent one.
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("unreadable"))
    }

    /// The headers that distinguish programs.
    pub(crate) fn telling_headers(&self) -> BTreeMap<&'static str, String> {
        let reported = |name: &'static str| {
            // Who wants anything need not say so, and some clients always do.
            let value = self.headers.get(name).filter(|value| *value != "*/*")?;
            Some((name, String::from_utf8_lossy(value.as_bytes()).into_owned()))
        };
        let names = ["accept", "user-agent", "x-atlassian-token"];
        names.into_iter().filter_map(reported).collect()
    }

    /// Whether a parameter has this value: one of the query, of a form, or of a JSON object.
    pub(crate) fn says(&self, name: &str, value: &str) -> bool {
        let query = self.query.trim_start_matches('?').as_bytes();
        let pairs = form_urlencoded::parse(query).chain(form_urlencoded::parse(&self.body));
        let mut pairs = pairs.map(|(own, value)| (own.into_owned(), value.into_owned()));
        let json = || serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        pairs.any(|pair| pair == (name.to_owned(), value.to_owned())) || json()[name] == value
    }

    pub(crate) fn accepts(&self, kind: &str) -> bool {
        let everything =
            |accepted: &str| accepted.contains("*/*") || accepted.contains("application/*");
        self.header(header::ACCEPT)
            .is_some_and(|it| everything(it) || it.contains(kind))
    }
}

pub(crate) async fn read(request: HttpRequest) -> Result<Request, axum::Error> {
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

/// What an effect answers while nothing is done, if it is one of those.
pub(crate) fn instead(effect: &Effect) -> Option<(Response<Body>, Outcome)> {
    match effect {
        Effect::Answer(other) => Some(scripted(other)),
        Effect::Drop => Some(lost_connection()),
        Effect::None | Effect::CommitThenAnswer(_) | Effect::CommitThenDrop | Effect::Truncate => {
            None
        }
    }
}

/// What an effect makes of a reply; of none, a lost connection.
pub(crate) fn shaped(reply: Option<Reply>, effect: &Effect) -> (Response<Body>, Outcome) {
    let Some(reply) = reply else {
        return lost_connection();
    };
    match effect {
        Effect::None => (respond(&reply), Outcome::Status(reply.status.as_u16())),
        Effect::Answer(other) | Effect::CommitThenAnswer(other) => scripted(other),
        Effect::Drop | Effect::CommitThenDrop => lost_connection(),
        Effect::Truncate => {
            let mut response = respond(&reply);
            let body = Bytes::from(reply.body);
            *response.body_mut() = lost(body.slice(..body.len() / 2));
            (response, Outcome::Dropped)
        }
    }
}

pub(crate) fn respond(reply: &Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body.clone()));
    *response.status_mut() = reply.status;
    for (name, value) in &reply.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().append(*name, value);
        }
    }
    response
}

/// Not a byte of an answer.
fn lost_connection() -> (Response<Body>, Outcome) {
    (Response::new(lost(Bytes::new())), Outcome::Dropped)
}

fn scripted(
    Scripted {
        status,
        body,
        headers,
    }: &Scripted,
) -> (Response<Body>, Outcome) {
    let kind = if body.starts_with('<') {
        "text/html"
    } else {
        "application/json"
    };
    let mut response = Response::new(Body::from(body.clone()));
    *response.status_mut() = StatusCode::from_u16(*status).unwrap_or_default();
    let kind = ("content-type".to_owned(), format!("{kind};charset=UTF-8"));
    for (name, value) in std::iter::once(&kind).chain(headers) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    (response, Outcome::Status(*status))
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
