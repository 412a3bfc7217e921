//! The clients of one connection, built from its spec and its credentials.

use std::sync::Arc;
use std::time::Duration;

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::declared::connection::Urls;
use crate::http::{CaBundle, HostPolicy, Options, Recorder, Refusal, Transport};
use crate::identity::ServerUrl;
use crate::plan::Reason;
use crate::{bitbucket, sonarqube};

use super::credentials::{Credentials, SonarQubeCredentials};

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
            sonarqube: SonarQubeCredentials { own, ca },
            write,
            import,
            bitbucket_ca,
        } = credentials;
        let hosts: Vec<_> = write.hosts.iter().chain(&import.hosts).cloned().collect();
        // Bitbucket's tokens reach SonarQube as well.
        let sonarqube_hosts = hosts.iter().chain(&own.hosts).cloned().collect();
        let to_sonarqube = Route {
            system: "sonarqube",
            url: sonarqube,
            ca: ca.as_ref(),
            hosts: sonarqube_hosts,
        };
        let to_bitbucket = Route {
            system: "bitbucket",
            url: bitbucket,
            ca: bitbucket_ca.as_ref(),
            hosts,
        };
        let to_bitbucket = to_bitbucket.transport(context)?;
        Ok(Self {
            sonarqube: sonarqube::Client::new(to_sonarqube.transport(context)?, own.token.clone()),
            writer: bitbucket::Client::new(to_bitbucket.clone(), write.token.clone()),
            importer: bitbucket::Client::new(to_bitbucket, import.token.clone()),
            built_from,
        })
    }

    /// The client of SonarQube, if it was built from these.
    pub(super) fn to_sonarqube(
        &self,
        url: &ServerUrl,
        credentials: &SonarQubeCredentials,
    ) -> Option<sonarqube::Client> {
        let (built_for, _, built_from) = &self.built_from;
        let same = built_for == url && built_from.sonarqube == *credentials;
        same.then(|| self.sonarqube.clone())
    }
}

/// A client of SonarQube alone, for calls that carry no token of Bitbucket's.
pub(super) fn sonarqube_alone(
    url: &ServerUrl,
    credentials: &SonarQubeCredentials,
    context: &Context,
) -> Result<sonarqube::Client, Error> {
    let SonarQubeCredentials { own, ca } = credentials;
    let route = Route {
        system: "sonarqube",
        url,
        ca: ca.as_ref(),
        hosts: own.hosts.iter().cloned().collect(),
    };
    Ok(sonarqube::Client::new(
        route.transport(context)?,
        own.token.clone(),
    ))
}

/// The way to a server, and where it may lead beside what the operator's own list says.
struct Route<'a> {
    system: &'static str,
    url: &'a ServerUrl,
    ca: Option<&'a CaBundle>,
    hosts: Vec<HostPolicy>,
}

impl Route<'_> {
    fn transport(self, context: &Context) -> Result<Transport, Error> {
        let hosts = [context.settings.hosts.clone()];
        let options = Options {
            system: self.system,
            ca_bundle: self.ca.cloned(),
            hosts: HostPolicy::all(hosts.into_iter().chain(self.hosts)),
            allow_http: context.settings.allow_http,
            timeout: Duration::from_secs(30),
            recorder: Arc::clone(&context.metrics) as Arc<dyn Recorder>,
            ..Options::default()
        };
        Transport::new(self.url.clone(), options).map_err(|refusal| refused(self.url, &refusal))
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
