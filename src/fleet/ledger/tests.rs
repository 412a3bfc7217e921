use super::*;
use crate::identity::{ProjectKey, ServerId, ServerUrl, SettingId, SettingKey};

/// What was woken so far, by name.
#[derive(Clone, Default)]
struct Woken(Arc<Mutex<Vec<String>>>);

impl Woken {
    fn take(&self) -> Vec<String> {
        let mut woken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut woken)
    }
}

fn ledger() -> (Arc<Ledger>, Woken) {
    let woken = Woken::default();
    let seen = woken.clone();
    let ledger = Ledger::new(move |object| {
        let mut woken = seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Object::Binding((_, name)) | Object::Connection((_, name))) = object;
        woken.push(name);
    });
    (ledger, woken)
}

fn here() -> Server {
    at("https://sonarqube.example.com")
}

fn at(url: &str) -> Server {
    Server::new(&ServerUrl::parse(url).unwrap(), ServerId::new("server"))
}

fn project() -> Thing {
    here().project(&ProjectKey::reported("PAY:checkout"))
}

fn facts(name: &str, created: i64, claims: &[(Thing, bool)]) -> Facts {
    let claim = |(thing, accepted): &(Thing, bool)| Claim {
        thing: thing.clone(),
        accepted: *accepted,
        terms: Terms::None,
    };
    Facts {
        uid: Uid::new(name),
        object: Object::Binding(("payments".to_owned(), name.to_owned())),
        created,
        has_right: true,
        is_leaving: false,
        claims: claims.iter().map(claim).collect(),
    }
}

fn wants(name: &str, created: i64) -> Facts {
    facts(name, created, &[(project(), false)])
}

fn holds(name: &str, created: i64) -> Facts {
    facts(name, created, &[(project(), true)])
}

fn rival(ledger: &Ledger, own: &str) -> Option<String> {
    let winner = ledger.contend(&Uid::new(own), &[project()]);
    winner.map(|winner| winner.uid.to_string())
}

/// Promise: accepted before older before smaller uid; who lost is woken when that changes.
#[test]
fn a_thing_belongs_to_the_accepted_then_to_the_older() {
    let (ledger, woken) = ledger();
    ledger.put(wants("young", 9));
    ledger.put(wants("old", 1));
    assert_eq!(rival(&ledger, "young").as_deref(), Some("old"));
    assert_eq!(rival(&ledger, "old"), None);
    woken.take();
    ledger.put(holds("youngest", 10));
    assert_eq!(woken.take(), ["old", "young"], "the winner, and who waited");
    assert_eq!(rival(&ledger, "old").as_deref(), Some("youngest"));
    ledger.remove(&Uid::new("youngest"));
    assert_eq!(woken.take(), ["old", "young"]);
    assert_eq!(rival(&ledger, "old"), None);
}

/// Promise (D4): a claim does not outlive its right.
#[test]
fn a_claim_ends_with_the_right_to_it_and_wakes_the_waiting() {
    let (ledger, woken) = ledger();
    ledger.put(holds("first", 1));
    ledger.put(wants("second", 2));
    assert_eq!(rival(&ledger, "second").as_deref(), Some("first"));
    woken.take();
    ledger.put(Facts {
        has_right: false,
        ..holds("first", 1)
    });
    assert_eq!(woken.take(), ["second"]);
    assert_eq!(rival(&ledger, "second"), None);
}

/// Promise (D2): a server elsewhere that reports the id of another one takes no part.
#[test]
fn the_same_id_at_another_place_is_another_server() {
    let (ledger, _) = ledger();
    let key = ProjectKey::reported("pay:checkout");
    let fake = at("https://fake.example.com").project(&key);
    ledger.put(facts("fake", 1, &[(fake, true)]));
    ledger.put(wants("own", 2));
    assert_eq!(rival(&ledger, "own"), None);
    let same = at("https://SonarQube.example.com:443/").project(&key);
    ledger.put(facts("same", 1, &[(same, true)]));
    assert_eq!(rival(&ledger, "own").as_deref(), Some("same"));
}

