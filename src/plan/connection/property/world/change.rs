//! What strangers, the owner of the object and an upgrade change between two reconciles.

use super::*;

impl World {
    /// From now on SonarQube reports ids. The configuration stays the one that it was, and so do its tokens, also where
    /// the Secret has them in a new version.
    fn upgrade(&mut self, touched: bool) {
        if touched {
            self.version += 1;
        }
        let mut due = self.known();
        let mut settings = self.settings.iter();
        let kept = settings.find(|setting| {
            setting.platform == Platform::Bitbucket && Some(self.reported(setting)) == due.id
        });
        due.id = kept.map(|setting| setting.id.clone()).or(due.id);
        self.reports_ids = true;
        self.due = Some(due);
    }

    /// What a stranger, or the owner of the object, changes.
    pub(in crate::plan::connection::property) fn change(&mut self, (kind, which): (u8, usize)) {
        let count = self.settings.len();
        match kind {
            0 if count > 0 => URLS[which].clone_into(&mut self.settings[which % count].url),
            1 if count > 0 => {
                self.settings.remove(which % count);
            }
            // Where the key stands for the id, one that bears our name is ours as far as can be observed.
            2 if self.reports_ids
                && !self.settings.iter().any(|one| one.key == name(which))
                && count > 0 =>
            {
                self.settings[which % count].key = name(which);
            }
            3 => (self.secret, self.version) = (self.secret + 1, self.version + 1),
            // The same token in a new version of the Secret.
            8 => self.version += 1,
            9 => self.upgrade(which == 0),
            // The operator is another user now.
            12 => {
                for (_, import) in self.tokens.values_mut() {
                    *import = None;
                }
                self.user += 1;
            }
            // A user removes the import token, and a binding finds it out.
            10 => {
                for (_, import) in self.tokens.values_mut() {
                    *import = None;
                }
                self.memory.pushed.distrust_import();
            }
            // A user gives the configurations other tokens.
            11 => {
                for (write, _) in self.tokens.values_mut() {
                    *write = Some(0);
                }
                self.validation = Validation::Due;
            }
            4 => self.desired.name = name(which),
            5 => self.desired.url = ServerUrl::parse(URLS[which]).unwrap(),
            // Before 10.5 one of another platform under the same name has the same id.
            6 if count > 0 => {
                let platforms = [
                    Platform::Bitbucket,
                    Platform::BitbucketCloud,
                    Platform::Other,
                ];
                self.settings[which % count].platform = platforms[which];
            }
            _ => self.base_url = BaseUrl::Unset,
        }
    }
}
