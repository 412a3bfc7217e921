//! Links by example.

use super::*;
use crate::http::{Options, Transport};
use crate::identity::{ServerId, ServerUrl, SettingKey};
use crate::plan::Reason;
use crate::plan::capability::BindingMethod;
use crate::plan::capability::{Capabilities, Support};
use crate::plan::connection::SonarQubeState::{NotWell, TokenGone, Well};
use crate::{bitbucket, sonarqube};

fn transport() -> Transport {
    transport_to("https://server.example.com")
}

fn transport_to(url: &str) -> Transport {
    let url = ServerUrl::parse(url).unwrap();
    Transport::new(url, Options::default()).unwrap()
}

fn token() -> Token {
    Token::parse(b"token").unwrap()
}

fn access() -> ServerAccess {
    let bitbucket = bitbucket::Client::new(transport(), token());
    ServerAccess {
        sonarqube: sonarqube::Client::new(transport(), token()),
        bitbucket: bitbucket.clone(),
        writer: bitbucket,
        server: ServerId::new("server"),
        setting: SettingId::new("configuration"),
        setting_key: SettingKey::parse("bitbucket").unwrap(),
        login: "bindery".to_owned(),
        capabilities: capabilities(),
        decoration: decoration::Server::Unsupported,
        inventory: SharedInventory::default(),
    }
}

fn capabilities() -> Capabilities {
    Capabilities {
        method: BindingMethod::PutBoundProject,
        lists_bindings: true,
        several: Support::Missing,
        monorepo: Support::Missing,
        pull_requests: false,
    }
}

/// A failure, and the server that was found before.
fn failing(sonarqube: SonarQubeState, server: Option<&str>) -> Failing {
    Failing {
        why: Blocked::new(Reason::Timeout, "no answer"),
        found: server.map(|server| FoundSonarQube {
            server: ServerId::new(server),
            client: Some(sonarqube::Client::new(transport(), token())),
        }),
        sonarqube,
        token: decoration::Token::NotRefused,
    }
}

fn invalidation(about: About) -> Invalidation {
    let at_least = None;
    Invalidation { about, at_least }
}

fn probed() -> (Probed, ProbeInputs) {
    let probed = Probed {
        edition: None,
        capabilities: Some(capabilities()),
    };
    let of = FeatureInputs {
        request: Request {
            generation: Some(1),
            run_now: None,
        },
        server: ServerId::new("server"),
        version: sonarqube::Version::parse("26.9").unwrap(),
    };
    let inputs = ProbeInputs { of, features: None };
    (probed, inputs)
}

/// Promise: a binding undoes by the SonarQube that was found in this very reconcile, and on no other server.
#[test]
fn undoing_goes_on_by_the_sonarqube_that_was_found() {
    for (server, is_served) in [("server", true), ("another", false)] {
        let mut link = Link::default();
        assert_eq!(link.serve(access()), Affected::All);
        assert!(link.standing().serving().is_some());
        let affected = link.fail(failing(Well, Some(server)));
        assert_eq!(affected, Affected::All);
        assert!(link.standing().serving().is_none());
        assert_eq!(link.standing().undoing().is_some(), is_served, "{server}");
    }
}

/// Promise: a token that was rotated, or a URL that was corrected, is what undoing goes on with.
#[test]
fn undoing_goes_on_by_the_client_that_was_found() {
    let mut link = Link::default();
    link.serve(access());
    let moved = "https://moved.example.com";
    let mut failing = failing(Well, Some("server"));
    if let Some(found) = &mut failing.found {
        found.client = Some(sonarqube::Client::new(transport_to(moved), token()));
    }
    link.fail(failing);
    let standing = link.standing();
    let url = standing.undoing().unwrap().sonarqube.url();
    assert_eq!(url, &ServerUrl::parse(moved).unwrap());
}

#[test]
fn an_addition_to_an_inventory_is_visible_to_all_its_users() {
    let (one, another) = (SharedInventory::default(), SharedInventory::default());
    assert!(std::ptr::eq(one.shared(), one.clone().shared()));
    assert!(!std::ptr::eq(one.shared(), another.shared()));
}

