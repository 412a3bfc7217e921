//! The writes of a binding, one for each step of the plan.

mod project;

use crate::controller::clock;
use crate::controller::error::Error;
use crate::controller::event::{Occurred, Occurrence};
use crate::controller::status::{self, Precondition};
use crate::crd::Intent;
use crate::identity::ProjectKey;
use crate::plan::binding::{Acceptance, Accepted, NewCode, Origin, Rights, Step, Visibility};
use crate::sonarqube::{self, Permission};

use super::{View, Work, validate};
pub(super) use project::Attempt;

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
            } => {
                let imported = self.import(key, &name, repository).await;
                self.context.metrics.imported(&imported);
                imported
            }
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
        self.attempt = Attempt::Repeated;
        if self.desired.record.intent.as_ref() != Some(&key) {
            self.attempt = Attempt::First;
            let intent = Intent {
                server_id: self.view.server.to_string(),
                project_key: key.to_string(),
                way: self.view.way.call().to_owned(),
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
