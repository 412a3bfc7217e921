//! The writes of a binding that another client can undo.

use crate::plan::fight::{Undoable, Written};

use super::model::Step;

impl Undoable for Step {
    fn written(&self) -> Option<Written> {
        let what = match self {
            Self::RecordIntent(_) | Self::Consider(_) | Self::Accept(_) => return None,
            Self::SetVisibility(key, wanted) => {
                format!(
                    "the visibility {} of SonarQube project {key}",
                    wanted.as_str()
                )
            }
            Self::SetNewCode(key, _) => {
                format!("the new code definition of SonarQube project {key}")
            }
            Self::RenameMainBranch(key, name) => {
                format!("the main branch {name} of SonarQube project {key}")
            }
            Self::Bind { key, .. } => format!("the binding of SonarQube project {key}"),
            Self::GrantSelf(key) => {
                format!("the permissions of the operator's user on SonarQube project {key}")
            }
            Self::Create { key, .. } | Self::Import { key, .. } | Self::Rekey { to: key, .. } => {
                format!("SonarQube project {key}")
            }
        };
        let instead = "take the field out of the spec";
        Some(Written { what, instead })
    }
}
