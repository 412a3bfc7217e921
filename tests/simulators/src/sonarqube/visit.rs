//! One request in its route.
#![expect(
    clippy::unnecessary_wraps,
    reason = "routes end with an Answer, and these are the good ones"
)]

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::Value;
use url::form_urlencoded;

use super::{
    bitbucket::Question,
    plugin::Failure,
    profile::Profile,
    refusal::Refusal,
    world::{GlobalPermission, Identity, Project, ProjectPermission, TokenKind, World},
};
use crate::reply::Reply;

/// What a route makes of a visit.
pub(crate) type Answer = Result<Progress, Refusal>;

/// What to do with what Bitbucket said; `None` where it said nothing. The world may have changed meanwhile.
pub(crate) type Then = Box<dyn FnOnce(&mut Visit<'_>, Option<Value>) -> Answer + Send>;

/// The same of what Bitbucket said to the community branch plugin.
pub(crate) type PluginThen = Box<dyn FnOnce(Result<Value, Failure>) -> Answer + Send>;

/// Where a visit stands.
pub(crate) enum Progress {
    /// It is over.
    Done(Reply),
    /// Bitbucket is to be asked first; no request waits for the world meanwhile.
    Ask(Question, Then),
    /// The same by the community branch plugin.
    AskAsPlugin(Question, PluginThen),
}

/// A request, who made it, and the world.
pub(crate) struct Visit<'a> {
    pub(crate) profile: Profile,
    pub(crate) world: &'a mut World,
    pub(crate) identity: &'a Identity,
    pub(crate) parameters: &'a Parameters,
    /// The JSON body, where there is one.
    pub(crate) body: Option<&'a Value>,
    /// What stands in the place of `{}` in the route's path.
    pub(crate) tail: &'a str,
}

/// Form and query parameters, trimmed; a blank one is as good as none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub(crate) fn parse(query: &str, form: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let pairs = pairs.chain(form_urlencoded::parse(form));
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.trim().to_owned()))
                .collect(),
        )
    }
}

