//! Settings of DevOps platforms.

use std::collections::BTreeMap;

use super::{Binding, Project, World};

/// A setting.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its uuid, which a rename leaves alone.
    pub id: String,
    /// The platform.
    pub platform: Platform,
    /// Its key, unique over all platforms.
    pub key: String,
    /// Its URL, verbatim.
    pub url: String,
    /// The token that decorates pull requests.
    pub token: String,
    /// The tokens that import, by the login of the user who gave them.
    pub import_tokens: BTreeMap<String, String>,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{:?} {} at {}",
            self.platform, self.key, self.url
        )
    }
}

/// A DevOps platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Bitbucket Server / Data Center.
    Bitbucket,
    /// Bitbucket Cloud, which shares the limit of one setting with it.
    BitbucketCloud,
    /// GitLab.
    GitLab,
}

impl Platform {
    /// As `alm_settings/list` and `dop-settings` spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bitbucket => "bitbucket",
            Self::BitbucketCloud => "bitbucketcloud",
            Self::GitLab => "gitlab",
        }
    }

    /// As the limit's message spells it.
    pub(crate) const fn constant(self) -> &'static str {
        match self {
            Self::Bitbucket => "BITBUCKET",
            Self::BitbucketCloud => "BITBUCKET_CLOUD",
            Self::GitLab => "GITLAB",
        }
    }

    /// Whether both count as one for the limit of the edition.
    pub(crate) fn shares_limit_with(self, other: Self) -> bool {
        let family = |platform| match platform {
            Self::Bitbucket | Self::BitbucketCloud => 0,
            Self::GitLab => 1,
        };
        family(self) == family(other)
    }
}

impl World {
    /// The setting of this key.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// The same, to change it.
    pub fn setting_mut(&mut self, key: &str) -> Option<&mut Setting> {
        self.settings.iter_mut().find(|setting| setting.key == key)
    }

    pub(crate) fn setting_of_id(&self, id: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.id == id)
    }

    /// What a project is bound to, and through which setting.
    pub(crate) fn bound_to<'a>(
        &'a self,
        project: &'a Project,
    ) -> Option<(&'a Binding, &'a Setting)> {
        let binding = project.binding.as_ref()?;
        Some((binding, self.setting_of_id(&binding.setting)?))
    }

    /// Makes a setting.
    pub fn create_setting(&mut self, platform: Platform, key: &str, url: &str, token: &str) {
        let id = self.new_id();
        self.settings.push(Setting {
            id,
            platform,
            key: key.to_owned(),
            url: url.to_owned(),
            token: token.to_owned(),
            import_tokens: BTreeMap::new(),
        });
    }

    /// Deletes a setting, and with it every binding and every import token, without a word.
    pub fn delete_setting(&mut self, id: &str) {
        self.settings.retain(|setting| setting.id != id);
        for project in &mut self.projects {
            project.binding.take_if(|binding| binding.setting == id);
        }
    }
}
