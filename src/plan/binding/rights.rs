//! What to do where SonarQube denies the operator's user a project.

use crate::identity::ProjectKey;
use crate::plan::{Blocked, Management, Reason};

use super::found::Project;
use super::model::{Desired, Step};

/// What to do where SonarQube denied us a project.
pub(super) fn grant(
    desired: &Desired,
    project: &Project,
    ours: bool,
) -> Result<Vec<Step>, Blocked> {
    if ours && desired.management == Management::Full {
        return Ok(vec![Step::GrantSelf(project.key.clone())]);
    }
    Err(permission_missing(&project.key))
}

pub(super) fn permission_missing(key: &ProjectKey) -> Blocked {
    Blocked::new(
        Reason::PermissionMissing,
        format!(
            "SonarQube denies the operator's user SonarQube project {key}: give it the permissions Browse and Administer on that project"
        ),
    )
}
