//! Each oracle is given a good history and bad ones: an oracle that cannot object shows nothing.

use std::time::Duration;

use serde_json::json;

use super::{
    Act, What, acts, foreign_untouched, memory_back, one_probe_per_back_off, one_project_each,
    one_writer, quiet, ramp, same_end, without_what_differs,
};
use crate::e2e::environment::fault_proxy::Seen;
use crate::e2e::environment::snapshot::Done;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn another_end_is_noticed() {
    let end = json!({"status": {"ready": true, "keys": ["a"]}, "lastTransitionTime": "now"});
    assert_eq!(same_end(&end, &end), Ok(()));
    for (path, other) in [
        (
            "/status/ready",
            json!({"status": {"ready": false, "keys": ["a"]}}),
        ),
        (
            "/status/keys",
            json!({"status": {"ready": true, "keys": ["a", "b"]}}),
        ),
        (
            "/status/keys/0",
            json!({"status": {"ready": true, "keys": ["b"]}}),
        ),
        (
            "/more",
            json!({"status": {"ready": true, "keys": ["a"]}, "more": 1}),
        ),
    ] {
        assert!(same_end(&end, &other).unwrap_err().contains(path), "{path}");
    }
    // What always differs does not count, and nothing else is dropped.
    let scrubbed = without_what_differs(&end, &[("\"a\"", "\"NAME\"")]);
    assert_eq!(
        scrubbed,
        json!({"status": {"ready": true, "keys": ["NAME"]}})
    );
}

#[test]
fn a_second_project_is_noticed() {
    let project = |key: &str, repository: &str| (key.to_owned(), repository.to_owned());
    let mut projects = vec![
        project("a", "PAY/a"),
        project("b", "PAY/b"),
        project("c", ""),
        project("d", ""),
    ];
    assert_eq!(one_project_each(&projects), Ok(()));
    projects.push(project("e", "PAY/a"));
    assert!(one_project_each(&projects).unwrap_err().contains("PAY/a"));
}

#[test]
fn a_touched_foreign_object_is_noticed() {
    let before = json!([{"key": "foreign", "visibility": "public"}]);
    assert_eq!(foreign_untouched(&before, &before), Ok(()));
    let after = json!([{"key": "foreign", "visibility": "private"}]);
    assert!(
        foreign_untouched(&before, &after)
            .unwrap_err()
            .contains("visibility")
    );
    assert!(foreign_untouched(&before, &json!([])).is_err());
}

#[test]
fn a_write_without_the_lease_is_noticed() {
    let act = |operator, at, what| Act {
        operator,
        at: seconds(at),
        what,
    };
    let lease = |operator, at| act(operator, at, What::Leads);
    let write = |operator, at| act(operator, at, What::Writes);
    let lasts = seconds(5);
    let good = [
        lease(0, 0),
        write(0, 4),
        lease(0, 5),
        write(0, 9),
        lease(1, 11),
        write(1, 12),
    ];
    assert_eq!(one_writer(&good, lasts), Ok(()));
    for bad in [
        // Before any lease, after the end of its own, while another leads, and after another one.
        vec![write(0, 0)],
        vec![lease(0, 0), write(0, 5)],
        vec![lease(0, 0), write(1, 1)],
        vec![lease(0, 0), lease(1, 6), write(0, 7)],
    ] {
        assert!(one_writer(&bad, lasts).is_err(), "{bad:?}");
    }
}

#[test]
fn a_lease_that_was_not_granted_is_none() {
    let since = std::time::Instant::now();
    let seen = |method: &str, target: &str, status| Seen {
        at: since,
        method: method.to_owned(),
        target: target.to_owned(),
        status,
        token: 0,
    };
    let lease = "/apis/coordination.k8s.io/v1/namespaces/bindery-system/leases/bindery";
    let status = "/apis/bindery.dev/v1alpha1/namespaces/payments/projectbindings/checkout/status";
    let seen = [
        seen("GET", lease, Some(200)),
        seen("PUT", lease, Some(409)),
        seen("PUT", lease, None),
        seen("PUT", lease, Some(200)),
        seen("PATCH", status, None),
        seen("GET", status, Some(200)),
    ];
    let whats: Vec<_> = acts(0, &seen, since)
        .into_iter()
        .map(|act| act.what)
        .collect();
    assert_eq!(whats, [What::Leads, What::Writes]);
}

#[test]
fn a_write_of_what_is_settled_is_noticed() {
    let calm = || Done {
        calls: [("sonarqube GET api/projects/search 200".to_owned(), 3)].into(),
        status_writes: 0,
        written: Vec::new(),
        events: 0,
    };
    assert_eq!(quiet(&calm()), Ok(()));
    let status = Done {
        status_writes: 1,
        ..calm()
    };
    let object = Done {
        written: vec!["ProjectBinding checkout".to_owned()],
        ..calm()
    };
    let deletion = [("sonarqube POST api/projects/delete 204".to_owned(), 1)];
    let project = Done {
        calls: deletion.into(),
        ..calm()
    };
    for noisy in [status, object, project] {
        assert!(quiet(&noisy).is_err(), "{noisy:?}");
    }
}

#[test]
fn a_probe_too_many_is_noticed() {
    let probes = [0, 1, 3, 7, 11, 15].map(seconds);
    let bounds = (seconds(1), seconds(4));
    assert_eq!(one_probe_per_back_off(&probes, bounds), Ok(()));
    for bad in [[0, 0, 3, 7, 11, 15], [0, 1, 3, 7, 8, 12]] {
        assert!(
            one_probe_per_back_off(&bad.map(seconds), bounds).is_err(),
            "{bad:?}"
        );
    }
}

#[test]
fn a_storm_is_noticed() {
    assert_eq!(ramp(&[1, 2, 3, 3, 4]), Ok(()));
    for bad in [&[2][..], &[1, 3], &[1, 2, 2, 9]] {
        assert!(ramp(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn memory_that_is_not_given_back_is_noticed() {
    assert_eq!(memory_back(40.0, 44.0, 10.0), Ok(()));
    assert!(memory_back(40.0, 51.0, 10.0).is_err());
}
