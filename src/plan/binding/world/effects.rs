//! What a step does to SonarQube and to what is remembered, and the promises that it must keep.

use super::*;

impl World {
    pub(super) fn apply(&mut self, index: usize, record: &mut Record, step: &Step) {
        match step {
            Step::RecordIntent(key) => {
                record.intend(key);
                self.members[index].record.intend(key);
                return;
            }
            Step::Accept(acceptance) => {
                self.accept(index, record, acceptance);
                return;
            }
            Step::Create { key, name } => {
                self.create(index, key, name);
            }
            Step::Import {
                key, repository, ..
            } if self.capabilities.way.chooses_keys() => {
                self.import_under_a_chosen_key(index, record, (key, repository));
            }
            Step::Import {
                key,
                name,
                repository,
            } => self.import(index, record, (key, name, repository)),
            Step::Rekey { from, to } => {
                assert!(self.find(to).is_none(), "{to} is there already");
                let project = self.at(from);
                // Of two that want one key, either may finish what the other began.
                assert_ne!(
                    project.maker,
                    Maker::Hand,
                    "a stranger got another key: {project:?}"
                );
                project.key = to.clone();
            }
            Step::Bind {
                key,
                name,
                repository,
            } => self.bind(index, record, (key, name, repository)),
            Step::GrantSelf(key) => self.created(key, "rights").granted = true,
            Step::SetVisibility(key, wanted) => {
                self.created(key, "visibility").visibility = *wanted;
            }
            Step::RenameMainBranch(key, name) => {
                self.created(key, "main branch").main.clone_from(name);
            }
            Step::SetNewCode(key, wanted) => {
                let rightful = self.members[index].rightful.clone();
                let project = self.at(key);
                assert!(
                    rightful.contains(&project.id),
                    "new code of a stranger: {project:?}"
                );
                project.new_code = Some(wanted.clone());
                if let Some(accepted) = &mut record.accepted {
                    accepted.new_code = Some(wanted.clone());
                }
            }
        }
        self.writes += 1;
    }

    fn at(&mut self, key: &ProjectKey) -> &mut Remote {
        self.projects
            .iter_mut()
            .find(|project| project.key.same(key))
            .unwrap()
    }

    /// A project to which this may be done only where Bindery made it.
    fn created(&mut self, key: &ProjectKey, what: &str) -> &mut Remote {
        let project = self.at(key);
        assert_ne!(
            project.maker,
            Maker::Hand,
            "{what} written on a project made by hand: {project:?}"
        );
        project
    }

    /// A new project, bound to nothing; nobody remembers it yet.
    fn create(&mut self, index: usize, key: &ProjectKey, name: &str) -> ProjectId {
        assert!(
            self.find(key).is_none(),
            "{key} is there: an import would seize it"
        );
        assert!(
            self.projects
                .iter()
                .all(|project| project.maker != Maker::Binding(index)),
            "two projects from one binding"
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
        });
        id
    }

    fn import(
        &mut self,
        index: usize,
        record: &mut Record,
        (key, name, repository): (&ProjectKey, &str, &RepositoryPath),
    ) {
        self.is_free(index, key, repository);
        let id = self.create(index, key, name);
        record.accepted = Some(Accepted {
            id: Some(id),
            created_by: Some(self.members[index].uid.clone()),
            ..self.acceptance_of(key, None)
        });
        self.point(index, record, key, repository);
    }

    /// SonarQube chooses the key, and its answer is stored at once.
    fn import_under_a_chosen_key(
        &mut self,
        index: usize,
        record: &mut Record,
        (key, repository): (&ProjectKey, &RepositoryPath),
    ) {
        self.is_free(index, key, repository);
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
        for intent in [&mut record.intent, &mut self.members[index].record.intent] {
            let intent = intent.as_mut().unwrap();
            intent.imported_as = Some(chosen.clone());
        }
    }

    fn bind(
        &mut self,
        index: usize,
        record: &mut Record,
        (key, name, repository): (&ProjectKey, &str, &RepositoryPath),
    ) {
        let way = self.capabilities.way;
        assert!(way.binds_existing(), "{way:?} binds no project that exists");
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
        // Unbound, and without a uuid: nothing tells it from the one that was accepted under this key.
        let is_indistinct = project.binding == BindingState::Unbound
            && self.shown(project).id.is_none()
            && record.holding(&self.shown(project)).is_some();
        assert!(
            asked_for || member.rightful.contains(&project.id) || is_indistinct,
            "a stranger was re-pointed: {project:?}"
        );
        if record.holding(&self.shown(project)).is_none() {
            record.accepted = Some(self.acceptance_of(key, Some(project.id.clone())));
        }
        if let Some(accepted) = &mut record.accepted {
            *accepted = accepted.clone().told(Some(project.id.clone()));
        }
        self.point(index, record, key, repository);
    }

    fn accept(&mut self, index: usize, record: &mut Record, acceptance: &Acceptance) {
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
            !imported || project.maker != Maker::Hand,
            "a project made by hand was taken for our own: {project:?}"
        );
        if !imported {
            record.intent = None;
        }
        let uid = imported.then(|| member.uid.clone());
        let id = project.id.clone();
        // Only a project whose uuid was seen has passed the whole table, or one that was just created.
        let passed = acceptance.id.is_some() || acceptance.repository.is_none();
        record.accepted = Some(Accepted {
            created_by: uid.clone(),
            bound_by: uid.filter(|_| acceptance.repository.is_some()),
            repository: acceptance.repository.clone(),
            ..self.acceptance_of(&acceptance.key, acceptance.id.clone())
        });
        if passed {
            self.members[index].rightful.insert(id);
        }
    }

    fn acceptance_of(&self, key: &ProjectKey, id: Option<ProjectId>) -> Accepted {
        Accepted {
            server: self.server.clone(),
            key: key.clone(),
            id,
            created_by: None,
            bound_by: None,
            repository: None,
            new_code: None,
        }
    }

    fn point(
        &mut self,
        index: usize,
        record: &mut Record,
        key: &ProjectKey,
        repository: &RepositoryPath,
    ) {
        let monorepo = Some(self.members[index].monorepo);
        let project = self.at(key);
        project.binding = BindingState::Bound {
            repository: repository.clone(),
            monorepo,
        };
        let id = project.id.clone();
        let member = &mut self.members[index];
        member.rightful.insert(id);
        if let Some(accepted) = &mut record.accepted {
            accepted.bound_by = Some(member.uid.clone());
            accepted.repository = Some(repository.clone());
        }
    }

    fn is_free(&self, index: usize, key: &ProjectKey, repository: &RepositoryPath) {
        if self.members[index].monorepo {
            return;
        }
        // One that strayed here from another member's repository is taken back by that member.
        let strayed = |project: &Remote| {
            let home = self.held_for(index, project);
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

impl Record {
    /// What [`Step::RecordIntent`] asks the shell to store.
    fn intend(&mut self, key: &ProjectKey) {
        self.intent = Some(Intent {
            key: key.clone(),
            imported_as: None,
        });
        if let Some(accepted) = &mut self.accepted {
            accepted.id = None;
            accepted.created_by = None;
            accepted.bound_by = None;
        }
    }
}
