//! The network side: waits, faults, and the lock around the world.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    http::{Response, StatusCode},
};

use super::{control, simulation::Simulation};
use crate::{
    reply::Reply,
    wire::{self, Mode},
};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    simulation: Mutex<Simulation>,
    mode: Mode,
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
    let Ok(request) = wire::read(request).await else {
        return wire::respond(&Reply::empty(StatusCode::PAYLOAD_TOO_LARGE));
    };
    if shared.mode == Mode::Live && request.path.starts_with("/-/") {
        return wire::respond(&control::answer(&mut shared.lock(), &request));
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
    let (response, outcome) = wire::instead(&effect)
        .unwrap_or_else(|| wire::shaped(simulation.answer(&request), &effect));
    simulation.calls.end(number, outcome);
    response
}
