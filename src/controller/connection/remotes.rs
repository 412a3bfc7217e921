//! The clients of one connection, built from its spec and its credentials.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::controller::context::Context;
use crate::controller::credentials::{Credential, Credentials, SonarQubeCredentials};
use crate::controller::error::Error;
use crate::declared::connection::Urls;
use crate::fleet::link::{Clients, Endpoint, Endpoints, Key, SharedLink};
use crate::http::{CaBundle, HostPolicy, Options, Recorder, Refusal, Transport};
use crate::identity::ServerUrl;
use crate::plan::Reason;
use crate::{bitbucket, sonarqube};

/// Where the clients of a connection lead to.
pub(super) fn endpoints(urls: &Urls, credentials: &Credentials) -> Endpoints {
    let Credentials {
        sonarqube: SonarQubeCredentials { own, ca },
        write,
        import,
        bitbucket_ca,
    } = credentials;
    let key = |credential: &Credential| Key {
        token: credential.token.clone(),
        hosts: credential.hosts.clone(),
    };
    let endpoint = |url: &ServerUrl, ca: &Option<CaBundle>| Endpoint {
        url: url.clone(),
        ca: ca.clone(),
    };
    Endpoints {
        sonarqube: (endpoint(&urls.sonarqube, ca), key(own)),
        bitbucket: endpoint(&urls.bitbucket, bitbucket_ca),
        write: key(write),
        import: key(import),
    }
}

/// Builds the clients, unless those that are there lead to the same.
pub(super) fn clients(
    endpoints: Endpoints,
    link: &SharedLink,
    context: &Context,
) -> Result<Clients, Error> {
    let now = Instant::now();
    let reading = {
        let link = link.lock();
        if let Some(clients) = link.clients.good(&endpoints, Duration::MAX, now) {
            return Ok(clients.clone());
        }
        link.clients.begin(now)
    };
    let clients = build(&endpoints, context)?;
    let mut link = link.lock();
    link.clients.store(reading, clients.clone(), endpoints);
    Ok(clients)
}

fn build(endpoints: &Endpoints, context: &Context) -> Result<Clients, Error> {
    let Endpoints {
        sonarqube: (sonarqube, own),
        bitbucket,
        write,
        import,
    } = endpoints;
    if is_bitbucket_cloud(&bitbucket.url) {
        return Err(no_server(&bitbucket.url));
    }
    let hosts: Vec<_> = write.hosts.iter().chain(&import.hosts).cloned().collect();
    // Bitbucket's tokens reach SonarQube as well.
    let sonarqube_hosts = hosts.iter().chain(&own.hosts).cloned().collect();
    let to_sonarqube = Route {
        kind: Kind::SonarQube,
        to: sonarqube,
        hosts: sonarqube_hosts,
    };
    let to_bitbucket = Route {
        kind: Kind::Bitbucket,
        to: bitbucket,
        hosts,
    };
    let to_bitbucket = to_bitbucket.transport(context)?;
    Ok(Clients {
        sonarqube: sonarqube::Client::new(to_sonarqube.transport(context)?, own.token.clone()),
        writer: bitbucket::Client::new(to_bitbucket.clone(), write.token.clone()),
        importer: bitbucket::Client::new(to_bitbucket, import.token.clone()),
    })
}

/// A client of SonarQube, for calls that carry no token of Bitbucket's: the existing one, if it is for the same server.
pub(super) fn sonarqube(
    url: &ServerUrl,
    credentials: &SonarQubeCredentials,
    link: &SharedLink,
    context: &Context,
) -> Result<sonarqube::Client, Error> {
    let SonarQubeCredentials { own, ca } = credentials;
    if let Some((clients, Endpoints { sonarqube, .. })) = link.lock().clients.last() {
        let (endpoint, key) = sonarqube;
        let leads_to_the_same = endpoint.url == *url && endpoint.ca == *ca;
        if leads_to_the_same && key.token == own.token && key.hosts == own.hosts {
            return Ok(clients.sonarqube.clone());
        }
    }
    sonarqube_alone(url, credentials, context)
}

/// A client of SonarQube alone.
pub(super) fn sonarqube_alone(
    url: &ServerUrl,
    credentials: &SonarQubeCredentials,
    context: &Context,
) -> Result<sonarqube::Client, Error> {
    let SonarQubeCredentials { own, ca } = credentials;
    let route = Route {
        kind: Kind::SonarQube,
        to: &Endpoint {
            url: url.clone(),
            ca: ca.clone(),
        },
        hosts: own.hosts.iter().cloned().collect(),
    };
    let transport = route.transport(context)?;
    Ok(sonarqube::Client::new(transport, own.token.clone()))
}

/// Clients of Bitbucket alone: with the token that decorates, and with the one that imports.
pub(super) fn bitbucket_alone(
    url: &ServerUrl,
    (write, import, ca): (&Credential, &Credential, Option<CaBundle>),
    context: &Context,
) -> Result<(bitbucket::Client, bitbucket::Client), Error> {
    if is_bitbucket_cloud(url) {
        return Err(no_server(url));
    }
    let url = url.clone();
    let route = Route {
        kind: Kind::Bitbucket,
        to: &Endpoint { url, ca },
        hosts: write.hosts.iter().chain(&import.hosts).cloned().collect(),
    };
    let transport = route.transport(context)?;
    Ok((
        bitbucket::Client::new(transport.clone(), write.token.clone()),
        bitbucket::Client::new(transport, import.token.clone()),
    ))
}

/// The kind of a server.
#[derive(Clone, Copy)]
enum Kind {
    SonarQube,
    Bitbucket,
}

/// How to reach a server, and which hosts are allowed besides the operator's own list.
struct Route<'a> {
    kind: Kind,
    to: &'a Endpoint,
    hosts: Vec<HostPolicy>,
}

impl Route<'_> {
    fn transport(self, context: &Context) -> Result<Transport, Error> {
        let hosts = [context.settings.hosts.clone()];
        let (system, limits) = match self.kind {
            Kind::SonarQube => ("sonarqube", context.settings.sonarqube),
            Kind::Bitbucket => ("bitbucket", context.settings.bitbucket),
        };
        let options = Options {
            system,
            limits,
            budgets: context.budgets.clone(),
            fence: context.fence.clone(),
            ca_bundle: self.to.ca.clone(),
            hosts: HostPolicy::all(hosts.into_iter().chain(self.hosts)),
            plain_http: context.settings.plain_http.clone(),
            timeout: Duration::from_secs(30),
            recorder: Arc::clone(&context.metrics) as Arc<dyn Recorder>,
        };
        let url = &self.to.url;
        Transport::new(url.clone(), options).map_err(|refusal| refused(url, &refusal))
    }
}

/// Its hosts answer like no Server or Data Center, and a token must not even be tried there.
fn is_bitbucket_cloud(url: &ServerUrl) -> bool {
    let host = url.host().to_lowercase();
    host == "bitbucket.org" || host.ends_with(".bitbucket.org")
}

fn no_server(url: &ServerUrl) -> Error {
    Error::refused(
        Reason::InvalidSpec,
        format!("{url} is Bitbucket Cloud; Bindery serves Bitbucket Server and Data Center"),
    )
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
