//! SonarQube's own public URL.

use super::*;

#[test]
fn the_base_url_is_kept_when_declared_and_left_alone_when_not() {
    let mut world = observed(same());
    world.server_base_url = BaseUrl::Unset;
    assert_eq!(plan(&keeping(), &world), Plan::Settled);
    let declared = Desired {
        server_base_url: Some(url("https://sq.example.com")),
        ..keeping()
    };
    assert_eq!(
        plan(&declared, &world),
        Plan::Steps(vec![Step::SetServerBaseUrl(url("https://sq.example.com"))])
    );
    world.server_base_url = BaseUrl::Set("https://sq.example.com/".to_owned());
    assert_eq!(plan(&declared, &world), Plan::Settled);
    world.server_base_url = BaseUrl::Set("https://old.example.com".to_owned());
    assert_eq!(
        plan(&declared, &world),
        Plan::Steps(vec![Step::SetServerBaseUrl(url("https://sq.example.com"))])
    );
}

#[test]
fn of_two_base_urls_for_one_server_the_first_is_kept() {
    let declaring = |management| Desired {
        server_base_url: Some(url("https://sq.example.com")),
        management,
        ..keeping()
    };
    let held_as = |held: &str| {
        let mut world = observed(same());
        world.base_url_holder = Some(BaseUrlHolder {
            name: "team/first".to_owned(),
            url: held.to_owned(),
        });
        world
    };
    let Plan::Refused(refusal) = plan(
        &declaring(Management::Full),
        &held_as("https://other.example.com"),
    ) else {
        panic!("it was set")
    };
    assert_eq!(refusal.reason, Reason::AlreadyManaged);
    for word in ["team/first", "spec.sonarqube.serverBaseURL"] {
        assert!(refusal.message.contains(word), "{}", refusal.message);
    }
    assert!(matches!(
        plan(
            &declaring(Management::Observe),
            &held_as("https://other.example.com")
        ),
        Plan::Differs(_)
    ));
    assert!(matches!(
        plan(
            &declaring(Management::Full),
            &held_as("https://sq.example.com/")
        ),
        Plan::Steps(_)
    ));
    let silent = plan(&keeping(), &held_as("https://other.example.com"));
    assert_eq!(silent, Plan::Settled);
}

/// Promise: a rotation does not wait until people agree on a URL.
#[test]
fn other_steps_go_before_the_refusal() {
    let declaring = Desired {
        server_base_url: Some(url("https://sq.example.com")),
        ..keeping()
    };
    let mut world = observed(same());
    world.base_url_holder = Some(BaseUrlHolder {
        name: "team/first".to_owned(),
        url: "https://other.example.com".to_owned(),
    });
    world.token = TokenState::ToPush;
    let planned = plan(&declaring, &world);
    assert!(
        matches!(&planned, Plan::Steps(steps) if !steps.is_empty()),
        "{planned:?}"
    );
    world.token = TokenState::Applied;
    assert!(matches!(plan(&declaring, &world), Plan::Refused(_)));
}
