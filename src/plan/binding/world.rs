//! A SonarQube, a Bitbucket and several bindings in memory, driven through the core as the shell drives it.
//!
//! A pass looks, plans, writes and remembers. A fault ends it at any step. Every write is held against the
//! promises where it is made, so a breach is found at the write that breaks it.

mod effects;

use std::collections::{BTreeMap, BTreeSet};

use crate::identity::{ProjectId, RepositoryPath, ServerId, Uid};
use crate::plan::Contender;
use crate::plan::capability::Capabilities;

use super::*;
use crate::plan::contest;

/// Who made a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Hand,
    Binding(usize),
}

/// A project in SonarQube.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    pub(super) key: ProjectKey,
    pub(super) id: ProjectId,
    pub(super) name: String,
    pub(super) visibility: Visibility,
    pub(super) binding: BindingState,
    /// Whether the operator's user may administer it.
    pub(super) granted: bool,
    pub(super) new_code: Option<NewCode>,
    pub(super) main: String,
    pub(super) maker: Maker,
}

impl Remote {
    pub(super) fn is_bound_to(&self, path: &RepositoryPath) -> bool {
        matches!(&self.binding, BindingState::Bound { repository, .. } if repository.same(path))
    }
}

/// A repository in Bitbucket.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) path: RepositoryPath,
    pub(super) default_branch: Option<String>,
}

/// A ProjectBinding: its spec, and its status as stored.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) uid: Uid,
    pub(super) key: Option<ProjectKey>,
    pub(super) repository: RepositoryPath,
    pub(super) mode: Mode,
    pub(super) management: Management,
    pub(super) visibility: Option<Visibility>,
    pub(super) new_code: Option<NewCode>,
    pub(super) monorepo: bool,
    pub(super) access: Access,
    pub(super) record: Record,
    /// The projects that it rightfully accepted, known to nobody but the judge.
    pub(super) rightful: BTreeSet<ProjectId>,
}

impl Member {
    /// The key from the spec, else remembered, else the default one.
    pub(super) fn effective_key(&self, record: &Record) -> ProjectKey {
        record.effective_key(self.key.clone(), &self.repository)
    }

    fn desired(&self, key: ProjectKey, record: &Record) -> Desired {
        Desired {
            namespace: "platform".to_owned(),
            uid: self.uid.clone(),
            key,
            key_given: self.key.is_some(),
            repository: self.repository.clone(),
            name: None,
            visibility: self.visibility,
            new_code: self.new_code.clone(),
            monorepo: self.monorepo,
            follow: false,
            mode: self.mode,
            management: self.management,
            access: self.access.clone(),
            record: record.clone(),
        }
    }

    /// Whether a project was about to be created of which nothing was heard since.
    pub(super) fn awaits(&self, key: &ProjectKey) -> bool {
        self.record.is_importing(key)
    }
}

/// What happens at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process dies after the step: what it remembered since the last write of the status is lost.
    CrashAfter,
    /// The process dies before the step.
    CrashBefore,
    /// The server does it, and its answer never comes: the pass fails, the status is written without it.
    AnswerLost,
    /// The server says no: the pass fails, and what was about to be created is so no more.
    Refused,
}

/// How a pass ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Rests(Plan),
    Interrupted,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) server: ServerId,
    pub(super) capabilities: Capabilities,
    pub(super) search_tells_ids: bool,
    pub(super) projects: Vec<Remote>,
    pub(super) repositories: Vec<Place>,
    pub(super) members: Vec<Member>,
    /// Whether SonarQube gives the creator of a project the rights on it.
    pub(super) creator_is_granted: bool,
    /// What happens at the step of this number.
    pub(super) faults: BTreeMap<usize, Fault>,
    pub(super) steps: usize,
    /// How many writes SonarQube saw.
    pub(super) writes: usize,
    pub(super) made: usize,
}

impl World {
    pub(super) fn find(&self, key: &ProjectKey) -> Option<&Remote> {
        self.projects.iter().find(|project| project.key.same(key))
    }

    /// A uuid that no project had before.
    pub(super) fn fresh_id(&mut self) -> ProjectId {
        self.made += 1;
        ProjectId::new(format!("uuid-{}", self.made))
    }

    /// What SonarQube tells of a project. Its uuid stands in the search from 25.12 on, else in the list of bindings where
    /// there is one, else on a page that whoever administers the system may see.
    pub(super) fn shown(&self, project: &Remote) -> Project {
        let told = !self.capabilities.lists_bindings
            || self.search_tells_ids
            || matches!(project.binding, BindingState::Bound { .. });
        Project {
            key: project.key.clone(),
            id: told.then(|| project.id.clone()),
            name: project.name.clone(),
            visibility: Some(project.visibility),
            binding: project.binding.clone(),
        }
    }

    /// The other member that has the claim on a key: accepted, full, first.
    pub(super) fn claimed_by(&self, index: usize, key: &ProjectKey) -> Option<Contender> {
        let claims = |member: &Member| {
            member.management == Management::Full
                && member.record.accepted.as_ref().is_some_and(|accepted| {
                    accepted.server == self.server && accepted.key.same(key)
                })
        };
        let contenders = self.members.iter().zip(0..);
        let winner = contest(contenders.filter(|(member, _)| claims(member)).map(
            |(member, created)| Contender {
                uid: member.uid.clone(),
                name: format!("team/{}", member.uid),
                accepted: true,
                created,
            },
        ))?;
        (winner.uid != self.members[index].uid).then_some(winner)
    }

