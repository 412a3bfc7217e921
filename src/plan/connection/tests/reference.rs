//! What a connection does about a configuration that it only references.

use super::*;

const URL: &str = "https://bitbucket.example.com";

fn referring(recorded: Option<&str>) -> Desired {
    Desired {
        policy: ConfigurationPolicy::Reference,
        record: recorded.map(|id| Recorded {
            server: ServerId::new("server"),
            id: SettingId::new(id),
            created_by: None,
        }),
        ..desired()
    }
}

fn listed(settings: &[(&str, &str, Platform)]) -> Observed {
    let settings = settings.iter().map(|(id, url, platform)| Setting {
        id: SettingId::new(*id),
        key: SettingKey::reported("bitbucket"),
        platform: *platform,
        url: (*url).to_owned(),
    });
    Observed {
        import_token: TokenState::Applied,
        ..observed(settings.collect())
    }
}

fn refusal(observed: &Observed) -> (Reason, String) {
    let plan = plan(&referring(None), observed);
    let Plan::Refused(refusal) = plan else {
        panic!("{plan:?}");
    };
    (refusal.reason, refusal.message)
}

/// Promise: nothing is created, updated or validated.
#[test]
fn a_referenced_configuration_is_read_and_never_written() {
    let found = listed(&[("id-1", URL, Platform::Bitbucket)]);
    let refers = Plan::Steps(vec![Step::Refer(SettingId::new("id-1"))]);
    assert_eq!(plan(&referring(None), &found), refers);
    // It was created again.
    assert_eq!(plan(&referring(Some("id-0")), &found), refers);
    let to_push = Observed {
        import_token: TokenState::ToPush,
        token: TokenState::ToPush,
        validation: Validation::TokenRefused,
        ..found.clone()
    };
    let pushes = Plan::Steps(vec![Step::SetPat(SettingKey::reported("bitbucket"))]);
    assert_eq!(plan(&referring(Some("id-1")), &to_push), pushes);
    assert_eq!(plan(&referring(Some("id-1")), &found), Plan::Settled);
    let observing = Desired {
        management: Management::Observe,
        ..referring(None)
    };
    assert_eq!(plan(&observing, &to_push), Plan::Settled);
}

/// Promise: each thing that is not as declared ends in a condition that says what to do.
#[test]
fn an_unusable_reference_is_refused_with_what_to_do() {
    let elsewhere = "https://other.example.com";
    for (settings, reason, advice) in [
        (
            vec![],
            Reason::ConfigurationNotFound,
            "have an administrator of SonarQube create it",
        ),
        (
            vec![("id-1", elsewhere, Platform::Bitbucket)],
            Reason::ConfigurationMismatch,
            "correct spec.bitbucket.url",
        ),
        (
            vec![("id-1", "", Platform::Other)],
            Reason::ConfigurationMismatch,
            "choose another spec.configurationName",
        ),
        (
            vec![
                ("id-1", URL, Platform::Bitbucket),
                ("id-2", URL, Platform::Bitbucket),
            ],
            Reason::ConfigurationMismatch,
            "rename one",
        ),
    ] {
        let (found, message) = refusal(&listed(&settings));
        assert_eq!(found, reason, "{message}");
        assert!(message.contains(advice), "{message}");
    }
}
