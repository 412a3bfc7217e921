//! A SonarQube with configurations, and one connection, driven as the operator does it.

mod change;

use super::*;

/// A SonarQube, and what is remembered of it. `secret` numbers the token in the Secret, `version` the Secret's
/// versions.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) settings: Vec<Setting>,
    /// The settings as the last look read them.
    pub(super) read: Vec<Setting>,
    /// By the setting's id: the token that SonarQube holds for it, and for imports through it.
    pub(super) tokens: std::collections::BTreeMap<SettingId, (Option<u8>, Option<u8>)>,
    pub(super) several: bool,
    pub(super) bound: Option<u64>,
    pub(super) base_url: BaseUrl,
    pub(super) secret: u8,
    pub(super) version: u8,
    /// The operator's own user: SonarQube keeps an import token for each user.
    pub(super) user: u8,
    /// Whether SonarQube reports ids; before 10.5 a key stands for one.
    pub(super) reports_ids: bool,
    pub(super) validation: Validation,
    pub(super) desired: Desired,
    pub(super) memory: Memory,
    /// The memory as the status has it.
    pub(super) stored: Memory,
    /// What the next read must make of the memory, even if SonarQube or the Secret changed meanwhile.
    pub(super) due: Option<Known>,
    /// The step after which the process dies.
    pub(super) crash: Option<usize>,
    pub(super) steps: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) configuration: Option<(Recorded, SettingKey)>,
    applied: Option<Applied<u8>>,
    pushed: Pushed<u8>,
}

/// What is known of the configuration: its id, and the state of both tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    id: Option<SettingId>,
    tokens: [TokenState; 2],
}

