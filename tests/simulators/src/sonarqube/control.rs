//! The control path of a server that is run by hand.
//!
//! | request | does |
//! |---|---|
//! | `GET /-/calls` | shows the call log |
//! | `DELETE /-/calls` | empties it |
//! | `POST /-/faults` | adds a [`Fault`] |
//! | `DELETE /-/faults` | ends all faults |
//!
//! Everything else is changed as on the real server: by its API.

use axum::http::StatusCode;
use serde_json::json;

use super::simulation::Simulation;
use crate::{fault::Fault, reply::Reply, wire::Request};

pub(crate) fn answer(simulation: &mut Simulation, request: &Request) -> Reply {
    let path = request.path.trim_start_matches("/-/");
    match (request.method.as_str(), path) {
        ("GET", "calls") => Reply::ok(json!(simulation.calls.all())),
        ("DELETE", "calls") => {
            simulation.calls.clear();
            Reply::no_content()
        }
        ("POST", "faults") => match serde_json::from_slice::<Fault>(&request.body) {
            Ok(fault) => {
                simulation.faults.add(fault);
                Reply::no_content()
            }
            Err(error) => Reply::text(
                StatusCode::BAD_REQUEST,
                "text/plain;charset=UTF-8",
                format!("{error}\n"),
            ),
        },
        ("DELETE", "faults") => {
            simulation.faults.clear();
            Reply::no_content()
        }
        _ => Reply::empty(StatusCode::NOT_FOUND),
    }
}
