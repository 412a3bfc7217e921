//! What a connection refers to: tokens and CA bundles, read from its own namespace and nowhere else.

mod grant;
mod unreadable;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;

use crate::controller::context::{Context, SecretHosts};
use crate::controller::error::Error;
use crate::crd::{
    ALLOWED_HOSTS, BitbucketConnection, CaBundleKind, CaBundleReference, SecretKeyReference,
    SecretVersion,
};
use crate::declared::connection as declared;
use crate::fleet::link::TriedTokens;
use crate::http::{CaBundle, HostPolicy, Token};
use crate::kubernetes::secrets::{self, Unread};
use crate::kubernetes::watches::Watched;
use crate::plan::Reason;

pub(crate) use unreadable::unreadable;

/// Everything that a connection refers to, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) sonarqube: SonarQubeCredentials,
    pub(crate) write: Credential,
    pub(crate) import: Credential,
    pub(crate) bitbucket_ca: Option<CaBundle>,
}

/// What leads to SonarQube: all that undoing needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SonarQubeCredentials {
    pub(crate) own: Credential,
    pub(crate) ca: Option<CaBundle>,
}

impl Credentials {
    /// Bitbucket's tokens.
    pub(crate) fn tokens(&self) -> TriedTokens {
        TriedTokens {
            write: self.write.token.clone(),
            import: self.import.token.clone(),
        }
    }

    /// The names of the Secrets that hold more than their token.
    pub(crate) fn untidy(&self) -> BTreeSet<String> {
        [&self.sonarqube.own, &self.write, &self.import]
            .into_iter()
            .filter(|credential| credential.token.was_trimmed())
            .map(|credential| credential.secret.clone())
            .collect()
    }
}

/// A token, and the Secret that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    /// The name of the Secret.
    pub(crate) secret: String,
    pub(crate) token: Token,
    pub(crate) version: SecretVersion,
    /// Where its Secret lets it go.
    pub(crate) hosts: Option<HostPolicy>,
}

/// Makes sure that a change of what the connection refers to triggers a reconcile. Before anything is read: what is
/// missing, or may not be read yet, is noticed when it comes.
pub(crate) fn follow(connection: &BitbucketConnection, context: &Context) {
    let namespace = connection.namespace().unwrap_or_default();
    let references = references(connection, &namespace);
    let name = connection.name_any();
    context.watches.follow(&name, &references);
}

