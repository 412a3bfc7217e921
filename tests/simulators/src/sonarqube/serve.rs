//! The network side: waits, faults, the lock around the world, and the way to Bitbucket, on which nobody holds it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    http::{Method, Response, StatusCode},
};

use super::{
    bitbucket::Asker,
    control,
    phase::Phase,
    plugin::Plugin,
    simulation::{Guest, Simulation},
    visit::Turn,
    world::Identity,
};
use crate::{
    calls::Outcome,
    reply::Reply,
    wire::{self, Mode, Request},
};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    simulation: Mutex<Simulation>,
    asker: Asker,
    pub(crate) plugin: Plugin,
    mode: Mode,
}

impl Shared {
    pub(crate) fn new(simulation: Simulation, asker: Asker, plugin: Plugin, mode: Mode) -> Self {
        Self {
            simulation: Mutex::new(simulation),
            asker,
            plugin,
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

#[expect(
    clippy::disallowed_methods,
    reason = "the task is awaited; detached, it does what SonarQube does when its caller leaves: it goes on"
)]
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
    let down = shared.lock().world.phase() == Phase::Down;
    let (response, outcome) = if down {
        (wire::dropped(), Outcome::Dropped)
    } else if let Some(other) = wire::instead(&effect) {
        other
    } else {
        let work = tokio::spawn(serve(Arc::clone(&shared), request));
        let lost = |_| Reply::empty(StatusCode::INTERNAL_SERVER_ERROR);
        wire::shaped(work.await.unwrap_or_else(lost), &effect)
    };
    shared.lock().calls.end(number, outcome);
    response
}

async fn serve(shared: Arc<Shared>, request: Request) -> Reply {
    let admitted = shared.lock().admit(&request);
    let guest = match admitted {
        Ok(guest) => guest,
        Err(reply) => return reply,
    };
    let reply = converse(&shared, &guest).await;
    match &guest.identity {
        Identity::User {
            expires: Some(day), ..
        } if !guest.is_at_open_door() => reply.with(
            "sonarqube-authentication-token-expiration",
            format!("{day}T00:00:00+0000"),
        ),
        // What is open to everybody looks at no token.
        Identity::User { .. } | Identity::Anonymous => reply,
    }
}

/// Does what a guest came for, and asks Bitbucket in between as often as it takes.
async fn converse(shared: &Shared, guest: &Guest) -> Reply {
    let mut turn = shared.lock().begin(guest);
    loop {
        match turn {
            Ok(Turn::Done(reply)) => return reply,
            Err(refusal) => return refusal.reply(guest.api),
            Ok(Turn::AskAsPlugin(question, then)) => {
                turn = then(shared.plugin.call(Method::GET, &question, None).await);
            }
            Ok(Turn::Ask(question, then)) => {
                let answer = shared.asker.ask(&question).await;
                turn = answer.and_then(|answer| shared.lock().resume(guest, then, answer));
            }
        }
    }
}
