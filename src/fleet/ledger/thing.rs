//! What can be held by one object at a time, and what an object has to do with it.

use std::sync::Arc;

use crate::identity::{
    ProjectId, ProjectKey, RepositoryPath, ServerId, ServerUrl, SettingId, SettingKey, Uid,
};

use crate::fleet::object::{Object, ObjectName};

/// A server: where it is, and which one it says it is. Any server can report any id, so the id alone proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Server {
    url: Arc<str>,
    id: ServerId,
}

impl Server {
    pub(crate) fn new(url: &ServerUrl, id: ServerId) -> Self {
        let url = url.as_str().into();
        Self { url, id }
    }

    /// A project, by its key in any letter case.
    pub(crate) fn project(&self, key: &ProjectKey) -> Thing {
        self.thing(What::Project(key.folded()))
    }

    /// A project that bindings of this connection want, and none of them holds: the older of them has it.
    pub(crate) fn wanted_project(&self, connection: &ObjectName, key: &ProjectKey) -> Thing {
        self.thing(What::WantedProject(
            (connection.clone(), key.folded()).into(),
        ))
    }

    /// A repository that is imported into this server.
    pub(crate) fn repository(&self, path: &RepositoryPath) -> Thing {
        self.thing(What::Repository(path.folded()))
    }

    /// A project that is being imported, by the key that it is to get.
    pub(crate) fn imported_project(&self, key: &ProjectKey) -> Thing {
        self.thing(What::ImportedProject(key.folded()))
    }

    /// A configuration, by its name in any letter case.
    pub(crate) fn configuration(&self, name: &SettingKey) -> Thing {
        self.thing(What::Configuration(name.as_str().to_lowercase()))
    }

    /// A configuration, by its name and its id. If the name replaces the id, it identifies the configuration as well.
    pub(crate) fn configurations(&self, name: &SettingKey, id: Option<&SettingId>) -> Vec<Thing> {
        let id = id.filter(|id| **id != SettingId::of_key(name));
        let id = id.map(|id| self.thing(What::ConfigurationId(id.clone())));
        [self.configuration(name)].into_iter().chain(id).collect()
    }

    /// What a connection holds that has accepted a configuration.
    pub(crate) fn accepted_configuration(&self, name: &SettingKey, id: &SettingId) -> Vec<Claim> {
        let things = self.configurations(name, Some(id)).into_iter();
        let claim = |thing| Claim {
            thing,
            accepted: true,
            terms: Terms::None,
        };
        things
            .chain([self.only_configuration()])
            .map(claim)
            .collect()
    }

    /// The only configuration that some editions allow.
    pub(crate) fn only_configuration(&self) -> Thing {
        self.thing(What::OnlyConfiguration)
    }

    /// The base URL of this server, and that of whichever server is at its place: before a connection was seen to reach
    /// its server, that is unknown.
    pub(crate) fn base_urls(&self) -> [Thing; 2] {
        [
            self.thing(What::BaseUrl),
            Self::base_url_at(Arc::clone(&self.url)),
        ]
    }

    fn base_url_at(url: Arc<str>) -> Thing {
        let id = ServerId::new("");
        Self { url, id }.thing(What::BaseUrl)
    }

    /// A declared base URL of the server at a URL, which may not have been reached yet.
    pub(crate) fn declared_base_url(
        url: &ServerUrl,
        server: Option<ServerId>,
        declared: String,
    ) -> Claim {
        let thing = match server {
            Some(server) => Self::new(url, server).thing(What::BaseUrl),
            None => Self::base_url_at(url.as_str().into()),
        };
        Claim {
            thing,
            accepted: false,
            terms: Terms::BaseUrl(declared),
        }
    }

    fn thing(&self, what: What) -> Thing {
        let server = self.clone();
        Thing(Arc::new(Whole { server, what }))
    }
}

/// What can be held by one object at a time. All who keep it share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Thing(Arc<Whole>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Whole {
    server: Server,
    what: What,
}

impl Thing {
    /// Whether it is declared in the spec, and nothing has to be accepted first.
    pub(super) fn is_declared(&self) -> bool {
        self.0.what == What::BaseUrl
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    Project(String),
    /// Rare, and larger than the others.
    WantedProject(Box<(ObjectName, String)>),
    Repository(String),
    ImportedProject(String),
    Configuration(String),
    ConfigurationId(SettingId),
    OnlyConfiguration,
    BaseUrl,
}

/// What is known of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) uid: Uid,
    pub(crate) object: Object,
    /// In seconds of the Unix epoch.
    pub(crate) created: i64,
    /// Whether its claims count: it is live, `Full`, not suspended, and its connection is there and admits it.
    pub(crate) has_right: bool,
    /// Whether it has something to undo before it goes: then those that wait for its things are woken at the end of
    /// that.
    pub(crate) is_leaving: bool,
    pub(crate) claims: Vec<Claim>,
}

impl Facts {
    /// As they are kept: a list that grew has room for claims that never come.
    pub(super) fn without_spare_room(mut self) -> Self {
        self.claims.shrink_to_fit();
        self
    }
}

/// What an object has to do with a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) thing: Thing,
    /// Whether it holds the thing; else it wants it.
    pub(crate) accepted: bool,
    pub(crate) terms: Terms,
}

/// What others may want to know of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Terms {
    /// Nothing.
    None,
    /// The id of the held project, where it is known, and the repository for which it is held.
    Project(Option<ProjectId>, RepositoryPath),
    /// The declared base URL.
    BaseUrl(String),
}
