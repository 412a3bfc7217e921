//! What a connection declares and remembers.

use crate::crd::{
    self, AdoptionPolicy, AppliedSecrets, BitbucketConnection, BitbucketConnectionSpec,
    CaBundleKind, ConfigurationIntent, ConfigurationStatus, ManagementPolicy, SecretVersion,
};
use crate::identity::{ServerId, ServerUrl, SettingId, SettingKey, Uid};
use crate::plan::connection::{Adoption, Applied, ConfigurationPolicy, Desired, Intent, Recorded};
use crate::plan::{Blocked, Management, Reason};

/// The URL of both servers.
pub(crate) struct Urls {
    pub(crate) sonarqube: ServerUrl,
    pub(crate) bitbucket: ServerUrl,
}

/// `(namespace, name)`, as bindings refer to it.
pub(crate) fn reference_to(connection: &BitbucketConnection) -> (String, String) {
    let metadata = &connection.metadata;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    (part(&metadata.namespace), part(&metadata.name))
}

/// The Secrets and `ConfigMaps` that a connection refers to, all of them in its own namespace: the kind and the name of
/// each.
pub(crate) fn references(connection: &BitbucketConnection) -> Vec<(CaBundleKind, String)> {
    let BitbucketConnectionSpec {
        bitbucket,
        sonarqube,
        ..
    } = &connection.spec;
    let tokens = [&bitbucket.token_secret_ref, &sonarqube.token_secret_ref]
        .into_iter()
        .chain(&bitbucket.import_token_secret_ref)
        .map(|reference| (CaBundleKind::Secret, reference.name.clone()));
    let bundles = [&bitbucket.ca_bundle_ref, &sonarqube.ca_bundle_ref]
        .into_iter()
        .flatten()
        .map(|reference| (reference.kind, reference.name.clone()));
    tokens.chain(bundles).collect()
}

/// Parses the servers' URLs: CEL takes some that are none.
pub(crate) fn urls(connection: &BitbucketConnection) -> Result<Urls, Blocked> {
    Ok(Urls {
        sonarqube: sonarqube_url(connection)?,
        bitbucket: parsed("bitbucket.url", &connection.spec.bitbucket.url)?,
    })
}

/// Parses the URL of SonarQube.
pub(crate) fn sonarqube_url(connection: &BitbucketConnection) -> Result<ServerUrl, Blocked> {
    parsed("sonarqube.url", &connection.spec.sonarqube.url)
}

/// What the connection declares.
pub(crate) fn desired(connection: &BitbucketConnection, urls: &Urls) -> Result<Desired, Blocked> {
    let spec = &connection.spec;
    let base_url = spec.sonarqube.server_base_url.as_deref();
    Ok(Desired {
        uid: Uid::new(connection.metadata.uid.clone().unwrap_or_default()),
        name: configuration_name(connection)?,
        url: urls.bitbucket.clone(),
        server_base_url: base_url
            .map(|url| parsed("sonarqube.serverBaseURL", url))
            .transpose()?,
        policy: policy(connection),
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
                .and_then(|status| status.record.intent.as_ref()),
        ),
    })
}

/// Who manages the configuration.
pub(crate) fn policy(connection: &BitbucketConnection) -> ConfigurationPolicy {
    match connection.spec.configuration_policy {
        crd::ConfigurationPolicy::Manage => ConfigurationPolicy::Manage,
        crd::ConfigurationPolicy::Reference => ConfigurationPolicy::Reference,
    }
}

/// What the status says of the configuration. One that was only referenced was not adopted, and one that is only
/// referenced is not managed any more: a change of the policy begins anew.
fn shown(connection: &BitbucketConnection) -> Option<&ConfigurationStatus> {
    let shown = connection.status.as_ref()?.configuration.as_ref();
    shown.filter(|shown| shown.policy == connection.spec.configuration_policy)
}

/// The configuration that the status remembers.
pub(crate) fn recorded(connection: &BitbucketConnection) -> Option<Recorded> {
    let configuration = shown(connection)?;
    let status = connection.status.as_ref()?;
    Some(Recorded {
        server: ServerId::new(&*configuration.server_id),
        id: SettingId::new(&*configuration.id),
        created_by: status.record.created_by.as_deref().map(Uid::new),
    })
}

/// The name under which the status remembers it.
pub(crate) fn recorded_name(connection: &BitbucketConnection) -> Option<SettingKey> {
    SettingKey::parse(&shown(connection)?.name).ok()
}

/// The configuration that was announced.
pub(crate) fn intended(intent: Option<&ConfigurationIntent>) -> Option<Intent> {
    intent.map(|intent| Intent {
        server: ServerId::new(&*intent.server_id),
        name: SettingKey::reported(&*intent.name),
    })
}

/// The versions of the Secrets that the status says SonarQube was given.
pub(crate) fn applied(secrets: &AppliedSecrets) -> Applied<SecretVersion> {
    Applied {
        server: ServerId::new(&*secrets.server_id),
        configuration: SettingId::new(&*secrets.configuration_id),
        user: secrets.sonarqube_user.clone(),
        write: secrets.token.clone(),
        import: secrets.import_token.clone(),
    }
}

/// The same for the status.
pub(crate) fn applied_secrets(applied: &Applied<SecretVersion>) -> AppliedSecrets {
    AppliedSecrets {
        server_id: applied.server.to_string(),
        configuration_id: applied.configuration.to_string(),
        sonarqube_user: applied.user.clone(),
        token: applied.write.clone(),
        import_token: applied.import.clone(),
    }
}

fn configuration_name(connection: &BitbucketConnection) -> Result<SettingKey, Blocked> {
    let name = connection
        .spec
        .configuration_name
        .clone()
        .unwrap_or_else(|| reference_to(connection).1);
    SettingKey::parse(&name).map_err(|error| {
        Blocked::new(
            Reason::InvalidSpec,
            format!("spec.configurationName: {error}"),
        )
    })
}

fn parsed(field: &str, text: &str) -> Result<ServerUrl, Blocked> {
    ServerUrl::parse(text)
        .map_err(|error| Blocked::new(Reason::InvalidSpec, format!("spec.{field}: {error}")))
}
