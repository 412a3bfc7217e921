//! The writes of a binding, one for each step of the plan.

use crate::controller::claims::uid;
use crate::controller::clock;
use crate::controller::error::Error;
use crate::controller::event::{Occurred, Occurrence};
use crate::controller::status::{self, Precondition};
use crate::crd::Intent;
use crate::identity::{ProjectKey, RepositoryPath};
use crate::plan::binding::{Acceptance, Accepted, NewCode, Origin, Rights, Step, Visibility};
use crate::plan::{Reason, Refusal};
use crate::sonarqube::{self, BitbucketAnswer, NewBinding, Permission};

use super::{View, Work, validate};

impl Work<'_, '_> {
    pub(super) async fn apply(&mut self, step: Step) -> Result<(), Error> {
        let sonarqube = &self.view.sonarqube;
        let fail = |source| Error::SonarQube {
            url: sonarqube.url().to_string(),
            source,
        };
        match step {
            Step::RecordIntent(key) => self.record_intent(key).await,
            Step::Import {
                key,
                name,
                repository,
            } => self.import(key, &name, repository).await,
            Step::Bind {
                key,
                name,
                repository,
            } => self.bind(key, &name, repository).await,
            Step::Accept(acceptance) => {
                self.accept(acceptance);
                Ok(())
            }
            Step::GrantSelf(key) => self.grant_self(&key).await,
            Step::SetVisibility(key, visibility) => {
                let wanted = match visibility {
                    Visibility::Private => sonarqube::Visibility::Private,
                    Visibility::Public => sonarqube::Visibility::Public,
                };
                sonarqube
                    .update_visibility(&key, wanted)
                    .await
                    .map_err(fail)?;
                let note = format!("made SonarQube project {key} {}", visibility.as_str());
                self.tell(Occurred::DriftCorrected, note);
                Ok(())
            }
            Step::SetNewCode(key, new_code) => self.set_new_code(&key, new_code).await,
            Step::RenameMainBranch(key, name) => sonarqube
                .rename_main_branch(&key, &name)
                .await
                .map_err(fail),
        }
    }

    /// Who creates a project does not always hold it; who administers the system may change that.
    async fn grant_self(&mut self, key: &ProjectKey) -> Result<(), Error> {
        let View {
            sonarqube, login, ..
        } = self.view;
        for permission in [Permission::Browse, Permission::Administer] {
            let answer = sonarqube.add_user_permission(login, permission, key).await;
            answer.map_err(|source| Error::SonarQube {
                url: sonarqube.url().to_string(),
                source,
            })?;
        }
        self.rights = Rights::Assumed;
        Ok(())
    }

    async fn set_new_code(&mut self, key: &ProjectKey, new_code: NewCode) -> Result<(), Error> {
        let sonarqube = &self.view.sonarqube;
        let definition = match &new_code {
            NewCode::PreviousVersion => sonarqube::NewCode::PreviousVersion,
            NewCode::NumberOfDays(days) => sonarqube::NewCode::Days(u16::from(*days)),
            NewCode::ReferenceBranch(branch) => sonarqube::NewCode::ReferenceBranch(branch.clone()),
        };
        let answer = sonarqube.set_new_code(key, None, &definition).await;
        answer.map_err(|source| Error::SonarQube {
            url: sonarqube.url().to_string(),
            source,
        })?;
        if let Some(accepted) = &mut self.desired.record.accepted {
            accepted.new_code = Some(new_code);
        }
        self.commit();
        Ok(())
    }

