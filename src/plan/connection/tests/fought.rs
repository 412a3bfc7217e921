//! What counts as undone by another client.

use super::*;
use crate::plan::fight::{Leave, Undoable as _, Writes};

/// A reconcile that takes the steps of this plan so often, and why it stops.
fn reconcile(writes: &mut Writes<Step>, desired: &Desired, observed: &Observed) -> Option<String> {
    let Plan::Steps(steps) = plan(desired, observed) else {
        panic!("nothing to be done")
    };
    let corrects: Vec<_> = steps
        .into_iter()
        .filter(|step| step.corrects(observed))
        .collect();
    if let Leave::Stop(refusal) = writes.may_take(&corrects) {
        return Some(refusal.message);
    }
    for step in corrects {
        writes.took(&step);
    }
    None
}

/// How often it is written before another client is reported, and the message.
fn fought(desired: &Desired, observed: &Observed) -> (u32, String) {
    let mut writes = Writes::default();
    for times in 0..6 {
        if let Some(why) = reconcile(&mut writes, desired, observed) {
            return (times, why);
        }
    }
    panic!("no other client is reported")
}

#[test]
fn a_configuration_that_is_changed_back_is_reported() {
    let elsewhere = setting("id-1", "bitbucket", "https://other.example.com");
    let renamed = setting("id-1", "theirs", "https://bitbucket.example.com");
    for found in [elsewhere, renamed] {
        let (times, why) = fought(&keeping(), &observed(vec![found]));
        assert_eq!(times, 3);
        let what = "configuration bitbucket of SonarQube, with the URL https://bitbucket.example.com, was written 3 times";
        assert!(why.contains(what), "{why}");
        assert!(
            why.contains("or set spec.managementPolicy: Observe"),
            "{why}"
        );
    }
}

#[test]
fn a_configuration_that_is_deleted_again_and_again_is_reported() {
    let (times, why) = fought(&intending("server", "bitbucket"), &observed(vec![]));
    assert_eq!(times, 3);
    assert!(why.contains("configuration bitbucket"), "{why}");
}

#[test]
fn a_base_url_that_is_changed_back_is_reported_with_the_field_to_omit() {
    let declaring = Desired {
        server_base_url: Some(url("https://sonarqube.example.com")),
        ..keeping()
    };
    let (times, why) = fought(&declaring, &observed(same()));
    assert_eq!(times, 3);
    for part in [
        "server base URL https://sonarqube.example.com",
        "leave out spec.sonarqube.serverBaseURL",
    ] {
        assert!(why.contains(part), "{why}");
    }
}

/// Promise: tokens may be rotated as often as you like.
#[test]
fn tokens_that_are_rotated_again_and_again_are_no_fight() {
    let rotated = Observed {
        token: TokenState::ToPush,
        import_token: TokenState::ToPush,
        ..observed(same())
    };
    let mut writes = Writes::default();
    for _ in 0..6 {
        assert_eq!(reconcile(&mut writes, &keeping(), &rotated), None);
    }
    assert_eq!(writes, Writes::default());
}

#[test]
fn steps_that_other_clients_cannot_see_are_no_writes() {
    let id = || SettingId::new("id-1");
    for step in [
        Step::RecordIntent(key("bitbucket")),
        Step::Recognise(id()),
        Step::Adopt(id()),
        Step::Validate(key("bitbucket")),
        Step::SetPat(key("bitbucket")),
    ] {
        assert_eq!(step.written(), None, "{step:?}");
    }
}