/// Promise: an acceptance counts at once, and what it replaces does not, even if the watch still shows it.
#[test]
fn an_acceptance_counts_before_the_watch_shows_it() {
    let (ledger, woken) = ledger();
    let other = here().project(&ProjectKey::reported("other"));
    ledger.put(holds("mover", 1));
    ledger.put(wants("waits", 2));
    rival(&ledger, "waits");
    woken.take();
    let mover = Uid::new("mover");
    let claim = |thing: &Thing| Claim {
        thing: thing.clone(),
        accepted: true,
        terms: Terms::None,
    };
    ledger.accept(&mover, vec![claim(&other)]);
    assert_eq!(woken.take(), ["waits"], "the earlier key is free");
    assert_eq!(rival(&ledger, "waits"), None);
    // A status that is out of date changes nothing.
    ledger.put(holds("mover", 1));
    assert_eq!(rival(&ledger, "waits"), None);
    assert!(ledger.is_fresh(&mover));
    ledger.put(facts("mover", 1, &[(other, true)]));
    assert!(!ledger.is_fresh(&mover), "shown");

    let fresh = Uid::new("waits");
    ledger.accept(&fresh, vec![claim(&project())]);
    ledger.put(wants("oldest", 0));
    assert_eq!(rival(&ledger, "oldest").as_deref(), Some("waits"));
    ledger.give_up(&fresh);
    assert_eq!(rival(&ledger, "oldest"), None);
}

/// Promise: who finds a thing reserved ends its reconcile, and is woken, the oldest first; none is forgotten when the
/// one that was woken has no need any more.
#[test]
fn a_reservation_that_ends_wakes_the_oldest_that_waits() {
    let (ledger, woken) = ledger();
    for (name, created) in [("first", 1), ("second", 2), ("third", 3)] {
        ledger.put(facts(name, created, &[]));
    }
    let reserve = |name: &str| ledger.reserve(&Uid::new(name), &[project()]);
    let held = reserve("first");
    assert!(held.is_some());
    assert!(reserve("third").is_none() && reserve("second").is_none());
    assert_eq!(woken.take(), [""; 0]);
    drop(held);
    assert_eq!(woken.take(), ["second"]);
    ledger.begin(&Uid::new("second"));
    assert_eq!(woken.take(), ["third"], "the second may not come for it");
    let held = reserve("third");
    assert!(held.is_some());
    assert!(reserve("second").is_none());
    ledger.remove(&Uid::new("second"));
    drop(held);
    assert_eq!(woken.take(), [""; 0]);
    assert!(ledger.lock().things.is_empty(), "nothing is left behind");
}

/// Promise: of two things both are reserved, or none.
#[test]
fn a_reservation_is_made_as_a_whole() {
    let (ledger, woken) = ledger();
    ledger.put(facts("first", 1, &[]));
    ledger.put(facts("second", 2, &[]));
    let place = here();
    let repository = place.repository(&RepositoryPath::reported("PAY", "checkout"));
    let held = ledger.reserve(&Uid::new("first"), &[project()]);
    let both = [repository.clone(), project()];
    assert!(ledger.reserve(&Uid::new("second"), &both).is_none());
    assert!(ledger.reserve(&Uid::new("first"), &[repository]).is_some());
    drop(held);
    assert_eq!(woken.take(), ["second"]);
    ledger.begin(&Uid::new("second"));
    assert!(ledger.reserve(&Uid::new("second"), &both).is_some());
}

