//! One test a row of what may be found in SonarQube.

mod base_url;
mod fought;
mod observe;
mod reference;
mod released;

use super::*;
use crate::identity::{ServerId, ServerUrl, SettingId, SettingKey, Uid};
use crate::plan::capability::Support;
use crate::plan::{Management, Reason};

const OURS: &str = "uid-connection";

fn url(text: &str) -> ServerUrl {
    ServerUrl::parse(text).unwrap()
}

fn key(text: &str) -> SettingKey {
    SettingKey::parse(text).unwrap()
}

fn desired() -> Desired {
    Desired {
        uid: Uid::new(OURS),
        name: key("bitbucket"),
        url: url("https://bitbucket.example.com"),
        server_base_url: None,
        policy: ConfigurationPolicy::Manage,
        adoption: Adoption::IfMatching,
        management: Management::Full,
        record: None,
        intent: None,
    }
}

fn intending(server: &str, name: &str) -> Desired {
    Desired {
        intent: Some(Intent {
            server: ServerId::new(server),
            name: key(name),
        }),
        adoption: Adoption::Never,
        ..desired()
    }
}

fn keeping() -> Desired {
    Desired {
        record: Some(Recorded {
            server: ServerId::new("server"),
            id: SettingId::new("id-1"),
            created_by: Some(Uid::new(OURS)),
        }),
        ..desired()
    }
}

fn setting(id: &str, name: &str, address: &str) -> Setting {
    Setting {
        id: SettingId::new(id),
        key: key(name),
        platform: Platform::Bitbucket,
        url: address.to_owned(),
    }
}

fn observed(settings: Vec<Setting>) -> Observed {
    Observed {
        server: ServerId::new("server"),
        settings,
        several: Support::Missing,
        bound_through_namesake: None,
        server_base_url: BaseUrl::Unset,
        base_url_holder: None,
        claimed_by: None,
        token: TokenState::Applied,
        import_token: TokenState::Applied,
        validation: Validation::Passed,
    }
}

fn same() -> Vec<Setting> {
    vec![setting(
        "id-1",
        "bitbucket",
        "https://bitbucket.example.com",
    )]
}

fn refused(plan: Plan) -> Reason {
    let Plan::Refused(refusal) = plan else {
        panic!("expected a refusal, got {plan:?}")
    };
    refusal.reason
}

#[test]
fn nothing_there_is_announced_and_then_created() {
    let create = Step::Create(key("bitbucket"), url("https://bitbucket.example.com"));
    let announce = Step::RecordIntent(key("bitbucket"));
    let nothing = observed(vec![]);
    assert_eq!(
        plan(&desired(), &nothing),
        Plan::Steps(vec![announce.clone(), create.clone()])
    );
    assert_eq!(
        plan(&intending("server", "bitbucket"), &nothing),
        Plan::Steps(vec![create.clone()])
    );
    for elsewhere in [
        intending("another database", "bitbucket"),
        intending("server", "old"),
    ] {
        assert_eq!(
            plan(&elsewhere, &nothing),
            Plan::Steps(vec![announce.clone(), create.clone()])
        );
    }
}

#[test]
fn a_configuration_left_by_a_crash_is_adopted_if_it_is_the_intended_one() {
    let announced = intending("server", "bitbucket");
    assert_eq!(
        plan(&announced, &observed(same())),
        Plan::Steps(vec![Step::Recognise(SettingId::new("id-1"))])
    );
    let mut others = observed(same());
    others.settings[0].platform = Platform::Other;
    let elsewhere = observed(vec![setting(
        "id-1",
        "bitbucket",
        "https://other.example.com",
    )]);
    for (desired, world) in [
        (
            &intending("another database", "bitbucket"),
            observed(same()),
        ),
        (&intending("server", "old"), observed(same())),
        (&announced, others),
        (&announced, elsewhere),
    ] {
        assert_eq!(refused(plan(desired, &world)), Reason::AdoptionRefused);
    }
}

#[test]
fn a_settled_world_needs_nothing() {
    assert_eq!(plan(&keeping(), &observed(same())), Plan::Settled);
}

#[test]
fn the_same_name_and_url_is_adopted_unless_adoption_is_forbidden() {
    let Plan::Steps(steps) = plan(&desired(), &observed(same())) else {
        panic!()
    };
    assert_eq!(steps, [Step::Adopt(SettingId::new("id-1"))]);
    let never = Desired {
        adoption: Adoption::Never,
        ..desired()
    };
    assert_eq!(
        refused(plan(&never, &observed(same()))),
        Reason::AdoptionRefused
    );
}

