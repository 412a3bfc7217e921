//! Connections to the same two servers with the same tokens share their listings.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::fleet::ObjectName;
use crate::identity::{ServerId, SettingId, SettingKey};
use crate::inventory::Listed;
use crate::sonarqube::Sight;

use super::Endpoints;

/// What a listing shows depends on all of this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// The servers, and the tokens: another token has other rights.
    pub(crate) endpoints: Endpoints,
    pub(crate) server: ServerId,
    pub(crate) sight: Sight,
    pub(crate) lists_bindings: bool,
    pub(crate) pull_requests: bool,
}

/// The listings of all connections of one view.
pub(crate) struct Listings {
    view: View,
    /// Locked while the servers are listed: who wants a listing meanwhile takes that one.
    pub(crate) last: tokio::sync::Mutex<Last>,
}

/// The last listing.
#[derive(Default)]
pub(crate) struct Last {
    listed: Option<Arc<Listed>>,
    /// When the last one was asked for that failed.
    failed: Option<Instant>,
}

/// What a connection shares.
#[derive(Clone)]
pub(crate) struct Sharing {
    pub(crate) listings: Arc<Listings>,
    pub(crate) connection: ObjectName,
    /// Its configuration.
    pub(crate) setting: (SettingId, SettingKey),
}

/// The listings of all views that a connection has.
#[derive(Default)]
pub(super) struct Views(Mutex<Vec<Weak<Listings>>>);

impl Views {
    /// The listings of a view, which no other view has.
    pub(super) fn listings(&self, view: View) -> Arc<Listings> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|listings| listings.strong_count() > 0);
        let known = all.iter().filter_map(Weak::upgrade);
        if let Some(listings) = known.into_iter().find(|listings| listings.view == view) {
            return listings;
        }
        let last = tokio::sync::Mutex::default();
        let listings = Arc::new(Listings { view, last });
        all.push(Arc::downgrade(&listings));
        listings
    }
}

impl Last {
    /// The last listing, if it began no longer before the question than `at_most`.
    pub(crate) fn good(&self, asked: Instant, at_most: Duration) -> Option<Arc<Listed>> {
        let listed = self.listed.as_ref()?;
        let age = asked.saturating_duration_since(listed.began()?);
        (age <= at_most).then(|| Arc::clone(listed))
    }

    /// Whether a listing failed that was asked for after the question: who waited for it asks on its own.
    pub(crate) fn has_failed_since(&self, asked: Instant) -> bool {
        self.failed.is_some_and(|failed| failed >= asked)
    }

    pub(crate) fn listed(&mut self, listed: &Arc<Listed>) {
        self.listed = Some(Arc::clone(listed));
    }

    pub(crate) fn failed(&mut self, asked: Instant) {
        self.failed = Some(asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::link::{Endpoint, Key};
    use crate::http::Token;
    use crate::identity::ServerUrl;

    fn view(token: &str) -> View {
        let endpoint = || Endpoint {
            url: ServerUrl::parse("https://server.example.com").unwrap(),
            ca: None,
        };
        let key = |token: &str| Key {
            token: Token::parse(token.as_bytes()).unwrap(),
            hosts: None,
        };
        View {
            endpoints: Endpoints {
                sonarqube: (endpoint(), key("sonarqube")),
                bitbucket: endpoint(),
                write: key("write"),
                import: key(token),
            },
            server: ServerId::new("server"),
            sight: Sight::All,
            lists_bindings: true,
            pull_requests: false,
        }
    }

    /// Promise: what one token shows is never shown to a connection with another one, even on the same servers.
    #[test]
    fn listings_are_shared_by_those_with_the_same_servers_and_tokens_alone() {
        let views = Views::default();
        let first = views.listings(view("import"));
        assert!(Arc::ptr_eq(&first, &views.listings(view("import"))));
        let browsed = View {
            sight: Sight::Browsed,
            ..view("import")
        };
        let restored = View {
            server: ServerId::new("another"),
            ..view("import")
        };
        for other in [view("other"), browsed, restored] {
            assert!(!Arc::ptr_eq(&first, &views.listings(other)));
        }
    }

    #[test]
    fn listings_end_with_the_last_connection_of_their_view() {
        let views = Views::default();
        let listings = Arc::downgrade(&views.listings(view("import")));
        assert!(listings.upgrade().is_none());
        drop(views.listings(view("other")));
        assert_eq!(views.0.lock().unwrap().len(), 1);
    }

    /// Promise: a listing serves those who ask for one while it is read, or soon after.
    #[test]
    fn a_listing_serves_for_as_long_as_its_reader_says() {
        let (asked, second) = (Instant::now(), Duration::from_secs(1));
        let mut last = Last::default();
        assert!(last.good(asked, second).is_none());
        last.failed(asked);
        assert!(last.has_failed_since(asked) && !last.has_failed_since(asked + second));
        last.listed(&Arc::default());
        assert!(last.good(asked, second).is_none(), "no sweep made it");
        last.listed(&Arc::new(Listed::begun(asked)));
        assert!(last.good(asked, Duration::ZERO).is_some());
        assert!(last.good(asked + second, second).is_some());
        assert!(last.good(asked + second * 2, second).is_none());
    }
}
