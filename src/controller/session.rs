//! What this process knows of each connection: how its bindings reach the servers, and whether they may.
//!
//! A binding never reads a Secret and never finds out by itself that a server is down: the connection's pass
//! opens the session, and closes it while something of the connection is not right.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::identity::{ServerId, SettingId, SettingKey, Uid};
use crate::inventory::Inventory;
use crate::observe::{self, Servers};
use crate::plan::Refusal;
use crate::plan::capability::Capabilities;
use crate::plan::decoration::{self, Token};
use crate::{bitbucket, sonarqube};

use super::error::Error;

/// The sessions of all connections, by uid.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Uid, Session>>);

/// What the bindings of a connection may do.
#[derive(Clone)]
pub(crate) enum Session {
    /// Work.
    Open(Arc<View>),
    /// Wait: something of the connection is not right.
    Closed {
        /// What is not right.
        why: Refusal,
        /// The servers, where SonarQube is well whatever else is not: what leaves needs it alone.
        for_leaving: Option<Arc<View>>,
        /// What settled bindings say of decoration meanwhile depends on it.
        token: Token,
    },
}

/// The SonarQube that a pass found well before something else stopped it.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) server: ServerId,
    /// Its client, if it is another one than that of the pass before: with a new token, for example.
    pub(crate) sonarqube: Option<sonarqube::Client>,
}

/// The servers as the bindings of one connection see them.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) sonarqube: sonarqube::Client,
    /// With the import token: what it cannot see cannot be imported.
    pub(crate) bitbucket: bitbucket::Client,
    /// With the token that SonarQube decorates with.
    pub(crate) writer: bitbucket::Client,
    pub(crate) server: ServerId,
    pub(crate) setting: SettingId,
    pub(crate) setting_key: SettingKey,
    /// The operator's own SonarQube user.
    pub(crate) login: String,
    pub(crate) capabilities: Capabilities,
    pub(crate) decoration: decoration::Server,
    inventory: Arc<Mutex<Inventory>>,
}

impl View {
    pub(crate) fn new(parts: ViewParts, inventory: Arc<Mutex<Inventory>>) -> Self {
        let ViewParts {
            sonarqube,
            bitbucket,
            writer,
            server,
            setting,
            login,
            capabilities,
            decoration,
        } = parts;
        let (setting, setting_key) = setting;
        Self {
            sonarqube,
            bitbucket,
            writer,
            server,
            setting,
            setting_key,
            login,
            capabilities,
            decoration,
            inventory,
        }
    }

    /// Whether what a binding may do and say, and with which configuration, is the same: an upgrade of SonarQube changes
    /// it, and so does its base URL.
    fn works_like(&self, other: &Self) -> bool {
        self.server == other.server
            && self.setting == other.setting
            && self.capabilities == other.capabilities
            && self.decoration == other.decoration
    }

    /// The same on this ground; none on another server, of which nothing is known that this view holds.
    fn on(&self, ground: &Ground) -> Option<Arc<Self>> {
        let sonarqube = ground.sonarqube.as_ref().unwrap_or(&self.sonarqube).clone();
        let view = Self {
            sonarqube,
            ..self.clone()
        };
        (self.server == ground.server).then(|| Arc::new(view))
    }

    /// A call to SonarQube that failed, with the server it went to.
    pub(crate) fn failed(&self, source: sonarqube::Error) -> Error {
        Error::SonarQube {
            url: self.sonarqube.url().to_string(),
            source,
        }
    }

    /// Nothing could be observed.
    pub(crate) fn not_observed(&self, error: observe::Error) -> Error {
        match error {
            observe::Error::SonarQube(source) => self.failed(source),
            observe::Error::Bitbucket(source) => self.bitbucket_failed(source),
            observe::Error::Refused(refusal) => Error::Refused(refusal),
        }
    }

    /// What a binding is compared with is read from these.
    pub(crate) fn servers(&self) -> Servers<'_> {
        Servers {
            sonarqube: &self.sonarqube,
            bitbucket: &self.bitbucket,
            setting: &self.setting,
            setting_key: &self.setting_key,
            capabilities: self.capabilities,
            inventory: &self.inventory,
        }
    }

    /// The same of Bitbucket.
    pub(crate) fn bitbucket_failed(&self, source: bitbucket::Error) -> Error {
        Error::Bitbucket {
            url: self.bitbucket.url().to_string(),
            source,
        }
    }

    /// What the last sweep saw, and what was read since.
    pub(crate) fn inventory(&self) -> MutexGuard<'_, Inventory> {
        self.inventory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A view without its inventory.
