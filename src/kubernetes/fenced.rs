//! Lets no write begin while the fence is closed, as a layer of the client: no caller can forget it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Method, Request};
use tower::{BoxError, Layer, Service};

use crate::fence::Fence;

/// The API of reviews.
const REVIEWS: &str = "/apis/authorization.k8s.io/";

/// Asks the fence before each call that is not a read.
#[derive(Clone, Debug)]
pub(super) struct Fenced(pub(super) Fence);

impl<S> Layer<S> for Fenced {
    type Service = FencedCalls<S>;

    fn layer(&self, service: S) -> FencedCalls<S> {
        let fence = self.0.clone();
        FencedCalls { service, fence }
    }
}

/// A client behind a fence.
#[derive(Clone, Debug)]
pub(super) struct FencedCalls<S> {
    service: S,
    fence: Fence,
}

impl<S, Body> Service<Request<Body>> for FencedCalls<S>
where
    S: Service<Request<Body>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Reviews of rights are questions, which the API takes by POST.
        let is_question = request.uri().path().starts_with(REVIEWS);
        if request.method() != Method::GET
            && !is_question
            && let Err(closed) = self.fence.check()
        {
            return Box::pin(async move { Err(closed.into()) });
        }
        let answer = self.service.call(request);
        Box::pin(async move { answer.await.map_err(Into::into) })
    }
}
