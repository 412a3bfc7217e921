//! The writes that create a project or bind one.

use std::time::Duration;

use crate::controller::error::Error;
use crate::identity::{ProjectId, ProjectKey, RepositoryPath};
use crate::observe;
use crate::plan::binding::record::{Answer, Done};
use crate::plan::capability::BindingMethod;
use crate::plan::capability::Support;
use crate::plan::{Blocked, Reason};
use crate::sonarqube::{self, BitbucketAnswer, NewBinding, NewProject};

use super::Failed;
use crate::controller::binding::work::Work;
use crate::fleet::link::ServerAccess;

impl Work<'_> {
    /// The project that the next look finds, and takes for our own by the intent.
    pub(super) async fn create(&self, key: &ProjectKey, name: &str) -> Result<Done, Failed> {
        let project = NewProject {
            key,
            name,
            // Not for a moment is it visible to more than it is to be.
            visibility: self.desired.visibility.map(super::spelt),
        };
        let created = self.access.sonarqube.create_project(&project).await;
        created.map(|()| Done::Plain).map_err(|source| Failed {
            answer: answer(&source),
            error: self.refused(source),
        })
    }

    /// Creates a project that is bound to the repository.
    pub(super) async fn import(
        &self,
        key: &ProjectKey,
        name: &str,
        repository: &RepositoryPath,
    ) -> Result<Done, Failed> {
        let at_most = self.same_moment();
        let never_sent = |error| Failed {
            answer: Answer::NeverSent,
            error,
        };
        let asserted = self.assert_setting(at_most).await;
        asserted.map_err(never_sent)?;
        let ServerAccess {
            sonarqube,
            setting_key,
            ..
        } = &**self.access;
        let binding = self.new_binding(key, name, repository);
        let bound = match self.access.capabilities.method {
            BindingMethod::PutBoundProject => {
                let bound = sonarqube.put_bound_project(&binding).await;
                match bound {
                    // Nothing was done. Another Bitbucket may have refused our token, if the URL has just been changed.
                    Err(refused)
                        if at_most > Duration::ZERO && refused.bitbucket_answer().is_some() =>
                    {
                        let asserted = self.assert_setting(Duration::ZERO).await;
                        asserted.map_err(never_sent)?;
                        sonarqube.put_bound_project(&binding).await
                    }
                    bound => bound,
                }
            }
            BindingMethod::PostBoundProject => sonarqube.post_bound_project(&binding).await,
            BindingMethod::ImportRepository => {
                let imported = sonarqube.import_repository(setting_key, repository).await;
                return imported.map(Done::ImportedAs).map_err(|source| Failed {
                    answer: answer(&source),
                    error: self.not_imported(source),
                });
            }
            method @ BindingMethod::SetBinding => {
                return Err(Failed {
                    answer: Answer::NeverSent,
                    error: unplanned(method),
                });
            }
        };
        let bound = bound.map_err(|source| Failed {
            answer: answer(&source),
            error: self.refused(source),
        })?;
        Ok(Done::Imported {
            id: bound.project,
            created: bound.created != Some(false),
        })
    }

    /// Binds an existing project, and returns its id if SonarQube returns it.
    pub(super) async fn bind(
        &self,
        key: &ProjectKey,
        name: &str,
        repository: &RepositoryPath,
    ) -> Result<Option<ProjectId>, Error> {
        self.assert_setting(Duration::ZERO).await?;
        match self.access.capabilities.method {
            BindingMethod::SetBinding => self.set_binding(key, repository).await,
            BindingMethod::PutBoundProject => {
                let binding = self.new_binding(key, name, repository);
                let bound = self.access.sonarqube.put_bound_project(&binding).await;
                let bound = bound.map_err(|source| self.refused(source))?;
                Ok(Some(bound.project))
            }
            method @ (BindingMethod::PostBoundProject | BindingMethod::ImportRepository) => {
                Err(unplanned(method))
            }
        }
    }

    async fn set_binding(
        &self,
        project: &ProjectKey,
        repository: &RepositoryPath,
    ) -> Result<Option<ProjectId>, Error> {
        let ServerAccess {
            sonarqube,
            setting_key,
            ..
        } = &**self.access;
        let monorepo = self.desired.monorepo;
        let answer = sonarqube.set_bitbucket_binding(project, setting_key, repository, monorepo);
        answer.await.map_err(|source| {
            // 8.9 cannot be asked beforehand.
            if let sonarqube::Error::Rejected { message, .. } = &source
                && monorepo
                && self.access.capabilities.monorepo == Support::Unlisted
            {
                return no_monorepo(message);
            }
            self.refused(source)
        })?;
        let id = observe::project_id(project, Some(repository), self.access.servers()).await;
        id.map_err(|error| self.access.not_observed(error))
    }

    fn new_binding<'b>(
        &'b self,
        project: &'b ProjectKey,
        name: &'b str,
        repository: &'b RepositoryPath,
    ) -> NewBinding<'b> {
        NewBinding {
            project,
            name,
            setting: &self.access.setting,
            repository,
            monorepo: self.desired.monorepo,
        }
    }

    /// An import of a version that chooses keys meets what stands under that key.
    fn not_imported(&self, source: sonarqube::Error) -> Error {
        if source.is_similar_key() {
            return Error::refused(
                Reason::ProjectExists,
                format!(
                    "this version of SonarQube imports a repository under the key PROJECT_slug before it gets the one that was asked for, and a project has that key: rename that project's key in SonarQube, or delete it ({source})"
                ),
            );
        }
        if source.is_malformed_key() {
            return Error::refused(
                Reason::UnsupportedVersion,
                format!(
                    "this version of SonarQube cannot import personal repositories: 9.9 or later can, or Developer Edition or later or the community branch plugin on every version ({source})"
                ),
            );
        }
        self.refused(source)
    }

    /// What a failed look means.
    pub(in crate::controller::binding) fn sorted(&self, error: Error) -> Error {
        if let Error::SonarQube { source, .. } = error {
            self.refused(source)
        } else {
            error
        }
    }

    /// What SonarQube's answer means, where that is more than that it failed.
    fn refused(&self, source: sonarqube::Error) -> Error {
        if source.bitbucket_answer() == Some(BitbucketAnswer::TokenMissing) {
            // It was removed, or our user is another one now: the connection stores it again.
            let connection = &self.reference.connection;
            self.context.import_token_lost(connection);
            return Error::Retry(Blocked::new(
                Reason::ConnectionNotReady,
                "SonarQube has no import token for the operator's user: the connection stores it again",
            ));
        }
        if source.is_setting_unknown() {
            return self.setting_changed();
        }
        self.access.failed(source)
    }

    /// SonarQube sends the import token to the setting's URL: it must be ours at this moment, or in that of many
    /// imports.
    async fn assert_setting(&self, at_most: Duration) -> Result<(), Error> {
        let ServerAccess {
            sonarqube,
            setting,
            bitbucket,
            ..
        } = &**self.access;
        let is_ours = |row: &sonarqube::DopSetting| {
            let url = row.url.as_deref();
            row.id == *setting && url.is_some_and(|url| bitbucket.url().same(url))
        };
        let rows = sonarqube.shared_dop_settings(at_most).await;
        let rows = rows.map_err(|source| self.access.failed(source))?;
        if rows.iter().any(is_ours) {
            return Ok(());
        }
        Err(self.setting_changed())
    }

    fn setting_changed(&self) -> Error {
        self.context.ask(&self.reference.connection);
        Error::Retry(Blocked::new(
            Reason::ConnectionNotReady,
            "another client changed SonarQube's configuration: nothing is bound until the connection has corrected it",
        ))
    }
}

