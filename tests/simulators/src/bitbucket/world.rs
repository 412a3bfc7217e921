//! What the simulated instance holds. Plain state: no network, no clock of its own.

mod change;
mod lifecycle;
mod lookup;
mod people;
mod pull_requests;
mod repository;
mod rights;
mod settings;

use std::{collections::BTreeMap, time::Duration};

pub use change::{Change, ProjectChange, RepositoryChange, UserChange};
pub use lifecycle::WorldError;
pub use people::{Owner, Permission, Right, Role, Secret, Standing, Token, User, UserKind};
pub use pull_requests::{PullRequest, PullRequestState};
pub use repository::{Project, Report, Repository, RepositoryState, slug_of};
pub use settings::{
    BranchOrder, NameFilter, RateLimit, RateLimitBody, ServerState, Settings, Switch,
};

pub(crate) use lookup::Found;
pub(crate) use people::Identity;

/// Everything the instance holds. Names are found in any letter case.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The switches.
    pub settings: Settings,
    pub(crate) now: i64,
    pub(crate) users: Vec<User>,
    pub(crate) projects: Vec<Project>,
    pub(crate) repositories: Vec<Repository>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) buckets: BTreeMap<String, (u64, i64)>,
    former_projects: BTreeMap<String, u64>,
    former_repositories: BTreeMap<(String, String), u64>,
    last_id: u64,
}

impl World {
    /// Now, in epoch milliseconds. Stands still unless it is changed.
    #[must_use]
    pub const fn now(&self) -> i64 {
        self.now
    }

    /// Sets the clock, in epoch milliseconds.
    pub const fn set_now(&mut self, now: i64) {
        self.now = now;
    }

    /// Puts the clock forward.
    pub fn advance(&mut self, by: Duration) {
        self.now = self
            .now
            .saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
    }

    const fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The user of this slug; created as a licensed one without rights if absent.
    pub fn user(&mut self, slug: &str) -> &mut User {
        let found = self
            .users
            .iter()
            .position(|user| user.slug.eq_ignore_ascii_case(slug));
        let index = found.unwrap_or_else(|| {
            let user = User {
                id: self.next_id(),
                slug: slug.to_owned(),
                display_name: slug.to_owned(),
                password: None,
                standing: Standing::Licensed,
                kind: UserKind::Normal,
                role: Role::User,
                failed_logins: 0,
            };
            self.users.push(user);
            self.users.len() - 1
        });
        &mut self.users[index]
    }

    /// The project of this key; created private if absent, its name the key
    /// or, if it is a personal one, that of its user.
    pub fn project(&mut self, key: &str) -> &mut Project {
        let found = self
            .projects
            .iter()
            .position(|project| project.key.eq_ignore_ascii_case(key));
        let index = found.unwrap_or_else(|| {
            let owner = key
                .strip_prefix('~')
                .map(|slug| self.user(slug).display_name.clone());
            let project = Project {
                id: self.next_id(),
                key: canonical_key(key),
                name: owner.unwrap_or_else(|| key.to_owned()),
                description: None,
                public: false,
                grants: BTreeMap::new(),
            };
            self.former_projects.remove(&key.to_lowercase());
            self.projects.push(project);
            self.projects.len() - 1
        });
        &mut self.projects[index]
    }

    /// The repository of this name or slug; created private with a branch `main` if absent, its project too.
    /// A new one ends the redirect from that path.
    pub fn repository(&mut self, key: &str, name: &str) -> &mut Repository {
        let project = self.project(key).id;
        let slug = slug_of(name);
        let index = self.position(project, &slug).unwrap_or_else(|| {
            let repository = Repository {
                id: self.next_id(),
                project,
                slug: slug.clone(),
                name: name.to_owned(),
                description: None,
                public: false,
                archived: false,
                origin: None,
                state: RepositoryState::Available,
                branches: vec!["main".to_owned()],
                default_branch: "main".to_owned(),
                grants: BTreeMap::new(),
                reports: BTreeMap::new(),
                builds: Vec::new(),
                pull_requests: Vec::new(),
            };
            self.former_repositories.remove(&(key.to_lowercase(), slug));
            self.repositories.push(repository);
            self.repositories.len() - 1
        });
        &mut self.repositories[index]
    }

    /// Lets a user do something with a project and all its repositories.
    pub fn grant_project(&mut self, user: &str, key: &str, right: Right) {
        let slug = self.user(user).slug.clone();
        self.project(key).grants.insert(slug, right);
    }

    /// Lets a user do something with one repository.
    pub fn grant_repository(&mut self, user: &str, (key, name): (&str, &str), right: Right) {
        let slug = self.user(user).slug.clone();
        self.repository(key, name).grants.insert(slug, right);
    }

    /// Gives a user the token `secret`, without expiry. Its name is its id.
    pub fn token(&mut self, secret: &str, user: &str, permissions: &[Permission]) -> &mut Token {
        let owner = Owner::User(self.user(user).slug.clone());
        self.add_token(secret, owner, permissions)
    }

    /// Gives a project or repository the token `secret`, without expiry.
    pub fn add_token(&mut self, secret: &str, owner: Owner, to: &[Permission]) -> &mut Token {
        self.tokens.retain(|token| token.secret.reveal() != secret);
        let id = format!("{:012}", 158_910_532_000 + self.next_id());
        let created = self.now;
        self.tokens.push(Token {
            name: id.clone(),
            id,
            secret: Secret::new(secret),
            owner,
            permissions: to.to_vec(),
            created,
            expires: None,
            last_authenticated: None,
        });
        let last = self.tokens.len() - 1;
        &mut self.tokens[last]
    }
}

/// Keys are shown in upper case; personal ones as their user is spelled.
fn canonical_key(key: &str) -> String {
    if key.starts_with('~') {
        key.to_owned()
    } else {
        key.to_uppercase()
    }
}
