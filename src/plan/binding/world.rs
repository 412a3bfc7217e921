//! A SonarQube, a Bitbucket and several bindings in memory, driven through the core as the shell drives it.
//!
//! A reconcile reads, plans, writes and remembers. A fault ends it at any step. Every write is held against the
//! promises where it is made, so a breach is found at the write that breaks it.

mod effects;
mod races;
mod reconcile;

use std::collections::{BTreeMap, BTreeSet};

use crate::identity::{KeyTemplate, ProjectId, ProjectKey, RepositoryPath, ServerId, Uid};
use crate::plan::capability::{BindingMethod, Capabilities};
use crate::plan::{Access, Contender, Management, contest};

use super::*;
pub(super) use reconcile::{Reconcile, Taking};

/// Who made a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Maker {
    Hand,
    Binding(usize),
}

/// A project in SonarQube.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// The connection of the member that made it.
    pub(super) made_through: usize,
}

impl Remote {
    pub(super) fn is_bound_to(&self, path: &RepositoryPath) -> bool {
        matches!(&self.binding, BindingState::Bound { repository, .. } if repository.same(path))
    }
}

/// A repository in Bitbucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) path: RepositoryPath,
    pub(super) default_branch: Option<String>,
}

/// A ProjectBinding: its spec, and its status as stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pub(super) uid: Uid,
    pub(super) key: Option<ProjectKey>,
    pub(super) repository: RepositoryPath,
    pub(super) mode: Mode,
    pub(super) management: Management,
    pub(super) visibility: Option<Visibility>,
    pub(super) visibility_policy: VisibilityPolicy,
    pub(super) new_code: Option<NewCode>,
    pub(super) monorepo: bool,
    pub(super) access: Access,
    pub(super) record: Record,
    /// The connection of the name that the spec has, and the one under which the status was written: a connection that
    /// was deleted and created again is another one.
    pub(super) connection: usize,
    pub(super) accepted_by: usize,
    /// Whether its claims count: it is there, and is not being deleted.
    pub(super) is_live: bool,
    /// The projects that it rightfully accepted, known only to the checks of the promises.
    pub(super) rightful: BTreeSet<ProjectId>,
}

impl Member {
    /// The key from the spec, else remembered, else the default one.
    pub(super) fn effective_key(&self, record: &Record) -> ProjectKey {
        record.effective_key(
            self.key.clone(),
            (&KeyTemplate::default(), &self.repository),
        )
    }

    fn desired(&self, key: ProjectKey, record: &Record) -> Desired {
        Desired {
            namespace: "platform".to_owned(),
            uid: self.uid.clone(),
            key,
            key_given: self.key.is_some(),
            keys: KeyTemplate::default(),
            repository: self.repository.clone(),
            name: None,
            visibility: self.visibility,
            visibility_policy: self.visibility_policy,
            new_code: self.new_code.clone(),
            monorepo: self.monorepo,
            on_move: OnMove::Report,
            mode: self.mode,
            management: self.management,
            access: self.access.clone(),
            record: record.clone(),
        }
    }

    /// Whether SonarQube answered with this key to its import, which has another one to get.
    fn has_imported(&self, server: &ServerId, key: &ProjectKey) -> bool {
        let intent = self
            .record
            .intent
            .as_ref()
            .filter(|intent| intent.server == *server);
        let imported_as = intent.and_then(|intent| intent.imported_as.as_ref());
        imported_as.is_some_and(|imported| imported.same(key))
    }

    /// Whether a project was about to be created of which nothing was heard since.
    pub(super) fn awaits(&self, key: &ProjectKey) -> bool {
        self.record.is_importing(key)
    }
}

/// What happens at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    /// The process dies after the step: what it remembered since the last write of the status is lost.
    CrashAfter,
    /// The process dies before the step.
    CrashBefore,
    /// The server does it, and its answer never comes: the reconcile fails, the status is written without it.
    AnswerLost,
    /// The server refuses: the reconcile fails, and the intent to create is withdrawn.
    Refused,
    /// The call is never sent, and the reconcile fails.
    NeverSent,
    /// The reconcile gives up on the call, and the server may still carry it out.
    Late,
}

