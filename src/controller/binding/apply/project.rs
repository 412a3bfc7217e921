//! The writes that create a project or bind one.

use crate::controller::claims::uid;
use crate::controller::error::Error;
use crate::controller::event::Occurred;
use crate::identity::{ProjectKey, RepositoryPath};
use crate::plan::binding::{Accepted, Way};
use crate::plan::{Reason, Refusal};
use crate::sonarqube::{self, BitbucketAnswer, NewBinding};

use crate::controller::binding::Work;
use crate::controller::session::View;

/// Whether the present intent may have led to a call before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller::binding) enum Attempt {
    /// It was recorded in this pass.
    First,
    /// It is of an earlier pass, and the answer to its call may have been lost.
    Repeated,
}

impl Work<'_, '_> {
    pub(super) async fn import(
        &mut self,
        key: ProjectKey,
        name: &str,
        repository: RepositoryPath,
    ) -> Result<(), Error> {
        let bound = match self.write_binding(&key, name, &repository).await {
            Err(error) if made_nothing(&error, self.attempt) => {
                // Nothing was created: whoever creates it now is not us.
                self.desired.record.intent = None;
                self.commit();
                return Err(error);
            }
            answer => answer?,
        };
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
        let bound = self.write_binding(&key, name, &repository).await?;
        let before = self
            .desired
            .record
            .accepted
            .take()
            .filter(|accepted| accepted.key.same(&key));
        let kind = if before.is_some() {
            Occurred::DriftCorrected
        } else {
            Occurred::Bound
        };
        self.tell(
            kind,
            format!("bound SonarQube project {key} to repository {repository}"),
        );
        let (created_by, new_code) = before.map_or((None, None), |accepted| {
            (accepted.created_by, accepted.new_code)
        });
        self.hold(Accepted {
            server: self.view.server.clone(),
            key,
            id: Some(bound.project),
            created_by,
            bound_by: Some(self.own().clone()),
            repository: Some(repository),
            new_code,
        });
        self.commit();
        Ok(())
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
            monorepo: false,
            new_code: None,
        };
        let sonarqube = &self.view.sonarqube;
        let answer = match self.view.way {
            Way::PutBoundProject => sonarqube.put_bound_project(&binding).await,
            Way::PostBoundProject => sonarqube.post_bound_project(&binding).await,
        };
        answer.map_err(|source| {
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
            Error::SonarQube {
                url: sonarqube.url().to_string(),
                source,
            }
        })
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
        let rows = rows.map_err(|source| Error::SonarQube {
            url: sonarqube.url().to_string(),
            source,
        })?;
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

/// Whether SonarQube has said no. A lost answer or a server's error may have created the project all the same.
fn made_nothing(error: &Error, attempt: Attempt) -> bool {
    let Error::SonarQube { source, .. } = error else {
        return matches!(error, Error::Retry(_));
    };
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
    }
}