/// Promise: a binding that is deleted while SonarQube is down goes on once SonarQube is well, even if other things are
/// not.
#[test]
fn undoing_goes_on_after_an_outage_of_sonarqube() {
    let mut link = Link::default();
    link.serve(access());
    link.fail(failing(NotWell, None));
    assert!(link.standing().undoing().is_none());
    let affected = link.fail(failing(Well, Some("server")));
    assert_eq!(affected, Affected::Leaving);
    assert!(link.standing().undoing().is_some());
}

/// Promise: a token whose Secret is gone is used no more; a connection that is deleted makes its last use of it.
#[test]
fn a_token_whose_secret_is_gone_is_forgotten() {
    let mut link = Link::default();
    link.serve(access());
    link.fail_while_deleting(failing(TokenGone, None));
    assert!(link.standing().undoing().is_some());
    link.serve(access());
    link.fail(failing(TokenGone, None));
    assert!(link.standing().access.is_none());
}

#[test]
fn a_deleted_connection_reports_whether_it_served_bindings() {
    let mut link = Link::default();
    link.serve(access());
    let why = || Blocked::new(Reason::Deleting, "");
    assert!(link.close_to_new_ones(why()));
    assert!(!link.close_to_new_ones(why()));
    assert!(link.standing().undoing().is_some());
    assert_eq!(link.close(why()), Affected::Nobody);
    assert!(link.standing().undoing().is_none());
}

/// Promise: what a binding found out while the connection is being reconciled is not lost.
#[test]
fn an_invalidation_during_a_reconcile_is_checked_by_the_next_one() {
    let (mut link, now) = (Link::default(), Instant::now());
    link.serve(access());
    link.begin();
    let reading = link.probe.begin(now);
    assert!(link.invalidate(invalidation(About::Offer), now));
    let (probed, inputs) = probed();
    link.probe.store(reading, probed.clone(), inputs.clone());
    link.is_well(&Uid::new("connection"), now);
    assert!(link.probe.good(&inputs, Duration::MAX, now).is_none());
    link.begin();
    let reading = link.probe.begin(now);
    link.probe.store(reading, probed, inputs.clone());
    let later = now + Duration::from_secs(5);
    assert!(link.invalidate(invalidation(About::Servers), later));
    // What is down can do when it is up what it could do before.
    assert!(link.probe.good(&inputs, Duration::MAX, now).is_some());
}

/// Up to 10.7 `validate` asks Bitbucket without a token first, so that its answer says nothing about the token.
#[test]
fn the_answer_of_validate_counts_from_25_1_on() {
    for (version, is_believed) in [("10.7.0.96327", false), ("25.1.0.102122", true)] {
        let server = VerifiedServer {
            server: ServerId::new("server"),
            version: sonarqube::Version::parse(version).unwrap(),
            edition: None,
            capabilities: capabilities(),
            sight: crate::sonarqube::Sight::All,
            login: "bindery".to_owned(),
            base_url: None,
            token_expiry: None,
        };
        assert_eq!(server.validates(), is_believed, "{version}");
    }
}

/// Promise: while all checks find the servers well, a call that goes on to fail leads to ever fewer of them.
#[test]
fn a_connection_that_was_just_found_well_is_not_doubted() {
    let (mut link, now) = (Link::default(), Instant::now());
    let own = Uid::new("connection");
    assert!(
        !link.invalidate(invalidation(About::Servers), now),
        "it does not serve yet"
    );
    link.serve(access());
    assert!(link.invalidate(invalidation(About::Servers), now));
    link.begin();
    link.is_well(&own, now);
    assert!(!link.invalidate(invalidation(About::Servers), now));
    assert!(link.invalidate(invalidation(About::Servers), now + Duration::from_secs(1)));
    link.begin();
    link.fail(failing(NotWell, None));
    assert!(
        !link.invalidate(invalidation(About::Servers), now),
        "it tries at its own pace"
    );
    link.serve(access());
    assert!(
        link.invalidate(invalidation(About::Servers), now),
        "the last report was right"
    );
}

#[test]
fn a_connection_that_is_gone_is_forgotten() {
    let (links, own) = (Links::default(), Uid::new("connection"));
    let serves = || links.standing(&own).serving().is_some();
    links.open(&own).lock().serve(access());
    assert!(serves());
    links.forget(&own);
    assert!(!serves());
    // A binding that goes on for a moment brings nothing back.
    links.of(&own).lock().serve(access());
    assert!(!serves());
}
