//! What both simulated servers do with a request: they note it, let it fail, or carry it out.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    http::{Response, StatusCode},
};

use tower_http::compression::{CompressionLayer, predicate::SizeAbove};
use url::Url;

use crate::{
    calls::{Call, Caller, Calls, Outcome},
    control,
    fault::{Effect, Fault, Faults, Strike},
    reply::Reply,
    wire::{self, Mode, Port, Request, Serving},
};

/// From how many bytes on an answer is compressed for who takes that: Tomcat's default, which both servers run on.
const LEAST_COMPRESSED: u16 = 2048;

/// One server without its network.
pub(crate) trait Machine: Debug + Send + Sized + 'static {
    /// Empty, or a path that starts with a slash.
    fn context(&self) -> &str;

    fn traffic(&mut self) -> &mut Traffic;

    /// What the log is to say of a request; its number comes later.
    fn describe(&self, request: &Request) -> Call;

    /// Does what a request asks for; nothing comes back where the connection is lost.
    fn carry_out(
        shared: Arc<Shared<Self>>,
        request: Request,
    ) -> impl Future<Output = Option<Reply>> + Send;

    /// What only this server does on its control path: `path` is what follows `/-/`.
    fn control(&mut self, request: &Request, path: &str) -> Option<Reply>;
}

/// What goes wrong, and what came.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
}

/// A simulated server that runs: its faults and its call log. Dropping it closes the port.
#[derive(Debug)]
pub struct Running {
    url: Url,
    traffic: Arc<dyn HasTraffic>,
    serving: Serving,
}

impl Running {
    pub(crate) fn serve<M: Machine>(port: Port, url: Url, shared: &Arc<Shared<M>>) -> Self {
        Self {
            url,
            traffic: Arc::<Shared<M>>::clone(shared),
            serving: port.serve(Arc::clone(shared).router()),
        }
    }

    /// The base URL, with its context path.
    #[must_use]
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// Lets requests fail.
    pub fn fault(&self, fault: Fault) {
        let mut fault = Some(fault);
        self.traffic.change(&mut |traffic| {
            if let Some(fault) = fault.take() {
                traffic.faults.add(fault);
            }
        });
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.traffic.change(&mut |traffic| traffic.faults.clear());
    }

    /// All calls since the log was cleared, in the order they came.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        self.traffic
            .change(&mut |traffic| calls = traffic.calls.all());
        calls
    }

    /// Empties the call log.
    pub fn clear_calls(&self) {
        self.traffic.change(&mut |traffic| traffic.calls.clear());
    }

    /// How often each program called each route since the log was cleared.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(Caller, &'static str), usize> {
        let mut counts = BTreeMap::new();
        self.traffic
            .change(&mut |traffic| counts = traffic.calls.counts());
        counts
    }

    /// Stops and waits until the port is closed and every request that was begun is answered.
    pub(crate) async fn stop(self) {
        self.serving.stop().await;
    }
}

/// What both servers share, without the type of their worlds.
trait HasTraffic: Debug + Send + Sync {
    fn change(&self, act: &mut dyn FnMut(&mut Traffic));
}

impl<M: Machine> HasTraffic for Shared<M> {
    fn change(&self, act: &mut dyn FnMut(&mut Traffic)) {
        act(self.lock().traffic());
    }
}

/// What all connections to a server share.
#[derive(Debug)]
pub(crate) struct Shared<M> {
    machine: Mutex<M>,
    mode: Mode,
}

impl<M: Machine> Shared<M> {
    pub(crate) fn new(machine: M, mode: Mode) -> Arc<Self> {
        Arc::new(Self {
            machine: Mutex::new(machine),
            mode,
        })
    }

    /// A panic inside a test's closure leaves the state as it was then.
    pub(crate) fn lock(&self) -> MutexGuard<'_, M> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn router(self: Arc<Self>) -> Router {
        let compression = CompressionLayer::new()
            .gzip(true)
            .compress_when(SizeAbove::new(LEAST_COMPRESSED));
        Router::new()
            .fallback(answer::<M>)
            .with_state(self)
            .layer(compression)
    }

    /// Where a request leads on the control path, if it leads there, and there is one.
    fn control_path(&self, request: &Request) -> Option<String> {
        if self.mode != Mode::Live {
            return None;
        }
        let machine = self.lock();
        let path = request.path_below(machine.context())?;
        path.strip_prefix("/-/").map(str::to_owned)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the task is awaited; detached, it does what a server does when its caller leaves: it goes on"
)]
async fn answer<M: Machine>(
    State(shared): State<Arc<Shared<M>>>,
    request: HttpRequest,
) -> Response<Body> {
    let Ok(request) = wire::read(request).await else {
        return wire::respond(&Reply::empty(StatusCode::PAYLOAD_TOO_LARGE));
    };
    if let Some(path) = shared.control_path(&request) {
        return wire::respond(&control::answer(&mut *shared.lock(), &request, &path));
    }
    let (number, strike) = {
        let mut machine = shared.lock();
        let call = machine.describe(&request);
        let traffic = machine.traffic();
        let strike = traffic.faults.strike(&call, &request);
        (traffic.calls.begin(call), strike)
    };
    let working = Arc::clone(&shared);
    let work = tokio::spawn(async move {
        let done = struck(Arc::clone(&working), request, strike).await;
        working.lock().traffic().calls.is_done(number);
        done
    });
    let (response, outcome) = work.await.unwrap_or_else(|_| {
        let reply = Reply::empty(StatusCode::INTERNAL_SERVER_ERROR);
        wire::shaped(Some(reply), &Effect::None)
    });
    shared.lock().traffic().calls.end(number, outcome);
    response
}

/// Carries a request out as far as the fault that it met lets it.
async fn struck<M: Machine>(
    shared: Arc<Shared<M>>,
    request: Request,
    strike: Strike,
) -> (Response<Body>, Outcome) {
    pause(strike.delay).await;
    let done = match wire::instead(&strike.effect) {
        Some(other) => other,
        None => wire::shaped(M::carry_out(shared, request).await, &strike.effect),
    };
    pause(strike.answer_delay).await;
    done
}

async fn pause(length: Duration) {
    if !length.is_zero() {
        tokio::time::sleep(length).await;
    }
}
