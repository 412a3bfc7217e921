//! The writes that create a project or bind one.

use crate::controller::error::Error;
use crate::crd::Intent;
use crate::identity::{ProjectId, ProjectKey, RepositoryPath};
use crate::kubernetes::event::Occurred;
use crate::kubernetes::uid;
use crate::plan::binding::{Accepted, Way};
use crate::plan::capability::Support;
use crate::plan::{Reason, Refusal};
use crate::sonarqube::{self, BitbucketAnswer, NewBinding, NewProject};

use crate::controller::binding::observe;
use crate::controller::binding::work::Work;
use crate::controller::session::View;

/// Whether the present intent may have led to a call before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller::binding) enum Attempt {
    /// It was recorded in this pass.
    First,
    /// It is of an earlier pass, and the answer to its call may have been lost.
    Repeated,
}

impl Work<'_> {
    /// The project that the next look finds, and takes for our own by the intent.
    pub(super) async fn create(&mut self, key: &ProjectKey, name: &str) -> Result<(), Error> {
        let project = NewProject {
            key,
            name,
            // Not for a moment is it visible to more than it is to be.
            visibility: self.desired.visibility.map(super::spelt),
        };
        let created = self.view.sonarqube.create_project(&project).await;
        let created = created.map_err(|source| self.refused(source));
        self.unless_nothing_was_made(created)
    }

    /// What SonarQube imports under a key of its own choice: stored at once, so that the next look gives it ours.
    async fn import_under_a_chosen_key(
        &mut self,
        repository: &RepositoryPath,
    ) -> Result<(), Error> {
        let asserted = self.assert_setting().await;
        self.unless_nothing_was_made(asserted)?;
        let View {
            sonarqube,
            setting_key,
            ..
        } = self.view;
        let imported = sonarqube.import_repository(setting_key, repository).await;
        if let Err(source) = &imported
            && said_no(source, self.attempt)
        {
            self.withdraw_intent();
        }
        let imported_as = imported.map_err(|source| self.not_imported(source))?;
        if let Some(intent) = self.report.intent.clone() {
            self.write_intent(Intent {
                imported_as: Some(imported_as.to_string()),
                ..intent
            })
            .await?;
        }
        if let Some(intent) = &mut self.desired.record.intent {
            intent.imported_as = Some(imported_as);
        }
        self.commit();
        Ok(())
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

    /// Takes the intent back where SonarQube has said no: whoever creates the project now is not us.
    fn unless_nothing_was_made<T>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        if answer
            .as_ref()
            .is_err_and(|error| made_nothing(error, self.attempt))
        {
            self.withdraw_intent();
        }
        answer
    }

    fn withdraw_intent(&mut self) {
        self.desired.record.intent = None;
        self.commit();
    }

    pub(super) async fn import(
        &mut self,
        key: ProjectKey,
        name: &str,
        repository: RepositoryPath,
    ) -> Result<(), Error> {
        if self.view.capabilities.way == Way::ImportRepository {
            return self.import_under_a_chosen_key(&repository).await;
        }
        let bound = self.write_binding(&key, name, &repository).await;
        let bound = self.unless_nothing_was_made(bound)?;
        let ours = bound.created != Some(false);
        let note = if ours {
            format!("imported repository {repository} as SonarQube project {key}")
        } else {
            format!(
                "SonarQube project {key} came into being meanwhile and was bound to repository {repository}"
            )
        };
        self.tell(Occurred::Imported, note);
        let own = self.own().clone();
        self.hold(Accepted {
            server: self.view.server.clone(),
            key,
            id: Some(bound.project),
            created_by: ours.then(|| own.clone()),
            bound_by: Some(own),
            repository: Some(repository),
            new_code: None,
        });
        self.commit();
        Ok(())
    }

    pub(super) async fn bind(
        &mut self,
        key: ProjectKey,
        name: &str,
        repository: RepositoryPath,
    ) -> Result<(), Error> {
        let id = self.write_existing_binding(&key, name, &repository).await?;
        let before = self.desired.record.accepted.take();
        let before = before.filter(|accepted| accepted.key.same(&key));
        let before = before.map(|accepted| accepted.told(id.clone()));
        // What was accepted unbound is our own, on its way.
        let was_bound = before
            .as_ref()
            .is_some_and(|accepted| accepted.repository.is_some());
        let kind = if was_bound {
            Occurred::DriftCorrected
        } else {
            Occurred::Bound
        };
        self.tell(
            kind,
            format!("bound SonarQube project {key} to repository {repository}"),
        );
        let before = before.unwrap_or_else(|| Accepted {
            server: self.view.server.clone(),
            key,
            id,
            created_by: None,
            bound_by: None,
            repository: None,
            new_code: None,
        });
        self.hold(Accepted {
            bound_by: Some(self.own().clone()),
            repository: Some(repository),
            ..before
        });
        self.commit();
        Ok(())
    }

    /// Binds a project that exists, and returns its id where that is told.
    async fn write_existing_binding(
        &self,
        project: &ProjectKey,
        name: &str,
        repository: &RepositoryPath,
    ) -> Result<Option<ProjectId>, Error> {
        if self.view.capabilities.way != Way::SetBinding {
            let bound = self.write_binding(project, name, repository).await?;
            return Ok(Some(bound.project));
        }
        self.assert_setting().await?;
        let View {
            sonarqube,
            setting_key,
            ..
        } = self.view;
        let monorepo = self.desired.monorepo;
        let answer = sonarqube.set_bitbucket_binding(project, setting_key, repository, monorepo);
        answer.await.map_err(|source| {
            // 8.9 cannot be asked beforehand.
            if let sonarqube::Error::Rejected { message, .. } = &source
                && monorepo
                && self.view.capabilities.monorepo == Support::Untold
            {
                return no_monorepo(message);
            }
            self.refused(source)
        })?;
        observe::project_id(project, Some(repository), self.view).await
    }

    async fn write_binding(
        &self,
        project: &ProjectKey,
        name: &str,
        repository: &RepositoryPath,
    ) -> Result<sonarqube::BoundProject, Error> {
        self.assert_setting().await?;
        let binding = NewBinding {
            project,
            name,
            setting: &self.view.setting,
            repository,
            monorepo: self.desired.monorepo,
        };
        let sonarqube = &self.view.sonarqube;
        let answer = if self.view.capabilities.way == Way::PutBoundProject {
            sonarqube.put_bound_project(&binding).await
        } else {
            sonarqube.post_bound_project(&binding).await
        };
        answer.map_err(|source| self.refused(source))
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
            // Somebody removed it, or our user is another one now: the connection stores it again.
            let connection = &self.reference.connection;
            self.context.memories.distrust_import(&uid(&**connection));
            self.context.doubt(connection);
            return Error::Retry(Refusal::new(
                Reason::ConnectionNotReady,
                "SonarQube has no import token for the operator's user: the connection stores it again",
            ));
        }
        if source.is_setting_unknown() {
            return self.setting_changed();
        }
        self.view.failed(source)
    }

    /// SonarQube sends the import token to the setting's URL: it must be ours at this moment.
    async fn assert_setting(&self) -> Result<(), Error> {
        let View {
            sonarqube,
            setting,
            bitbucket,
            ..
        } = self.view;
        let rows = sonarqube.dop_settings().await;
        let rows = rows.map_err(|source| self.view.failed(source))?;
        let ours = rows.iter().any(|row| {
            row.id == *setting
                && row
                    .url
                    .as_deref()
                    .is_some_and(|url| bitbucket.url().same(url))
        });
        if ours {
            return Ok(());
        }
        Err(self.setting_changed())
    }

    fn setting_changed(&self) -> Error {
        self.context.doubt(&self.reference.connection);
        Error::Retry(Refusal::new(
            Reason::ConnectionNotReady,
            "SonarQube's configuration was changed by somebody else: nothing is bound until the connection has mended it",
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

/// Whether nothing can have been created.
fn made_nothing(error: &Error, attempt: Attempt) -> bool {
    let Error::SonarQube { source, .. } = error else {
        // Nothing was called, or nothing but the token was looked at; of an earlier call that tells nothing.
        return matches!(error, Error::Retry(_)) && attempt == Attempt::First;
    };
    said_no(source, attempt)
}

/// Whether SonarQube has said no. A lost answer or a server's error may have created the project all the same.
fn said_no(source: &sonarqube::Error, attempt: Attempt) -> bool {
    match source {
        // What exists came into being since the look: by somebody else, or by an earlier call of our own.
        sonarqube::Error::Rejected { .. } if source.is_similar_key() => attempt == Attempt::First,
        sonarqube::Error::Rejected { .. }
        | sonarqube::Error::Forbidden { .. }
        | sonarqube::Error::Unauthorized { .. } => true,
        sonarqube::Error::NotFound { .. }
        | sonarqube::Error::UnknownUrl { .. }
        | sonarqube::Error::Transport(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Operation;

    fn rejected(message: &str) -> Error {
        Error::SonarQube {
            url: "https://sonarqube.example.com".to_owned(),
            source: sonarqube::Error::Rejected {
                operation: Operation::post("api/v2/dop-translation/bound-projects"),
                status: 400,
                message: message.to_owned(),
            },
        }
    }

    /// Promise: what somebody else created between our look and our call is never taken for our own.
    #[test]
    fn a_key_that_exists_is_ours_only_where_an_earlier_call_may_have_made_it() {
        let exists = rejected(
            "Could not create Project with key: \"K\". A similar key already exists: \"K\"",
        );
        assert!(made_nothing(&exists, Attempt::First));
        assert!(!made_nothing(&exists, Attempt::Repeated));
        let refused = rejected("Error 404. The requested Bitbucket server is unreachable.");
        for attempt in [Attempt::First, Attempt::Repeated] {
            assert!(made_nothing(&refused, attempt));
        }
        // Before a call was made: what an earlier one did is not known.
        let why = Refusal::new(Reason::ConnectionNotReady, "another configuration");
        let uncalled = Error::Retry(why);
        assert!(made_nothing(&uncalled, Attempt::First));
        assert!(!made_nothing(&uncalled, Attempt::Repeated));
    }
}
