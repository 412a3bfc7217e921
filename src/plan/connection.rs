//! What to do about one BitbucketConnection: SonarQube's configuration, its tokens, the base URL.

#[cfg(test)]
mod property;
mod release;
#[cfg(test)]
mod tests;

use crate::identity::{ServerId, ServerUrl, SettingId, SettingKey, Uid};

use super::{Contender, Difference, Management, Reason, Refusal};
pub use release::{ConnectionRelease, ConnectionReleaseFacts, Kept, release};

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
    /// What may happen to a configuration that is already there.
    pub adoption: Adoption,
    /// Whether anything may be written.
    pub management: Management,
    /// The configuration that the status remembers, on this server.
    pub record: Option<Recorded>,
}

/// What may happen to a configuration that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// It is left alone.
    Never,
    /// It is taken over with the same name and the same URL.
    IfMatching,
    /// It is taken over with the same name.
    Always,
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

/// What was read for one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The SonarQube server.
    pub server: ServerId,
    /// All its DevOps platform configurations.
    pub settings: Vec<Setting>,
    /// Whether it takes several configurations for Bitbucket.
    pub several: bool,
    /// How many projects are bound through the configuration of the wanted name; read only where its URL differs.
    pub bound_through_namesake: Option<u64>,
    /// `sonar.core.serverBaseURL`, where it was read.
    pub server_base_url: BaseUrl,
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
    /// Not read in this pass.
    NotRead,
    /// Not set.
    Unset,
    /// Set.
    Set(String),
}

/// A DevOps platform configuration (ALM setting).
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
    /// Create the configuration.
    Create(SettingKey, ServerUrl),
    /// Take over a configuration that is there.
    Adopt(SettingId),
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
    /// These writes, then another look.
    Steps(Vec<Step>),
    /// What `Observe` does not mend.
    Differs(Vec<Difference>),
    /// Nothing, until a person does something.
    Refused(Refusal),
}

/// What to do about a connection, given what was read.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    match next(desired, observed) {
        Err(refusal) => Plan::Refused(refusal),
        Ok(steps) if steps.is_empty() => Plan::Settled,
        Ok(steps) if desired.management == Management::Observe => {
            let differences: Vec<_> = steps
                .iter()
                .filter_map(|step| difference(desired, observed, step))
                .collect();
            if differences.is_empty() {
                Plan::Settled
            } else {
                Plan::Differs(differences)
            }
        }
        Ok(steps) => Plan::Steps(steps),
    }
}

fn next(desired: &Desired, observed: &Observed) -> Result<Vec<Step>, Refusal> {
    if let Some(other) = &observed.claimed_by {
        return Err(Refusal::new(
            Reason::AlreadyManaged,
            format!(
                "SonarQube's configuration {} is managed by another BitbucketConnection, {}; delete one of the two, or choose another spec.configurationName",
                desired.name, other.name
            ),
        ));
    }
    let Some(setting) = kept(desired, observed) else {
        return acquire(desired, observed);
    };
    let mut steps: Vec<Step> = update(desired, observed, setting)?.into_iter().collect();
    // A token travels to the setting's URL as soon as SonarQube uses it: nothing else happens while that
    // URL is not the declared one.
    let healed_url = !desired.url.same(&setting.url);
    if !healed_url {
        if observed.import_token == TokenState::ToPush {
            steps.push(Step::SetPat(desired.name.clone()));
        }
        if observed.validation == Validation::Due || !steps.is_empty() {
            steps.push(Step::Validate(desired.name.clone()));
        }
    }
    steps.extend(base_url(desired, observed));
    Ok(steps)
}

/// The configuration that is ours already.
fn kept<'a>(desired: &Desired, observed: &'a Observed) -> Option<&'a Setting> {
    let recorded = desired
        .record
        .as_ref()
        .filter(|recorded| recorded.server == observed.server)?;
    observed
        .settings
        .iter()
        .find(|setting| setting.id == recorded.id)
}

/// Nothing is ours yet, or any more: adopt or create.
fn acquire(desired: &Desired, observed: &Observed) -> Result<Vec<Step>, Refusal> {
    if let Some(namesake) = observed
        .settings
        .iter()
        .find(|setting| setting.key == desired.name)
    {
        return adopt(desired, observed, namesake);
    }
    let in_the_way = observed.settings.iter().find(|setting| {
        matches!(
            setting.platform,
            Platform::Bitbucket | Platform::BitbucketCloud
        )
    });
    match in_the_way {
        Some(other) if !observed.several => Err(Refusal::new(
            Reason::ConfigurationLimit,
            format!(
                "this SonarQube allows one Bitbucket configuration, and {} ({}) is there: set spec.configurationName: {} to adopt it{}, delete it in SonarQube, or use Enterprise Edition or later, which takes several",
                other.key,
                other.url,
                other.key,
                if desired.url.same(&other.url) {
                    ""
                } else {
                    " with adoptionPolicy: Always"
                },
            ),
        )),
        _ => Ok(vec![Step::Create(
            desired.name.clone(),
            desired.url.clone(),
        )]),
    }
}

