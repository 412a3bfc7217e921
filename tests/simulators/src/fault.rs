//! Faults: what goes wrong with which requests, and how often.
//!
//! The first fitting fault that is left counts, so what goes wrong with the third request is said with two faults: one
//! without an effect for two times, and the real one after it.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    calls::{Call, Caller, Credential},
    wire::Request,
};

/// The page of a single sign-on proxy, for [`Fault::answer`] with status 200.
pub const SIGN_ON_PAGE: &str = "<html><head><title>Sign in</title></head><body></body></html>";

/// What goes wrong, for the requests it fits. The first fitting fault that is left counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    at: String,
    #[serde(default)]
    caller: Option<Caller>,
    #[serde(default)]
    token_id: Option<String>,
    /// Name and value of a parameter.
    #[serde(default)]
    with: Option<(String, String)>,
    #[serde(default)]
    delay_milliseconds: u64,
    #[serde(default)]
    answer_delay_milliseconds: u64,
    #[serde(default)]
    effect: Effect,
    /// How many requests it still hits; all if absent.
    #[serde(default)]
    times: Option<u32>,
}

/// What happens to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It is answered as always.
    #[default]
    None,
    /// This is answered, and nothing done.
    Answer(Scripted),
    /// It is done, and this is answered.
    CommitThenAnswer(Scripted),
    /// Nothing is done, and the connection lost.
    Drop,
    /// It is done, and the connection lost before a byte of the answer.
    CommitThenDrop,
    /// It is done, and the connection lost in the middle of the answer's body.
    Truncate,
}

/// An answer that is not the server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scripted {
    /// Any.
    pub status: u16,
    /// JSON, unless it starts with `<`.
    #[serde(default)]
    pub body: String,
    /// `Location`, `Retry-After` and the like.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

/// What goes wrong with one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strike {
    /// How long it waits before anything is done.
    pub(crate) delay: Duration,
    pub(crate) effect: Effect,
    /// How long the answer waits after all is done.
    pub(crate) answer_delay: Duration,
}

impl Fault {
    /// A fault that does nothing yet, always, for every caller. It fits where `at` does: the name of a route
    /// (`branches`), or a path with an optional method (`GET /rest/api/*/repos`). A `*` stands for anything.
    #[must_use]
    pub fn at(at: &str) -> Self {
        Self {
            at: at.to_owned(),
            caller: None,
            token_id: None,
            with: None,
            delay_milliseconds: 0,
            answer_delay_milliseconds: 0,
            effect: Effect::None,
            times: None,
        }
    }

    /// Answers this instead; HTML if the body starts with `<`, else JSON.
    #[must_use]
    pub fn answer(self, status: u16, body: &str) -> Self {
        self.effect(Effect::Answer(Scripted::new(status, body)))
    }

    /// Does what is asked for, and answers this.
    #[must_use]
    pub fn commit_then_answer(self, status: u16, body: &str) -> Self {
        self.effect(Effect::CommitThenAnswer(Scripted::new(status, body)))
    }

    /// Sends the caller elsewhere.
    #[must_use]
    pub fn redirect(self, status: u16, location: &str) -> Self {
        let headers = vec![("location".to_owned(), location.to_owned())];
        self.effect(Effect::Answer(Scripted {
            headers,
            ..Scripted::new(status, "")
        }))
    }

    /// Has this effect.
    #[must_use]
    pub fn effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }

    /// Waits first, with any effect. The state is read after the wait, even if the caller has left by then:
    /// a server goes on.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        let delay_milliseconds = milliseconds(delay);
        Self {
            delay_milliseconds,
            ..self
        }
    }

    /// Lets the answer wait after all is done.
    #[must_use]
    pub fn answer_delay(self, delay: Duration) -> Self {
        let answer_delay_milliseconds = milliseconds(delay);
        Self {
            answer_delay_milliseconds,
            ..self
        }
    }

    /// Hits this many requests and is gone.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Hits this program's requests only.
    #[must_use]
    pub fn caller(self, caller: Caller) -> Self {
        Self {
            caller: Some(caller),
            ..self
        }
    }

    /// Hits requests with the token of this id only.
    #[must_use]
    pub fn token_id(self, id: &str) -> Self {
        Self {
            token_id: Some(id.to_owned()),
            ..self
        }
    }

    /// Hits requests in which a parameter has this value only: one of the query, of a form, or of a JSON body.
    #[must_use]
    pub fn with(self, parameter: &str, value: &str) -> Self {
        Self {
            with: Some((parameter.to_owned(), value.to_owned())),
            ..self
        }
    }

    fn fits(&self, call: &Call, request: &Request) -> bool {
        let path = call.target.split('?').next().unwrap_or_default();
        let place = match self.at.split_once(' ') {
            Some((method, pattern)) => method == call.method && glob(pattern, path),
            None if self.at.starts_with('/') => glob(&self.at, path),
            None => glob(&self.at, call.operation),
        };
        let credential = self.token_id.clone().map(Credential::Token);
        place
            && self.times != Some(0)
            && self.caller.is_none_or(|caller| caller == call.caller)
            && credential.is_none_or(|credential| credential == call.credential)
            && self
                .with
                .as_ref()
                .is_none_or(|(name, value)| request.says(name, value))
    }
}

/// The faults that are left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What goes wrong with this call.
    pub(crate) fn strike(&mut self, call: &Call, request: &Request) -> Strike {
        let mut faults = self.0.iter_mut();
        let Some(fault) = faults.find(|fault| fault.fits(call, request)) else {
            return Strike::default();
        };
        fault.times = fault.times.map(|left| left - 1);
        Strike {
            delay: Duration::from_millis(fault.delay_milliseconds),
            effect: fault.effect.clone(),
            answer_delay: Duration::from_millis(fault.answer_delay_milliseconds),
        }
    }
}

impl Scripted {
    /// An answer without headers of its own.
    #[must_use]
    pub fn new(status: u16, body: &str) -> Self {
        Self {
            status,
            body: body.to_owned(),
            headers: Vec::new(),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whether `text` fits a pattern in which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    let mut starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    starts.any(|at| glob(tail, &rest[at..]))
}
