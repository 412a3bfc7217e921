//! The clients of one connection, built from its spec and its credentials.

use std::sync::Arc;
use std::time::Duration;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::http::{HostPolicy, Options, Recorder, Refusal, Transport};
use crate::identity::ServerUrl;
use crate::plan::Reason;
use crate::{bitbucket, sonarqube};

use super::credentials::Credentials;
use super::desired::Urls;

/// The servers of a connection.
#[derive(Clone, Debug)]
pub(super) struct Remotes {
    pub(super) sonarqube: sonarqube::Client,
    /// With the token that SonarQube decorates with.
    pub(super) writer: bitbucket::Client,
    /// With the token that SonarQube imports with.
    pub(super) importer: bitbucket::Client,
    built_from: BuiltFrom,
}

type BuiltFrom = (ServerUrl, ServerUrl, Credentials);

impl Remotes {
    /// Builds the clients, unless those that are there were built from the same.
    pub(super) fn build(
        urls: &Urls,
        credentials: &Credentials,
        before: Option<Self>,
        context: &Context,
    ) -> Result<Self, Error> {
        let Urls {
            sonarqube,
            bitbucket,
        } = urls;
        let built_from = (sonarqube.clone(), bitbucket.clone(), credentials.clone());
        if let Some(remotes) = before.filter(|remotes| remotes.built_from == built_from) {
            return Ok(remotes);
        }
        if is_bitbucket_cloud(bitbucket) {
            return Err(Error::refused(
                Reason::InvalidSpec,
                format!(
                    "{bitbucket} is Bitbucket Cloud; Bindery serves Bitbucket Server and Data Center"
                ),
            ));
        }
        let Credentials {
            sonarqube: own,
            write,
            import,
            sonarqube_ca,
            bitbucket_ca,
        } = credentials;
        // Bitbucket's tokens reach SonarQube as well.
        let bitbucket_hosts: Vec<_> = [&context.settings.hosts]
            .into_iter()
            .chain(&write.hosts)
            .chain(&import.hosts)
            .cloned()
            .collect();
        let sonarqube_hosts = bitbucket_hosts.iter().chain(&own.hosts).cloned().collect();
        let transport = |system, url: &ServerUrl, ca_bundle: &Option<_>, hosts: Vec<HostPolicy>| {
            let options = Options {
                system,
                ca_bundle: ca_bundle.clone(),
                hosts: HostPolicy::all(hosts),
                allow_http: context.settings.allow_http,
                timeout: Duration::from_secs(30),
                recorder: Arc::clone(&context.metrics) as Arc<dyn Recorder>,
                ..Options::default()
            };
            Transport::new(url.clone(), options).map_err(|refusal| refused(url, &refusal))
        };
        let to_sonarqube = transport("sonarqube", sonarqube, sonarqube_ca, sonarqube_hosts)?;
        let to_bitbucket = transport("bitbucket", bitbucket, bitbucket_ca, bitbucket_hosts)?;
        Ok(Self {
            sonarqube: sonarqube::Client::new(to_sonarqube, own.token.clone()),
            writer: bitbucket::Client::new(to_bitbucket.clone(), write.token.clone()),
            importer: bitbucket::Client::new(to_bitbucket, import.token.clone()),
            built_from,
        })
    }
}

impl PartialEq for Remotes {
    /// The same servers, reached with the same credentials.
    fn eq(&self, other: &Self) -> bool {
        self.built_from == other.built_from
    }
}

/// Its hosts answer like no Server or Data Center, and a token must not even be tried there.
fn is_bitbucket_cloud(url: &ServerUrl) -> bool {
    let host = url.host().to_lowercase();
    host == "bitbucket.org" || host.ends_with(".bitbucket.org")
}

fn refused(url: &ServerUrl, refusal: &Refusal) -> Error {
    let reason = match refusal {
        Refusal::InsecureUrl => Reason::InsecureURL,
        Refusal::Host(_) => Reason::HostNotAllowed,
        Refusal::Tls(_) => Reason::TLSFailed,
    };
    Error::refused(
        reason,
        format!(
            "{url}: {refusal}; see --allowed-hosts and the annotation bindery.dev/allowed-hosts"
        ),
    )
}