impl Visit<'_> {
    /// A parameter, `None` where it is absent or blank.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        self.given(name).filter(|value| !value.is_empty())
    }

    /// A parameter as it was given, blank ones included.
    pub(crate) fn given(&self, name: &str) -> Option<String> {
        self.parameters.0.get(name).cloned()
    }

    pub(crate) fn required(&self, name: &str) -> Result<String, Refusal> {
        self.optional(name).ok_or_else(|| Refusal::missing(name))
    }

    /// A parameter that may not be longer than so many characters.
    pub(crate) fn bounded(&self, name: &str, most: usize) -> Result<String, Refusal> {
        let value = self.required(name)?;
        within(name, &value, most)?;
        Ok(value)
    }

    /// The same, where it may be absent.
    pub(crate) fn optional_bounded(
        &self,
        name: &str,
        most: usize,
    ) -> Result<Option<String>, Refusal> {
        let value = self.optional(name);
        if let Some(value) = &value {
            within(name, value, most)?;
        }
        Ok(value)
    }

    /// One of some words.
    pub(crate) fn one_of(&self, name: &str, words: &[&str]) -> Result<Option<String>, Refusal> {
        let value = self.optional(name);
        match &value {
            Some(word) if !words.contains(&word.as_str()) => Err(Refusal::bad(format!(
                "Value of parameter '{name}' ({word}) must be one of: [{}]",
                words.join(", ")
            ))),
            Some(_) | None => Ok(value),
        }
    }

    /// A number, with its default.
    pub(crate) fn number(&self, name: &str, default: i64) -> Result<i64, Refusal> {
        let Some(text) = self.optional(name) else {
            return Ok(default);
        };
        text.parse().map_err(|_| {
            Refusal::bad(format!(
                "The '{name}' parameter cannot be parsed as an integer value: {text}"
            ))
        })
    }

    /// The same, where there is a most.
    pub(crate) fn limited(&self, name: &str, default: i64, most: i64) -> Result<i64, Refusal> {
        let Some(text) = self.optional(name) else {
            return Ok(default);
        };
        let value = text.parse().map_err(|_| {
            Refusal::bad(format!(
                "'{name}' value '{text}' cannot be parsed as an integer"
            ))
        })?;
        if value > most {
            return Err(Refusal::bad(format!(
                "'{name}' value ({value}) must be less than {most}"
            )));
        }
        Ok(value)
    }

    /// The login of the caller; empty for an anonymous one, which only open routes accept.
    pub(crate) fn login(&self) -> &str {
        match self.identity {
            Identity::Anonymous => "",
            Identity::User { login, .. } => login,
        }
    }

    /// Reached only while the server starts.
    pub(crate) fn demand_login(&self) -> Result<(), Refusal> {
        if *self.identity == Identity::Anonymous {
            return Err(Refusal::Forbidden);
        }
        Ok(())
    }

    pub(crate) fn demand(&self, permission: GlobalPermission) -> Result<(), Refusal> {
        if self.has(permission) {
            Ok(())
        } else {
            Err(Refusal::Forbidden)
        }
    }

    pub(crate) fn has(&self, permission: GlobalPermission) -> bool {
        self.permissions().contains(&permission)
    }

    /// What the caller may do on the server.
    pub(crate) fn permissions(&self) -> BTreeSet<GlobalPermission> {
        let mut held = self.world.permissions_of(self.login());
        held.retain(|permission| self.identity.kind().carries(*permission));
        held
    }

    pub(crate) fn may(&self, project: &Project, permission: ProjectPermission) -> bool {
        self.identity.kind() == TokenKind::User && self.world.may(self.login(), project, permission)
    }

    /// Who administers the system may do some things with any project, as if he administered it.
    pub(crate) fn demand_rule_over(&self, project: &Project) -> Result<(), Refusal> {
        if self.has(GlobalPermission::Admin) || self.may(project, ProjectPermission::Administer) {
            Ok(())
        } else {
            Err(Refusal::Forbidden)
        }
    }

    /// Branches and pull requests are shown to users who browse or analyse.
    pub(crate) fn demand_browse(&self, project: &Project) -> Result<(), Refusal> {
        let looks = [ProjectPermission::Browse, ProjectPermission::Scan];
        let looks = looks
            .into_iter()
            .any(|permission| self.may(project, permission));
        if looks || self.has(GlobalPermission::Scan) {
            Ok(())
        } else {
            Err(Refusal::Forbidden)
        }
    }

    /// What it takes to see what a project is bound to, and what is new code in it.
    pub(crate) fn sees_bindings(&self) -> ProjectPermission {
        if self.profile.shows_bindings_to_browsers() {
            ProjectPermission::Browse
        } else {
            ProjectPermission::Administer
        }
    }

    /// The project that a parameter names.
    pub(crate) fn project(&self, name: &str) -> Result<&Project, Refusal> {
        let key = self.required(name)?;
        let project = self.world.project(&key);
        project.ok_or_else(|| Refusal::no_project(&key))
    }

    /// The same, on which the caller must have a permission.
    pub(crate) fn project_for(
        &self,
        name: &str,
        permission: ProjectPermission,
    ) -> Result<&Project, Refusal> {
        let project = self.project(name)?;
        if self.may(project, permission) {
            Ok(project)
        } else {
            Err(Refusal::Forbidden)
        }
    }
}

fn within(name: &str, value: &str, most: usize) -> Result<(), Refusal> {
    let length = value.chars().count();
    if length > most {
        return Err(Refusal::bad(format!(
            "'{name}' length ({length}) is longer than the maximum authorized ({most})"
        )));
    }
    Ok(())
}

pub(crate) fn ok(body: &Value) -> Answer {
    json(StatusCode::OK, body)
}

pub(crate) fn json(status: StatusCode, body: &Value) -> Answer {
    let reply = Reply::text(status, "application/json", body.to_string());
    Ok(Progress::Done(reply))
}

pub(crate) fn text(body: &str, kind: &str) -> Answer {
    let reply = Reply::text(StatusCode::OK, kind, body.to_owned());
    Ok(Progress::Done(reply))
}

pub(crate) fn no_content() -> Answer {
    Ok(Progress::Done(Reply::no_content()))
}

pub(crate) fn empty() -> Answer {
    Ok(Progress::Done(Reply::empty(StatusCode::OK)))
}

/// Asks Bitbucket, then goes on.
pub(crate) fn ask(
    question: Question,
    then: impl FnOnce(&mut Visit<'_>, Option<Value>) -> Answer + Send + 'static,
) -> Answer {
    Ok(Progress::Ask(question, Box::new(then)))
}

/// Lets the community branch plugin ask Bitbucket, then goes on.
pub(crate) fn ask_as_plugin(
    question: Question,
    then: impl FnOnce(Result<Value, Failure>) -> Answer + Send + 'static,
) -> Answer {
    Ok(Progress::AskAsPlugin(question, Box::new(then)))
}
