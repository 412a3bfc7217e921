//! What a connection declares and remembers, as the core wants it.

use kube::ResourceExt as _;

use crate::controller::error::Error;
use crate::crd::{AdoptionPolicy, BitbucketConnection, ConfigurationIntent, ManagementPolicy};
use crate::identity::{ServerId, ServerUrl, SettingId, SettingKey, Uid};
use crate::kubernetes::uid;
use crate::plan::connection::{Adoption, Desired, Intent, Recorded};
use crate::plan::{Management, Reason};

/// The URL of both servers.
pub(super) struct Urls {
    pub(super) sonarqube: ServerUrl,
    pub(super) bitbucket: ServerUrl,
}

/// Parses the servers' URLs: CEL takes some that are none.
pub(super) fn urls(connection: &BitbucketConnection) -> Result<Urls, Error> {
    Ok(Urls {
        sonarqube: sonarqube_url(connection)?,
        bitbucket: parsed("bitbucket.url", &connection.spec.bitbucket.url)?,
    })
}

/// Parses the URL of SonarQube.
pub(super) fn sonarqube_url(connection: &BitbucketConnection) -> Result<ServerUrl, Error> {
    parsed("sonarqube.url", &connection.spec.sonarqube.url)
}

/// What the connection declares.
pub(super) fn desired(connection: &BitbucketConnection, urls: &Urls) -> Result<Desired, Error> {
    let spec = &connection.spec;
    let base_url = spec.sonarqube.server_base_url.as_deref();
    Ok(Desired {
        uid: uid(connection),
        name: configuration_name(connection)?,
        url: urls.bitbucket.clone(),
        server_base_url: base_url
            .map(|url| parsed("sonarqube.serverBaseURL", url))
            .transpose()?,
        adoption: match spec.adoption_policy {
            AdoptionPolicy::Never => Adoption::Never,
            AdoptionPolicy::IfMatching => Adoption::IfMatching,
            AdoptionPolicy::Always => Adoption::Always,
        },
        management: match spec.management_policy {
            ManagementPolicy::Full => Management::Full,
            ManagementPolicy::Observe => Management::Observe,
        },
        record: recorded(connection),
        intent: intended(
            connection
                .status
                .as_ref()
                .and_then(|status| status.intent.as_ref()),
        ),
    })
}

/// The configuration that the status remembers.
pub(crate) fn recorded(connection: &BitbucketConnection) -> Option<Recorded> {
    let configuration = connection.status.as_ref()?.configuration.as_ref()?;
    Some(Recorded {
        server: ServerId::new(&*configuration.server_id),
        id: SettingId::new(&*configuration.id),
        created_by: configuration.created_by.as_deref().map(Uid::new),
    })
}

/// The name under which the status remembers it.
pub(crate) fn recorded_name(connection: &BitbucketConnection) -> Option<SettingKey> {
    let configuration = connection.status.as_ref()?.configuration.as_ref()?;
    SettingKey::parse(&configuration.name).ok()
}

/// The configuration that was announced.
pub(super) fn intended(intent: Option<&ConfigurationIntent>) -> Option<Intent> {
    intent.map(|intent| Intent {
        server: ServerId::new(&*intent.server_id),
        name: SettingKey::reported(&*intent.name),
    })
}

fn configuration_name(connection: &BitbucketConnection) -> Result<SettingKey, Error> {
    let name = connection
        .spec
        .configuration_name
        .clone()
        .unwrap_or_else(|| connection.name_any());
    SettingKey::parse(&name).map_err(|error| {
        Error::refused(
            Reason::InvalidSpec,
            format!("spec.configurationName: {error}"),
        )
    })
}

fn parsed(field: &str, text: &str) -> Result<ServerUrl, Error> {
    ServerUrl::parse(text)
        .map_err(|error| Error::refused(Reason::InvalidSpec, format!("spec.{field}: {error}")))
}
