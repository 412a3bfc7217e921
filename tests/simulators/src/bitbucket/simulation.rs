//! One instance without its network: a request in, an answer out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::{Method, header};
use serde::Deserialize;

use super::{
    auth::{self, Place},
    errors::Refusal,
    paging::Query,
    profile::Profile,
    routes::{self, Destination},
    visit::{Answer, Visit},
    world::{Change, Identity, ServerState, World},
};
use crate::{
    calls::{Call, Caller, Outcome},
    control,
    reply::Reply,
    serving::{Machine, Shared, Traffic},
    wire::Request,
};

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Change>),
    One(Box<Change>),
}

/// The state of an instance.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) profile: Profile,
    /// Scheme, host and port.
    pub(crate) origin: String,
    /// Empty, or a path that starts with a slash.
    pub(crate) context: String,
    pub(crate) world: World,
    pub(crate) traffic: Traffic,
    requests: u64,
    /// Up to when the world's clock went on; it stands still if absent.
    running: Option<Instant>,
}

impl Simulation {
    pub(crate) fn new(profile: Profile, origin: String, context: String) -> Self {
        Self {
            profile,
            origin,
            context,
            world: World::default(),
            traffic: Traffic::default(),
            requests: 0,
            running: None,
        }
    }

    /// The base URL, without a slash at the end.
    pub(crate) fn base(&self) -> String {
        format!("{}{}", self.origin, self.context)
    }

    /// Lets the world's clock run from now on.
    pub(crate) fn run_clock(&mut self) {
        self.running = Some(Instant::now());
    }

    /// Puts a running clock forward by the whole milliseconds that went by.
    pub(crate) fn tick(&mut self) {
        if let Some(last) = &mut self.running {
            let passed = u64::try_from(last.elapsed().as_millis()).unwrap_or(0);
            let whole = Duration::from_millis(passed);
            *last += whole;
            self.world.advance(whole);
        }
    }

    /// Does what a request asks for.
    pub(crate) fn answer(&mut self, request: &Request) -> Reply {
        self.requests += 1;
        let Some(path) = request.path_below(&self.context) else {
            return Refusal::NoPage.reply(self.profile);
        };
        let mut identity = Identity::Anonymous;
        let answer = self.serve(request, path, &mut identity);
        let reply = answer.unwrap_or_else(|refusal| refusal.reply(self.profile));
        let number = self.requests;
        let reply = reply
            .with("x-arequestid", format!("@SIM{number}x1x{number}x0"))
            .with(
                "vary",
                "accept-encoding,x-auserid,cookie,x-ausername".to_owned(),
            )
            .with("cache-control", "no-cache, no-transform".to_owned());
        match auth::shown_name(&self.world, &identity) {
            None => reply,
            Some((name, id)) => reply
                .with("x-ausername", name)
                .with("x-auserid", id.to_string()),
        }
    }

    fn serve(&mut self, request: &Request, path: &str, identity: &mut Identity) -> Answer {
        let base = self.base();
        let rest = path.starts_with("/rest/");
        let place = if rest || !self.profile.confines_tokens() {
            Place::Rest
        } else {
            Place::Elsewhere
        };
        if path != "/status" && self.world.settings.server_state != ServerState::Running {
            return Err(Refusal::Unavailable);
        }
        let authorization = request.header(header::AUTHORIZATION);
        *identity = auth::identify(&mut self.world, authorization, place, &base)?;
        if rest {
            auth::spend(&mut self.world, identity)?;
        }
        let (route, parameters) = match routes::find(self.profile, request.method.as_str(), path) {
            Destination::Route(route, parameters) => (route, parameters),
            Destination::OtherMethod => return Err(Refusal::MethodNotAllowed),
            Destination::Nowhere if rest => {
                let uri = format!("{base}{path}");
                return Err(Refusal::UnknownRoute {
                    uri,
                    accepts_json: request.accepts("json"),
                });
            }
            Destination::Nowhere => return Err(Refusal::NoPage),
        };
        if rest && request.header(header::ACCEPT).is_some() && !request.accepts("application/json")
        {
            return Err(Refusal::NotAcceptable);
        }
        let mut visit = Visit {
            profile: self.profile,
            world: &mut self.world,
            identity: identity.clone(),
            query: Query::parse(request.query.trim_start_matches('?')),
            body: &request.body,
            base: &base,
            parameters,
            path,
            raw_query: &request.query,
        };
        (route.answer)(&mut visit)
    }
}

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
            Destination::Route(route, _) => route.operation,
            Destination::OtherMethod | Destination::Nowhere => "unknown",
        };
        let mut target = format!("{}{}", request.path, request.query);
        for token in &self.world.tokens {
            target = target.replace(token.secret.reveal(), &format!("<token {}>", token.id));
        }
        Call {
            number: 0,
            method: request.method.to_string(),
            target,
            operation,
            caller: Caller::of(request.header(header::USER_AGENT).unwrap_or_default()),
            credential: auth::credential(&self.world, request.header(header::AUTHORIZATION)),
            headers: request.telling_headers(),
            at_milliseconds: 0,
            at_once: 0,
            outcome: Outcome::Pending,
        }
    }

    async fn carry_out(shared: Arc<Shared<Self>>, request: Request) -> Option<Reply> {
        let mut simulation = shared.lock();
        simulation.tick();
        Some(simulation.answer(&request))
    }

    /// `POST /-/changes` makes one [`Change`] or a list of them, up to the first that is refused.
    fn control(&mut self, request: &Request, path: &str) -> Option<Reply> {
        let changes = request.method == Method::POST && path == "changes";
        changes.then(|| {
            control::reported(request, |changes| {
                let changes = match changes {
                    OneOrMany::Many(changes) => changes,
                    OneOrMany::One(change) => vec![*change],
                };
                let mut changes = changes.into_iter();
                changes.try_for_each(|change| self.world.apply(change))
            })
        })
    }
}
