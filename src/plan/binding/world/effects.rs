//! What a step does to SonarQube, and the promises that it must keep.

use super::*;
use crate::plan::binding::record::Done;

impl World {
    /// Does a step, and answers as SonarQube does. `record` is what was remembered before it.
    pub(super) fn apply(&mut self, index: usize, record: &Record, step: &Step) -> Done {
        match step {
            Step::RecordIntent(_) | Step::Consider(_) => return Done::Plain,
            Step::Accept(acceptance) => {
                self.accept(index, acceptance);
                return Done::Plain;
            }
            Step::Create { .. }
            | Step::Import { .. }
            | Step::Rekey { .. }
            | Step::Bind { .. }
            | Step::GrantSelf(_)
            | Step::SetVisibility(..)
            | Step::RenameMainBranch(..)
            | Step::SetNewCode(..) => self.writes += 1,
        }
        self.write(index, record, step)
    }

    fn write(&mut self, index: usize, record: &Record, step: &Step) -> Done {
        match step {
            Step::RecordIntent(_) | Step::Consider(_) | Step::Accept(_) => {}
            Step::Create { key, name } => {
                self.create(index, key, name);
            }
            Step::Import {
                key,
                name,
                repository,
            } => return self.import(index, (key, name, repository)),
            Step::Rekey { from, to } => {
                assert!(self.find(to).is_none(), "{to} is there already");
                let races = self.races;
                let project = self.at(from);
                // Of two that want one key, either may finish what the other began.
                assert!(
                    races || project.maker != Maker::Hand,
                    "a stranger got another key: {project:?}"
                );
                project.key = to.clone();
            }
            Step::Bind {
                key,
                name,
                repository,
            } => return self.bind(index, record, (key, name, repository)),
            // On a project made by hand the operator only makes sure that it does not lock itself out.
            Step::GrantSelf(key) if self.at(key).maker == Maker::Hand && !self.races => {
                let policy = self.members[index].visibility_policy;
                assert_eq!(policy, VisibilityPolicy::Always);
                self.accepted(index, key, "rights").granted = true;
            }
            Step::GrantSelf(key) => self.created(key, "rights").granted = true,
            Step::SetVisibility(key, wanted) => {
                match self.members[index].visibility_policy {
                    VisibilityPolicy::Created => self.created(key, "visibility"),
                    VisibilityPolicy::Always => self.accepted(index, key, "visibility"),
                }
                .visibility = *wanted;
            }
            Step::RenameMainBranch(key, name) => {
                self.created(key, "main branch").main.clone_from(name);
            }
            Step::SetNewCode(key, wanted) => {
                self.accepted(index, key, "new code").new_code = Some(wanted.clone());
            }
        }
        Done::Plain
    }

    pub(super) fn at(&mut self, key: &ProjectKey) -> &mut Remote {
        self.projects
            .iter_mut()
            .find(|project| project.key.same(key))
            .unwrap()
    }

    /// A project to which this may be done only where Bindery made it.
    fn created(&mut self, key: &ProjectKey, what: &str) -> &mut Remote {
        let races = self.races;
        let project = self.at(key);
        assert!(
            races || project.maker != Maker::Hand,
            "{what} written on a project made by hand: {project:?}"
        );
        project
    }

    /// A project to which this may be done only where the binding rightfully accepted it.
    fn accepted(&mut self, index: usize, key: &ProjectKey, what: &str) -> &mut Remote {
        let rightful = self.members[index].rightful.clone();
        let project = self.at(key);
        assert!(
            rightful.contains(&project.id),
            "{what} written on a project of a stranger: {project:?}"
        );
        project
    }

    /// A new project, bound to nothing, in no status yet.
    fn create(&mut self, index: usize, key: &ProjectKey, name: &str) -> ProjectId {
        assert!(
            self.find(key).is_none(),
            "{key} exists: an import would take it over"
        );
        let connection = self.members[index].connection;
        let earlier = self.projects.iter().find(|project| {
            project.maker == Maker::Binding(index) && project.made_through == connection
        });
        assert!(
            earlier.is_none(),
            "two projects from one binding: {earlier:?}"
        );
        let id = self.fresh_id();
        self.projects.push(Remote {
            key: key.clone(),
            id: id.clone(),
            name: name.to_owned(),
            visibility: Visibility::Private,
            binding: BindingState::Unbound,
            granted: self.creator_is_granted,
            new_code: None,
            main: "main".to_owned(),
            maker: Maker::Binding(index),
            made_through: connection,
        });
        id
    }

