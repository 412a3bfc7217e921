//! What the status of a binding remembers, and what of it still holds.

use crate::identity::{KeyTemplate, ProjectId, ProjectKey, RepositoryPath, ServerId, Uid};

use super::found::{BindingState, NewCode, Project, Repository};

/// What the status remembers. Cleared by [`Record::on`] where it speaks of another server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// The project that was accepted.
    pub accepted: Option<Accepted>,
    /// The project that was accepted through an earlier connection of the same name: no claim, but it says who created
    /// the project if the same one is accepted again.
    pub former: Option<Accepted>,
    /// The project that was about to be created.
    pub intent: Option<Intent>,
    /// The repository that was last seen.
    pub repository: Option<SeenRepository>,
}

/// A project that is about to be created.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Intent {
    /// The server on which it is to be created.
    pub server: ServerId,
    /// The key that it is to have.
    pub key: ProjectKey,
    /// The key that SonarQube gave it, where SonarQube chooses keys, and its answer came.
    pub imported_as: Option<ProjectKey>,
    /// Whether it may have led to a call before.
    pub attempt: Attempt,
}

/// Whether an intent may have led to a call before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// It was recorded in this reconcile, and no call was made since whose answer is not known.
    First,
    /// The answer to an earlier call may have been lost.
    Repeated,
}

/// A repository that was seen, by the name that was asked for: another id under that name is another repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeenRepository {
    /// Its id in Bitbucket.
    pub id: i64,
    /// The name under which the spec asked for it.
    pub asked: RepositoryPath,
}

/// An accepted project: the claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Accepted {
    /// The server that holds it.
    pub server: ServerId,
    /// Its key.
    pub key: ProjectKey,
    /// Its uuid, if SonarQube returns it.
    pub id: Option<ProjectId>,
    /// For whom Bindery created it.
    pub created_by: Option<Uid>,
    /// For whom Bindery last wrote its binding.
    pub bound_by: Option<Uid>,
    /// The repository that it was last bound to.
    pub repository: Option<RepositoryPath>,
    /// The new code definition that was last written.
    pub new_code: Option<NewCode>,
}

impl Record {
    /// What still holds on this server when a reconcile begins: a swapped database makes every memory worthless. What
    /// was about to be created may have been asked for by an earlier reconcile that did not live to see the answer.
    #[must_use]
    pub fn on(self, server: &ServerId) -> Self {
        let holds = |accepted: &Accepted| accepted.server == *server;
        let is_elsewhere = self
            .accepted
            .as_ref()
            .is_some_and(|accepted| !holds(accepted));
        let intent = self.intent.filter(|intent| intent.server == *server);
        Self {
            accepted: self.accepted.filter(holds),
            former: self.former.filter(holds),
            intent: intent.map(|intent| Intent {
                attempt: Attempt::Repeated,
                ..intent
            }),
            repository: self.repository.filter(|_| !is_elsewhere),
        }
    }

    /// The same for another connection of the same name: it accepts the project anew. Perhaps it leads to another
    /// Bitbucket, with ids of its own. An intent whose answer came goes: only the acceptance showed that it was
    /// answered.
    #[must_use]
    pub fn through_another_connection(self) -> Self {
        Self {
            intent: self.intent.clone().filter(|_| !self.is_answered()),
            former: self.accepted,
            accepted: None,
            repository: None,
        }
    }

    /// The project that was about to be created, if nothing was heard of it since.
    #[must_use]
    pub fn unanswered(&self) -> Option<&Intent> {
        self.intent.as_ref().filter(|_| !self.is_answered())
    }

    /// Whether the answer to the call that the intent is about came: the project was created or bound by us since.
    fn is_answered(&self) -> bool {
        self.accepted.as_ref().is_some_and(|accepted| {
            let written = accepted.created_by.is_some() || accepted.bound_by.is_some();
            written && accepted.repository.is_some()
        })
    }
}

impl Repository {
    /// This repository, as it is remembered under the name that the spec asked for.
    #[must_use]
    pub fn seen_as(&self, asked: &RepositoryPath) -> SeenRepository {
        SeenRepository {
            id: self.id,
            asked: asked.clone(),
        }
    }
}

impl Accepted {
    /// The same with the uuid that SonarQube just reported. Another uuid than before is another project: another client
    /// created it under the key, and nothing was written to it yet.
    pub(super) fn reported(self, id: Option<ProjectId>) -> Self {
        let is_another = self.id.is_some() && id.is_some() && self.id != id;
        Self {
            created_by: self.created_by.filter(|_| !is_another),
            new_code: self.new_code.filter(|_| !is_another),
            id: id.or(self.id),
            ..self
        }
    }

    /// Whether it is certain that this project was accepted: a later project may have the same key.
    #[must_use]
    pub fn proves(&self, project: &Project) -> bool {
        match (&self.id, &project.id) {
            (Some(then), Some(now)) => then == now,
            // If SonarQube returns no uuid, the binding must still be as we wrote it.
            (None, _) | (_, None) => matches!(
                (&project.binding, &self.repository),
                (BindingState::Bound { repository, .. }, Some(then)) if repository.same(then)
            ),
        }
    }
}

impl Record {
    /// The key that a binding is about: that of the spec, else the remembered one, else that of an import
    /// which is not finished, else the one that is made of the repository's place.
    #[must_use]
    pub fn effective_key(
        &self,
        given: Option<ProjectKey>,
        (keys, repository): (&KeyTemplate, &RepositoryPath),
    ) -> ProjectKey {
        let remembered = || self.accepted.as_ref().map(|accepted| accepted.key.clone());
        given
            .or_else(remembered)
            .or_else(|| self.intent.as_ref().map(|intent| intent.key.clone()))
            .unwrap_or_else(|| keys.key(repository))
    }

    /// The acceptance that speaks of this very project. Another uuid is another project, and one that was
    /// accepted from a listing without uuids is judged by the table once its uuid is known.
    #[must_use]
    pub fn holding(&self, project: &Project) -> Option<&Accepted> {
        self.accepted.as_ref().filter(|accepted| {
            accepted.key.same(&project.key) && (project.id.is_none() || accepted.id == project.id)
        })
    }

    /// Whether a project of this key is our own import, whose answer was lost. One whose answer came was created
    /// or bound by us.
    pub(super) fn is_importing(&self, key: &ProjectKey) -> bool {
        self.unanswered().is_some_and(|intent| intent.key.same(key))
    }
}
