//! The writes of a binding, one for each step of the plan. The core says what is remembered afterwards.

mod mark;
mod project;

use crate::controller::error::{Doing, Error};
use crate::crd::Intent;
use crate::declared;
use crate::fleet::ledger::{Claim, Terms};
use crate::fleet::link::ServerAccess;
use crate::identity::ProjectKey;
use crate::inventory;
use crate::kubernetes::clock;
use crate::kubernetes::event::{Event, EventReason};
use crate::kubernetes::status;
use crate::plan::binding::record::{self, Answer, Done, Storing, Taken};
use crate::plan::binding::{
    Acceptance, NewCode, Origin, Record, Rights, SeenRepository, Step, Visibility,
};
use crate::plan::condition::ConditionType;
use crate::plan::{Blocked, Reason};
use crate::sonarqube::{self, Permission};

use super::reserve;
use super::shown::{self, remembered};
use super::work::Work;

/// A step that was not done.
struct Failed {
    /// What is known of it.
    answer: Answer,
    /// What is reported.
    error: Error,
}

impl Failed {
    /// A call that creates nothing: the next look finds out what became of it.
    fn of_no_consequence(error: Error) -> Self {
        let answer = Answer::Unknown;
        Self { answer, error }
    }
}

impl Work<'_> {
    /// Takes one step, and remembers what it came to.
    pub(super) async fn take(
        &mut self,
        step: &Step,
        seen: Option<&SeenRepository>,
    ) -> Result<(), Error> {
        let imports = matches!(step, Step::Create { .. } | Step::Import { .. });
        self.report.doing = if imports {
            Doing::Importing
        } else {
            Doing::Writing
        };
        let (answer, failure) = match self.perform(step).await {
            Ok(done) => (Answer::Done(done), Ok(())),
            Err(Failed { answer, error }) => (answer, Err(error)),
        };
        self.learn(step, &answer);
        let (own, access) = (self.desired.uid.clone(), self.access);
        let taken = Taken {
            own: &own,
            server: &access.server,
            seen,
            step,
            answer: &answer,
        };
        let before = self.desired.record.clone();
        self.desired.record = record::after(before.clone(), &taken);
        if failure.is_ok() {
            self.writes.took(step);
            // The condition reports a fight, once.
            if self.writes.fight().is_none() {
                self.describe(step, &before);
            }
            self.hold(step);
            self.mark(step, &answer).await;
        }
        match record::storing(step, &answer) {
            Storing::BeforeTheNextStep => self.store_intent(&taken, &before).await?,
            Storing::InAnyCase => self.commit(),
            Storing::OnSuccess => {}
        }
        failure
    }

    /// Other bindings go by the inventory: an import is in it at once, and it says nothing any more of one
    /// that may have been done.
    fn learn(&self, step: &Step, answer: &Answer) {
        let mut inventory = self.access.inventory();
        match (step, answer) {
            (
                Step::Import {
                    key,
                    name,
                    repository,
                },
                Answer::Done(Done::Imported { id, .. }),
            ) => {
                let visibility = self.desired.visibility.unwrap_or(Visibility::Private);
                let project = sonarqube::Project {
                    key: key.clone(),
                    name: name.clone(),
                    id: Some(id.clone()),
                    visibility: spelt(visibility),
                };
                let row = inventory::Project::new(project, Some(repository.clone()));
                inventory.learn_project(key, Some(row));
            }
            (Step::Import { repository, .. } | Step::Bind { repository, .. }, Answer::Unknown) => {
                inventory.invalidate(repository);
            }
            _ => {}
        }
    }

    /// Makes the write that a step stands for.
    async fn perform(&mut self, step: &Step) -> Result<Done, Failed> {
        let sonarqube = &self.access.sonarqube;
        if !step.is_remembered() {
            self.report.begin_to_write();
        }
        let answer = match step {
            Step::RecordIntent(_) | Step::Consider(_) | Step::Accept(_) => Ok(()),
            Step::Create { key, name } => {
                let created = self.create(key, name).await;
                self.context.metrics.imported(&created);
                return created;
            }
            Step::Import {
                key,
                name,
                repository,
            } => {
                let imported = self.import(key, name, repository).await;
                self.context.metrics.imported(&imported);
                return imported;
            }
            Step::Bind {
                key,
                name,
                repository,
            } => {
                let bound = self.bind(key, name, repository).await;
                return bound.map(Done::Bound).map_err(Failed::of_no_consequence);
            }
            Step::Rekey { from, to } => sonarqube.update_project_key(from, to).await,
            Step::GrantSelf(key) => match self.grant_self(key).await {
                Err(sonarqube::Error::Forbidden { .. }) => {
                    let refusal = lacks_administer(&self.access.login, key);
                    return Err(Failed::of_no_consequence(Error::Refused(refusal)));
                }
                answer => answer,
            },
            Step::SetVisibility(key, visibility) => {
                sonarqube.update_visibility(key, spelt(*visibility)).await
            }
            Step::SetNewCode(key, new_code) => {
                let definition = definition(new_code);
                sonarqube.set_new_code(key, None, &definition).await
            }
            Step::RenameMainBranch(key, name) => sonarqube.rename_main_branch(key, name).await,
        };
        let answer = answer.map_err(|source| self.access.failed(source));
        answer
            .map(|()| Done::Plain)
            .map_err(Failed::of_no_consequence)
    }

    /// Who creates a project does not always hold it; who administers the system may change that.
    pub(super) async fn grant_self(&mut self, key: &ProjectKey) -> Result<(), sonarqube::Error> {
        let ServerAccess {
            sonarqube, login, ..
        } = &**self.access;
        for permission in [Permission::Browse, Permission::Administer] {
            sonarqube
                .add_user_permission(login, permission, key)
                .await?;
        }
        let note = format!(
            "granted SonarQube user {login} Browse and Administer on project {key}: SonarQube denied it"
        );
        self.announce(EventReason::PermissionsGranted, note);
        self.rights = Rights::Assumed;
        Ok(())
    }

    /// Takes the claim on what was accepted: every other reconcile sees it at once.
    pub(super) fn hold(&mut self, step: &Step) {
        match step {
            // The next round asks about it under its lock, and finds who has the claim.
            Step::Consider(key) => self.desired.key.clone_from(key),
            Step::Accept(_) | Step::Import { .. } | Step::Bind { .. } => {
                let Some(accepted) = &self.desired.record.accepted else {
                    return;
                };
                let held_for = self.desired.repository.clone();
                let claim = Claim {
                    thing: reserve::server(self.access).project(&accepted.key),
                    accepted: true,
                    terms: Terms::Project(accepted.id.clone(), held_for),
                };
                let ledger = &self.context.register.ledger;
                ledger.accept(&self.desired.uid, vec![claim]);
                self.desired.key.clone_from(&accepted.key);
                if accepted.repository.is_some() {
                    self.see();
                }
            }
            Step::RecordIntent(_)
            | Step::Create { .. }
            | Step::Rekey { .. }
            | Step::GrantSelf(_)
            | Step::SetVisibility(..)
            | Step::SetNewCode(..)
            | Step::RenameMainBranch(..) => {}
        }
    }

    /// Stores an intent with resourceVersion, before anything is created: the one that lost the race creates nothing.
    async fn store_intent(&mut self, taken: &Taken<'_>, before: &Record) -> Result<(), Error> {
        let Some(intent) = self.desired.record.intent.clone() else {
            return Ok(());
        };
        let method = self.access.capabilities.method;
        let imported_as = intent.imported_as.as_ref().map(ProjectKey::to_string);
        let stored = match (&imported_as, self.report.intent.clone()) {
            (Some(_), Some(stored)) => {
                let stored = Intent {
                    imported_as,
                    ..stored
                };
                // Also where it cannot be written now: the call was made.
                self.report.intent = Some(stored.clone());
                self.commit();
                stored
            }
            (Some(_), None) | (None, _) => Intent {
                server_id: intent.server.to_string(),
                project_key: intent.key.to_string(),
                way: method.name().to_owned(),
                imported_as,
                since: clock::now(),
            },
        };
        let is_repeated = before.intent.as_ref().is_some_and(|before| {
            before.key == intent.key && before.imported_as == intent.imported_as
        });
        // Where a repeated import makes a second project, the time counts from the last one.
        if !is_repeated || method.chooses_keys() {
            self.write_intent(stored, taken).await?;
        }
        self.commit();
        Ok(())
    }

    async fn write_intent(&mut self, intent: Intent, taken: &Taken<'_>) -> Result<(), Error> {
        let binding = &self.report.binding;
        let mut status = binding.status.clone().unwrap_or_default();
        let record = record::after(declared::record(binding), taken);
        let accepted = record.accepted.as_ref();
        status.sonarqube_project =
            accepted.map(|accepted| remembered(accepted, None, status.sonarqube_project.as_ref()));
        if status::said(&status.conditions, ConditionType::Ready).is_none() {
            status.observed_generation = binding.metadata.generation;
            status.conditions = self.report.importing(&intent.project_key);
        }
        // What was accepted keeps its connection; a new project is created through this one.
        let connection = status.record.connection.take();
        let connection = connection.filter(|_| accepted.is_some());
        let connection = connection.or_else(|| self.report.through.clone());
        status.record = shown::record(accepted, connection, Some(intent), self.report.defaults());
        self.report.store_intent(&status, self.context).await
    }

    /// Puts into words what a step did, given what was remembered before it.
    fn describe(&mut self, step: &Step, before: &Record) {
        match step {
            Step::Accept(acceptance) => self.acceptance = Some(self.accepted(acceptance)),
            Step::Import {
                key, repository, ..
            } => {
                let Some(accepted) = &self.desired.record.accepted else {
                    return;
                };
                // Under a key that SonarQube chose, it is described when it is accepted.
                if self
                    .desired
                    .record
                    .intent
                    .as_ref()
                    .is_some_and(|intent| intent.imported_as.is_some())
                {
                    return;
                }
                let note = if accepted.created_by.is_some() {
                    format!("imported repository {repository} as SonarQube project {key}")
                } else {
                    format!(
                        "SonarQube project {key} came into being meanwhile and was bound to repository {repository}"
                    )
                };
                self.announce(EventReason::Imported, note);
            }
            Step::Bind {
                key, repository, ..
            } => {
                // What was accepted unbound is our own, not finished yet.
                let was_bound = before.accepted.as_ref().is_some_and(|accepted| {
                    accepted.key.same(key) && accepted.repository.is_some()
                });
                let kind = if was_bound {
                    EventReason::DriftCorrected
                } else {
                    EventReason::Bound
                };
                self.announce(
                    kind,
                    format!("bound SonarQube project {key} to repository {repository}"),
                );
            }
            // While it is being imported nothing has drifted.
            Step::SetVisibility(key, visibility) if before.intent.is_none() => {
                let note = format!("made SonarQube project {key} {}", visibility.as_str());
                self.announce(EventReason::DriftCorrected, note);
            }
            Step::SetVisibility(..)
            | Step::RecordIntent(_)
            | Step::Consider(_)
            | Step::Create { .. }
            | Step::Rekey { .. }
            | Step::GrantSelf(_)
            | Step::SetNewCode(..)
            | Step::RenameMainBranch(..) => {}
        }
    }

    fn accepted(&self, acceptance: &Acceptance) -> Event {
        let Acceptance {
            key,
            id: _,
            repository,
            origin,
        } = acceptance;
        let kind = match origin {
            Origin::Imported => EventReason::Imported,
            Origin::Found => EventReason::Adopted,
        };
        let note = match repository {
            Some(repository) => {
                format!("SonarQube project {key} is bound to repository {repository}")
            }
            None => format!(
                "created SonarQube project {key} for repository {}",
                self.desired.repository
            ),
        };
        Event::new(kind, note)
    }

    /// Something was written: what was accepted before is reported first.
    fn announce(&mut self, kind: EventReason, note: String) {
        self.report.events.extend(self.acceptance.take());
        self.report.events.push(Event::new(kind, note));
    }
}

fn definition(new_code: &NewCode) -> sonarqube::NewCode {
    match new_code {
        NewCode::PreviousVersion => sonarqube::NewCode::PreviousVersion,
        NewCode::NumberOfDays(days) => sonarqube::NewCode::Days(*days),
        NewCode::ReferenceBranch(branch) => sonarqube::NewCode::ReferenceBranch(branch.clone()),
    }
}

fn spelt(visibility: Visibility) -> sonarqube::Visibility {
    match visibility {
        Visibility::Private => sonarqube::Visibility::Private,
        Visibility::Public => sonarqube::Visibility::Public,
    }
}

/// Without Administer System, a user cannot give itself a permission.
fn lacks_administer(login: &str, key: &ProjectKey) -> Blocked {
    Blocked::new(
        Reason::PermissionMissing,
        format!(
            "SonarQube's user {login} lacks Administer on project {key}, and may not grant it to itself: have an administrator of SonarQube grant it, for example by a permission template that gives it to project creators"
        ),
    )
}