pub(crate) struct ViewParts {
    pub(crate) sonarqube: sonarqube::Client,
    pub(crate) bitbucket: bitbucket::Client,
    pub(crate) writer: bitbucket::Client,
    pub(crate) server: ServerId,
    pub(crate) setting: (SettingId, SettingKey),
    pub(crate) login: String,
    pub(crate) capabilities: Capabilities,
    pub(crate) decoration: decoration::Server,
}

impl Sessions {
    /// The session of a connection; `None` before its first pass in this process.
    pub(crate) fn of(&self, connection: &Uid) -> Option<Session> {
        self.lock().get(connection).cloned()
    }

    /// Lets the bindings work. Returns whether that is news to them: they could not before, or not in this way.
    pub(crate) fn open(&self, connection: &Uid, view: View) -> bool {
        let view = Arc::new(view);
        let now = Session::Open(Arc::clone(&view));
        match self.lock().insert(connection.clone(), now) {
            Some(Session::Open(before)) => !before.works_like(&view),
            Some(Session::Closed { .. }) | None => true,
        }
    }

    /// Makes the bindings wait. Returns whether that is news to them.
    pub(crate) fn close(&self, connection: &Uid, why: Refusal) -> bool {
        let closed = Session::Closed {
            why,
            for_leaving: None,
            token: Token::NotRefused,
        };
        let before = self.lock().insert(connection.clone(), closed);
        !matches!(before, Some(Session::Closed { .. }))
    }

    /// The same where SonarQube was found well, or is not known to be anything else: those that are to go may still do so.
    pub(crate) fn close_to_staying(
        &self,
        connection: &Uid,
        (why, token): (Refusal, Token),
        ground: Option<&Ground>,
    ) -> bool {
        let mut sessions = self.lock();
        let (is_news, for_leaving) = match sessions.remove(connection) {
            Some(Session::Open(view)) => (true, Some(view)),
            Some(Session::Closed {
                for_leaving,
                token: before,
                ..
            }) => (token != before, for_leaving),
            None => (true, None),
        };
        let for_leaving = match ground {
            Some(ground) => for_leaving.and_then(|view| view.on(ground)),
            None => for_leaving,
        };
        let closed = Session::Closed {
            why,
            for_leaving,
            token,
        };
        sessions.insert(connection.clone(), closed);
        is_news
    }

    /// The same of a connection that is on its way out: what still serves the bindings goes on. Returns whether nothing
    /// was known of it before.
    pub(crate) fn close_if_shut(
        &self,
        connection: &Uid,
        why: Refusal,
        ground: Option<&Ground>,
    ) -> bool {
        let serves = |view: &View| ground.is_none_or(|ground| view.server == ground.server);
        match self.of(connection) {
            Some(Session::Open(view)) if serves(&view) => false,
            Some(_) | None => self.close_to_staying(connection, (why, Token::NotRefused), ground),
        }
    }

    /// Forgets a connection that is gone.
    pub(crate) fn forget(&self, connection: &Uid) {
        self.lock().remove(connection);
    }

    /// Forgets all connections but these: one that lost its finalizer to somebody else has no last pass.
    pub(crate) fn keep_only(&self, connections: &HashSet<Uid>) {
        self.lock().retain(|uid, _| connections.contains(uid));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Options, Transport};
    use crate::identity::{ServerUrl, SettingKey};
    use crate::plan::binding::Way;
    use crate::plan::capability::Support;

    fn view(way: Way, setting: &str) -> View {
        let url = ServerUrl::parse("https://server.example.com").unwrap();
        let transport = Transport::new(url, Options::default()).unwrap();
        let token = crate::http::Token::parse(b"token").unwrap();
        let parts = ViewParts {
            sonarqube: sonarqube::Client::new(transport.clone(), token.clone()),
            bitbucket: bitbucket::Client::new(transport.clone(), token.clone()),
            writer: bitbucket::Client::new(transport, token),
            server: ServerId::new("server"),
            setting: (
                SettingId::new(setting),
                SettingKey::parse("bitbucket").unwrap(),
            ),
            login: "bindery".to_owned(),
            capabilities: Capabilities {
                way,
                lists_bindings: true,
                several: Support::Missing,
                monorepo: Support::Missing,
                pull_requests: false,
            },
            decoration: decoration::Server::Unsupported,
        };
        View::new(parts, Arc::default())
    }

