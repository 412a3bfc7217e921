use super::*;
use crate::identity::{ProjectKey, ServerId, ServerUrl};

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

fn at(url: &str) -> Server {
    Server::new(&ServerUrl::parse(url).unwrap(), ServerId::new("server"))
}

fn project() -> Thing {
    at("https://sonarqube.example.com").project(&ProjectKey::reported("PAY:checkout"))
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
fn a_claim_ends_with_the_right_to_it_and_wakes_who_waits() {
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

/// Promise: an acceptance counts at once, and what it replaces does not, whatever the watch still shows.
#[test]
fn an_acceptance_counts_before_the_watch_shows_it() {
    let (ledger, woken) = ledger();
    let other = at("https://sonarqube.example.com").project(&ProjectKey::reported("other"));
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

/// Promise: who finds a thing reserved ends its reconcile, and is woken, the oldest first; none is forgotten when the one
/// that was woken has no need any more.
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
fn what_is_reserved_together_is_reserved_as_a_whole() {
    let (ledger, woken) = ledger();
    ledger.put(facts("first", 1, &[]));
    ledger.put(facts("second", 2, &[]));
    let place = at("https://sonarqube.example.com");
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
