//! The control path of a server that is run by hand, below its URL.
//!
//! | request | does |
//! |---|---|
//! | `GET /-/calls` | shows the call log |
//! | `DELETE /-/calls` | empties it |
//! | `POST /-/faults` | adds a [`Fault`] |
//! | `DELETE /-/faults` | ends all faults |
//!
//! What else there is says each server for itself.

use std::fmt::Display;

use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{fault::Fault, reply::Reply, serving::Machine, wire::Request};

pub(crate) fn answer<M: Machine>(machine: &mut M, request: &Request, path: &str) -> Reply {
    let traffic = machine.traffic();
    match (request.method.as_str(), path) {
        ("GET", "calls") => return Reply::ok(json!(traffic.calls.all())),
        ("DELETE", "calls") => traffic.calls.clear(),
        ("POST", "faults") => {
            return reported(request, |fault: Fault| {
                traffic.faults.add(fault);
                Ok::<(), String>(())
            });
        }
        ("DELETE", "faults") => traffic.faults.clear(),
        _ => {
            let own = machine.control(request, path);
            return own.unwrap_or(Reply::empty(StatusCode::NOT_FOUND));
        }
    }
    Reply::no_content()
}

/// Does what a body says: 400 where it says nothing that is understood, 409 where that cannot be done, both in words.
pub(crate) fn reported<T: DeserializeOwned, E: Display>(
    request: &Request,
    act: impl FnOnce(T) -> Result<(), E>,
) -> Reply {
    match serde_json::from_slice(&request.body) {
        Err(error) => text(StatusCode::BAD_REQUEST, &error),
        Ok(wish) => match act(wish) {
            Err(error) => text(StatusCode::CONFLICT, &error),
            Ok(()) => Reply::no_content(),
        },
    }
}

fn text(status: StatusCode, message: &impl Display) -> Reply {
    let kind = "text/plain;charset=UTF-8";
    Reply::text(status, kind, format!("{message}\n"))
}
