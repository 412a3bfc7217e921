//! A server as its network sees it: what it logs, what it does with a request, and how a person steers it.

use std::sync::Arc;

use axum::http::{Method, header};

use super::{
    phase::Phase,
    refusal::Refusal,
    routes::{self, Destination, Door},
    simulation::{Guest, Simulation},
    visit::Progress,
    world::{Identity, is_date},
};
use crate::{
    calls::{Call, Caller, Outcome},
    control,
    reply::Reply,
    serving::{Machine, Shared, Traffic},
    wire::Request,
};

impl Machine for Simulation {
    fn context(&self) -> &str {
        &self.context
    }

    fn traffic(&mut self) -> &mut Traffic {
        &mut self.traffic
    }

    fn describe(&self, request: &Request) -> Call {
        let path = request.path_below(&self.context).unwrap_or_default();
        let operation = match routes::find(self.profile, request.method.as_str(), path) {
            Destination::Route(route, _) => route.path,
            Destination::OtherMethod(_) | Destination::Nowhere => "unknown",
        };
        let mut target = format!("{}{}", request.path, request.query);
        let tokens = self.world.users.iter().flat_map(|user| &user.tokens);
        for token in tokens {
            target = target.replace(&token.secret, &format!("<token {}>", token.name));
        }
        Call {
            number: 0,
            method: request.method.to_string(),
            target,
            operation,
            caller: Caller::of(request.header(header::USER_AGENT).unwrap_or_default()),
            credential: self.credential(request.header(header::AUTHORIZATION)),
            headers: request.telling_headers(),
            at_milliseconds: 0,
            at_once: 0,
            outcome: Outcome::Pending,
        }
    }

    async fn carry_out(shared: Arc<Shared<Self>>, request: Request) -> Option<Reply> {
        if shared.lock().world.phase() == Phase::Away {
            return None;
        }
        let admitted = {
            let mut simulation = shared.lock();
            if let Some(authorization) = request.header(header::AUTHORIZATION) {
                simulation.note_use(authorization);
            }
            simulation.admit(&request)
        };
        let guest = match admitted {
            Ok(guest) => guest,
            Err(reply) => return Some(reply),
        };
        let reply = converse(&shared, &guest).await;
        // What needs no login checks no token.
        let expires = guest.identity.expires();
        Some(match expires.filter(|_| guest.route.door != Door::Open) {
            Some(day) => reply.with(
                "sonarqube-authentication-token-expiration",
                format!("{day}T00:00:00+0000"),
            ),
            None => reply,
        })
    }

    /// `POST /-/phase` holds the server in a [`Phase`], and `POST /-/today` makes another day of today. All else is
    /// changed as on the real server: by its API.
    fn control(&mut self, request: &Request, path: &str) -> Option<Reply> {
        match (request.method.as_str(), path) {
            ("POST", "phase") => Some(control::reported(request, |phase| {
                self.world.hold(phase);
                Ok::<(), String>(())
            })),
            ("POST", "today") => Some(control::reported(request, |day: String| {
                if !is_date(&day) {
                    return Err("a day looks like 2027-01-15");
                }
                self.world.today = day;
                Ok(())
            })),
            _ => None,
        }
    }
}

/// Does what a guest came for, and asks Bitbucket in between as often as it takes. The world is not locked meanwhile.
async fn converse(shared: &Shared<Simulation>, guest: &Guest) -> Reply {
    let (asker, plugin, mut progress) = {
        let mut simulation = shared.lock();
        let progress = simulation.begin(guest);
        (
            simulation.asker.clone(),
            simulation.plugin.clone(),
            progress,
        )
    };
    loop {
        match progress {
            Ok(Progress::Done(reply)) => return reply,
            Err(Refusal::Forbidden) if guest.identity == Identity::Anonymous => {
                return Refusal::NotAuthenticated.reply(guest.api);
            }
            Err(refusal) => return refusal.reply(guest.api),
            Ok(Progress::AskAsPlugin(question, then)) => {
                progress = then(plugin.call(Method::GET, &question, None).await);
            }
            Ok(Progress::Ask(question, then)) => {
                let answer = asker.ask(&question).await;
                progress = answer.and_then(|answer| shared.lock().resume(guest, then, answer));
            }
        }
    }
}
