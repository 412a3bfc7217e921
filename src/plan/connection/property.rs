//! What holds for a connection in every SonarQube. The promises are asserted where SonarQube is written.

use proptest::prelude::*;

use super::*;
use crate::identity::{ServerId, ServerUrl, SettingId, SettingKey, Uid};

const URLS: [&str; 3] = [
    "https://bitbucket.example.com",
    "https://other.example.com",
    "https://Bitbucket.example.com/",
];
const NAMES: [&str; 3] = ["bitbucket", "old", "renamed"];

/// A SonarQube, and what the shell remembers of it. `secret` numbers the token in the Secret.
#[derive(Clone, Debug)]
struct World {
    settings: Vec<Setting>,
    /// The settings as the last look read them.
    read: Vec<Setting>,
    /// By the setting's id: the token that SonarQube holds for it, and for imports through it.
    tokens: std::collections::BTreeMap<SettingId, (Option<u8>, Option<u8>)>,
    several: bool,
    bound: Option<u64>,
    base_url: BaseUrl,
    secret: u8,
    validated: bool,
    desired: Desired,
    /// The step after which the process dies.
    crash: Option<usize>,
    steps: usize,
}

impl World {
    fn observe(&self) -> Observed {
        let held = self.desired.record.as_ref().map(|record| &record.id);
        let (token, import_token) = held
            .and_then(|id| self.tokens.get(id))
            .copied()
            .unwrap_or_default();
        let state = |held: Option<u8>| {
            if held == Some(self.secret) {
                TokenState::Applied
            } else {
                TokenState::ToPush
            }
        };
        Observed {
            server: ServerId::new("server"),
            settings: self.settings.clone(),
            several: if self.several {
                Support::Offered
            } else {
                Support::Missing
            },
            bound_through_namesake: self.bound,
            server_base_url: self.base_url.clone(),
            base_url_holder: None,
            claimed_by: None,
            token: state(token),
            import_token: state(import_token),
            validation: if self.validated {
                Validation::Passed
            } else {
                Validation::Due
            },
        }
    }

