//! Where calls, and the tokens in them, may go.

mod address;
mod list;
mod resolver;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use crate::identity::ServerUrl;

pub use address::AddressClass;
use list::HostList;
pub use list::HostListError;
pub(super) use resolver::Resolver;

/// The hosts that may be called: what *every* one of its lists admits.
///
/// Without a list of the user's: every host that resolves to no loopback, link-local, metadata or
/// unspecified address. A given list replaces that rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPolicy(Arc<[HostList]>);

/// A host that may not be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRefusal {
    /// The host as the URL spells it.
    pub host: String,
    /// The port that was to be called.
    pub port: u16,
    /// The address that is not allowed; none if the host's name alone decides.
    pub address: Option<(IpAddr, AddressClass)>,
    /// Whether a list of denied hosts names it; else a list of allowed hosts does not.
    pub is_denied: bool,
}

impl fmt::Display for HostRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            port,
            address,
            is_denied,
        } = self;
        if *is_denied {
            let name = format!("host {host}:{port}");
            return match address {
                None => write!(formatter, "{name} is in the list of denied hosts"),
                Some((address, _)) => write!(
                    formatter,
                    "{name} resolves to {address}, which is in the list of denied hosts"
                ),
            };
        }
        match address {
            None => write!(
                formatter,
                "host {host}:{port} is not in the list of allowed hosts"
            ),
            Some((address, AddressClass::Ordinary)) => write!(
                formatter,
                "host {host}:{port} resolves to {address}, which is not in the list of allowed hosts"
            ),
            Some((address, class)) => write!(
                formatter,
                "host {host}:{port} resolves to {address}, {class}, which is in a blocked range"
            ),
        }
    }
}

/// Why a host was not found fit to be called.
#[derive(Debug, thiserror::Error)]
pub enum HostCheckError {
    /// It may not be called.
    #[error("{0}")]
    Refused(HostRefusal),
    /// Its name does not resolve, so nothing is known.
    #[error("the host name cannot be resolved")]
    Unresolved(#[source] io::Error),
}

impl Default for HostPolicy {
    fn default() -> Self {
        Self(Arc::new([HostList::Public]))
    }
}

impl HostPolicy {
    /// Reads a comma list of `host[:port]`, `*.suffix[:port]`, and IP addresses or CIDR networks (with a
    /// port as `1.2.3.4:443`, `[::1]:443`).
    ///
    /// # Errors
    /// Names the entry that cannot be read; an empty list is one that admits nothing, and refused.
    pub fn parse(text: &str) -> Result<Self, HostListError> {
        Ok(Self(Arc::new([HostList::parse(text)?])))
    }

    /// Reads such a list of hosts that are denied, and admits all others.
    ///
    /// # Errors
    /// As [`HostPolicy::parse`].
    pub fn denying(text: &str) -> Result<Self, HostListError> {
        Ok(Self(Arc::new([HostList::parse_denied(text)?])))
    }

    /// Admits what all of them admit; the default where there are none.
    #[must_use]
    pub fn all(policies: impl IntoIterator<Item = Self>) -> Self {
        let lists: Vec<_> = policies
            .into_iter()
            .flat_map(|policy| policy.0.to_vec())
            .collect();
        if lists.is_empty() {
            Self::default()
        } else {
            Self(lists.into())
        }
    }

    /// What can be decided without DNS: an address is judged, a name must at least be possible.
    pub(super) fn check_name(&self, url: &ServerUrl) -> Result<(), HostRefusal> {
        let (host, port) = (url.host(), url.port());
        if let Some(address) = literal(host) {
            return self.check_address(host, port, address);
        }
        let mut lists = self.0.iter();
        let refusing = lists.find(|list| !list.may_admit(host, port));
        refusing.map_or(Ok(()), |list| {
            Err(HostRefusal {
                host: host.to_owned(),
                port,
                address: None,
                is_denied: list.is_denial(),
            })
        })
    }

    fn check_address(&self, host: &str, port: u16, address: IpAddr) -> Result<(), HostRefusal> {
        let address = address::unwrapped(address);
        let mut lists = self.0.iter();
        let refusing = lists.find(|list| !list.admits(host, port, address));
        refusing.map_or(Ok(()), |list| {
            Err(HostRefusal {
                host: host.to_owned(),
                port,
                address: Some((address, AddressClass::of(address))),
                is_denied: list.is_denial(),
            })
        })
    }
}

/// The address that a URL's host spells out, if it does.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

#[cfg(test)]
mod tests;
