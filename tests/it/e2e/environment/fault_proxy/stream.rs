//! The answers that the proxy forwards while they come: a watch is one answer of many lines.

use std::io::{Error, ErrorKind};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures::stream;
use reqwest::Response;

use super::fault::status;
use super::{Effect, Fault, Shared};

/// How the stream of a watch is torn, at its next event.
#[derive(Clone, Debug)]
pub(crate) enum Tear {
    /// The next event that contains this is left out.
    Swallow(String),
    /// The next event ends in the middle of its line, and the connection is lost.
    CutMidLine,
    /// The stream stays open, and nothing comes any more until all faults end. Then the connection is lost.
    Silence,
    /// This Status is sent as an event instead, and the stream ends.
    Expired,
    /// The event comes twice.
    Twice,
}

/// A stream of events, line by line.
struct Watch {
    shared: Arc<Shared>,
    target: String,
    response: Response,
    unread: Vec<u8>,
    is_over: bool,
}

/// Forwards an answer byte for byte.
pub(super) fn as_it_is(response: Response) -> Body {
    Body::from_stream(stream::try_unfold(response, async |mut response| {
        let chunk = response.chunk().await.map_err(Error::other)?;
        Ok::<_, Error>(chunk.map(|chunk| (chunk, response)))
    }))
}

/// Forwards the events of a watch, and tears the stream where a fault says so.
pub(super) fn of_events(shared: Arc<Shared>, target: String, response: Response) -> Body {
    let watch = Watch {
        shared,
        target,
        response,
        unread: Vec::new(),
        is_over: false,
    };
    Body::from_stream(stream::try_unfold(watch, async |mut watch| {
        let sent = watch.next().await?;
        Ok::<_, Error>(sent.map(|sent| (sent, watch)))
    }))
}

impl Watch {
    /// What is sent next; nothing at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.is_over {
            return Err(Error::from(ErrorKind::ConnectionReset));
        }
        while let Some(line) = self.line().await? {
            let text = String::from_utf8_lossy(&line);
            let fits = |fault: &Fault| fault.is_of_stream() && fault.takes(&text);
            let Effect::Stream(tear) = self.shared.strike("GET", &self.target, fits) else {
                return Ok(Some(line));
            };
            match tear {
                Tear::Swallow(_) => {}
                Tear::Silence => {
                    self.shared.cleared.notified().await;
                    return Err(Error::from(ErrorKind::ConnectionReset));
                }
                Tear::Twice => return Ok(Some([&line[..], &line].concat().into())),
                Tear::CutMidLine => {
                    self.is_over = true;
                    return Ok(Some(line.slice(..line.len() / 2)));
                }
                Tear::Expired => {
                    let event =
                        serde_json::json!({"type": "ERROR", "object": status(410, "Expired")});
                    return Ok(Some(format!("{event}\n").into()));
                }
            }
        }
        Ok(None)
    }

    /// The next line with its end.
    async fn line(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(end + 1);
                return Ok(Some(std::mem::replace(&mut self.unread, rest).into()));
            }
            match self.response.chunk().await.map_err(Error::other)? {
                Some(chunk) => self.unread.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

impl Fault {
    /// Whether it is about this event.
    fn takes(&self, event: &str) -> bool {
        match self.tear() {
            Some(Tear::Swallow(part)) => event.contains(&**part),
            _ => true,
        }
    }
}