impl World {
    fn remembered(&mut self) -> Remembered<'_, u8, u8> {
        Remembered {
            configuration: &mut self.memory.configuration,
            applied: &mut self.memory.applied,
            pushed: &mut self.memory.pushed,
        }
    }

    /// The settings as SonarQube lists them.
    fn listed(&self) -> Vec<Setting> {
        let listed = |setting: &Setting| Setting {
            id: self.reported(setting),
            ..setting.clone()
        };
        self.settings.iter().map(listed).collect()
    }

    pub(super) fn reported(&self, setting: &Setting) -> SettingId {
        if self.reports_ids {
            setting.id.clone()
        } else {
            SettingId::of_key(&setting.key)
        }
    }

    /// Asked of a copy: a question about a token may change what is remembered of it.
    fn known(&self) -> Known {
        let mut copy = self.clone();
        let record = self.memory.configuration.as_ref();
        Known {
            id: record.map(|(recorded, _)| recorded.id.clone()),
            tokens: [Which::Write, Which::Import].map(|which| copy.token_state(which)),
        }
    }

    fn token_state(&mut self, which: Which) -> TokenState {
        self.with_token(|mut remembered, place, credential| {
            remembered.token_state(place, which, credential)
        })
    }

    fn applied(&mut self, which: Which) {
        let losses = self.memory.pushed.losses();
        self.with_token(|mut remembered, place, credential| match which {
            Which::Write => remembered.write_pushed(place, credential),
            Which::Import => remembered.import_pushed(place, credential, losses),
        });
    }

    /// Does something with the present token, and with what is remembered of it.
    fn with_token<T>(
        &mut self,
        act: impl FnOnce(Remembered<'_, u8, u8>, Place<'_>, &Credential<'_, u8, u8>) -> T,
    ) -> T {
        let (version, token) = (self.version, self.secret);
        let (server, user) = (ServerId::new("server"), format!("operator-{}", self.user));
        let place = Place {
            server: &server,
            user: &user,
        };
        let credential = Credential {
            version: &version,
            token: &token,
        };
        act(self.remembered(), place, &credential)
    }

    fn observe(&mut self) -> Observed {
        let settings = self.listed();
        self.remembered().learn_ids(&settings);
        if let Some(due) = self.due.take() {
            assert_eq!(self.known(), due, "what was known was forgotten");
        }
        let record = self.memory.configuration.as_ref();
        self.desired.record = record.map(|(recorded, _)| recorded.clone());
        let is_kept = settings.iter().any(|setting| {
            let record = self.desired.record.as_ref();
            setting.platform == Platform::Bitbucket
                && record.is_some_and(|record| record.id == setting.id)
        });
        let mut state = |which| {
            if is_kept {
                self.token_state(which)
            } else {
                TokenState::ToPush
            }
        };
        let (token, import_token) = (state(Which::Write), state(Which::Import));
        Observed {
            server: ServerId::new("server"),
            settings,
            several: if self.several {
                Support::Offered
            } else {
                Support::Missing
            },
            bound_through_namesake: self.bound,
            server_base_url: self.base_url.clone(),
            base_url_holder: None,
            claimed_by: None,
            token,
            import_token,
            validation: self.validation,
        }
    }

    /// The setting that a step writes: ours by its uuid, and for Bitbucket.
    fn ours(&mut self, key: &SettingKey) -> &mut Setting {
        let (record, _) = self.memory.configuration.clone().unwrap();
        let index = self.settings.iter().position(|one| one.key == *key);
        let index = index.unwrap();
        let setting = &self.settings[index];
        assert_eq!(
            self.reported(setting),
            record.id,
            "a stranger's configuration"
        );
        assert_eq!(setting.platform, Platform::Bitbucket);
        &mut self.settings[index]
    }

    /// The setting whose URL a token now travels to: it must have been read as ours, not merely written so.
    fn trusted(&mut self, key: &SettingKey) -> SettingId {
        let id = self.ours(key).id.clone();
        let read = self.read.iter().find(|setting| setting.id == id).unwrap();
        assert!(
            self.desired.url.same(&read.url),
            "a token travels to {}",
            read.url
        );
        id
    }

    fn remember(&mut self, id: SettingId, created_by: Option<Uid>) {
        let recorded = Recorded {
            server: ServerId::new("server"),
            id,
            created_by,
        };
        let name = self.desired.name.clone();
        self.remembered().claimed(recorded, name);
        self.desired.intent = None;
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::RecordIntent(name) => {
                self.desired.intent = Some(Intent {
                    server: ServerId::new("server"),
                    name: name.clone(),
                });
            }
            Step::Create(key, url) => self.create(key, url),
            Step::Recognise(id) => {
                let listed = self.listed();
                let created = listed.iter().find(|setting| setting.id == *id);
                let created = created.unwrap();
                assert_eq!(created.platform, Platform::Bitbucket);
                assert_eq!(created.key, self.desired.name);
                assert!(self.desired.url.same(&created.url));
                self.remember(id.clone(), Some(self.desired.uid.clone()));
            }
            Step::Adopt(id) => self.adopt(id),
            Step::Refer(id) => panic!("{id} is managed, not referenced"),
            Step::Update {
                key,
                rename,
                url,
                token,
            } => self.update(key, rename.as_ref(), (url, *token)),
            Step::SetPat(key) => {
                let id = self.trusted(key);
                self.tokens.entry(id).or_default().1 = Some(self.secret);
                self.applied(Which::Import);
            }
            Step::Validate(key) => {
                let id = self.trusted(key);
                let (token, _) = self.tokens.get(&id).copied().unwrap_or_default();
                self.validation = if token == Some(self.secret) {
                    Validation::Passed
                } else {
                    Validation::TokenRefused
                };
            }
            Step::SetServerBaseUrl(url) => self.base_url = BaseUrl::Set(url.to_string()),
        }
    }

    fn update(
        &mut self,
        key: &SettingKey,
        rename: Option<&SettingKey>,
        (url, token): (&ServerUrl, TokenInUpdate),
    ) {
        let secret = self.secret;
        let setting = self.ours(key);
        let (id, before) = (setting.id.clone(), setting.url.clone());
        if let Some(name) = rename {
            setting.key = name.clone();
        }
        setting.url = url.to_string();
        if let Some(name) = rename {
            let before = self.known().tokens;
            self.remembered().renamed(key, name);
            assert_eq!(self.known().tokens, before, "a rename lost a token");
        }
        assert_eq!(*url, self.desired.url, "a token would be sent to {url}");
        if token == TokenInUpdate::Sent {
            self.tokens.entry(id).or_default().0 = Some(secret);
            self.applied(Which::Write);
        } else {
            assert_eq!(
                before,
                url.to_string(),
                "SonarQube refuses a new URL without its token"
            );
        }
        self.validation = Validation::Due;
        let mut names: Vec<_> = self.settings.iter().map(|one| &one.key).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), self.settings.len(), "a name was taken twice");
    }

    fn create(&mut self, key: &SettingKey, url: &ServerUrl) {
        assert!(self.settings.iter().all(|setting| setting.key != *key));
        let intent = self.desired.intent.as_ref();
        assert!(
            intent.is_some_and(|intent| intent.name == *key),
            "unannounced"
        );
        let bitbucket = |setting: &Setting| setting.platform != Platform::Other;
        assert!(
            self.several || !self.settings.iter().any(bitbucket),
            "this edition allows one"
        );
        let id = SettingId::new(format!("created-{}", self.steps));
        self.settings.push(Setting {
            id: id.clone(),
            key: key.clone(),
            platform: Platform::Bitbucket,
            url: url.to_string(),
        });
        self.remembered().created();
        self.tokens.insert(id, (Some(self.secret), None));
    }

    fn adopt(&mut self, id: &SettingId) {
        let listed = self.listed();
        let setting = listed.iter().find(|setting| setting.id == *id).unwrap();
        assert_eq!(setting.platform, Platform::Bitbucket);
        assert_eq!(setting.key, self.desired.name);
        assert_ne!(self.desired.adoption, Adoption::Never);
        assert!(
            self.desired.url.same(&setting.url)
                || (self.desired.adoption == Adoption::Always && self.bound == Some(0)),
            "the bindings of others were re-pointed"
        );
        self.remember(id.clone(), None);
    }

    /// One reconcile: `None` if the process died.
    pub(super) fn reconcile(&mut self) -> Option<Plan> {
        let mut intent = self.desired.intent.clone();
        for _ in 0..8 {
            self.read.clone_from(&self.settings);
            let observed = self.observe();
            let plan = plan(&self.desired, &observed);
            let Plan::Steps(steps) = &plan else {
                self.stored = self.memory.clone();
                return Some(plan);
            };
            assert_eq!(self.desired.management, Management::Full, "Observe wrote");
            for step in steps {
                self.apply(step);
                self.steps += 1;
                // An intent is stored at once; all else at the end of the reconcile.
                if matches!(step, Step::RecordIntent(_)) {
                    intent.clone_from(&self.desired.intent);
                }
                if self.crash == Some(self.steps) {
                    // The tokens that this process pushed are forgotten.
                    self.stored.pushed = Pushed::default();
                    self.memory = self.stored.clone();
                    self.desired.intent = intent;
                    return None;
                }
            }
        }
        panic!("a reconcile does not end: {self:#?}");
    }
}