/// Reads what leads to SonarQube.
pub(crate) async fn of_sonarqube(
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<SonarQubeCredentials, Error> {
    let sonarqube = &connection.spec.sonarqube;
    let reader = Reader::of(connection, context);
    Ok(SonarQubeCredentials {
        own: reader.token(&sonarqube.token_secret_ref).await?,
        ca: reader.bundle(sonarqube.ca_bundle_ref.as_ref()).await?,
    })
}

/// Reads the token that is all of SonarQube's that cannot be done without: a bundle can.
pub(crate) async fn token_of_sonarqube(
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<Credential, Error> {
    let reference = &connection.spec.sonarqube.token_secret_ref;
    Reader::of(connection, context).token(reference).await
}

/// Reads the rest of what the connection refers to.
pub(crate) async fn with_bitbucket(
    sonarqube: SonarQubeCredentials,
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<Credentials, Error> {
    let (write, import, bitbucket_ca) = of_bitbucket(connection, context).await?;
    Ok(Credentials {
        sonarqube,
        write,
        import,
        bitbucket_ca,
    })
}

/// Reads what leads to Bitbucket: the token that decorates, the one that imports, and the certificates.
pub(crate) async fn of_bitbucket(
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<(Credential, Credential, Option<CaBundle>), Error> {
    let reader = Reader::of(connection, context);
    let bitbucket = &connection.spec.bitbucket;
    let write = reader.token(&bitbucket.token_secret_ref).await?;
    let import = match &bitbucket.import_token_secret_ref {
        Some(reference) => reader.token(reference).await?,
        None => write.clone(),
    };
    let bundle = reader.bundle(bitbucket.ca_bundle_ref.as_ref()).await?;
    Ok((write, import, bundle))
}

/// Whether the Secret without which nothing can be undone, SonarQube's, is confirmed gone, by a live read.
pub(crate) async fn are_gone(
    connection: &BitbucketConnection,
    context: &Context,
) -> Result<bool, Error> {
    match token_of_sonarqube(connection, context).await {
        Ok(_) => Ok(false),
        Err(Error::Refused(refusal)) => Ok(is_gone(refusal.reason, connection, context)),
        Err(error) => Err(error),
    }
}

/// Whether a refusal says that something is confirmed gone, by an answer of the API server. A terminating
/// namespace may lose the grant to read a Secret before the Secret, and neither can come back.
pub(crate) fn is_gone(reason: Reason, connection: &BitbucketConnection, context: &Context) -> bool {
    let is_terminating = || {
        let namespace = connection.namespace().unwrap_or_default();
        let namespace = context.namespaces.get("", &namespace);
        namespace.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_some())
    };
    matches!(reason, Reason::SecretNotFound | Reason::SecretKeyMissing)
        || (reason == Reason::SecretForbidden && is_terminating())
}

/// The objects that a connection refers to.
fn references(connection: &BitbucketConnection, namespace: &str) -> Vec<Watched> {
    let watched = |(kind, name)| Watched {
        kind,
        namespace: namespace.to_owned(),
        name,
    };
    let references = declared::references(connection).into_iter();
    references.map(watched).collect()
}

struct Reader<'a> {
    namespace: String,
    /// Everything that the connection refers to.
    references: Vec<Watched>,
    /// The name of the connection that is read for.
    connection: String,
    context: &'a Context,
}

impl<'a> Reader<'a> {
    fn of(connection: &BitbucketConnection, context: &'a Context) -> Self {
        let namespace = connection.namespace().unwrap_or_default();
        Self {
            references: references(connection, &namespace),
            namespace,
            connection: connection.name_any(),
            context,
        }
    }

    async fn token(&self, reference: &SecretKeyReference) -> Result<Credential, Error> {
        let secret = self.secret(&reference.name).await?;
        let place = format!("Secret {}/{}", self.namespace, reference.name);
        let data = secret.data.unwrap_or_default();
        let bytes = entry(&place, &reference.key, data)?;
        let token = Token::parse(&bytes.0).map_err(|error| {
            Error::refused(
                Reason::SecretMalformed,
                format!("{place}, key {}: {error}", reference.key),
            )
        })?;
        let hosts = self.hosts(&place, &secret.metadata)?;
        Ok(Credential {
            secret: reference.name.clone(),
            token,
            version: version(&secret.metadata),
            hosts,
        })
    }

    fn hosts(&self, place: &str, metadata: &ObjectMeta) -> Result<Option<HostPolicy>, Error> {
        let annotation = metadata
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(ALLOWED_HOSTS));
        match annotation {
            Some(list) => HostPolicy::parse(list).map(Some).map_err(|error| {
                Error::refused(
                    Reason::HostNotAllowed,
                    format!("{place}: annotation {ALLOWED_HOSTS}: {error}"),
                )
            }),
            None if self.context.settings.secret_hosts == SecretHosts::Required => {
                Err(Error::refused(
                    Reason::HostNotAllowed,
                    format!(
                        "{place} has no annotation {ALLOWED_HOSTS}, which this operator demands: list the hosts of SonarQube and Bitbucket there"
                    ),
                ))
            }
            None => Ok(None),
        }
    }

    async fn bundle(
        &self,
        reference: Option<&CaBundleReference>,
    ) -> Result<Option<CaBundle>, Error> {
        let Some(CaBundleReference { kind, name, key }) = reference else {
            return Ok(None);
        };
        let (place, bytes) = match kind {
            CaBundleKind::Secret => {
                let place = format!("Secret {}/{name}", self.namespace);
                let data = self.secret(name).await?.data.unwrap_or_default();
                let bytes = entry(&place, key, data)?.0;
                (place, bytes)
            }
            CaBundleKind::ConfigMap => {
                let place = format!("ConfigMap {}/{name}", self.namespace);
                let data = self.config_map(name).await?.data.unwrap_or_default();
                let bytes = entry(&place, key, data)?.into_bytes();
                (place, bytes)
            }
        };
        let bundle = CaBundle::parse(&bytes).map_err(|error| {
            Error::refused(Reason::TLSFailed, format!("{place}: {key} {error}"))
        })?;
        Ok(Some(bundle))
    }

    async fn secret(&self, name: &str) -> Result<Secret, Error> {
        let read = self.read_secret(name).await;
        let metadata = read.as_ref().map(|secret| &secret.metadata);
        self.seen(CaBundleKind::Secret, name, metadata);
        match read {
            Ok(secret) => Ok(secret),
            Err(unread) => Err(self.unread("secrets", name, unread).await),
        }
    }

    async fn config_map(&self, name: &str) -> Result<ConfigMap, Error> {
        let read = self.read_config_map(name).await;
        let metadata = read.as_ref().map(|map| &map.metadata);
        self.seen(CaBundleKind::ConfigMap, name, metadata);
        match read {
            Ok(map) => Ok(map),
            Err(unread) => Err(self.unread("configmaps", name, unread).await),
        }
    }

    fn seen(&self, kind: CaBundleKind, name: &str, read: Result<&ObjectMeta, &Unread>) {
        let watched = Watched {
            kind,
            namespace: self.namespace.clone(),
            name: name.to_owned(),
        };
        self.context.watches.seen(&self.connection, &watched, read);
    }

    async fn unread(&self, resource: &str, name: &str, unread: Unread) -> Error {
        let namespace = &self.namespace;
        match unread {
            Unread::Absent => Error::refused(
                Reason::SecretNotFound,
                format!(
                    "{resource} {namespace}/{name} does not exist: create it, or correct its name in the spec"
                ),
            ),
            Unread::Forbidden => self.forbidden().await,
            Unread::Failed(error) => error.into(),
        }
    }

    /// The operator may not read something: names all that it may not read, and the command that grants everything that
    /// the connection refers to.
    async fn forbidden(&self) -> Error {
        let account = &self.context.settings.service_account;
        let mut forbidden = Vec::new();
        for reference in &self.references {
            let read = match reference.kind {
                CaBundleKind::Secret => self.read_secret(&reference.name).await.map(drop),
                CaBundleKind::ConfigMap => self.read_config_map(&reference.name).await.map(drop),
            };
            if matches!(read, Err(Unread::Forbidden)) && !forbidden.contains(&reference) {
                forbidden.push(reference);
            }
        }
        let mut named = Vec::new();
        for reference in forbidden {
            named.push(grant::lacking(&self.context.client, reference).await);
        }
        let connection = (&*self.namespace, &*self.connection);
        Error::refused(
            Reason::SecretForbidden,
            format!(
                // The command comes first: a condition has a limit, and its end is cut off.
                "the operator may not read {}. Grant it with: {} # as a manifest: {}",
                named.join(", "),
                grant::command(&self.references, connection, account),
                grant::printed(connection, account),
            ),
        )
    }

    async fn read_secret(&self, name: &str) -> Result<Secret, Unread> {
        secrets::secret(&self.context.client, &self.namespace, name).await
    }

    async fn read_config_map(&self, name: &str) -> Result<ConfigMap, Unread> {
        secrets::config_map(&self.context.client, &self.namespace, name).await
    }
}

fn entry<T: Payload>(place: &str, key: &str, mut data: BTreeMap<String, T>) -> Result<T, Error> {
    let count = data.len();
    match data.remove(key) {
        None => Err(Error::refused(
            Reason::SecretKeyMissing,
            format!(
                "{place} has no key {key} (it has {count} other key(s)): add it, or correct the key in the spec"
            ),
        )),
        Some(payload) if payload.is_empty() => Err(Error::refused(
            Reason::SecretEmpty,
            format!("{place}, key {key}, is empty"),
        )),
        Some(payload) => Ok(payload),
    }
}

/// What a key of a Secret or a ConfigMap holds.
trait Payload {
    fn is_empty(&self) -> bool;
}

impl Payload for ByteString {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Payload for String {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

fn version(metadata: &ObjectMeta) -> SecretVersion {
    SecretVersion {
        uid: metadata.uid.clone().unwrap_or_default(),
        resource_version: metadata.resource_version.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
