//! Where tokens may travel in clear.

use super::hosts::HostPolicy;
use crate::identity::ServerUrl;

/// Whether servers may be called by plain http.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// No.
    #[default]
    Refused,
    /// All that may be called.
    Allowed,
    /// Those of them that this list admits.
    AllowedTo(HostPolicy),
}

impl PlainHttp {
    /// The hosts that may be called at this URL, of those that `hosts` admits; none if tokens may not travel there in
    /// clear, whichever address its host has.
    pub(super) fn narrowed(&self, url: &ServerUrl, hosts: HostPolicy) -> Option<HostPolicy> {
        match self {
            _ if !url.is_plain_http() => Some(hosts),
            Self::Refused => None,
            Self::Allowed => Some(hosts),
            Self::AllowedTo(list) => {
                list.check_name(url).ok()?;
                Some(HostPolicy::all([hosts, list.clone()]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(list: &str, url: &str) -> Option<HostPolicy> {
        let list = PlainHttp::AllowedTo(HostPolicy::parse(list).unwrap());
        list.narrowed(&ServerUrl::parse(url).unwrap(), HostPolicy::default())
    }

    /// Promise: a host that is allowed opens no other one, and https needs no permission.
    #[test]
    fn plain_http_is_allowed_to_the_listed_hosts_alone() {
        let list = "sonarqube.sonarqube.svc:9000,10.0.0.0/8";
        assert!(narrowed(list, "http://sonarqube.sonarqube.svc:9000").is_some());
        assert!(narrowed(list, "http://10.1.2.3").is_some());
        assert!(
            narrowed(
                "sonarqube.sonarqube.svc:9000",
                "http://bitbucket.example.com"
            )
            .is_none()
        );
        assert!(
            narrowed(
                "sonarqube.sonarqube.svc:9000",
                "http://sonarqube.sonarqube.svc"
            )
            .is_none()
        );
        assert!(narrowed("10.0.0.0/8", "http://11.0.0.1").is_none());
        assert!(narrowed("10.0.0.0/8", "https://bitbucket.example.com").is_some());
        // Its address decides, once it is known.
        let by_address = narrowed("10.0.0.0/8", "http://bitbucket.example.com").unwrap();
        assert_ne!(by_address, HostPolicy::default());
    }
}
