//! The clients of the Kubernetes API: one for everything, and one for the lease alone.

use std::sync::Arc;
use std::time::Duration;

use kube::client::ClientBuilder;

use crate::fence::Fence;
use crate::metrics::{KubernetesCalls, Metrics};

use super::fenced::Fenced;

/// How long the Kubernetes API may be silent while something is read from it, a watch included: longer than a watch
/// that has no events. Without it a half-open connection blocks its reader for ever.
const LONGEST_SILENCE: Duration = Duration::from_secs(90);

/// How long the API server may be silent to the client of the lease: a renewal that takes longer comes too late.
const LEASE_SILENCE: Duration = Duration::from_secs(3);

/// Builds the client of the lease. Nothing else uses it, so that nothing slows a renewal down. It has its own
/// connections, and writes while the fence is closed.
///
/// # Errors
/// When the certificates or the proxy of the configuration cannot be used.
pub fn lease_client(mut config: kube::Config) -> kube::Result<kube::Client> {
    config.connect_timeout = Some(LEASE_SILENCE);
    config.read_timeout = Some(LEASE_SILENCE);
    config.write_timeout = Some(LEASE_SILENCE);
    config.default_retry = false;
    Ok(ClientBuilder::try_from(config)?.build())
}

/// Builds a client whose calls are counted, and whose writes begin while the fence is open.
///
/// # Errors
/// When the certificates or the proxy of the configuration cannot be used.
pub fn client(
    mut config: kube::Config,
    metrics: &Arc<Metrics>,
    fence: Fence,
) -> kube::Result<kube::Client> {
    config.read_timeout = Some(LONGEST_SILENCE);
    // Counted from when a call is sent, not from when its connection was used last.
    config.reset_reader_on_write = true;
    // A retry in the client would hold a worker for minutes. The queue retries, and reconciles others meanwhile.
    config.default_retry = false;
    let calls = KubernetesCalls::new(Arc::clone(metrics));
    let builder = ClientBuilder::try_from(config)?;
    Ok(builder
        .with_layer(&calls)
        .with_layer(&Fenced(fence))
        .build())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::Api;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;

    /// Promise: an API server that sends its clients away costs a reconcile one call, not minutes.
    #[tokio::test]
    async fn a_call_that_is_sent_away_is_not_repeated() {
        for status in [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ] {
            let calls = Arc::new(AtomicU32::new(0));
            let counted = Arc::clone(&calls);
            let answer = move || async move {
                counted.fetch_add(1, Ordering::SeqCst);
                (status, [("retry-after", "0")], "go away")
            };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let server = Router::new().fallback(answer);
            let mut servers = JoinSet::new();
            servers.spawn(async move { axum::serve(listener, server).await.unwrap() });
            let config = kube::Config::new(url.parse().unwrap());
            let client = client(config, &Arc::default(), Fence::closed()).unwrap();
            let namespaces = Api::<Namespace>::all(client);
            namespaces.get("payments").await.unwrap_err();
            assert_eq!(calls.load(Ordering::SeqCst), 1, "{status}");
        }
    }
}
