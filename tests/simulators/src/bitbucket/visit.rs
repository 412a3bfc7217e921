//! One request in its route, and what routes need of it.

use serde_json::Value;

use super::{
    errors::Refusal,
    exceptions,
    paging::{self, Query},
    profile::Profile,
    world::{Found, Identity, Project, Repository, Right, World},
};
use crate::reply::Reply;

/// What a route answers.
pub(crate) type Answer = Result<Reply, Refusal>;

/// A request that found its route.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    pub(crate) profile: Profile,
    pub(crate) world: &'a mut World,
    pub(crate) identity: Identity,
    pub(crate) query: Query,
    pub(crate) body: &'a [u8],
    /// With context path, without a slash at the end.
    pub(crate) base: &'a str,
    /// What stands in the braces of the route's path, decoded.
    pub(crate) parameters: Vec<(&'static str, String)>,
    /// The raw path under the base, and the query with its question mark.
    pub(crate) path: &'a str,
    pub(crate) raw_query: &'a str,
}

impl Visit<'_> {
    /// What stands in the braces `name` of the route's path.
    pub(crate) fn parameter(&self, name: &str) -> String {
        let found = self.parameters.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// The body as a JSON object.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        let parsed = serde_json::from_slice(self.body)
            .ok()
            .filter(Value::is_object);
        parsed.ok_or_else(|| Refusal::Invalid {
            context: None,
            message: "The request body must be a JSON object.".to_owned(),
        })
    }

    /// Refuses anonymous visitors.
    pub(crate) fn authenticated(&self) -> Result<(), Refusal> {
        if self.identity == Identity::Anonymous {
            Err(Refusal::Anonymous)
        } else {
            Ok(())
        }
    }

    /// Refuses a caller who may do less than is needed, with the 401 that Bitbucket has for it.
    pub(crate) fn demand(&self, held: Right, needed: Right) -> Result<(), Refusal> {
        if held >= needed {
            return Ok(());
        }
        self.authenticated()?;
        Err(Refusal::NotPermitted)
    }

    /// The project in the path.
    pub(crate) fn project(&self, needed: Right) -> Result<Project, Refusal> {
        let key = self.parameter("project");
        let project = match self.world.locate_project(&key) {
            Found::Here(project) => project.clone(),
            Found::Moved(project) => return Err(self.moved(&project.key, None)),
            Found::Nowhere => return Err(Refusal::NoProject { key }),
        };
        self.demand(self.world.project_right(&self.identity, &project), needed)?;
        Ok(project)
    }

    /// The repository in the path.
    pub(crate) fn repository(&self, needed: Right) -> Result<Repository, Refusal> {
        let (key, slug) = (self.parameter("project"), self.parameter("repository"));
        let repository = match self.world.locate_repository(&key, &slug) {
            Found::Here(repository) => repository.clone(),
            Found::Moved(repository) => {
                let key = self.world.key_of(repository.project);
                return Err(self.moved(key, Some(&repository.slug)));
            }
            Found::Nowhere if self.world.find_project(&key).is_none() => {
                return Err(Refusal::NoProject { key });
            }
            Found::Nowhere => return Err(Refusal::NoRepository { key, slug }),
        };
        self.demand(
            self.world.repository_right(&self.identity, &repository),
            needed,
        )?;
        Ok(repository)
    }

    /// The repository in the path, to be changed: archived ones refuse.
    pub(crate) fn writable(&self, needed: Right) -> Result<Repository, Refusal> {
        let repository = self.repository(needed)?;
        if self.profile.archives() && repository.archived {
            return Err(Refusal::Conflict {
                exception: exceptions::ARCHIVED,
                message: "This repository is archived and read-only.".to_owned(),
            });
        }
        Ok(repository)
    }

    /// The page of `rows` that the request asks for.
    pub(crate) fn page(&self, rows: Vec<Option<Value>>) -> Answer {
        paging::page(&self.world.settings, &self.query, rows, |row| row)
    }

    /// Sends the caller to the same path with the new names in it.
    fn moved(&self, key: &str, slug: Option<&str>) -> Refusal {
        let mut segments: Vec<&str> = self.path.split('/').collect();
        let after = |name: &str| {
            self.path
                .split('/')
                .position(|it| it == name)
                .map(|at| at + 1)
        };
        if let Some(segment) = after("projects").and_then(|at| segments.get_mut(at)) {
            *segment = key;
        }
        if let (Some(slug), Some(at)) = (slug, after("repos")) {
            segments[at] = slug;
        }
        Refusal::Moved {
            status: self.world.settings.redirect_status,
            location: format!("{}{}{}", self.base, segments.join("/"), self.raw_query),
        }
    }
}
