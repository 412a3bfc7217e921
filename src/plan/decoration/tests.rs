use super::*;

const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn a_base_url_that_leads_home_is_as_good_as_none() {
    let of = |url| Server::of(true, Some(url));
    for url in [
        "http://localhost:9000",
        "https://LOCALHOST/sonar",
        "http://127.0.0.1",
        "http://[::1]:9000/",
        "http://user@sonar.localhost",
    ] {
        assert_eq!(of(url), Server::BaseUrlLocal, "{url}");
    }
    for url in [
        "https://sonarqube.example.com",
        "http://localhost.example.com",
    ] {
        assert_eq!(of(url), Server::Able, "{url}");
    }
    assert_eq!(of(" "), Server::BaseUrlUnset);
    assert_eq!(Server::of(true, None), Server::BaseUrlUnset);
    assert_eq!(
        Server::of(false, Some("https://s.example.com")),
        Server::Unsupported
    );
}

fn found(finding: Finding) -> Outcome {
    Outcome {
        finding,
        missing: Vec::new(),
    }
}

fn undecorated(warnings: &[&str]) -> Outcome {
    found(Finding::Undecorated {
        id: "1".to_owned(),
        commit: COMMIT.to_owned(),
        warnings: warnings.iter().map(|&text| text.to_owned()).collect(),
    })
}

fn changed() -> Outcome {
    found(Finding::Changed("1".to_owned()))
}

fn has_report() -> Outcome {
    found(Finding::Decorated("1".to_owned()))
}

/// The condition on an open repository of a server that can decorate.
fn says(
    writable: Option<bool>,
    outcome: Option<&Outcome>,
    before: Option<&Condition>,
) -> Condition {
    condition(&Facts {
        server: Server::Able,
        repository: Some(Repository {
            archived: false,
            writable,
        }),
        outcome,
        before,
        intervals: 12,
    })
}

#[test]
fn the_table_of_situations() {
    use Reason::{NotChecked, NotDecorated, PermissionMissing, Succeeded};
    let (yes, no, maybe) = (State::True, State::False, State::Unknown);
    let nothing = || found(Finding::NoneAnalysed);
    let table = [
        (Some(true), None, maybe, NotChecked),
        (None, None, maybe, NotChecked),
        (Some(false), None, maybe, PermissionMissing),
        (Some(true), Some(nothing()), maybe, NotChecked),
        (None, Some(nothing()), maybe, NotChecked),
        (Some(false), Some(nothing()), maybe, PermissionMissing),
        (Some(true), Some(changed()), maybe, NotChecked),
        (Some(false), Some(changed()), maybe, PermissionMissing),
        (Some(true), Some(has_report()), yes, Succeeded),
        (Some(false), Some(has_report()), yes, Succeeded),
        (Some(true), Some(undecorated(&[])), no, NotDecorated),
        (None, Some(undecorated(&[])), no, NotDecorated),
        (Some(false), Some(undecorated(&[])), no, PermissionMissing),
    ];
    for (writable, outcome, state, reason) in table {
        let condition = says(writable, outcome.as_ref(), None);
        let shown = (condition.state, condition.reason);
        assert_eq!(shown, (state, reason), "{writable:?} {outcome:?}");
        let names_the_next = condition
            .message
            .contains("Next check: within 12 intervals");
        assert_eq!(names_the_next, state == maybe, "{}", condition.message);
        assert!(condition.message.len() < 900, "{}", condition.message);
    }
}

#[test]
fn causes_that_block_every_pull_request_come_first() {
    let reason = |server, archived| {
        let decorated = has_report();
        let facts = Facts {
            server,
            repository: Some(Repository {
                archived,
                writable: Some(false),
            }),
            outcome: Some(&decorated),
            before: None,
            intervals: 12,
        };
        condition(&facts).reason
    };
    for (server, expected) in [
        (Server::Unsupported, Reason::UnsupportedEdition),
        (Server::BaseUrlUnset, Reason::ServerBaseURLUnset),
        (Server::BaseUrlLocal, Reason::ServerBaseURLLocal),
    ] {
        for archived in [true, false] {
            assert_eq!(reason(server, archived), expected);
        }
    }
    assert_eq!(reason(Server::Able, true), Reason::RepositoryArchived);
    assert_eq!(reason(Server::Able, false), Reason::Succeeded);
}

