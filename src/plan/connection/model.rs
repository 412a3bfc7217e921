//! What a connection's plan is made from, and what it is made of.

use crate::identity::{ServerId, ServerUrl, SettingId, SettingKey, Uid};
use crate::plan::capability::Support;
use crate::plan::{Blocked, Contender, Difference, Management};

/// What a connection declares, and what it remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The object itself.
    pub uid: Uid,
    /// The configuration's key.
    pub name: SettingKey,
    /// Bitbucket's URL.
    pub url: ServerUrl,
    /// SonarQube's own public URL, where declared.
    pub server_base_url: Option<ServerUrl>,
    /// Who manages the configuration.
    pub policy: ConfigurationPolicy,
    /// What may happen to an existing configuration.
    pub adoption: Adoption,
    /// Whether anything may be written.
    pub management: Management,
    /// The configuration that the status remembers, on this server.
    pub record: Option<Recorded>,
    /// The configuration that was announced, and is not recorded yet.
    pub intent: Option<Intent>,
}

/// What may happen to an existing configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// It is left alone.
    Never,
    /// It is taken over with the same name and the same URL.
    IfMatching,
    /// It is taken over with the same name.
    Always,
}

/// Who manages the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigurationPolicy {
    /// The connection.
    Manage,
    /// An administrator of SonarQube. The connection only looks it up by its name.
    Reference,
}

/// The configuration that a connection keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The server that holds it.
    pub server: ServerId,
    /// Its uuid.
    pub id: SettingId,
    /// For whom Bindery created it.
    pub created_by: Option<Uid>,
}

/// A configuration that is about to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The server on which.
    pub server: ServerId,
    /// The name that it will have.
    pub name: SettingKey,
}

/// What was read for one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The SonarQube server.
    pub server: ServerId,
    /// All its DevOps platform configurations.
    pub settings: Vec<Setting>,
    /// Whether it takes several configurations for Bitbucket.
    pub several: Support,
    /// How many projects are bound through the configuration of the wanted name; read only where its URL differs.
    pub bound_through_namesake: Option<u64>,
    /// `sonar.core.serverBaseURL`.
    pub server_base_url: BaseUrl,
    /// The connection to this server that declares it and was first, if it is another one.
    pub base_url_holder: Option<BaseUrlHolder>,
    /// The connection that has the claim on the configuration of the wanted name, if it is another one.
    pub claimed_by: Option<Contender>,
    /// Whether SonarQube holds the configuration's token as the Secret has it.
    pub token: TokenState,
    /// Whether SonarQube holds the import token as the Secret has it, for the operator's user.
    pub import_token: TokenState,
    /// What SonarQube said of the configuration.
    pub validation: Validation,
}

/// SonarQube's Server base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseUrl {
    /// Not set.
    Unset,
    /// Set.
    Set(String),
}

/// A connection that decides about SonarQube's Server base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrlHolder {
    /// `namespace/name`, for the message.
    pub name: String,
    /// What it declares.
    pub url: String,
}

/// A DevOps platform configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its uuid.
    pub id: SettingId,
    /// Its key, unique over all platforms.
    pub key: SettingKey,
    /// Its platform.
    pub platform: Platform,
    /// Its URL as stored.
    pub url: String,
}

/// The platform of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Bitbucket Server / Data Center.
    Bitbucket,
    /// Bitbucket Cloud: shares the edition's limit.
    BitbucketCloud,
    /// Another one.
    Other,
}

/// Whether SonarQube holds a token as the Secret has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// What was applied is what the Secret holds, on this very configuration.
    Applied,
    /// It is to be pushed; its own server took it.
    ToPush,
}

/// What SonarQube said of the configuration since it was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// It was not asked yet.
    Due,
    /// It works.
    Passed,
    /// It says that the token is invalid, though Bitbucket takes it from us.
    TokenRefused,
}

/// One write, in the order in which it is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Store that a configuration of this name is about to be created, before it is: what a crash leaves behind is
    /// then known for our own.
    RecordIntent(SettingKey),
    /// Create the configuration.
    Create(SettingKey, ServerUrl),
    /// Keep the configuration that an intent announced, as created for this object.
    Recognise(SettingId),
    /// Adopt an existing configuration.
    Adopt(SettingId),
    /// Remember the configuration that is referenced. Nothing is written to it.
    Refer(SettingId),
    /// Make an existing configuration equal, its token included.
    Update {
        /// Its current key.
        key: SettingKey,
        /// Its new key, where it is to be renamed.
        rename: Option<SettingKey>,
        /// Its URL.
        url: ServerUrl,
        /// Whether the token goes along. Always when the URL changes: SonarQube refuses otherwise.
        token: TokenInUpdate,
    },
    /// Store the import token for the operator's own SonarQube user.
    SetPat(SettingKey),
    /// Ask SonarQube whether the configuration works.
    Validate(SettingKey),
    /// Set `sonar.core.serverBaseURL`.
    SetServerBaseUrl(ServerUrl),
}

/// Whether an update carries the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenInUpdate {
    /// It does.
    Sent,
    /// SonarQube keeps the one that it has.
    Kept,
}

/// What to do about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Everything is as declared.
    Settled,
    /// These writes, then read the state again.
    Steps(Vec<Step>),
    /// What `Observe` does not correct.
    Differs(Vec<Difference>),
    /// Nothing, until a person does something.
    Refused(Blocked),
}