    /// Written with resourceVersion before anything is created: whoever lost the race creates nothing.
    async fn record_intent(&mut self, key: ProjectKey) -> Result<(), Error> {
        // What was remembered of an earlier project of this key is gone with it.
        if let Some(accepted) = &mut self.desired.record.accepted {
            (accepted.id, accepted.created_by, accepted.bound_by) = (None, None, None);
        }
        if self.desired.record.intent.as_ref() != Some(&key) {
            let intent = Intent {
                server_id: self.view.server.to_string(),
                project_key: key.to_string(),
                way: "PUT api/v2/dop-translation/bound-projects".to_owned(),
                since: clock::now(),
            };
            let mut status = self.binding.status.clone().unwrap_or_default();
            status.intent = Some(intent.clone());
            if let Some(project) = &mut status.sonarqube_project {
                (project.id, project.created_by, project.bound_by) = (None, None, None);
            }
            self.binding =
                status::write(self.api, &self.binding, &status, Precondition::Unchanged).await?;
            self.context.metrics.status_written("ProjectBinding");
            self.report.intent = Some(intent);
        }
        self.desired.record.intent = Some(key);
        self.commit();
        Ok(())
    }

    async fn import(
        &mut self,
        key: ProjectKey,
        name: &str,
        repository: RepositoryPath,
    ) -> Result<(), Error> {
        let bound = match self.put(&key, name, &repository).await {
            Err(error) if is_refusal(&error) => {
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

    async fn bind(
        &mut self,
        key: ProjectKey,
        name: &str,
        repository: RepositoryPath,
    ) -> Result<(), Error> {
        let bound = self.put(&key, name, &repository).await?;
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

    async fn put(
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
        let answer = self.view.sonarqube.put_bound_project(&binding).await;
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
            Error::SonarQube {
                url: self.view.sonarqube.url().to_string(),
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
        self.context.doubt(&self.reference.connection);
        Err(Error::Retry(Refusal::new(
            Reason::ConnectionNotReady,
            "SonarQube's configuration was changed by somebody else: nothing is bound until the connection has mended it",
        )))
    }

    fn accept(&mut self, acceptance: Acceptance) {
        let Acceptance { key, id, origin } = acceptance;
        if key != self.desired.key {
            // Another project than the one that was asked about: the next round asks about it, in its turn, and
            // finds who has the claim.
            self.desired.key = key;
            return;
        }
        let own = self.own().clone();
        let (made, kind) = match origin {
            Origin::Imported => (Some(own), Occurred::Imported),
            Origin::Found => (None, Occurred::Adopted),
        };
        let repository = self.desired.repository.clone();
        // Accepted by an earlier connection of this name: who made the project is still known.
        let former = validate::record(&self.binding).accepted.filter(|former| {
            former.server == self.view.server && former.id.is_some() && former.id == id
        });
        self.tell(
            kind,
            format!("SonarQube project {key} is bound to repository {repository}"),
        );
        self.hold(Accepted {
            server: self.view.server.clone(),
            key,
            id,
            created_by: made.clone().or_else(|| former.as_ref()?.created_by.clone()),
            bound_by: made.or_else(|| former.as_ref()?.bound_by.clone()),
            repository: Some(repository),
            new_code: former.and_then(|former| former.new_code),
        });
    }

    /// Takes the claim: every other pass sees it at once.
    fn hold(&mut self, accepted: Accepted) {
        self.context
            .claims
            .remember(&accepted.server, accepted.key.as_str(), self.own());
        self.desired.key = accepted.key.clone();
        self.desired.record.accepted = Some(accepted);
    }

    fn commit(&mut self) {
        self.committed = self.desired.record.clone();
    }

    fn tell(&mut self, kind: Occurred, note: String) {
        self.report.occurrences.push(Occurrence::new(kind, note));
    }
}

/// Whether SonarQube has said no. A lost answer or a server's error may have created the project all the same.
fn is_refusal(error: &Error) -> bool {
    let Error::SonarQube { source, .. } = error else {
        return matches!(error, Error::Retry(_));
    };
    match source {
        sonarqube::Error::Rejected { .. } => !source.is_similar_key(),
        sonarqube::Error::Forbidden { .. } | sonarqube::Error::Unauthorized { .. } => true,
        sonarqube::Error::NotFound { .. }
        | sonarqube::Error::UnknownUrl { .. }
        | sonarqube::Error::Transport(_) => false,
    }
}
