//! The control path of an instance that is run by hand.
//!
//! | request | does |
//! |---|---|
//! | `GET /-/calls` | shows the call log |
//! | `DELETE /-/calls` | empties it |
//! | `POST /-/changes` | makes one [`Change`] or a list of them; 409 and a text at the first that is refused |
//! | `POST /-/faults` | adds a [`Fault`] |
//! | `DELETE /-/faults` | ends all faults |

use axum::http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{simulation::Simulation, world::Change};
use crate::{fault::Fault, reply::Reply, wire::Request};

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Change>),
    One(Box<Change>),
}

pub(crate) fn answer(simulation: &mut Simulation, request: &Request) -> Reply {
    let path = request.path.trim_start_matches("/-/");
    match (request.method.as_str(), path) {
        ("GET", "calls") => Reply::ok(json!(simulation.calls.all())),
        ("DELETE", "calls") => {
            simulation.calls.clear();
            Reply::no_content()
        }
        ("POST", "changes") => read(request).map_or_else(
            |refused| refused,
            |changes| {
                let changes = match changes {
                    OneOrMany::Many(changes) => changes,
                    OneOrMany::One(change) => vec![*change],
                };
                let made = changes
                    .into_iter()
                    .try_for_each(|change| simulation.world.apply(change));
                made.map_or_else(
                    |error| text(StatusCode::CONFLICT, &error),
                    |()| Reply::no_content(),
                )
            },
        ),
        ("POST", "faults") => read::<Fault>(request).map_or_else(
            |refused| refused,
            |fault| {
                simulation.faults.add(fault);
                Reply::no_content()
            },
        ),
        ("DELETE", "faults") => {
            simulation.faults.clear();
            Reply::no_content()
        }
        _ => Reply::empty(StatusCode::NOT_FOUND),
    }
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Reply> {
    serde_json::from_slice(&request.body).map_err(|error| text(StatusCode::BAD_REQUEST, &error))
}

fn text(status: StatusCode, message: &impl ToString) -> Reply {
    Reply::text(
        status,
        "text/plain;charset=UTF-8",
        format!("{}\n", message.to_string()),
    )
}