/// D34: Code Insights takes reports with Read alone, so the report outweighs the listing of rights.
#[test]
fn a_report_outweighs_a_missing_right_which_is_reported_as_a_risk() {
    let condition = says(Some(false), Some(&has_report()), None);
    let begins = "pull request 1 is decorated. Risk: ";
    assert!(
        condition.message.starts_with(begins),
        "{}",
        condition.message
    );
    let corrected = says(Some(true), Some(&has_report()), None);
    assert_eq!(corrected.message, "pull request 1 is decorated");
}

/// D35 and D39: the causes always, the commonest among them; what the background task warns of comes after them.
#[test]
fn warnings_stand_beside_the_advice() {
    let warned = undecorated(&["Java 17 scanner support ends soon"]);
    let condition = says(Some(true), Some(&warned), None);
    for part in [
        COMMIT,
        "the analysis was of another commit (Jenkins",
        "ce.log",
        "Also: its background task warns: Java 17 scanner support ends soon",
    ] {
        assert!(condition.message.contains(part), "{}", condition.message);
    }
}

/// What an earlier process found stays until this one has looked, as far as it can still be true.
#[test]
fn findings_before_a_restart_stay() {
    let kept = |outcome: &Outcome, then: Option<bool>, now: Option<bool>| {
        let before = says(then, Some(outcome), None);
        says(now, None, Some(&before))
    };
    let (yes, no) = (Some(true), Some(false));
    let shown = |right| says(right, Some(&has_report()), None);
    assert_eq!(kept(&has_report(), no, yes), shown(yes));
    assert_eq!(kept(&has_report(), yes, no), shown(no));
    for right in [yes, no] {
        let now = kept(&undecorated(&[]), right, right);
        assert_eq!(now, says(right, Some(&undecorated(&[])), None));
    }
    let corrected = kept(&undecorated(&[]), no, yes);
    assert_eq!(corrected.reason, Reason::NotChecked);
    let refused = token_refused("platform/bitbucket", None);
    assert_eq!(says(yes, None, refused.as_ref()).reason, Reason::NotChecked);
}

/// D38.
#[test]
fn a_refused_token_is_named_except_where_nothing_is_decorated_anyway() {
    let refused = token_refused("platform/bitbucket", None).unwrap();
    let shown = (refused.state, refused.reason);
    assert_eq!(shown, (State::False, Reason::AuthenticationFailed));
    assert!(refused.message.contains("platform/bitbucket"));
    let unable = no(Reason::UnsupportedEdition, "");
    assert_eq!(token_refused("platform/bitbucket", Some(&unable)), None);
}

/// Promise: one event for what a binding's own pull requests show, none for what holds for the whole server.
#[test]
fn a_change_of_decoration_is_one_event() {
    let (good, bad) = (has_report(), undecorated(&[]));
    let good = says(Some(true), Some(&good), None);
    let bad = says(Some(true), Some(&bad), None);
    let unproven = says(Some(false), None, None);
    let server = no(Reason::UnsupportedEdition, "");
    for (before, after, expected) in [
        (None, &good, true),
        (Some(&unproven), &good, true),
        (Some(&good), &good, false),
        (Some(&good), &bad, true),
        (Some(&bad), &bad, false),
        (Some(&bad), &good, true),
        (Some(&good), &unproven, false),
        (None, &server, false),
    ] {
        assert_eq!(is_news(before, after), expected, "{before:?} {after:?}");
    }
}

fn pull_request(id: &str, changed_since: bool, reports: &[&str]) -> PullRequest {
    PullRequest {
        id: id.to_owned(),
        found: Some(Latest {
            commit: COMMIT.to_owned(),
            changed_since,
            reports: reports.iter().map(|&key| key.to_owned()).collect(),
        }),
    }
}

