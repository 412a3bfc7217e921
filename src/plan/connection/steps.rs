//! Which steps are missing for what a connection declares.

use crate::plan::capability::Support;
use crate::plan::{Blocked, Difference, Management, Reason};

use super::model::{
    Adoption, BaseUrl, ConfigurationPolicy, Desired, Observed, Plan, Platform, Setting, Step,
    TokenInUpdate, TokenState, Validation,
};
use super::reference;

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

fn next(desired: &Desired, observed: &Observed) -> Result<Vec<Step>, Blocked> {
    if desired.policy == ConfigurationPolicy::Reference {
        return reference::next(desired, observed);
    }
    if let Some(other) = &observed.claimed_by {
        return Err(Blocked::new(
            Reason::AlreadyManaged,
            format!(
                "SonarQube's configuration {} is managed by another BitbucketConnection, {}; delete one of the two, or choose another spec.configurationName",
                desired.name, other.name
            ),
        ));
    }
    let mut steps = match kept(desired, observed) {
        Some(setting) => keep(desired, observed, setting)?,
        None => acquire(desired, observed)?,
    };
    match base_url(desired, observed) {
        Ok(more) => steps.extend(more),
        // What else is to be done does not wait for people to agree.
        Err(refusal) if steps.is_empty() => return Err(refusal),
        Err(_) => {}
    }
    Ok(steps)
}

/// Makes the configuration that is ours equal.
fn keep(desired: &Desired, observed: &Observed, setting: &Setting) -> Result<Vec<Step>, Blocked> {
    let mut steps: Vec<Step> = update(desired, observed, setting)?.into_iter().collect();
    // A token travels to the setting's URL as soon as SonarQube uses it: nothing else happens while that
    // URL is not the declared one.
    let changed_url = !desired.url.same(&setting.url);
    if !changed_url {
        if observed.import_token == TokenState::ToPush {
            steps.push(Step::SetPat(desired.name.clone()));
        }
        if observed.validation == Validation::Due || !steps.is_empty() {
            steps.push(Step::Validate(desired.name.clone()));
        }
    }
    Ok(steps)
}

/// The configuration that is ours already. `Observe` takes none over: it compares with the namesake as it is.
fn kept<'a>(desired: &Desired, observed: &'a Observed) -> Option<&'a Setting> {
    // Before 10.5 an id is made of the key, for every platform.
    let settings = || {
        let all = observed.settings.iter();
        all.filter(|setting| setting.platform == Platform::Bitbucket)
    };
    let recorded = desired
        .record
        .as_ref()
        .filter(|recorded| recorded.server == observed.server)
        .and_then(|recorded| settings().find(|setting| setting.id == recorded.id));
    recorded.or_else(|| {
        settings().find(|setting| {
            desired.management == Management::Observe && setting.key == desired.name
        })
    })
}

/// Nothing is ours yet, or any more: adopt or create.
fn acquire(desired: &Desired, observed: &Observed) -> Result<Vec<Step>, Blocked> {
    if let Some(namesake) = observed
        .settings
        .iter()
        .find(|setting| setting.key == desired.name)
    {
        return adopt(desired, observed, namesake);
    }
    let first = observed.settings.iter().find(|setting| {
        matches!(
            setting.platform,
            Platform::Bitbucket | Platform::BitbucketCloud
        )
    });
    match first {
        Some(other)
            if observed.several == Support::Missing && desired.management == Management::Full =>
        {
            Err(Blocked::new(
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
            ))
        }
        _ => {
            let announcement =
                (!is_intended(desired, observed)).then(|| Step::RecordIntent(desired.name.clone()));
            let creation = Step::Create(desired.name.clone(), desired.url.clone());
            Ok(announcement.into_iter().chain([creation]).collect())
        }
    }
}

/// Whether it was announced that a configuration of the wanted name would be created here.
fn is_intended(desired: &Desired, observed: &Observed) -> bool {
    desired
        .intent
        .as_ref()
        .is_some_and(|intent| intent.server == observed.server && intent.name == desired.name)
}

fn adopt(desired: &Desired, observed: &Observed, namesake: &Setting) -> Result<Vec<Step>, Blocked> {
    let refuse = |message: String| Err(Blocked::new(Reason::AdoptionRefused, message));
    if namesake.platform != Platform::Bitbucket {
        return refuse(format!(
            "SonarQube has a configuration {} for another platform: choose another spec.configurationName",
            namesake.key
        ));
    }
    let same_url = desired.url.same(&namesake.url);
    if same_url && is_intended(desired, observed) {
        return Ok(vec![Step::Recognise(namesake.id.clone())]);
    }
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
) -> Result<Option<Step>, Blocked> {
    let rename = (setting.key != desired.name).then(|| desired.name.clone());
    if rename.is_some()
        && observed
            .settings
            .iter()
            .any(|other| other.key == desired.name)
    {
        return Err(Blocked::new(
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

/// A server has one base URL, whichever connection declares it.
fn base_url(desired: &Desired, observed: &Observed) -> Result<Option<Step>, Blocked> {
    let Some(wanted) = &desired.server_base_url else {
        return Ok(None);
    };
    let holder = observed.base_url_holder.as_ref();
    if let Some(other) = holder.filter(|other| !wanted.same(&other.url))
        && desired.management == Management::Full
    {
        return Err(Blocked::new(
            Reason::AlreadyManaged,
            format!(
                "SonarQube's server base URL is managed by another BitbucketConnection, {}, as {}: leave out spec.sonarqube.serverBaseURL here, or declare the same",
                other.name, other.url
            ),
        ));
    }
    Ok(match &observed.server_base_url {
        BaseUrl::Set(found) if wanted.same(found) => None,
        BaseUrl::Set(_) | BaseUrl::Unset => Some(Step::SetServerBaseUrl(wanted.clone())),
    })
}

/// A step as what it would change; `None` for bookkeeping, and for tokens, which cannot be compared.
pub(super) fn difference(
    desired: &Desired,
    observed: &Observed,
    step: &Step,
) -> Option<Difference> {
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
                BaseUrl::Unset => "unset".to_owned(),
            },
        }),
        Step::RecordIntent(_)
        | Step::Recognise(_)
        | Step::Adopt(_)
        | Step::Refer(_)
        | Step::SetPat(_)
        | Step::Validate(_) => None,
    }
}
