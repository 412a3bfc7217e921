//! What is remembered of a configuration and its tokens: the one place that changes it. The operator and the property
//! tests call it.

use crate::identity::{ServerId, SettingId, SettingKey};

use super::model::{Platform, Recorded, Setting, TokenState};

/// One of the two tokens that SonarQube is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The configuration's own.
    Write,
    /// That of the operator's user, for imports.
    Import,
}

/// A token to apply.
#[derive(Debug)]
pub struct Credential<'a, V, T> {
    /// The version of its Secret.
    pub version: &'a V,
    /// The token itself.
    pub token: &'a T,
}

/// Where tokens are applied.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The SonarQube server.
    pub server: &'a ServerId,
    /// The operator's own user there.
    pub user: &'a str,
}

/// Which versions of the Secrets SonarQube was given, and where. Stored in the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied<V> {
    /// The server that was given them.
    pub server: ServerId,
    /// The configuration that was given them.
    pub configuration: SettingId,
    /// The SonarQube user for whom the import token was stored.
    pub user: Option<String>,
    /// The version of the configuration's own token.
    pub write: Option<V>,
    /// The version of the import token.
    pub import: Option<V>,
}

/// The very tokens that a configuration was given by this process: equal bytes in a new version of the Secret are not
/// pushed again.
#[derive(Clone, Debug)]
pub struct Pushed<T> {
    write: Option<(SettingId, T)>,
    import: Option<(SettingId, T)>,
    /// What SonarQube reported of the import token, independent of what was pushed.
    losses: Losses,
    /// The losses that a push has made good.
    made_good: Losses,
}

/// How often SonarQube said that it has no import token for the operator's user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses(u64);

impl<T> Default for Pushed<T> {
    fn default() -> Self {
        Self {
            write: None,
            import: None,
            losses: Losses::default(),
            made_good: Losses::default(),
        }
    }
}

impl<T> Pushed<T> {
    /// Has the import token pushed again: SonarQube says that it has none.
    pub fn distrust_import(&mut self) {
        self.losses.0 += 1;
    }

    /// The losses that a push which begins now makes good. One that becomes known later is none of them.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses
    }
}

/// What is remembered of a configuration, open for change.
#[derive(Debug)]
pub struct Remembered<'a, V, T> {
    /// The configuration that is kept, and its name.
    pub configuration: &'a mut Option<(Recorded, SettingKey)>,
    /// What it was given.
    pub applied: &'a mut Option<Applied<V>>,
    /// What this process gave it.
    pub pushed: &'a mut Pushed<T>,
}

impl<V: Clone + PartialEq, T: Clone + PartialEq> Remembered<'_, V, T> {
    /// A configuration was created or adopted: it was given nothing yet.
    pub fn claimed(&mut self, recorded: Recorded, name: SettingKey) {
        *self.configuration = Some((recorded, name));
        *self.applied = None;
    }

    /// A configuration is created, because the one that was kept is gone: where the key stands for the id, nothing else
    /// distinguishes the two.
    pub fn created(&mut self) {
        *self.configuration = None;
        *self.applied = None;
    }

    /// A server before 10.5 reports no ids, and the key stands for one. Upgraded, it reports them.
    pub fn learn_ids(&mut self, settings: &[Setting]) {
        let Some((recorded, _)) = &*self.configuration else {
            return;
        };
        let same = |setting: &&Setting| {
            setting.platform == Platform::Bitbucket
                && SettingId::of_key(&setting.key) == recorded.id
        };
        if let Some(setting) = settings.iter().find(same) {
            self.identified(&setting.id);
        }
    }

    /// The configuration has another name: where the key stands for the id, it has another id, too.
    pub fn renamed(&mut self, key: &SettingKey, name: &SettingKey) {
        let is_named_by_key =
            |(recorded, _): &(Recorded, SettingKey)| recorded.id == SettingId::of_key(key);
        if self.configuration.as_ref().is_some_and(is_named_by_key) {
            self.identified(&SettingId::of_key(name));
        }
    }

    fn identified(&mut self, id: &SettingId) {
        if let Some((recorded, _)) = &mut *self.configuration {
            recorded.id.clone_from(id);
        }
        if let Some(applied) = &mut *self.applied {
            applied.configuration.clone_from(id);
        }
        let Pushed { write, import, .. } = &mut *self.pushed;
        for (place, _) in [write, import].into_iter().flatten() {
            place.clone_from(id);
        }
    }

    /// SonarQube has a token as the Secret has it.
    fn applied(&mut self, place: Place<'_>, which: Which, credential: &Credential<'_, V, T>) {
        let Some((Recorded { id, .. }, _)) = &*self.configuration else {
            return;
        };
        let before = self.applied.take();
        let before =
            before.filter(|before| before.server == *place.server && before.configuration == *id);
        let mut applied = before.unwrap_or_else(|| Applied {
            server: place.server.clone(),
            configuration: id.clone(),
            user: None,
            write: None,
            import: None,
        });
        let pushed = Some((id.clone(), credential.token.clone()));
        match which {
            Which::Write => {
                applied.write = Some(credential.version.clone());
                self.pushed.write = pushed;
            }
            Which::Import => {
                applied.import = Some(credential.version.clone());
                applied.user = Some(place.user.to_owned());
                self.pushed.import = pushed;
            }
        }
        *self.applied = Some(applied);
    }

    /// SonarQube was given the configuration's own token.
    pub fn write_pushed(&mut self, place: Place<'_>, credential: &Credential<'_, V, T>) {
        self.applied(place, Which::Write, credential);
    }

    /// SonarQube was given the import token, by a call that began after these losses.
    pub fn import_pushed(
        &mut self,
        place: Place<'_>,
        credential: &Credential<'_, V, T>,
        losses: Losses,
    ) {
        self.applied(place, Which::Import, credential);
        self.pushed.made_good = losses;
    }

    /// Whether SonarQube holds a token as the Secret has it, for an existing configuration. A new version of the
    /// Secret with the same token in it counts as applied.
    pub fn token_state(
        &mut self,
        place: Place<'_>,
        which: Which,
        credential: &Credential<'_, V, T>,
    ) -> TokenState {
        let (Some((Recorded { id, .. }, _)), Some(applied)) =
            (&*self.configuration, &*self.applied)
        else {
            return TokenState::ToPush;
        };
        let is_there = applied.server == *place.server && applied.configuration == *id;
        let (is_usable, version, pushed) = match which {
            Which::Write => (true, &applied.write, &self.pushed.write),
            Which::Import => (
                applied.user.as_deref() == Some(place.user)
                    && self.pushed.made_good == self.pushed.losses,
                &applied.import,
                &self.pushed.import,
            ),
        };
        if !is_there || !is_usable {
            return TokenState::ToPush;
        }
        if version.as_ref() == Some(credential.version) {
            return TokenState::Applied;
        }
        let is_pushed = pushed
            .as_ref()
            .is_some_and(|(place, token)| place == id && token == credential.token);
        if !is_pushed {
            return TokenState::ToPush;
        }
        self.applied(place, which, credential);
        TokenState::Applied
    }
}

#[cfg(test)]
mod tests;
