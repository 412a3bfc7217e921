//! What is remembered of tokens, by example. The property worlds hold it against a SonarQube.

use super::*;

const VERSION: u8 = 1;
const TOKEN: &str = "token";

/// A memory of one configuration, asked about one token and informed about it.
struct Memory {
    server: ServerId,
    user: &'static str,
    version: u8,
    token: &'static str,
    configuration: Option<(Recorded, SettingKey)>,
    applied: Option<Applied<u8>>,
    pushed: Pushed<&'static str>,
}

impl Memory {
    /// The configuration of this id was claimed, and nothing was pushed yet.
    fn of(id: &str) -> Self {
        let mut memory = Self {
            server: ServerId::new("server"),
            user: "bindery",
            version: VERSION,
            token: TOKEN,
            configuration: None,
            applied: None,
            pushed: Pushed::default(),
        };
        memory.claim(id);
        memory
    }

    /// Both tokens were pushed.
    fn given(id: &str) -> Self {
        let mut memory = Self::of(id);
        memory.push(Which::Write);
        memory.push(Which::Import);
        memory
    }

    fn with<R>(
        &mut self,
        change: impl FnOnce(
            Remembered<'_, u8, &'static str>,
            Place<'_>,
            &Credential<'_, u8, &'static str>,
        ) -> R,
    ) -> R {
        let place = Place {
            server: &self.server,
            user: self.user,
        };
        let credential = Credential {
            version: &self.version,
            token: &self.token,
        };
        let remembered = Remembered {
            configuration: &mut self.configuration,
            applied: &mut self.applied,
            pushed: &mut self.pushed,
        };
        change(remembered, place, &credential)
    }

    fn claim(&mut self, id: &str) {
        let recorded = Recorded {
            server: ServerId::new("server"),
            id: SettingId::new(id),
            created_by: None,
        };
        let name = SettingKey::parse("bitbucket").unwrap();
        self.with(|mut remembered, _, _| remembered.claimed(recorded, name));
    }

    fn push(&mut self, which: Which) {
        let losses = self.pushed.losses();
        self.push_since(which, losses);
    }

    fn push_since(&mut self, which: Which, losses: Losses) {
        self.with(|mut remembered, place, credential| match which {
            Which::Write => remembered.write_pushed(place, credential),
            Which::Import => remembered.import_pushed(place, credential, losses),
        });
    }

    fn learn(&mut self, id: &str, key: &str, platform: Platform) {
        let setting = Setting {
            id: SettingId::new(id),
            key: SettingKey::parse(key).unwrap(),
            platform,
            url: "https://bitbucket.example.com".to_owned(),
        };
        self.with(|mut remembered, _, _| remembered.learn_ids(&[setting]));
    }

    /// The states of the configuration's own token and of the import token.
    fn states(&mut self) -> [TokenState; 2] {
        [Which::Write, Which::Import].map(|which| {
            self.with(|mut remembered, place, credential| {
                remembered.token_state(place, which, credential)
            })
        })
    }

    fn id(&self) -> SettingId {
        self.configuration.clone().unwrap().0.id
    }
}

const APPLIED: [TokenState; 2] = [TokenState::Applied, TokenState::Applied];
const TO_PUSH: [TokenState; 2] = [TokenState::ToPush, TokenState::ToPush];

/// Promise: an import token that SonarQube loses while it is being pushed is pushed again.
#[test]
fn a_loss_that_becomes_known_during_a_push_is_made_good_by_the_next_one() {
    let lost = [TokenState::Applied, TokenState::ToPush];
    let mut memory = Memory::given("id");
    assert_eq!(memory.states(), APPLIED);
    memory.pushed.distrust_import();
    assert_eq!(memory.states(), lost);
    let losses = memory.pushed.losses();
    memory.pushed.distrust_import();
    memory.push_since(Which::Import, losses);
    assert_eq!(memory.states(), lost);
    memory.push(Which::Import);
    assert_eq!(memory.states(), APPLIED);
}

#[test]
fn an_id_takes_the_place_of_the_key_that_stood_for_it_and_the_tokens_stay() {
    let stand_in = SettingId::of_key(&SettingKey::parse("bitbucket").unwrap());
    let mut memory = Memory::given(stand_in.as_str());
    memory.learn("uuid-other", "other", Platform::Bitbucket);
    memory.learn("uuid-cloud", "bitbucket", Platform::BitbucketCloud);
    assert_eq!(memory.id(), stand_in);
    memory.learn("uuid", "bitbucket", Platform::Bitbucket);
    assert_eq!(memory.id(), SettingId::new("uuid"));
    assert_eq!(memory.states(), APPLIED);
    memory.version += 1;
    assert_eq!(memory.states(), APPLIED, "the same token in a new version");
    memory.learn("another", "bitbucket", Platform::Bitbucket);
    assert_eq!(memory.id(), SettingId::new("uuid"), "it is known by its id");
}

/// Promise: what one configuration was given says nothing of another one, nor of another server or user.
#[test]
fn a_token_counts_only_where_and_for_whom_it_was_pushed() {
    let mut memory = Memory::given("id");
    memory.user = "another";
    assert_eq!(memory.states(), [TokenState::Applied, TokenState::ToPush]);
    memory = Memory::given("id");
    memory.server = ServerId::new("another");
    assert_eq!(memory.states(), TO_PUSH);
    memory.push(Which::Write);
    assert_eq!(memory.states(), [TokenState::Applied, TokenState::ToPush]);
    // Where the key stands for the id, another configuration may have the same one.
    memory = Memory::given("id");
    memory.claim("id");
    assert_eq!(memory.states(), TO_PUSH);
    memory = Memory::given("id");
    memory.claim("another");
    assert_eq!(memory.states(), TO_PUSH);
    memory.push(Which::Import);
    assert_eq!(memory.states(), [TokenState::ToPush, TokenState::Applied]);
    // The memory of a configuration that was never claimed: the status was written by hand.
    memory = Memory::given("id");
    memory.configuration.as_mut().unwrap().0.id = SettingId::new("another");
    assert_eq!(memory.states(), TO_PUSH);
    memory.push(Which::Import);
    assert_eq!(memory.states(), [TokenState::ToPush, TokenState::Applied]);
}

#[test]
fn another_token_is_pushed_and_the_same_one_in_a_new_version_is_not() {
    let mut memory = Memory::given("id");
    (memory.version, memory.token) = (2, "rotated");
    assert_eq!(memory.states(), TO_PUSH);
    memory.token = TOKEN;
    assert_eq!(memory.states(), APPLIED);
    memory.pushed = Pushed::default();
    assert_eq!(memory.states(), APPLIED, "the new version is remembered");
    memory.version = 3;
    assert_eq!(memory.states(), TO_PUSH, "a new process knows no tokens");
}
