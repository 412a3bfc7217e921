//! What a caller may do: what the user may, and no more than the token allows.

use super::{Identity, Owner, Project, Repository, Right, Role, Switch, Token, User, World};

impl World {
    pub(crate) fn token_of(&self, id: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.id == id)
    }

    /// The user behind an identity; none for anonymous visitors and the tokens of projects and repositories.
    pub(crate) fn user_of(&self, identity: &Identity) -> Option<&User> {
        match identity {
            Identity::Anonymous => None,
            Identity::Password { slug } => self.find_user(slug),
            Identity::Token { id } => match &self.token_of(id)?.owner {
                Owner::User(slug) => self.find_user(slug),
                Owner::Project(_) | Owner::Repository(_) => None,
            },
        }
    }

    /// Whether a caller may administer the instance; tokens may not.
    pub(crate) fn is_administrator(&self, identity: &Identity) -> bool {
        matches!(identity, Identity::Password { .. })
            && self
                .user_of(identity)
                .is_some_and(|user| user.role == Role::Administrator)
    }

    pub(crate) fn repository_right(&self, who: &Identity, repository: &Repository) -> Right {
        let Some(project) = self.project_of(repository.project) else {
            return Right::Nothing;
        };
        let implicit = if repository.public || project.public {
            Right::View
        } else {
            Right::Nothing
        };
        if let Identity::Token { id } = who {
            let Some(token) = self.token_of(id) else {
                return Right::Nothing;
            };
            let cap = most(token.permissions.iter().map(|it| it.repository_right()));
            let held = match &token.owner {
                Owner::User(slug) => self.held_on_repository(slug, project, repository),
                Owner::Project(id) if *id == project.id => cap,
                Owner::Repository(id) if *id == repository.id => cap,
                Owner::Project(_) | Owner::Repository(_) => Right::Nothing,
            };
            return held.max(implicit).min(cap);
        }
        match self.user_of(who) {
            Some(user) => self
                .held_on_repository(&user.slug, project, repository)
                .max(implicit),
            None if self.settings.public_access == Switch::On => implicit,
            None => Right::Nothing,
        }
    }

    pub(crate) fn project_right(&self, who: &Identity, project: &Project) -> Right {
        let implicit = self.implicit_project_right(who, project);
        if let Identity::Token { id } = who {
            let Some(token) = self.token_of(id) else {
                return Right::Nothing;
            };
            let cap = most(token.permissions.iter().map(|it| it.project_right()));
            let held = match &token.owner {
                Owner::User(slug) => self.held_on_project(slug, project),
                Owner::Project(id) if *id == project.id => cap,
                Owner::Project(_) | Owner::Repository(_) => Right::Nothing,
            };
            return held.min(cap).max(implicit);
        }
        match self.user_of(who) {
            Some(user) => self.held_on_project(&user.slug, project).max(implicit),
            None => implicit,
        }
    }

    /// `PROJECT_VIEW`: comes with a public project, or with a repository inside that may be seen.
    fn implicit_project_right(&self, who: &Identity, project: &Project) -> Right {
        let closed = *who == Identity::Anonymous && self.settings.public_access == Switch::Off;
        let sees_inside = || {
            self.repositories
                .iter()
                .filter(|repository| repository.project == project.id)
                .any(|repository| self.repository_right(who, repository) > Right::Nothing)
        };
        if !closed && (project.public || sees_inside()) {
            Right::View
        } else {
            Right::Nothing
        }
    }

    fn held_on_project(&self, slug: &str, project: &Project) -> Right {
        let rules = self
            .find_user(slug)
            .is_some_and(|user| user.role == Role::Administrator);
        let owns = project
            .key
            .strip_prefix('~')
            .is_some_and(|key| key.eq_ignore_ascii_case(slug));
        if rules || owns {
            return Right::Admin;
        }
        project.grants.get(slug).copied().unwrap_or(Right::Nothing)
    }

    fn held_on_repository(&self, slug: &str, project: &Project, repository: &Repository) -> Right {
        let granted = repository
            .grants
            .get(slug)
            .copied()
            .unwrap_or(Right::Nothing);
        granted.max(self.held_on_project(slug, project))
    }
}

fn most(rights: impl Iterator<Item = Right>) -> Right {
    rights.max().unwrap_or(Right::Nothing)
}