#[test]
fn another_url_is_adopted_only_by_always_and_only_while_nothing_is_bound_through_it() {
    let mut world = observed(vec![setting(
        "id-9",
        "bitbucket",
        "https://other.example.com",
    )]);
    assert_eq!(refused(plan(&desired(), &world)), Reason::AdoptionRefused);
    let always = Desired {
        adoption: Adoption::Always,
        ..desired()
    };
    for bound in [None, Some(3)] {
        world.bound_through_namesake = bound;
        assert_eq!(refused(plan(&always, &world)), Reason::AdoptionRefused);
    }
    world.bound_through_namesake = Some(0);
    assert_eq!(
        plan(&always, &world),
        Plan::Steps(vec![Step::Adopt(SettingId::new("id-9"))])
    );
}

#[test]
fn a_configuration_of_another_platform_is_never_taken() {
    let mut world = observed(same());
    world.settings[0].platform = Platform::Other;
    let always = Desired {
        adoption: Adoption::Always,
        ..desired()
    };
    assert_eq!(refused(plan(&always, &world)), Reason::AdoptionRefused);
}

/// Before 10.5 its id is that of the one that was ours: both are made of the key.
#[test]
fn a_configuration_of_another_platform_is_never_adopted() {
    let mut world = observed(same());
    world.settings[0].platform = Platform::Other;
    world.token = TokenState::ToPush;
    assert_eq!(refused(plan(&keeping(), &world)), Reason::AdoptionRefused);
    world.several = Support::Offered;
    let renamed = Desired {
        name: key("renamed"),
        ..keeping()
    };
    let steps = [
        Step::RecordIntent(key("renamed")),
        Step::Create(key("renamed"), url("https://bitbucket.example.com")),
    ];
    assert_eq!(plan(&renamed, &world), Plan::Steps(steps.to_vec()));
}

#[test]
fn a_second_configuration_is_refused_where_one_is_allowed_and_the_first_is_named() {
    let mut world = observed(vec![setting(
        "id-9",
        "old",
        "https://bitbucket.example.com",
    )]);
    let Plan::Refused(refusal) = plan(&desired(), &world) else {
        panic!()
    };
    assert_eq!(refusal.reason, Reason::ConfigurationLimit);
    assert!(
        refusal.message.contains("spec.configurationName: old"),
        "{}",
        refusal.message
    );
    world.several = Support::Offered;
    assert!(matches!(plan(&desired(), &world), Plan::Steps(_)));
}

#[test]
fn a_rename_keeps_the_token_and_a_taken_name_is_refused() {
    let renamed = Desired {
        name: key("renamed"),
        ..keeping()
    };
    let Plan::Steps(steps) = plan(&renamed, &observed(same())) else {
        panic!()
    };
    assert_eq!(
        steps[0],
        Step::Update {
            key: key("bitbucket"),
            rename: Some(key("renamed")),
            url: url("https://bitbucket.example.com"),
            token: TokenInUpdate::Kept,
        }
    );
    let mut world = observed(same());
    world
        .settings
        .push(setting("id-2", "renamed", "https://x.example.com"));
    assert_eq!(refused(plan(&renamed, &world)), Reason::AdoptionRefused);
}

#[test]
fn with_a_changed_url_only_its_correction_uses_a_token() {
    let mut world = observed(vec![setting(
        "id-1",
        "bitbucket",
        "https://evil.example.com",
    )]);
    world.import_token = TokenState::ToPush;
    world.validation = Validation::Due;
    let Plan::Steps(steps) = plan(&keeping(), &world) else {
        panic!()
    };
    assert_eq!(
        steps,
        [Step::Update {
            key: key("bitbucket"),
            rename: None,
            url: url("https://bitbucket.example.com"),
            token: TokenInUpdate::Sent,
        }]
    );
}

#[test]
fn a_rotation_is_one_update_one_set_pat_and_one_validate() {
    let mut world = observed(same());
    world.token = TokenState::ToPush;
    world.import_token = TokenState::ToPush;
    let Plan::Steps(steps) = plan(&keeping(), &world) else {
        panic!()
    };
    assert!(matches!(
        steps.as_slice(),
        [
            Step::Update {
                token: TokenInUpdate::Sent,
                rename: None,
                ..
            },
            Step::SetPat(_),
            Step::Validate(_)
        ]
    ));
}

#[test]
fn a_token_that_only_sonarqube_refuses_is_pushed_again() {
    let mut world = observed(same());
    world.validation = Validation::TokenRefused;
    let Plan::Steps(steps) = plan(&keeping(), &world) else {
        panic!()
    };
    assert!(matches!(
        steps[0],
        Step::Update {
            token: TokenInUpdate::Sent,
            ..
        }
    ));
}

#[test]
fn a_deleted_configuration_is_created_again_and_a_swapped_database_is_not_ours() {
    assert!(
        matches!(plan(&keeping(), &observed(vec![])), Plan::Steps(steps) if matches!(steps[1], Step::Create(..)))
    );
    let mut elsewhere = observed(same());
    elsewhere.server = ServerId::new("another database");
    assert!(
        matches!(plan(&keeping(), &elsewhere), Plan::Steps(steps) if matches!(steps[0], Step::Adopt(_)))
    );
}