/// Promise: an object that exchanges what it reserved gives the rest back, and keeps what is in both.
#[test]
fn an_exchanged_reservation_is_released() {
    let (ledger, woken) = ledger();
    for (name, created) in [("first", 1), ("second", 2), ("third", 3)] {
        ledger.put(facts(name, created, &[]));
    }
    let other = here().project(&ProjectKey::reported("other"));
    let third = here().project(&ProjectKey::reported("third"));
    let mut held = ledger.reserve(&Uid::new("first"), &[project(), other.clone()]);
    let held = held.as_mut().unwrap();
    let reserve =
        |name: &str, thing: &Thing| ledger.reserve(&Uid::new(name), std::slice::from_ref(thing));
    assert!(reserve("second", &project()).is_none());
    assert!(reserve("third", &other).is_none());
    assert!(held.exchange(&[project(), third]));
    assert_eq!(woken.take(), ["third"]);
    assert!(reserve("third", &other).is_some());
    assert!(reserve("second", &project()).is_none());
}

/// A check without waiting.
#[test]
fn to_ask_for_the_rival_is_not_to_wait_for_it() {
    let (ledger, woken) = ledger();
    ledger.put(holds("first", 1));
    ledger.put(wants("second", 2));
    let rival = |own: &str| {
        let winner = ledger.rival(&Uid::new(own), &project());
        winner.map(|winner| winner.uid.to_string())
    };
    assert_eq!(rival("second").as_deref(), Some("first"));
    assert_eq!(rival("first"), None);
    woken.take();
    ledger.remove(&Uid::new("first"));
    assert_eq!(woken.take(), [""; 0]);
}

/// Promise: a connection that finds the only configuration taken is woken when its holder goes.
#[test]
fn a_waiting_object_is_woken_when_its_claim_has_a_new_holder() {
    let (ledger, woken) = ledger();
    let only = here().only_configuration();
    ledger.put(facts("holder", 1, &[(only.clone(), true)]));
    ledger.put(facts("waits", 2, &[]));
    ledger.wait_for_change(&Uid::new("waits"), &only);
    assert_eq!(woken.take(), [""; 0]);
    ledger.remove(&Uid::new("holder"));
    assert_eq!(woken.take(), ["waits"]);
}

/// An object that proves to be older than it seemed.
#[test]
fn a_claim_ranks_by_the_current_state_of_its_object() {
    let (ledger, woken) = ledger();
    ledger.put(wants("old", 5));
    ledger.put(wants("young", 9));
    assert_eq!(rival(&ledger, "young").as_deref(), Some("old"));
    woken.take();
    ledger.put(wants("young", 1));
    assert_eq!(rival(&ledger, "old").as_deref(), Some("young"));
    assert_eq!(woken.take(), ["old"], "it is not the first any more");
}

fn declares(name: &str, created: i64, url: &str) -> Facts {
    let place = ServerUrl::parse("https://sonarqube.example.com").unwrap();
    let claim = Server::declared_base_url(&place, Some(ServerId::new("server")), url.to_owned());
    Facts {
        object: Object::Connection(("platform".to_owned(), name.to_owned())),
        claims: vec![claim],
        ..facts(name, created, &[])
    }
}

/// Promise: an object that waits for the base URL is woken when its holder declares another one, and for nothing less.
#[test]
fn a_changed_base_url_wakes_the_waiting() {
    let (ledger, woken) = ledger();
    let waits = Uid::new("second");
    let lost = || {
        let winner = ledger.contend(&waits, &here().base_urls());
        winner.and_then(|winner| ledger.base_url_of(&winner.uid))
    };
    ledger.put(declares("first", 1, "https://one"));
    ledger.put(declares("second", 2, "https://two"));
    ledger.put(declares("third", 3, "https://three"));
    assert_eq!(lost().as_deref(), Some("https://one"));
    woken.take();
    ledger.put(declares("third", 3, "https://four"));
    ledger.put(Facts {
        claims: vec![],
        ..declares("third", 3, "")
    });
    ledger.put(declares("first", 1, "https://one"));
    assert_eq!(woken.take(), [""; 0], "no other holder, and the same URL");
    ledger.put(declares("first", 1, "https://two"));
    assert_eq!(woken.take(), ["second"]);
    assert_eq!(lost().as_deref(), Some("https://two"));
    assert_eq!(ledger.base_url_of(&Uid::new("third")), None);
}

