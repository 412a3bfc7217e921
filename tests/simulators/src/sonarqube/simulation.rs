//! One server without its network: requests in, answers and questions to Bitbucket out.

use axum::http::{Method, StatusCode, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{
    phase::Phase,
    profile::Profile,
    refusal::{Api, Refusal},
    routes::{self, Destination, Door, Route},
    visit::{Answer, Parameters, Then, Visit},
    world::{Identity, World},
};
use crate::{
    calls::{Call, Caller, Calls, Credential, Outcome},
    fault::Faults,
    reply::Reply,
    wire::Request,
};

/// What of the web application is enough to recognise it.
const WEB_APPLICATION: &str = "<!doctype html>\n<html lang=\"en\">\n  <head>\n    <title>SonarQube</title>\n  </head>\n  <body></body>\n</html>\n";

/// The state of a server.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) profile: Profile,
    /// Empty, or a path that starts with a slash.
    pub(crate) context: String,
    pub(crate) world: World,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
}

/// A request that was let in: what stays while Bitbucket is asked.
pub(crate) struct Guest {
    pub(crate) api: Api,
    pub(crate) identity: Identity,
    route: &'static Route,
    parameters: Parameters,
    body: Option<Value>,
    tail: String,
}

impl Guest {
    pub(crate) fn is_at_open_door(&self) -> bool {
        self.route.door == Door::Open
    }
}

impl Simulation {
    pub(crate) fn new(profile: Profile, context: String, seed: u64) -> Self {
        Self {
            profile,
            context,
            world: World::new(profile, seed),
            faults: Faults::default(),
            calls: Calls::default(),
        }
    }

    /// What the log is to say of a request; its number comes later.
    pub(crate) fn describe(&self, request: &Request) -> Call {
        let operation =
            match routes::find(self.profile, request.method.as_str(), self.path(request)) {
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
            outcome: Outcome::Pending,
        }
    }

    /// Lets a request in, or says why not.
    pub(crate) fn admit(&self, request: &Request) -> Result<Guest, Reply> {
        let path = self.path(request);
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
        if !path.starts_with("/api/system/") {
            match self.world.phase() {
                Phase::Up | Phase::Restarting | Phase::Down => {}
                Phase::Starting | Phase::MigrationNeeded | Phase::MigrationRunning => {
                    return Err(unknown());
                }
                Phase::StartingUnauthenticated => return Err(Refusal::NotYetAuthenticated),
            }
        }
        let identity = self.identify(request.header(header::AUTHORIZATION));
        let open = matches!(destination, Destination::Route(route, _) if route.door == Door::Open);
        let identity = match identity {
            // Who shows a bad token is nobody there.
            None if open => Identity::Anonymous,
            None => return Err(Refusal::Unauthorized),
            Some(Identity::Anonymous) if !open => return Err(Refusal::Unauthorized),
            Some(identity) => identity,
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

    fn path<'a>(&self, request: &'a Request) -> &'a str {
        request
            .path
            .strip_prefix(&self.context)
            .unwrap_or(&request.path)
    }

    /// `None` for a credential that is none.
    fn identify(&self, authorization: Option<&str>) -> Option<Identity> {
        let Some(authorization) = authorization else {
            return Some(Identity::Anonymous);
        };
        let of_token = |secret: &str| {
            let (user, token) = self.world.holder(secret)?;
            Some(Identity::User {
                login: user.login.clone(),
                expires: token.expires.clone(),
            })
        };
        if let Some(secret) = authorization.strip_prefix("Bearer ") {
            if !self.profile.knows_bearers() {
                return Some(Identity::Anonymous);
            }
            return of_token(secret);
        }
        let (name, password) = basic(authorization)?;
        if password.is_empty() {
            return of_token(&name);
        }
        let user = self.world.active_user(&name)?;
        (user.password == password).then_some(Identity::User {
            login: name,
            expires: None,
        })
    }

    fn credential(&self, authorization: Option<&str>) -> Credential {
        let Some(authorization) = authorization else {
            return Credential::Anonymous;
        };
        let of_token = |secret: &str| {
            let holder = self.world.holder(secret);
            holder.map_or(Credential::Unknown, |(user, token)| {
                Credential::Token(format!("{}/{}", user.login, token.name))
            })
        };
        if let Some(secret) = authorization.strip_prefix("Bearer ") {
            return of_token(secret);
        }
        match basic(authorization) {
            Some((name, password)) if password.is_empty() => of_token(&name),
            Some((name, _)) if self.world.active_user(&name).is_some() => {
                Credential::Password(name)
            }
            Some(_) | None => Credential::Unknown,
        }
    }
}

fn basic(authorization: &str) -> Option<(String, String)> {
    let encoded = authorization.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
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