fn adopt(desired: &Desired, observed: &Observed, namesake: &Setting) -> Result<Vec<Step>, Refusal> {
    let refuse = |message: String| Err(Refusal::new(Reason::AdoptionRefused, message));
    if namesake.platform != Platform::Bitbucket {
        return refuse(format!(
            "SonarQube has a configuration {} for another platform: choose another spec.configurationName",
            namesake.key
        ));
    }
    let same_url = desired.url.same(&namesake.url);
    match desired.adoption {
        Adoption::Never => refuse(format!(
            "SonarQube has a configuration {} already: set spec.adoptionPolicy: IfMatching to adopt it, or choose another spec.configurationName",
            namesake.key
        )),
        Adoption::IfMatching if !same_url => refuse(format!(
            "SonarQube's configuration {} has the URL {}, not {}: correct spec.bitbucket.url, or set spec.adoptionPolicy: Always to change the configuration",
            namesake.key, namesake.url, desired.url
        )),
        Adoption::Always if !same_url && observed.bound_through_namesake != Some(0) => {
            refuse(format!(
                "SonarQube's configuration {} has the URL {}, and {} project(s) are bound through it, which a change to {} would re-point: choose another spec.configurationName",
                namesake.key,
                namesake.url,
                observed.bound_through_namesake.map_or_else(
                    || "an unknown number of".to_owned(),
                    |count| count.to_string()
                ),
                desired.url
            ))
        }
        Adoption::IfMatching | Adoption::Always => Ok(vec![Step::Adopt(namesake.id.clone())]),
    }
}

/// The one update that makes name, URL and token equal.
fn update(
    desired: &Desired,
    observed: &Observed,
    setting: &Setting,
) -> Result<Option<Step>, Refusal> {
    let rename = (setting.key != desired.name).then(|| desired.name.clone());
    if rename.is_some()
        && observed
            .settings
            .iter()
            .any(|other| other.key == desired.name)
    {
        return Err(Refusal::new(
            Reason::AdoptionRefused,
            format!(
                "SonarQube's configuration {} cannot be renamed to {}: that name is taken by another configuration",
                setting.key, desired.name
            ),
        ));
    }
    let url_differs = setting.url.trim() != desired.url.as_str();
    let token_differs =
        observed.token == TokenState::ToPush || observed.validation == Validation::TokenRefused;
    let needed = rename.is_some() || url_differs || token_differs;
    Ok(needed.then(|| Step::Update {
        key: setting.key.clone(),
        rename,
        url: desired.url.clone(),
        token: if url_differs || token_differs {
            TokenInUpdate::Sent
        } else {
            TokenInUpdate::Kept
        },
    }))
}

fn base_url(desired: &Desired, observed: &Observed) -> Option<Step> {
    let wanted = desired.server_base_url.as_ref()?;
    match &observed.server_base_url {
        BaseUrl::Set(found) if wanted.same(found) => None,
        BaseUrl::NotRead => None,
        BaseUrl::Set(_) | BaseUrl::Unset => Some(Step::SetServerBaseUrl(wanted.clone())),
    }
}

/// A step as what it would change; `None` for bookkeeping, and for tokens, which cannot be compared.
fn difference(desired: &Desired, observed: &Observed, step: &Step) -> Option<Difference> {
    let found = kept(desired, observed).or_else(|| {
        observed
            .settings
            .iter()
            .find(|setting| setting.key == desired.name)
    });
    let found = found.map_or_else(
        || "absent".to_owned(),
        |setting| format!("{} ({})", setting.key, setting.url),
    );
    match step {
        Step::Create(key, url) => Some(Difference {
            field: "configuration",
            desired: format!("{key} ({url})"),
            observed: found,
        }),
        Step::Update { rename, url, .. } => {
            let wanted = format!("{} ({url})", rename.as_ref().unwrap_or(&desired.name));
            (wanted != found).then_some(Difference {
                field: "configuration",
                desired: wanted,
                observed: found,
            })
        }
        Step::SetServerBaseUrl(url) => Some(Difference {
            field: "sonarqube.serverBaseURL",
            desired: url.to_string(),
            observed: match &observed.server_base_url {
                BaseUrl::Set(found) => found.clone(),
                BaseUrl::Unset | BaseUrl::NotRead => "unset".to_owned(),
            },
        }),
        Step::Adopt(_) | Step::SetPat(_) | Step::Validate(_) => None,
    }
}
