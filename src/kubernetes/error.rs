//! A call to the Kubernetes API that failed.

use std::time::Duration;

/// Kubernetes did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("failed to {doing}")]
pub(crate) struct Error {
    /// What was asked.
    pub(crate) doing: &'static str,
    #[source]
    pub(crate) source: kube::Error,
}

impl Error {
    /// The error of a call that was to do this.
    pub(crate) fn when(doing: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self { doing, source }
    }

    /// Whether the answer came, and this version cannot read the object in it.
    pub(crate) fn is_of_content(&self) -> bool {
        matches!(self.source, kube::Error::SerdeError(_))
    }

    /// Whether a write was refused because another client wrote the object meanwhile.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(&self.source, kube::Error::Api(status) if status.code == 409)
    }

    /// Whether the API server refused what it was sent: a quota, an admission policy, a missing right.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(&self.source, kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422))
    }

    /// When the API server wants to be asked again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let kube::Error::Api(status) = &self.source else {
            return None;
        };
        let seconds = status.details.as_ref()?.retry_after_seconds;
        (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
    }

    /// What happened, in one line: the answer of the API server as it gave it.
    pub(crate) fn message(&self) -> String {
        let Self { doing, source } = self;
        if let kube::Error::Api(status) = source {
            let (code, message) = (status.code, &status.message);
            return format!("failed to {doing}: the API server answered {code}: {message}");
        }
        let mut message = format!("failed to {doing}");
        let mut cause: Option<&dyn std::error::Error> = Some(source);
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        message
    }
}