    fn import(
        &mut self,
        index: usize,
        (key, name, repository): (&ProjectKey, &str, &RepositoryPath),
    ) -> Done {
        self.is_free(index, key, repository);
        match self.capabilities.method {
            BindingMethod::PutBoundProject | BindingMethod::PostBoundProject => {
                let id = self.create(index, key, name);
                self.point(index, key, repository);
                Done::Imported { id, created: true }
            }
            BindingMethod::ImportRepository => {
                let chosen = ProjectKey::reported(format!(
                    "{}_{}_{}",
                    repository.project(),
                    repository.slug(),
                    self.made
                ));
                self.create(index, &chosen, repository.slug());
                self.at(&chosen).binding = BindingState::Bound {
                    repository: repository.clone(),
                    monorepo: Some(false),
                };
                Done::ImportedAs(chosen)
            }
            BindingMethod::SetBinding => panic!("this method creates, and binds afterwards"),
        }
    }

    fn bind(
        &mut self,
        index: usize,
        record: &Record,
        (key, name, repository): (&ProjectKey, &str, &RepositoryPath),
    ) -> Done {
        let method = self.capabilities.method;
        assert!(
            method.binds_existing(),
            "{method:?} binds no project that exists"
        );
        self.is_free(index, key, repository);
        let member = &self.members[index];
        let project = self.find(key).unwrap();
        assert_eq!(
            project.name, name,
            "SonarQube refuses a bind with another name"
        );
        let asked_for = project.binding == BindingState::Unbound
            && member.key.is_some()
            && member.mode != Mode::Import;
        // Unbound, and without a uuid: it cannot be distinguished from the one that was accepted under this key.
        let is_indistinct = project.binding == BindingState::Unbound
            && self.shown(project).id.is_none()
            && record.holding(&self.shown(project)).is_some();
        assert!(
            self.races || asked_for || member.rightful.contains(&project.id) || is_indistinct,
            "a stranger was re-pointed: {project:?}"
        );
        let id = project.id.clone();
        self.point(index, key, repository);
        Done::Bound(Some(id))
    }

    fn accept(&mut self, index: usize, acceptance: &Acceptance) {
        let member = &self.members[index];
        let project = self.find(&acceptance.key).unwrap();
        let imported = acceptance.origin == Origin::Imported;
        let as_it_should_be = match &acceptance.repository {
            Some(repository) => {
                repository.same(&member.repository) && project.is_bound_to(repository)
            }
            None => imported && project.binding == BindingState::Unbound,
        };
        assert!(as_it_should_be, "a stranger was accepted: {project:?}");
        assert!(
            self.races || !imported || project.maker != Maker::Hand,
            "a project made by hand was taken for our own: {project:?}"
        );
        assert!(
            self.races || self.held_for(index, project).is_none(),
            "a project of another binding was accepted: {project:?}"
        );
        let id = project.id.clone();
        // Only a project whose uuid was seen has passed the whole table, or one that was just created.
        if acceptance.id.is_some() || acceptance.repository.is_none() {
            self.members[index].rightful.insert(id);
        }
    }

    pub(super) fn point(&mut self, index: usize, key: &ProjectKey, repository: &RepositoryPath) {
        let monorepo = Some(self.members[index].monorepo);
        let project = self.at(key);
        project.binding = BindingState::Bound {
            repository: repository.clone(),
            monorepo,
        };
        let id = project.id.clone();
        self.members[index].rightful.insert(id);
    }

    pub(super) fn is_free(&self, index: usize, key: &ProjectKey, repository: &RepositoryPath) {
        if self.members[index].monorepo || self.races {
            return;
        }
        // One that strayed here from another member's repository is taken back by that member.
        let strayed = |project: &Remote| {
            let home = self
                .held_for(index, project)
                .or_else(|| match project.maker {
                    Maker::Binding(maker) => Some(&self.members[maker])
                        .filter(|maker| maker.awaits(&project.key))
                        .map(|maker| maker.repository.clone()),
                    Maker::Hand => None,
                });
            home.is_some_and(|home| !home.same(repository))
        };
        let other = self.projects.iter().find(|project| {
            !project.key.same(key) && project.is_bound_to(repository) && !strayed(project)
        });
        assert!(
            other.is_none(),
            "{key} was bound to {repository} beside {other:?}"
        );
    }
}
