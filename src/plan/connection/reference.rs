//! Which steps are missing for a connection that references a configuration, which an administrator of SonarQube manages.

use crate::plan::{Blocked, Reason};

use super::model::{Desired, Observed, Platform, Setting, Step, TokenState};

/// Finds the configuration by its name. Beside it, only the import token is stored: it belongs to the operator's own
/// SonarQube user, and no other user sees it.
///
/// # Errors
/// When there is no such configuration, or not the declared one, with what to do.
pub(super) fn next(desired: &Desired, observed: &Observed) -> Result<Vec<Step>, Blocked> {
    let setting = found(desired, observed)?;
    let recorded = desired.record.as_ref();
    let is_known = recorded
        .is_some_and(|recorded| recorded.server == observed.server && recorded.id == setting.id);
    if !is_known {
        return Ok(vec![Step::Refer(setting.id.clone())]);
    }
    let pushes = observed.import_token == TokenState::ToPush;
    let push = pushes.then(|| Step::SetPat(desired.name.clone()));
    Ok(push.into_iter().collect())
}

fn found<'a>(desired: &Desired, observed: &'a Observed) -> Result<&'a Setting, Blocked> {
    let name = &desired.name;
    let mut named = observed.settings.iter();
    let mut named = named.by_ref().filter(|setting| setting.key == *name);
    let Some(setting) = named.next() else {
        return Err(Blocked::new(
            Reason::ConfigurationNotFound,
            format!(
                "SonarQube has no DevOps platform configuration {name}: have an administrator of SonarQube create it, correct spec.configurationName, or set spec.configurationPolicy: Manage"
            ),
        ));
    };
    let mismatch = |what: String| Err(Blocked::new(Reason::ConfigurationMismatch, what));
    if named.next().is_some() {
        return mismatch(format!(
            "SonarQube lists several configurations {name}: have an administrator of SonarQube rename one, or choose another spec.configurationName"
        ));
    }
    if setting.platform != Platform::Bitbucket {
        return mismatch(format!(
            "SonarQube's configuration {name} is for another platform than Bitbucket Server: choose another spec.configurationName"
        ));
    }
    if !desired.url.same(&setting.url) {
        return mismatch(format!(
            "SonarQube's configuration {name} has the URL {}, not {}: correct spec.bitbucket.url, or have an administrator of SonarQube correct the configuration",
            setting.url, desired.url
        ));
    }
    Ok(setting)
}
