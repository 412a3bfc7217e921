//! All that a SonarQube server holds.

mod analyses;
mod days;
mod people;
mod projects;
mod settings;

use std::{collections::BTreeMap, time::Duration};

use super::{
    phase::{Course, Phase},
    profile::Profile,
};
pub use analyses::AnalysedPullRequest;
pub(crate) use analyses::Analysis;
pub(crate) use days::{day_after, is_date};
pub(crate) use people::Identity;
pub use people::{GlobalPermission, Token, TokenKind, User};
pub use projects::{Binding, Branch, NewCode, Project, ProjectPermission, Visibility};
pub use settings::{Platform, Setting};

/// The name of the setting for the server's own public URL.
pub const SERVER_BASE_URL: &str = "sonar.core.serverBaseURL";

/// A server's state. A new one is a fresh installation: `admin`, with the password `admin`, and nothing else.
#[derive(Debug)]
pub struct World {
    /// What `system/status` returns as `id`.
    pub server_id: String,
    /// All users, also those who were deactivated.
    pub users: Vec<User>,
    /// Global permissions of the group sonar-users, which all users are in.
    pub everybody: Vec<GlobalPermission>,
    /// Whether new projects are private, and the default permission template lets no user browse them.
    pub hides_new_projects: bool,
    /// DevOps platform settings, in the order in which they were made.
    pub settings: Vec<Setting>,
    /// All projects.
    pub projects: Vec<Project>,
    /// The server's own settings by key.
    pub properties: BTreeMap<String, String>,
    /// The day on the server's calendar, as `2027-01-15`: by it tokens expire.
    pub today: String,
    /// Oldest first.
    analyses: Vec<Analysis>,
    /// How long a restart stays in each of its phases.
    pub restart_step: Duration,
    course: Course,
    pub(super) profile: Profile,
    last_id: u64,
}

impl World {
    pub(crate) fn new(profile: Profile, seed: u64) -> Self {
        let mut world = Self {
            server_id: format!(
                "{:08X}-AZsimulated{:09}",
                seed & 0xFFFF_FFFF,
                seed % 1_000_000_000
            ),
            users: Vec::new(),
            everybody: vec![GlobalPermission::Provisioning, GlobalPermission::Scan],
            hides_new_projects: false,
            settings: Vec::new(),
            projects: Vec::new(),
            properties: BTreeMap::new(),
            today: "2027-01-15".to_owned(),
            analyses: Vec::new(),
            restart_step: Duration::from_secs(3),
            course: Course::settled(Phase::Up),
            profile,
            last_id: seed << 16,
        };
        let admin = world.user("admin");
        "Administrator".clone_into(&mut admin.name);
        "admin".clone_into(&mut admin.password);
        admin.administrates = true;
        world
    }

    /// Sets a fresh installation up as tests need it: `admin` and `bindery` have these tokens, `bindery` has Administer
    /// System and Create Projects, and the default permissions of all users are removed.
    pub fn set_up(&mut self, admin_token: &str, bindery_token: &str) {
        self.everybody.clear();
        "Bindery".clone_into(&mut self.user("bindery").name);
        for permission in [GlobalPermission::Admin, GlobalPermission::Provisioning] {
            self.user("bindery").permissions.insert(permission);
        }
        self.token("admin", "servers", admin_token);
        self.token("bindery", "servers", bindery_token);
    }

    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }

    /// What the server is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.course.phase()
    }

    /// Holds the server in this phase.
    pub fn hold(&mut self, phase: Phase) {
        self.course = Course::settled(phase);
    }

    /// Restarts the server, which is up again after three times [`World::restart_step`] and a bit.
    pub fn restart(&mut self) {
        self.course = Course::restart(self.restart_step);
    }

    /// A new id. Random ones would make runs differ.
    pub(crate) fn new_id(&mut self) -> String {
        let (high, low) = self.new_bits();
        if !self.profile.has_uuids() {
            // They begin with the time: later ones sort behind earlier ones.
            return format!("AZ{:018x}", self.last_id);
        }
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFF,
            low >> 52,
            low & 0xFFFF_FFFF_FFFF
        )
    }

    /// What makes a token hard to guess: 40 digits.
    pub(crate) fn new_secret(&mut self) -> String {
        let (high, low) = self.new_bits();
        format!("{high:016x}{low:016x}{:08x}", high >> 32)
    }

    fn new_bits(&mut self) -> (u64, u64) {
        self.last_id += 1;
        let mixed = mix(self.last_id);
        (mix(mixed), mix(mixed ^ 0x5bd1_e995))
    }
}

/// Spreads a counter over all bits (splitmix64).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