    /// The repository for which another member that may write holds this very project.
    pub(super) fn held_for(&self, index: usize, project: &Remote) -> Option<RepositoryPath> {
        let holder = self.members.iter().find(|member| {
            member.uid != self.members[index].uid
                && member.management == Management::Full
                && member.record.accepted.as_ref().is_some_and(|accepted| {
                    accepted.server == self.server
                        && accepted.key.same(&project.key)
                        && accepted.id.as_ref() == Some(&project.id)
                })
        });
        holder.map(|member| member.repository.clone())
    }

    pub(super) fn observe(&self, index: usize, record: &Record) -> (Desired, Observed) {
        let member = &self.members[index];
        let key = member.effective_key(record);
        let project = self.find(&key);
        let repository = self
            .repositories
            .iter()
            .find(|place| place.path.same(&member.repository));
        let observed = Observed {
            repository: repository.map_or(RepositoryState::Missing, |place| {
                RepositoryState::Found(Repository {
                    id: place.id,
                    path: place.path.clone(),
                    name: place.path.slug().to_owned(),
                    project_name: place.path.project().to_owned(),
                })
            }),
            project: project.map(|project| self.shown(project)),
            bound_to_repository: self
                .projects
                .iter()
                .filter(|project| project.is_bound_to(&member.repository))
                .map(|project| Bound {
                    key: project.key.clone(),
                    held_for: self.held_for(index, project),
                })
                .collect(),
            hidden_bindings: 0,
            claimed_by: self.claimed_by(index, &key),
            rights: if project.is_none_or(|project| project.granted) {
                Rights::Assumed
            } else {
                Rights::Denied
            },
            branches: project
                .filter(|_| record.intent.is_some())
                .map(|project| Branches {
                    main: project.main.clone(),
                    default: repository.and_then(|place| place.default_branch.clone()),
                }),
            capabilities: self.capabilities,
            imported: record
                .intent
                .as_ref()
                .and_then(|intent| self.find(intent.imported_as.as_ref()?))
                .map(|project| project.key.clone()),
            import_at_work: false,
        };
        (member.desired(key, record), observed)
    }

    /// One pass over one member.
    pub(super) fn pass(&mut self, index: usize) -> Outcome {
        let stored = self.members[index].record.clone().on(&self.server);
        let mut record = stored.clone();
        let writes = self.writes;
        for _ in 0..8 {
            let (desired, observed) = self.observe(index, &record);
            let planned = plan(&desired, &observed);
            let Plan::Steps(steps) = &planned else {
                match planned {
                    // A refusal writes no key: what was merely accepted in this pass is dropped.
                    Plan::Refused { .. } if self.writes == writes => record = stored,
                    Plan::Settled | Plan::Differs(_) => {
                        record.intent = None;
                        see(&mut record, &desired, &observed);
                    }
                    Plan::Wait(_) | Plan::Refused { .. } | Plan::Steps(_) => {}
                }
                self.members[index].record = record;
                return Outcome::Rests(planned);
            };
            assert_ne!(desired.management, Management::Observe, "Observe wrote");
            for step in steps {
                if self.take(index, &mut record, step) == Outcome::Interrupted {
                    return Outcome::Interrupted;
                }
            }
        }
        panic!("a pass of member {index} does not come to rest: {self:#?}");
    }

    /// One step, and the fault that waits for it.
    fn take(&mut self, index: usize, record: &mut Record, step: &Step) -> Outcome {
        let fault = self.faults.remove(&self.steps);
        self.steps += 1;
        if fault == Some(Fault::CrashBefore) {
            return Outcome::Interrupted;
        }
        let before = record.clone();
        if fault == Some(Fault::Refused) && is_call(step) {
            if matches!(step, Step::Import { .. } | Step::Create { .. }) {
                record.intent = None;
            }
            self.members[index].record = record.clone();
            return Outcome::Interrupted;
        }
        self.apply(index, record, step);
        match fault {
            None => return Outcome::Rests(Plan::Settled),
            // An intent was stored at once, and has no answer to lose.
            Some(Fault::AnswerLost) if !matches!(step, Step::RecordIntent(_)) => {
                self.members[index].record = before;
            }
            Some(Fault::AnswerLost | Fault::CrashAfter | Fault::CrashBefore | Fault::Refused) => {}
        }
        Outcome::Interrupted
    }

    /// One pass over every member. An interrupted one is taken up again at once, as after a restart.
    pub(super) fn round(&mut self) -> Vec<Plan> {
        (0..self.members.len())
            .map(|index| {
                loop {
                    if let Outcome::Rests(plan) = self.pass(index) {
                        return plan;
                    }
                }
            })
            .collect()
    }
}

/// Whether a step asks SonarQube for something.
fn is_call(step: &Step) -> bool {
    match step {
        Step::RecordIntent(_) | Step::Accept(_) => false,
        Step::Create { .. }
        | Step::Rekey { .. }
        | Step::Import { .. }
        | Step::Bind { .. }
        | Step::GrantSelf(_)
        | Step::SetVisibility(..)
        | Step::SetNewCode(..)
        | Step::RenameMainBranch(..) => true,
    }
}

/// What the shell's status shows of the repository, once nothing is left to do: the one that the project is bound to.
fn see(record: &mut Record, desired: &Desired, observed: &Observed) {
    let bound = observed.project.as_ref().map(|project| &project.binding);
    let shown = observed.repository.found().filter(|found| {
        record.accepted.is_none()
            || matches!(bound, Some(BindingState::Bound { repository, .. }) if repository.same(&found.path))
    });
    if let Some(found) = shown {
        record.repository = Some(SeenRepository {
            id: found.id,
            asked: desired.repository.clone(),
        });
    }
}
