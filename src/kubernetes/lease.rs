//! Reads and writes the lease. Every write names the version that it replaces, and a deadline: the holder must know in
//! time that it could not renew the lease.

use std::future::Future;
use std::time::Duration;

use k8s_openapi::api::coordination::v1 as coordination;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use super::clock;
use super::status::MANAGER;

/// The name of the lease.
pub const NAME: &str = "bindery";

/// How long the API server may take for one call.
const DEADLINE: Duration = Duration::from_secs(3);

/// A released lease lasts no longer than this: its holder wrote so when it had ended all its work.
pub const RELEASED: Duration = Duration::from_secs(1);

/// What a lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub holder: Option<String>,
    /// For how long it must be unchanged before another process takes it.
    pub lasts: Duration,
    /// What a write must name.
    pub version: Version,
}

/// Which write made the lease what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Of the object.
    pub uid: String,
    /// Of the write.
    pub resource: String,
}

/// A lease in a namespace, as one process writes it.
pub struct Leases {
    api: Api<coordination::Lease>,
    namespace: String,
    identity: String,
    lasts: Duration,
}

/// What a call for the lease came to, other than what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Another write came first.
    #[error("the lease was written by another process meanwhile")]
    Overtaken,
    /// The API server did not answer in time.
    #[error("the API server did not answer within {} s", DEADLINE.as_secs())]
    Silence,
    /// The operator may not do that.
    #[error(
        "the operator may not {doing} leases.coordination.k8s.io in namespace {namespace}: apply deploy/rbac.yaml, or \
         upgrade the chart ({source})"
    )]
    Forbidden {
        /// The verb.
        doing: &'static str,
        /// Where.
        namespace: String,
        /// What the API server said.
        source: kube::Error,
    },
    /// Anything else.
    #[error("failed to {doing} the lease {namespace}/bindery: {source}")]
    Other {
        /// The verb.
        doing: &'static str,
        /// Where.
        namespace: String,
        /// What the API server said.
        source: kube::Error,
    },
}

/// Who writes the lease, and where.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The namespace of the lease.
    pub namespace: String,
    /// What no other process is called, not even the next one in the same pod.
    pub identity: String,
    /// For how long the lease lasts, in whole seconds.
    pub lasts: Duration,
}

impl Leases {
    /// The lease of this namespace, by a client that nothing else uses.
    #[must_use]
    pub fn new(client: kube::Client, holder: Holder) -> Self {
        let Holder {
            namespace,
            identity,
            lasts,
        } = holder;
        Self {
            api: Api::namespaced(client, &namespace),
            namespace,
            identity,
            lasts,
        }
    }

    /// What this process is called in the lease.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// For how long the lease lasts.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Reads the lease.
    ///
    /// # Errors
    /// When the API server does not answer, or refuses.
    pub async fn read(&self) -> Result<Option<Lease>, Problem> {
        let read = self.within("get", self.api.get_opt(NAME)).await?;
        Ok(read.map(|lease| said(&lease)))
    }

    /// Makes the lease, held by this process.
    ///
    /// # Errors
    /// [`Problem::Overtaken`] when there is one.
    pub async fn create(&self) -> Result<Version, Problem> {
        let mut lease = coordination::Lease {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                ..ObjectMeta::default()
            },
            ..coordination::Lease::default()
        };
        let now = clock::precisely();
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = Some(self.seconds());
        spec.acquire_time = Some(now.clone());
        spec.renew_time = Some(now);
        let parameters = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let created = self
            .within("create", self.api.create(&parameters, &lease))
            .await?;
        Ok(version(&created))
    }

    /// Writes this process into the lease that another one held.
    ///
    /// # Errors
    /// [`Problem::Overtaken`] when the lease has another version by now.
    pub async fn take(&self, over: &Version) -> Result<Version, Problem> {
        let now = clock::precisely();
        let spec = json!({
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self.seconds(),
            "acquireTime": now,
            "renewTime": now,
        });
        self.patch(over, spec).await
    }

    /// Renews the lease, which this process holds.
    ///
    /// # Errors
    /// [`Problem::Overtaken`] when the lease has another version by now, or is gone.
    pub async fn renew(&self, over: &Version) -> Result<Version, Problem> {
        let spec = json!({"renewTime": clock::precisely()});
        self.patch(over, spec).await
    }

    /// Gives the lease back: the next candidate takes it at once.
    ///
    /// # Errors
    /// When it is not given back.
    pub async fn release(&self, over: &Version) -> Result<Version, Problem> {
        let spec = json!({"holderIdentity": null, "leaseDurationSeconds": RELEASED.as_secs()});
        self.patch(over, spec).await
    }

    async fn patch(&self, over: &Version, spec: serde_json::Value) -> Result<Version, Problem> {
        let metadata = json!({"uid": over.uid, "resourceVersion": over.resource});
        let patch = Patch::Merge(json!({"metadata": metadata, "spec": spec}));
        let parameters = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = self.api.patch(NAME, &parameters, &patch);
        Ok(version(&self.within("patch", patched).await?))
    }

    async fn within<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Problem> {
        let answer = tokio::time::timeout(DEADLINE, call).await;
        let source = match answer {
            Err(_) => return Err(Problem::Silence),
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(source)) => source,
        };
        let namespace = self.namespace.clone();
        let code = if let kube::Error::Api(status) = &source {
            status.code
        } else {
            0
        };
        Err(match code {
            // A lease that is gone was deleted by other hands.
            404 | 409 => Problem::Overtaken,
            403 => Problem::Forbidden {
                doing,
                namespace,
                source,
            },
            _ => Problem::Other {
                doing,
                namespace,
                source,
            },
        })
    }

    fn seconds(&self) -> i32 {
        i32::try_from(self.lasts.as_secs()).unwrap_or(i32::MAX)
    }
}

fn version(lease: &coordination::Lease) -> Version {
    Version {
        uid: lease.uid().unwrap_or_default(),
        resource: lease.resource_version().unwrap_or_default(),
    }
}

fn said(lease: &coordination::Lease) -> Lease {
    let spec = lease.spec.as_ref();
    let holder = spec.and_then(|spec| spec.holder_identity.clone());
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds);
    Lease {
        holder: holder.filter(|holder| !holder.is_empty()),
        lasts: Duration::from_secs(seconds.and_then(|it| u64::try_from(it).ok()).unwrap_or(15)),
        version: version(lease),
    }
}
