//! Names are looked up here and nowhere else, so that what was checked is what is connected to.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{HostCheckError, HostPolicy};

impl HostPolicy {
    /// Every address of a host, all of them admitted: one that is not makes the name suspect.
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, HostCheckError> {
        let found = tokio::net::lookup_host((host, port)).await;
        let addresses: Vec<_> = found.map_err(HostCheckError::Unresolved)?.collect();
        for address in &addresses {
            self.check_address(host, port, address.ip())
                .map_err(HostCheckError::Refused)?;
        }
        Ok(addresses)
    }
}

/// Looks names up for one server, at the moment of connecting: a name that changes its address between a
/// check and a connection gains nothing.
pub(in crate::http) struct Resolver {
    hosts: HostPolicy,
    port: u16,
}

impl Resolver {
    pub(in crate::http) fn new(hosts: HostPolicy, port: u16) -> Self {
        Self { hosts, port }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (hosts, port) = (self.hosts.clone(), self.port);
        Box::pin(async move {
            let addresses = hosts.resolve(name.as_str(), port).await?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
