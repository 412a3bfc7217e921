use super::*;
use crate::identity::{ProjectKey, RepositoryPath};
use crate::plan::Reason;

fn forecast(name: &str, foreseen: Foreseen) -> Forecast {
    Forecast {
        kind: "ProjectBinding",
        namespace: "payments".to_owned(),
        name: name.to_owned(),
        foreseen,
        troubles: Vec::new(),
    }
}

fn import() -> Foreseen {
    Foreseen::Acts(vec![Action::Import {
        repository: RepositoryPath::parse("PAY", "checkout").unwrap(),
        key: ProjectKey::parse("PAY:checkout").unwrap(),
    }])
}

fn blocked() -> Blocked {
    Blocked::new(Reason::ProjectExists, "a | b")
}

#[test]
fn one_of_anything_is_no_plural() {
    let summary = |foreseen, calls| {
        let forecasts = &[forecast("a", foreseen)];
        Shown { forecasts, calls }.summary()
    };
    assert_eq!(summary(import(), 1), "1 to import (1 call)");
    let waits = summary(Foreseen::Waits(blocked()), 0);
    assert_eq!(waits, "1 waiting for its connection (0 calls)");
}

/// Promise: pipelines go by the exit status.
#[test]
fn the_exit_status_says_the_worst() {
    let status = |all: &[Foreseen]| {
        let forecasts: Vec<_> = all.iter().map(|it| forecast("a", it.clone())).collect();
        let forecasts = &forecasts;
        Shown {
            forecasts,
            calls: 0,
        }
        .status()
    };
    let (waits, failed) = (Foreseen::Waits(blocked()), Foreseen::Failed(blocked()));
    let refused = Foreseen::Refused(blocked());
    assert_eq!(status(&[]), 0);
    assert_eq!(
        status(&[Foreseen::Unchanged, waits, Foreseen::Suspended]),
        0
    );
    assert_eq!(status(&[Foreseen::Unchanged, import()]), 2);
    assert_eq!(status(&[refused.clone(), import()]), 3);
    assert_eq!(status(&[refused, failed, import()]), 1);
}

#[test]
fn a_plan_reads_as_a_table() {
    let forecasts = [
        forecast("checkout", import()),
        forecast("audit", Foreseen::Refused(blocked())),
        forecast("same", Foreseen::Unchanged),
    ];
    let shown = Shown {
        forecasts: &forecasts,
        calls: 4,
    };
    let text = "+ ProjectBinding payments/checkout  import PAY/checkout as PAY:checkout\n\
                ! ProjectBinding payments/audit     ProjectExists: a | b\n\
                1 to import, 1 refused, 1 unchanged (4 calls)\n";
    assert_eq!(shown.text(Paint::Plain), text);
    let coloured = shown.text(Paint::Coloured);
    assert!(coloured.starts_with("\u{1b}[32m+ "), "{coloured}");
    let markdown = shown.markdown();
    assert!(markdown.contains("ProjectExists: a \\| b |"), "{markdown}");
    assert_eq!(
        shown.json()["objects"][0]["actions"][0]["project"],
        "PAY:checkout"
    );
}
