//! `/healthz`, `/readyz` and `/metrics`. None of them returns data of users.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// Whether the operator has seen every object once, and whether it goes on.
#[derive(Clone, Default)]
pub struct Readiness(Arc<State>);

#[derive(Default)]
struct State {
    is_ready: AtomicBool,
    standstill: OnceLock<Standstill>,
}

type Standstill = Box<dyn Fn() -> bool + Send + Sync>;

impl Readiness {
    /// From now on the operator is ready.
    pub fn reached(&self) {
        self.0.is_ready.store(true, Ordering::Relaxed);
    }

    /// Whether the operator stands still is asked here from now on: Kubernetes restarts it then.
    pub(crate) fn fails_at(&self, standstill: impl Fn() -> bool + Send + Sync + 'static) {
        // Set once, at the start.
        let _ = self.0.standstill.set(Box::new(standstill));
    }

    fn health(&self) -> StatusCode {
        match self.0.standstill.get() {
            Some(stands_still) if stands_still() => StatusCode::SERVICE_UNAVAILABLE,
            Some(_) | None => StatusCode::OK,
        }
    }

    fn status(&self) -> StatusCode {
        if self.0.is_ready.load(Ordering::Relaxed) {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// Serves until the shutdown signal.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    stop: CancellationToken,
) -> io::Result<()> {
    let routes = Router::new()
        .route(
            "/healthz",
            get(|extract::State((_, readiness)): Extracted| async move { readiness.health() }),
        )
        .route(
            "/readyz",
            get(|extract::State((_, readiness)): Extracted| async move { readiness.status() }),
        )
        .route("/metrics", get(exposition))
        .with_state((metrics, readiness));
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

type Extracted = extract::State<(Arc<Metrics>, Readiness)>;

async fn exposition(extract::State((metrics, _)): Extracted) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], metrics.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Promise: Kubernetes restarts an operator that stands still, and no other one, be it ready or not.
    #[test]
    fn an_operator_is_healthy_until_it_stands_still() {
        let (readiness, stands_still) = (Readiness::default(), Arc::new(AtomicBool::new(false)));
        assert_eq!(readiness.health(), StatusCode::OK);
        let shared = Arc::clone(&stands_still);
        readiness.fails_at(move || shared.load(Ordering::Relaxed));
        assert_eq!(readiness.health(), StatusCode::OK);
        stands_still.store(true, Ordering::Relaxed);
        assert_eq!(readiness.health(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