    /// Who waits for what a server could not do is looked at when it can.
    #[test]
    fn a_session_is_news_when_it_opens_and_when_bindings_may_do_something_else() {
        let (sessions, own) = (Sessions::default(), Uid::new("connection"));
        let closed = || Refusal::new(crate::plan::Reason::Timeout, "away");
        assert!(sessions.open(&own, view(Way::PostBoundProject, "one")));
        assert!(!sessions.open(&own, view(Way::PostBoundProject, "one")));
        assert!(
            sessions.open(&own, view(Way::PutBoundProject, "one")),
            "upgraded"
        );
        assert!(
            sessions.open(&own, view(Way::PutBoundProject, "two")),
            "made anew"
        );
        let mut decorates = view(Way::PutBoundProject, "two");
        decorates.decoration = decoration::Server::Able;
        assert!(sessions.open(&own, decorates), "the base URL was set");
        assert!(sessions.close(&own, closed()));
        assert!(!sessions.close(&own, closed()));
        assert!(sessions.open(&own, view(Way::PutBoundProject, "two")));
    }

    /// Promise: settled bindings hear of a refused token, also where the connection was not ready before.
    #[test]
    fn a_refused_token_is_news_once() {
        let (sessions, own) = (Sessions::default(), Uid::new("connection"));
        let close = |token| {
            let why = Refusal::new(crate::plan::Reason::AuthenticationFailed, "");
            sessions.close_to_staying(&own, (why, token), None)
        };
        assert!(close(Token::NotRefused), "closed");
        assert!(close(Token::Refused));
        assert!(!close(Token::Refused));
        assert!(close(Token::NotRefused));
    }

    #[test]
    fn a_session_of_what_is_deleted_is_closed_only_where_it_serves_nobody() {
        let (sessions, own) = (Sessions::default(), Uid::new("connection"));
        let why = |text: &str| Refusal::new(crate::plan::Reason::Timeout, text);
        let told = || match sessions.of(&own) {
            Some(Session::Closed { why, .. }) => why.message,
            Some(Session::Open(_)) | None => String::new(),
        };
        let found = |server: &str| Ground {
            server: ServerId::new(server),
            sonarqube: None,
        };
        assert!(sessions.close_if_shut(&own, why("first"), None), "news");
        assert!(!sessions.close_if_shut(&own, why("second"), None));
        assert_eq!(told(), "second");
        sessions.open(&own, view(Way::PutBoundProject, "one"));
        for ground in [None, Some(found("server"))] {
            assert!(!sessions.close_if_shut(&own, why("third"), ground.as_ref()));
            assert!(matches!(sessions.of(&own), Some(Session::Open(_))));
        }
        let swapped = found("another");
        assert!(sessions.close_if_shut(&own, why("swapped"), Some(&swapped)));
        assert_eq!(told(), "swapped");
    }

    /// Promise: who leaves does so by the SonarQube that was found in this very pass, and on no other server.
    #[test]
    fn what_leaves_does_so_on_the_ground_that_was_found() {
        let (sessions, own) = (Sessions::default(), Uid::new("connection"));
        let why = || Refusal::new(crate::plan::Reason::Timeout, "no answer");
        let new = view(Way::PutBoundProject, "one").sonarqube;
        let leaves_on = |server: &str| {
            sessions.open(&own, view(Way::PutBoundProject, "one"));
            let ground = Ground {
                server: ServerId::new(server),
                sonarqube: Some(new.clone()),
            };
            let why = (why(), Token::NotRefused);
            assert!(sessions.close_to_staying(&own, why, Some(&ground)));
            match sessions.of(&own) {
                Some(Session::Closed { for_leaving, .. }) => for_leaving,
                Some(Session::Open(_)) | None => None,
            }
        };
        assert!(leaves_on("server").is_some());
        assert!(leaves_on("another").is_none(), "another database");
    }
}