fn project() -> ProjectKey {
    ProjectKey::parse("PAY:checkout").unwrap()
}

#[test]
fn the_latest_pull_request_that_proves_anything_decides() {
    let of = |list: &[PullRequest]| outcome(list, &project(), None).finding;
    let changed = pull_request("3", true, &["other.tool"]);
    let bare = pull_request("2", false, &[]);
    let decorated = pull_request("1", false, &["com.sonarsource.sonarqube"]);
    assert_eq!(of(&[]), Finding::NoneAnalysed);
    let found = of(&[changed.clone(), pull_request("2", true, &[])]);
    assert_eq!(found, Finding::Changed("3".to_owned()));
    let found = of(&[changed.clone(), decorated.clone()]);
    assert_eq!(found, Finding::Decorated("1".to_owned()));
    let found = of(&[changed, bare, decorated]);
    assert!(matches!(found, Finding::Undecorated { id, .. } if id == "2"));
}

/// D37: a comment changes the pull request, but not the commit that has no report.
#[test]
fn a_missing_report_stays_missing_while_the_commit_stays() {
    let first = outcome(&[pull_request("1", false, &[])], &project(), None);
    let commented = [pull_request("1", true, &[])];
    assert_eq!(outcome(&commented, &project(), Some(&first)), first);
    let mut pushed = pull_request("1", true, &[]);
    pushed.found.as_mut().unwrap().commit = "b".repeat(40);
    for (list, before) in [
        (&[pushed], Some(&first)),
        (&commented, None),
        (&[pull_request("2", true, &[])], Some(&first)),
    ] {
        let found = outcome(list, &project(), before).finding;
        assert!(matches!(found, Finding::Changed(_)), "{found:?}");
    }
}

#[test]
fn a_pull_request_that_bitbucket_does_not_have_is_named() {
    let missing = |id: &str| PullRequest {
        id: id.to_owned(),
        found: None,
    };
    let list = [missing("77"), pull_request("1", false, &[]), missing("78")];
    let outcome = outcome(&list, &project(), None);
    assert_eq!(outcome.missing, ["77"], "only those before the proof");
    for finding in [
        outcome.finding.clone(),
        Finding::NoneAnalysed,
        Finding::Changed("1".to_owned()),
        Finding::Decorated("1".to_owned()),
    ] {
        let missing = outcome.missing.clone();
        let message = says(Some(true), Some(&Outcome { finding, missing }), None).message;
        let named = message.contains("pull request 77, which Bitbucket does not have");
        assert!(named, "{message}");
    }
}

#[test]
fn a_report_is_known_by_every_key_that_sonarqube_uses() {
    let project = ProjectKey::parse(&format!("PAY:{}", "k".repeat(60))).unwrap();
    let short = ProjectKey::parse("PAY:a").unwrap();
    let long = format!("t-{}", "k".repeat(48));
    assert!(is_report_of("com.sonarsource.sonarqube", &short));
    assert!(is_report_of("com.sonarsource.sonarqube_PAY:a", &short));
    assert!(is_report_of("PAY:a", &short) && is_report_of(&long, &project));
    let hashed = |hash: &str| format!("com.sonarsource.sonarqube_{hash}");
    for hash in ["0a".repeat(16), "F".repeat(64)] {
        assert!(is_report_of(&hashed(&hash), &short), "{hash}");
    }
    for other in [
        "com.sonarsource.sonarqube_PAY:b",
        "PAY:b",
        "jenkins",
        &hashed(&"0".repeat(31)),
        &hashed(&"x".repeat(32)),
    ] {
        assert!(!is_report_of(other, &short), "{other}");
    }
}

#[test]
fn older_pull_requests_add_nothing_to_a_report_or_to_its_lack() {
    for (outcome, proves) in [
        (has_report(), true),
        (undecorated(&[]), true),
        (changed(), false),
        (found(Finding::NoneAnalysed), false),
    ] {
        assert_eq!(outcome.is_proof(), proves, "{outcome:?}");
    }
}
