//! The base URL of a server, normalised so that two spellings of one place are one value.

use std::fmt;

use url::Url;

/// The base URL of a SonarQube or Bitbucket server: `http` or `https`, a host, perhaps a context path.
///
/// Normalised: host in lower case, default port left out, no slash at the end. This is also what is
/// stored in SonarQube, which compares URLs as text (8.9 to 26.9).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerUrl(Url);

/// Why a text is not the base URL of a server. Never repeats what may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// Not a URL, or a relative one.
    #[error("must be an absolute http(s) URL, for example https://sonarqube.example.com")]
    NotAbsolute,
    /// A user name or a password before the host.
    #[error("must not contain credentials; use tokenSecretRef")]
    Credentials,
    /// A query string or a fragment.
    #[error("must not contain a query string or fragment")]
    QueryOrFragment,
    /// A path that is not a plain context path.
    #[error("must not contain spaces, '..' or empty segments in its path")]
    Path,
}

impl ServerUrl {
    /// Reads the base URL of a server.
    ///
    /// # Errors
    /// Names the part that does not belong into a base URL.
    pub fn parse(text: &str) -> Result<Self, ServerUrlError> {
        let spelled_badly = text.contains([' ', '\\']) || text.split('/').any(|part| part == "..");
        if spelled_badly {
            return Err(ServerUrlError::Path);
        }
        let mut url = Url::parse(text).map_err(|_| ServerUrlError::NotAbsolute)?;
        // `https:%2e%2e` has the host `..`.
        let is_host = |host: &str| !host.trim_matches('.').is_empty();
        if !matches!(url.scheme(), "http" | "https") || !url.host_str().is_some_and(is_host) {
            return Err(ServerUrlError::NotAbsolute);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServerUrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ServerUrlError::QueryOrFragment);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if path.contains("//") {
            return Err(ServerUrlError::Path);
        }
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The URL without a slash at its end, as it is stored in SonarQube.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether tokens would travel in clear.
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The host, an IPv6 address in its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, that of the scheme where none is given.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// Whether another spelling leads to the same place; false where it is no base URL at all.
    #[must_use]
    pub fn same(&self, spelling: &str) -> bool {
        Self::parse(spelling.trim()).is_ok_and(|other| other == *self)
    }

    /// The URL below this base whose path has these segments, each percent-encoded.
    ///
    /// A `~` stays as it is: Bitbucket's personal projects are addressed with it.
    #[must_use]
    pub fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        // `path_segments_mut` fails for URLs that cannot be a base only, such as `mailto:`.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_place_are_one_value() {
        let plain = ServerUrl::parse("https://bitbucket.example.com").unwrap();
        for other in [
            "https://Bitbucket.Example.com/",
            "https://bitbucket.example.com:443",
        ] {
            assert!(plain.same(other), "{other}");
        }
        assert!(!plain.same("https://bitbucket.example.com/context"));
        assert!(!plain.same("not a url"));
    }

    #[test]
    fn the_offending_part_is_named() {
        use ServerUrlError::{Credentials, NotAbsolute, Path, QueryOrFragment};
        for (text, error) in [
            ("sq.example.com", NotAbsolute),
            ("ftp://sq.example.com", NotAbsolute),
            ("https://", NotAbsolute),
            ("https:%2e%2e/", NotAbsolute),
            ("https://sq.example.com:99999", NotAbsolute),
            ("https://user:pw@sq.example.com", Credentials),
            ("https://sq.example.com?x=1", QueryOrFragment),
            ("https://sq.example.com#f", QueryOrFragment),
            ("https://sq.example.com/a/../b", Path),
            ("https://sq.example.com/a b", Path),
        ] {
            assert_eq!(ServerUrl::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn segments_are_encoded_and_personal_projects_keep_their_tilde() {
        let base = ServerUrl::parse("https://host/context/").unwrap();
        assert_eq!(
            base.join(["rest", "projects", "~jdoe", "repos", "a/b c"])
                .as_str(),
            "https://host/context/rest/projects/~jdoe/repos/a%2Fb%20c"
        );
    }
}
