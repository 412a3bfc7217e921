//! What goes wrong, with which requests, and how often.

use std::time::Duration;

use super::stream::Tear;

/// What goes wrong, for the requests that it fits.
pub(crate) struct Fault {
    method: &'static str,
    /// Parts of the path and query, in this order.
    parts: Vec<String>,
    /// How many fitting requests it lets through before each that it hits.
    between: usize,
    /// How many it lets through before the next one.
    skip: usize,
    /// How many it hits; all if absent.
    times: Option<usize>,
    effect: Effect,
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// It is forwarded.
    Forward,
    /// It waits first.
    Delay(Duration),
    /// Nothing is done, and it is not answered until all faults end. Then the connection is lost.
    Hang,
    /// Nothing is done, and the connection is lost.
    Drop,
    /// It is done, and the connection is lost before a byte of the answer.
    LoseAnswer,
    /// This is answered, and nothing done.
    Answer(u16, String),
    /// The stream of a watch is torn, also one that is in progress.
    Stream(Tear),
}

impl Fault {
    /// A fault without an effect. It fits requests of this method whose path and query contain these parts, separated by
    /// `*`, in this order.
    pub(crate) fn at(method: &'static str, target: &str) -> Self {
        Self {
            method,
            parts: target.split('*').map(str::to_owned).collect(),
            between: 0,
            skip: 0,
            times: None,
            effect: Effect::Forward,
        }
    }

    pub(crate) fn effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }

    /// Answers with a Status of Kubernetes.
    pub(crate) fn status(self, code: u16, reason: &str) -> Self {
        let body = status(code, reason).to_string();
        self.effect(Effect::Answer(code, body))
    }

    /// Hits so many requests, and no more.
    pub(crate) fn times(self, times: usize) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Lets so many requests through first.
    pub(crate) fn after(self, skip: usize) -> Self {
        Self { skip, ..self }
    }

    /// Hits every second request.
    pub(crate) fn every_second(self) -> Self {
        Self { between: 1, ..self }
    }

    pub(super) fn is_of_request(&self) -> bool {
        !self.is_of_stream()
    }

    pub(super) fn is_of_stream(&self) -> bool {
        self.tear().is_some()
    }

    pub(super) fn tear(&self) -> Option<&Tear> {
        match &self.effect {
            Effect::Stream(tear) => Some(tear),
            Effect::Forward
            | Effect::Delay(_)
            | Effect::Hang
            | Effect::Drop
            | Effect::LoseAnswer
            | Effect::Answer(..) => None,
        }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.times.is_none_or(|left| left == 0)
    }

    pub(super) fn fits(&self, method: &str, target: &str) -> bool {
        let mut rest = Some(target);
        for part in &self.parts {
            rest = rest
                .and_then(|rest| rest.split_once(&**part))
                .map(|(_, after)| after);
        }
        method == self.method && rest.is_some() && self.times != Some(0)
    }

    /// What it does to a request that it fits, if no other request comes first.
    pub(super) fn hit(&mut self) -> Option<Effect> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.skip = self.between;
        self.times = self.times.map(|left| left - 1);
        Some(self.effect.clone())
    }
}

/// A Status of Kubernetes: how it refuses.
pub(super) fn status(code: u16, reason: &str) -> serde_json::Value {
    serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("the fault proxy answers {reason}"), "reason": reason, "code": code,
    })
}