/// Promise: what was accepted a moment ago voids what the watch shows, but for what the spec declares.
#[test]
fn a_declaration_counts_beside_a_fresh_acceptance() {
    let (ledger, _) = ledger();
    ledger.put(declares("first", 1, "https://one"));
    let (name, id) = (
        SettingKey::parse("bitbucket").unwrap(),
        SettingId::new("id"),
    );
    ledger.accept(
        &Uid::new("first"),
        here().accepted_configuration(&name, &id),
    );
    ledger.put(declares("second", 2, "https://two"));
    let winner = |things: &[Thing]| {
        let winner = ledger.contend(&Uid::new("second"), things);
        winner.map(|winner| winner.uid.to_string())
    };
    assert_eq!(winner(&here().base_urls()).as_deref(), Some("first"));
    // An object with the name, the id, or the place of the only one meets the holder.
    let elsewhere = SettingKey::parse("renamed").unwrap();
    for things in [
        here().configurations(&name, None),
        here().configurations(&elsewhere, Some(&id)),
        vec![here().only_configuration()],
    ] {
        assert_eq!(winner(&things).as_deref(), Some("first"), "{things:?}");
    }
    assert_eq!(winner(&here().configurations(&elsewhere, None)), None);
}

/// Before 10.5 no call returns the id of a configuration: the name replaces it.
#[test]
fn an_id_that_is_made_of_the_name_is_no_other_thing() {
    let name = SettingKey::parse("bitbucket").unwrap();
    let by_name = [here().configuration(&name)];
    assert_eq!(
        here().configurations(&name, Some(&SettingId::of_key(&name))),
        by_name
    );
    assert_eq!(here().configurations(&name, None), by_name);
    assert_eq!(
        here()
            .configurations(&name, Some(&SettingId::new("id")))
            .len(),
        2
    );
}

/// Promise: a project that strayed to a repository goes back to the one for which another binding holds it.
#[test]
fn a_project_is_held_for_the_repository_of_its_holder() {
    let (ledger, _) = ledger();
    let held_for = |own: &str, thing: &Thing, id: Option<&str>| {
        let id = id.map(ProjectId::new);
        let repository = ledger.held_for(&Uid::new(own), thing, id.as_ref());
        repository.map(|repository| repository.to_string())
    };
    let hold = |name: &str, accepted: bool, id: Option<&str>, slug: &str| {
        let repository = RepositoryPath::reported("PAY", slug);
        let claim = |thing: Thing| Claim {
            thing,
            accepted,
            terms: Terms::Project(id.map(ProjectId::new), repository.clone()),
        };
        let other = Claim {
            terms: Terms::Project(None, RepositoryPath::reported("PAY", "elsewhere")),
            ..claim(here().project(&ProjectKey::reported("A:first")))
        };
        ledger.put(Facts {
            claims: vec![other, claim(project())],
            ..facts(name, 1, &[])
        });
    };
    assert_eq!(held_for("asks", &project(), None), None);
    hold("holder", false, Some("uuid"), "checkout");
    assert_eq!(held_for("asks", &project(), None), None, "wanted only");
    hold("holder", true, Some("uuid"), "checkout");
    for (id, there) in [(None, true), (Some("uuid"), true), (Some("another"), false)] {
        let found = held_for("asks", &project(), id);
        assert_eq!(found.as_deref(), there.then_some("PAY/checkout"), "{id:?}");
    }
    assert_eq!(held_for("holder", &project(), None), None, "its own");
    hold("holder", true, None, "checkout");
    assert_eq!(
        held_for("asks", &project(), Some("uuid")),
        None,
        "not known to be this one"
    );
    assert!(held_for("asks", &project(), None).is_some());
}