/// How a reconcile ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Rests(Plan),
    Interrupted,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// The call of a member that no process waits for any more, and that the server may still carry out.
    pub(super) at_work: Option<(usize, Step)>,
    /// Since what is written was planned, a user changed something in SonarQube. Nothing can prevent such a race.
    pub(super) races: bool,
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

    /// What SonarQube returns of a project. Its uuid is in the search from 25.12 on, else in the list of bindings if
    /// there is one, else on a page that administrators of the system may see.
    pub(super) fn shown(&self, project: &Remote) -> Project {
        let reported = !self.capabilities.lists_bindings
            || self.search_tells_ids
            || matches!(project.binding, BindingState::Bound { .. });
        Project {
            key: project.key.clone(),
            id: reported.then(|| project.id.clone()),
            name: project.name.clone(),
            visibility: Some(project.visibility),
            binding: project.binding.clone(),
        }
    }

    /// The other member that has the claim on a key: accepted before wanted, the first before the others. As in the
    /// ledger, what an import made belongs to it, and a binding that holds a project does not compete for it.
    pub(super) fn claimed_by(&self, index: usize, key: &ProjectKey) -> Option<Contender> {
        let claim = |member: &Member| {
            let accepted = match &member.record.accepted {
                Some(accepted) => accepted.server == self.server && accepted.key.same(key),
                None => false,
            };
            let wants =
                member.record.accepted.is_none() && member.effective_key(&member.record).same(key);
            let holds = accepted || member.has_imported(&self.server, key);
            (member.is_live && member.management == Management::Full && (holds || wants))
                .then_some(holds)
        };
        let own = &self.members[index];
        let own_holds = claim(own) == Some(true);
        let contenders = self
            .members
            .iter()
            .zip(0..)
            .filter_map(|(member, created)| {
                let accepted = claim(member)?;
                (accepted || !own_holds).then(|| Contender {
                    uid: member.uid.clone(),
                    name: format!("team/{}", member.uid),
                    accepted,
                    created,
                })
            });
        contest(contenders).filter(|winner| winner.uid != own.uid)
    }

    /// Another member that imports the repository of this one, and does not know the answer. Of two that do, the older
    /// goes on.
    pub(super) fn importer(&self, index: usize) -> Option<Contender> {
        let own = &self.members[index];
        let imports = |member: &&Member| {
            let record = member.record.clone().on(&self.server);
            member.is_live
                && member.management == Management::Full
                && member.repository.same(&own.repository)
                && record.unanswered().is_some()
        };
        let importers = self
            .members
            .iter()
            .zip(0..)
            .filter(|(member, _)| imports(member));
        let contenders = importers.map(|(member, created)| Contender {
            uid: member.uid.clone(),
            name: format!("team/{}", member.uid),
            accepted: true,
            created,
        });
        contest(contenders).filter(|winner| winner.uid != own.uid)
    }

    /// Whether another member imports a project of this key, and does not know the answer.
    pub(super) fn is_imported_by_another(&self, index: usize, key: &ProjectKey) -> bool {
        self.members.iter().enumerate().any(|(other, member)| {
            other != index
                && member.is_live
                && member.management == Management::Full
                && member.record.clone().on(&self.server).is_importing(key)
        })
    }

    /// The repository for which another member that may write holds this very project.
    pub(super) fn held_for(&self, index: usize, project: &Remote) -> Option<RepositoryPath> {
        let holder = self.members.iter().find(|member| {
            member.uid != self.members[index].uid
                && member.is_live
                && member.management == Management::Full
                && (member.has_imported(&self.server, &project.key)
                    || member.record.accepted.as_ref().is_some_and(|accepted| {
                        accepted.server == self.server
                            && accepted.key.same(&project.key)
                            && accepted.id.as_ref() == Some(&project.id)
                    }))
        });
        holder.map(|member| member.repository.clone())
    }

    pub(super) fn observe(&self, index: usize, reconcile: &Reconcile) -> (Desired, Observed) {
        let member = &self.members[index];
        let record = &reconcile.record;
        let considered = reconcile.considered.clone();
        let key = considered.unwrap_or_else(|| member.effective_key(record));
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
            import_at_work: self
                .at_work
                .as_ref()
                .is_some_and(|(member, _)| *member == index),
        };
        (member.desired(key, record), observed)
    }
}
