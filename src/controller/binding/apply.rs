//! The writes of a binding, one for each step of the plan.

mod project;

use crate::controller::error::Error;
use crate::crd::Intent;
use crate::fleet::ledger::{Claim, Terms};
use crate::identity::ProjectKey;
use crate::kubernetes::clock;
use crate::kubernetes::event::{Occurred, Occurrence};
use crate::kubernetes::status::{self, Precondition};
use crate::plan::binding::{
    self as plan, Acceptance, Accepted, NewCode, Origin, Rights, Step, Visibility, Way,
};
use crate::sonarqube::{self, Permission};

use super::work::Work;
use super::{reserve, validate};
use crate::controller::session::View;
pub(super) use project::Attempt;

impl Work<'_> {
    pub(super) async fn apply(&mut self, step: Step) -> Result<(), Error> {
        let sonarqube = &self.view.sonarqube;
        let fail = |source| self.view.failed(source);
        match step {
            Step::RecordIntent(key) => self.record_intent(key).await,
            Step::Create { key, name } => {
                let created = self.create(&key, &name).await;
                self.context.metrics.imported(&created);
                created
            }
            Step::Import {
                key,
                name,
                repository,
            } => {
                let imported = self.import(key, &name, repository).await;
                self.context.metrics.imported(&imported);
                imported
            }
            Step::Rekey { from, to } => {
                sonarqube.update_project_key(&from, &to).await.map_err(fail)
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
                let answer = sonarqube.update_visibility(&key, spelt(visibility)).await;
                answer.map_err(fail)?;
                // While it is being imported nothing has drifted.
                if self.desired.record.intent.is_none() {
                    let note = format!("made SonarQube project {key} {}", visibility.as_str());
                    self.tell(Occurred::DriftCorrected, note);
                }
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
            answer.map_err(|source| self.view.failed(source))?;
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
        answer.map_err(|source| self.view.failed(source))?;
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
        let repeated = self
            .desired
            .record
            .intent
            .as_ref()
            .is_some_and(|intent| intent.key == key);
        self.attempt = if repeated {
            Attempt::Repeated
        } else {
            Attempt::First
        };
        let way = self.view.capabilities.way;
        // Where a repeated import makes a second project, the time counts from the last one.
        if !repeated || way == Way::ImportRepository {
            self.write_intent(Intent {
                server_id: self.view.server.to_string(),
                project_key: key.to_string(),
                way: way.name().to_owned(),
                imported_as: None,
                since: clock::now(),
            })
            .await?;
        }
        self.desired.record.intent = Some(plan::Intent {
            key,
            imported_as: None,
        });
        self.commit();
        Ok(())
    }

    async fn write_intent(&mut self, intent: Intent) -> Result<(), Error> {
        let binding = &self.report.binding;
        let mut status = binding.status.clone().unwrap_or_default();
        status.intent = Some(intent.clone());
        if let Some(project) = &mut status.sonarqube_project {
            (project.id, project.created_by, project.bound_by) = (None, None, None);
        }
        // The report goes on from what is stored now: a withdrawn intent is to be seen to differ.
        let place = (self.api, &*self.context.metrics);
        self.report.binding =
            status::write(place, binding, &status, Precondition::Unchanged).await?;
        self.report.intent = Some(intent);
        Ok(())
    }

    fn accept(&mut self, acceptance: Acceptance) {
        let Acceptance {
            key,
            id,
            repository,
            origin,
        } = acceptance;
        if key != self.desired.key {
            // Another project than the one that was asked about: the next round asks about it, in its turn, and
            // finds who has the claim.
            self.desired.key = key;
            return;
        }
        let own = self.own().clone();
        let (made, kind) = match origin {
            Origin::Imported => (Some(own), Occurred::Imported),
            Origin::Found => {
                // Whatever was about to be created, this is not it.
                self.desired.record.intent = None;
                (None, Occurred::Adopted)
            }
        };
        // Accepted by an earlier connection of this name: who made the project is still known.
        let former = validate::record(&self.report.binding)
            .accepted
            .filter(|former| {
                former.server == self.view.server && former.id.is_some() && former.id == id
            });
        let note = match &repository {
            Some(repository) => {
                format!("SonarQube project {key} is bound to repository {repository}")
            }
            None => format!(
                "created SonarQube project {key} for repository {}",
                self.desired.repository
            ),
        };
        self.acceptance = Some(Occurrence::new(kind, note));
        let bound_by_us = made.clone().filter(|_| repository.is_some());
        self.hold(Accepted {
            server: self.view.server.clone(),
            key,
            id,
            created_by: made.clone().or_else(|| former.as_ref()?.created_by.clone()),
            bound_by: bound_by_us.or_else(|| former.as_ref()?.bound_by.clone()),
            repository,
            new_code: former.and_then(|former| former.new_code),
        });
    }

    /// Takes the claim: every other pass sees it at once.
    fn hold(&mut self, accepted: Accepted) {
        let held = self.desired.repository.clone();
        let claim = Claim {
            thing: reserve::place(self.view).project(&accepted.key),
            accepted: true,
            terms: Terms::Project(accepted.id.clone(), held),
        };
        self.context.register.ledger.accept(self.own(), vec![claim]);
        if accepted.repository.is_some() {
            self.see();
        }
        self.desired.key = accepted.key.clone();
        self.desired.record.accepted = Some(accepted);
    }

    /// Something was written: what was accepted before is told before it.
    fn tell(&mut self, kind: Occurred, note: String) {
        self.report.occurrences.extend(self.acceptance.take());
        self.report.occurrences.push(Occurrence::new(kind, note));
    }
}

fn spelt(visibility: Visibility) -> sonarqube::Visibility {
    match visibility {
        Visibility::Private => sonarqube::Visibility::Private,
        Visibility::Public => sonarqube::Visibility::Public,
    }
}
