//! `/healthz`, `/readyz` and `/metrics`. None of them returns data of users.

mod tls;

use std::fmt::Debug;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::kubernetes::{Admission, Reviews};
use crate::metrics::Metrics;

pub use tls::TlsListener;

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

/// `/metrics`, and who may read it.
pub struct MetricsPage {
    /// What is shown.
    pub metrics: Arc<Metrics>,
    /// Decides who may read it; `None`: everyone who reaches the address.
    pub reviews: Option<Reviews>,
}

/// Serves the probes until the shutdown signal, and `/metrics` as well if it has no address of its own.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Option<MetricsPage>,
    stop: CancellationToken,
) -> io::Result<()> {
    let health = get(
        |extract::State(readiness): extract::State<Readiness>| async move { readiness.health() },
    );
    let status = get(
        |extract::State(readiness): extract::State<Readiness>| async move { readiness.status() },
    );
    let probes = Router::new()
        .route("/healthz", health)
        .route("/readyz", status)
        .with_state(readiness);
    let routes = match metrics {
        Some(page) => probes.merge(page.routes()),
        None => probes,
    };
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// Serves `/metrics` at an address of its own until the shutdown signal.
///
/// # Errors
/// When the listener fails.
pub async fn serve_metrics<L>(
    listener: L,
    page: MetricsPage,
    stop: CancellationToken,
) -> io::Result<()>
where
    L: Listener,
    L::Addr: Debug,
{
    axum::serve(listener, page.routes())
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

impl MetricsPage {
    fn routes(self) -> Router {
        Router::new()
            .route("/metrics", get(exposition))
            .with_state(Arc::new(self))
    }

    /// Why the sender of these headers may not read it.
    async fn refusal(&self, headers: &HeaderMap) -> Option<StatusCode> {
        let reviews = self.reviews.as_ref()?;
        let sent = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let Some(token) = sent.and_then(|value| value.strip_prefix("Bearer ")) else {
            return Some(StatusCode::UNAUTHORIZED);
        };
        match reviews.may_get("/metrics", token).await {
            Ok(Admission::Admitted) => None,
            Ok(Admission::Unknown) => Some(StatusCode::UNAUTHORIZED),
            Ok(Admission::Denied) => Some(StatusCode::FORBIDDEN),
            Err(error) => {
                tracing::warn!("/metrics is not served: {}", error.message());
                Some(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }
}

async fn exposition(
    extract::State(page): extract::State<Arc<MetricsPage>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = page.refusal(&headers).await {
        return refusal.into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], page.metrics.text()).into_response()
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