/// A server that could not be asked beforehand refused the monorepo flag.
fn no_monorepo(message: &str) -> Error {
    Error::refused(
        Reason::UnsupportedEdition,
        format!(
            "spec.monorepo: SonarQube refuses to let projects share a repository ({message}); Enterprise Edition or later, or the community branch plugin, does. Or remove it, and use one SonarQube project per repository"
        ),
    )
}

/// A step that this server cannot take was not planned for it.
fn unplanned(method: BindingMethod) -> Error {
    Error::refused(
        Reason::InternalError,
        format!(
            "the plan has a step that does not go with {}: this is a defect of Bindery, please report it",
            method.name()
        ),
    )
}

/// What is known of a call that did not succeed. A lost answer or a server's error may have created the project.
fn answer(source: &sonarqube::Error) -> Answer {
    match source {
        sonarqube::Error::Rejected { .. } if source.is_similar_key() => Answer::KeyExists,
        sonarqube::Error::Rejected { .. }
        | sonarqube::Error::Forbidden { .. }
        | sonarqube::Error::Unauthorized { .. } => Answer::RefusedByServer,
        sonarqube::Error::Transport(failure) if failure.problem.was_never_sent() => {
            Answer::NeverSent
        }
        sonarqube::Error::NotFound { .. }
        | sonarqube::Error::UnknownUrl { .. }
        | sonarqube::Error::Transport(_) => Answer::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Failure, Operation, Problem};

    fn lost(problem: Problem) -> sonarqube::Error {
        let operation = Operation::post("api/projects/create");
        sonarqube::Error::Transport(Failure { operation, problem })
    }

    fn rejected(message: &str) -> sonarqube::Error {
        sonarqube::Error::Rejected {
            operation: Operation::post("api/projects/create"),
            status: 400,
            message: message.to_owned(),
        }
    }

    /// Promise: what another user creates after a call that never reached the server is not ours.
    #[test]
    fn only_a_call_that_was_sent_may_have_created_a_project() {
        assert_eq!(answer(&lost(Problem::Dns)), Answer::NeverSent);
        assert_eq!(answer(&lost(Problem::Interrupted)), Answer::Unknown);
        let exists =
            "Could not create Project with key: \"K\". A similar key already exists: \"K\"";
        assert_eq!(answer(&rejected(exists)), Answer::KeyExists);
        assert_eq!(answer(&rejected("no")), Answer::RefusedByServer);
    }
}
