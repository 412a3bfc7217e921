//! The writes of a connection that another client can undo.

use crate::plan::fight::{Undoable, Written};

use super::model::{Observed, Setting, Step};

impl Step {
    /// Whether the list of configurations is another one after it: no list shows a token.
    #[must_use]
    pub fn changes_the_listing(&self, observed: &Observed) -> bool {
        match self {
            Self::Create(..) => true,
            Self::Update {
                key, rename, url, ..
            } => {
                let same = |setting: &Setting| setting.key == *key && setting.url == url.as_str();
                rename.is_some() || !observed.settings.iter().any(same)
            }
            Self::RecordIntent(_)
            | Self::Recognise(_)
            | Self::Adopt(_)
            | Self::Refer(_)
            | Self::SetPat(_)
            | Self::Validate(_)
            | Self::SetServerBaseUrl(_) => false,
        }
    }

    /// Whether it corrects what SonarQube shows. A token is written when its Secret changes: that undoes nothing.
    #[must_use]
    pub fn corrects(&self, observed: &Observed) -> bool {
        self.changes_the_listing(observed) || matches!(self, Self::SetServerBaseUrl(_))
    }
}

impl Undoable for Step {
    fn written(&self) -> Option<Written> {
        let (what, instead) = match self {
            // No list shows a token: whether it was removed is found out by other means.
            Self::SetPat(_)
            | Self::RecordIntent(_)
            | Self::Recognise(_)
            | Self::Adopt(_)
            | Self::Refer(_)
            | Self::Validate(_) => return None,
            Self::Create(name, url) => (
                format!("configuration {name} of SonarQube, with the URL {url},"),
                OBSERVE,
            ),
            Self::Update {
                key, rename, url, ..
            } => {
                let name = rename.as_ref().unwrap_or(key);
                let what = format!("configuration {name} of SonarQube, with the URL {url},");
                (what, OBSERVE)
            }
            Self::SetServerBaseUrl(url) => (
                format!("SonarQube's server base URL {url}"),
                "leave out spec.sonarqube.serverBaseURL",
            ),
        };
        Some(Written { what, instead })
    }
}

const OBSERVE: &str = "set spec.managementPolicy: Observe";