    /// The setting that a step writes: ours by its uuid, and for Bitbucket.
    fn ours(&mut self, key: &SettingKey) -> &mut Setting {
        let record = self.desired.record.clone().unwrap();
        let setting = self
            .settings
            .iter_mut()
            .find(|setting| setting.key == *key)
            .unwrap();
        assert_eq!(setting.id, record.id, "a stranger's configuration");
        assert_eq!(setting.platform, Platform::Bitbucket);
        setting
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
        self.desired.record = Some(Recorded {
            server: ServerId::new("server"),
            id,
            created_by,
        });
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
                let created = self.settings.iter().find(|setting| setting.id == *id);
                let created = created.unwrap();
                assert_eq!(created.platform, Platform::Bitbucket);
                assert_eq!(created.key, self.desired.name);
                assert!(self.desired.url.same(&created.url));
                self.remember(id.clone(), Some(self.desired.uid.clone()));
            }
            Step::Adopt(id) => self.adopt(id),
            Step::Update {
                key,
                rename,
                url,
                token,
            } => {
                let secret = self.secret;
                let setting = self.ours(key);
                let (id, before) = (setting.id.clone(), setting.url.clone());
                if let Some(name) = rename {
                    setting.key = name.clone();
                }
                setting.url = url.to_string();
                assert_eq!(*url, self.desired.url, "a token would be sent to {url}");
                if *token == TokenInUpdate::Sent {
                    self.tokens.entry(id).or_default().0 = Some(secret);
                } else {
                    assert_eq!(
                        before,
                        url.to_string(),
                        "SonarQube refuses a new URL without its token"
                    );
                }
                self.validated = false;
                let mut names: Vec<_> = self.settings.iter().map(|one| &one.key).collect();
                names.sort();
                names.dedup();
                assert_eq!(names.len(), self.settings.len(), "a name was taken twice");
            }
            Step::SetPat(key) => {
                let id = self.trusted(key);
                self.tokens.entry(id).or_default().1 = Some(self.secret);
            }
            Step::Validate(key) => {
                self.trusted(key);
                self.validated = true;
            }
            Step::SetServerBaseUrl(url) => self.base_url = BaseUrl::Set(url.to_string()),
        }
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
        self.tokens.insert(id, (Some(self.secret), None));
    }

    fn adopt(&mut self, id: &SettingId) {
        let setting = self
            .settings
            .iter()
            .find(|setting| setting.id == *id)
            .unwrap();
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

    /// One pass: `None` where the process died.
    fn pass(&mut self) -> Option<Plan> {
        let record = self.desired.record.clone();
        let mut intent = self.desired.intent.clone();
        for _ in 0..8 {
            self.read.clone_from(&self.settings);
            let plan = plan(&self.desired, &self.observe());
            let Plan::Steps(steps) = &plan else {
                return Some(plan);
            };
            assert_eq!(self.desired.management, Management::Full, "Observe wrote");
            for step in steps {
                self.apply(step);
                self.steps += 1;
                // An intent is stored at once; all else at the end of the pass.
                if matches!(step, Step::RecordIntent(_)) {
                    intent.clone_from(&self.desired.intent);
                }
                if self.crash == Some(self.steps) {
                    (self.desired.record, self.desired.intent) = (record, intent);
                    return None;
                }
            }
        }
        panic!("a pass does not come to rest: {self:#?}");
    }

    /// What a stranger, or the owner of the object, changes.
    fn change(&mut self, (kind, which): (u8, usize)) {
        let count = self.settings.len();
        match kind {
            0 if count > 0 => URLS[which].clone_into(&mut self.settings[which % count].url),
            1 if count > 0 => {
                self.settings.remove(which % count);
            }
            2 if !self.settings.iter().any(|one| one.key == name(which)) && count > 0 => {
                self.settings[which % count].key = name(which);
            }
            3 => self.secret += 1,
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

fn name(which: usize) -> SettingKey {
    SettingKey::parse(NAMES[which]).unwrap()
}

fn worlds() -> impl Strategy<Value = World> {
    let platform = prop_oneof![
        4 => Just(Platform::Bitbucket),
        1 => Just(Platform::BitbucketCloud),
        1 => Just(Platform::Other),
    ];
    let adoption = prop_oneof![
        Just(Adoption::Never),
        Just(Adoption::IfMatching),
        Just(Adoption::Always)
    ];
    let management = prop_oneof![5 => Just(Management::Full), 1 => Just(Management::Observe)];
    let found = prop::collection::btree_map(0..3_usize, (platform, 0..3_usize), 0..3);
    let bound = prop::option::of(0..2_u64);
    (
        found,
        adoption,
        management,
        (bound, any::<bool>()),
        any::<bool>(),
    )
        .prop_map(
            |(found, adoption, management, (bound, several), declared)| World {
                settings: found
                    .into_iter()
                    .map(|(key, (platform, url))| Setting {
                        id: SettingId::new(format!("found-{key}")),
                        key: name(key),
                        platform,
                        url: URLS[url].to_owned(),
                    })
                    .collect(),
                read: Vec::new(),
                tokens: std::collections::BTreeMap::new(),
                several,
                bound,
                base_url: BaseUrl::Unset,
                secret: 1,
                validated: false,
                desired: Desired {
                    uid: Uid::new("uid"),
                    name: name(0),
                    url: ServerUrl::parse(URLS[0]).unwrap(),
                    server_base_url: declared
                        .then(|| ServerUrl::parse("https://sonarqube.example.com").unwrap()),
                    adoption,
                    management,
                    record: None,
                    intent: None,
                },
                crash: None,
                steps: 0,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn it_comes_to_rest_and_sends_no_token_astray(
        mut world in worlds(),
        changes in prop::collection::vec((0..8_u8, 0..3_usize), 0..8),
        crash in prop::option::of(0..6_usize),
    ) {
        for change in changes {
            world.crash = crash;
            world.pass();
            world.change(change);
        }
        world.crash = None;
        let plan = world.pass();
        let steps = world.steps;
        prop_assert_eq!(&world.pass(), &plan);
        prop_assert_eq!(world.steps, steps, "it never rests");
        if plan == Some(Plan::Settled) && world.desired.management == Management::Full {
            let record = world.desired.record.clone().unwrap();
            let wanted = world.desired.url.clone();
            let kept = world.settings.iter().find(|setting| setting.id == record.id).unwrap();
            prop_assert_eq!(&kept.key, &world.desired.name);
            prop_assert!(wanted.same(&kept.url));
            let secret = Some(world.secret);
            prop_assert_eq!(world.tokens[&record.id], (secret, secret));
        }
    }
}
