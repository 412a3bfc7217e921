//! One server without its network: requests in, answers and questions to Bitbucket out.

use axum::http::{Method, StatusCode, header};
use serde_json::Value;

use super::{
    bitbucket::Asker,
    phase::Phase,
    plugin::Plugin,
    profile::Profile,
    refusal::{Api, Refusal},
    routes::{self, Destination, Door, Route},
    visit::{Answer, Parameters, Then, Visit},
    world::{Identity, World},
};
use crate::{reply::Reply, serving::Traffic, wire::Request};

/// What of the web application is enough to recognise it.
const WEB_APPLICATION: &str = "<!doctype html>\n<html lang=\"en\">\n  <head>\n    <title>SonarQube</title>\n  </head>\n  <body></body>\n</html>\n";

/// The state of a server.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) profile: Profile,
    /// Empty, or a path that starts with a slash.
    pub(crate) context: String,
    pub(crate) world: World,
    pub(crate) traffic: Traffic,
    /// The routes to Bitbucket.
    pub(crate) asker: Asker,
    pub(crate) plugin: Plugin,
}

/// A request that was let in: what stays while Bitbucket is asked.
pub(crate) struct Guest {
    pub(crate) api: Api,
    pub(crate) identity: Identity,
    pub(crate) route: &'static Route,
    parameters: Parameters,
    body: Option<Value>,
    tail: String,
}

impl Simulation {
    pub(crate) fn new(world: World, context: String, (asker, plugin): (Asker, Plugin)) -> Self {
        Self {
            profile: world.profile(),
            context,
            world,
            traffic: Traffic::default(),
            asker,
            plugin,
        }
    }

    /// Lets a request in, or says why not.
    pub(crate) fn admit(&self, request: &Request) -> Result<Guest, Reply> {
        let Some(path) = request.path_below(&self.context) else {
            // The servlet container answers what lies outside of the application.
            return Err(Refusal::NoSuchPage.reply(Api::V1));
        };
        if !path.starts_with("/api/") && request.method == Method::GET {
            // The web application, which takes every path for one of its own.
            return Err(Reply::text(
                StatusCode::OK,
                "text/html;charset=utf-8",
                WEB_APPLICATION.to_owned(),
            ));
        }
        let api = if path.starts_with("/api/v2/") && self.profile.has_v2() {
            Api::V2
        } else {
            Api::V1
        };
        self.guest(request, path, api)
            .map_err(|refusal| refusal.reply(api))
    }

    /// Begins what a guest came for.
    pub(crate) fn begin(&mut self, guest: &Guest) -> Answer {
        (guest.route.answer)(&mut self.visit(guest))
    }

    /// Goes on with it after Bitbucket answered.
    pub(crate) fn resume(&mut self, guest: &Guest, then: Then, answer: Option<Value>) -> Answer {
        then(&mut self.visit(guest), answer)
    }

    fn visit<'a>(&'a mut self, guest: &'a Guest) -> Visit<'a> {
        Visit {
            profile: self.profile,
            world: &mut self.world,
            identity: &guest.identity,
            parameters: &guest.parameters,
            body: guest.body.as_ref(),
            tail: &guest.tail,
        }
    }

    fn guest(&self, request: &Request, path: &str, api: Api) -> Result<Guest, Refusal> {
        let destination = routes::find(self.profile, request.method.as_str(), path);
        let unknown = || match api {
            Api::V2 if self.profile.shows_v2_errors_of_its_container() => Refusal::NoSuchPage,
            Api::V1 | Api::V2 => Refusal::UnknownUrl(path.to_owned()),
        };
        let phase = self.world.phase();
        let is_there = match phase {
            Phase::Up | Phase::Restarting | Phase::Away | Phase::StartingUnauthenticated => true,
            Phase::StartingSecondApi => api == Api::V2,
            Phase::Starting
            | Phase::MigrationNeeded
            | Phase::MigrationRunning
            | Phase::MigrationFailed => false,
        };
        if !is_there && path != "/api/system/status" {
            return Err(unknown());
        }
        let open = matches!(destination, Destination::Route(route, _) if route.door == Door::Open);
        let identity = if phase.accepts_no_token() {
            Identity::Anonymous
        } else {
            match self.identify(request.header(header::AUTHORIZATION)) {
                // A caller with a bad token is anonymous there.
                None if open => Identity::Anonymous,
                None => return Err(Refusal::Unauthorized),
                Some(Identity::Anonymous) if !open => return Err(Refusal::Unauthorized),
                Some(identity) => identity,
            }
        };
        let (route, tail) = match destination {
            Destination::Route(route, tail) => (route, tail.to_owned()),
            Destination::OtherMethod(required) => {
                return Err(self.other_method(&request.method, required));
            }
            Destination::Nowhere if !self.profile.takes_method(&request.method) => {
                return Err(Refusal::NoMethod);
            }
            Destination::Nowhere => return Err(unknown()),
        };
        let kind = request.header(header::CONTENT_TYPE).unwrap_or_default();
        let form: &[u8] = if kind.starts_with("application/x-www-form-urlencoded") {
            &request.body
        } else {
            &[]
        };
        let writes = request.method != Method::GET;
        let body = if api == Api::V2 && writes {
            Some(json_body(self.profile, kind, &request.body)?)
        } else {
            None
        };
        Ok(Guest {
            api,
            identity,
            route,
            parameters: Parameters::parse(request.query.trim_start_matches('?'), form),
            body,
            tail,
        })
    }

    /// `required` is the one that v1 names; v2 names none.
    fn other_method(&self, method: &Method, required: Option<&str>) -> Refusal {
        let read_or_write = [Method::GET, Method::POST].contains(method);
        match required {
            _ if *method == Method::OPTIONS || !self.profile.takes_method(method) => {
                Refusal::NoMethod
            }
            None if self.profile.shows_v2_errors_of_its_container() => Refusal::unreadable(),
            None => Refusal::OtherMethod("Method not supported.".to_owned()),
            Some(required) if read_or_write => {
                Refusal::OtherMethod(format!("HTTP method {required} is required"))
            }
            Some(_) => Refusal::OtherMethod(format!("HTTP method {method} is not allowed")),
        }
    }
}

fn json_body(profile: Profile, kind: &str, body: &[u8]) -> Result<Value, Refusal> {
    let bare = profile.shows_v2_errors_of_its_container();
    if !kind.starts_with("application/json") {
        return Err(if bare {
            Refusal::Internal
        } else {
            Refusal::MediaType
        });
    }
    let body = serde_json::from_slice(body).ok().filter(Value::is_object);
    body.ok_or_else(|| {
        if bare {
            Refusal::unreadable()
        } else {
            Refusal::bad("Invalid request format.")
        }
    })
}
