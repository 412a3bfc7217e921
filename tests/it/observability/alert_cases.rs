//! For each alert: what Prometheus sees when it fires, and when it does not.

/// A case of an alert. Series have a sample each minute, in promtool's notation (`0+1x60`: 0, then one more each minute).
pub(super) struct Case {
    pub(super) alert: &'static str,
    /// Hours and minutes after the first sample, as promtool reads them.
    pub(super) at: &'static str,
    pub(super) firing: &'static [(&'static str, &'static str)],
    /// The labels of the alert that fires, beside its severity.
    pub(super) labels: &'static [(&'static str, &'static str)],
    pub(super) silent: &'static [(&'static str, &'static str)],
}

pub(super) const CASES: [Case; 15] = [
    Case {
        alert: "BinderyDown",
        at: "2h",
        firing: &[
            ("bindery_build_info{cluster=\"a\"}", "1x100 _x60"),
            ("bindery_build_info{cluster=\"b\"}", "1x200"),
        ],
        labels: &[("cluster", "a")],
        // A rollout of four minutes.
        silent: &[
            ("bindery_build_info{cluster=\"a\"}", "1x116 stale _x80"),
            ("bindery_build_info{cluster=\"b\"}", "1x200"),
        ],
    },
    Case {
        alert: "BinderyDown",
        at: "10m",
        // It was never there.
        firing: &[("up", "1x20")],
        labels: &[],
        silent: &[("bindery_build_info{cluster=\"a\"}", "_x5 1x20")],
    },
    Case {
        alert: "BinderyNoLeader",
        at: "10m",
        firing: &[
            ("leader_election_master_status{instance=\"1\"}", "0x20"),
            ("leader_election_master_status{instance=\"2\"}", "0x20"),
        ],
        labels: &[],
        silent: &[
            ("leader_election_master_status{instance=\"1\"}", "0x20"),
            ("leader_election_master_status{instance=\"2\"}", "1x20"),
        ],
    },
    Case {
        alert: "BinderyTwice",
        at: "10m",
        firing: &[
            ("leader_election_master_status{instance=\"1\"}", "1x20"),
            ("leader_election_master_status{instance=\"2\"}", "1x20"),
        ],
        labels: &[],
        // A leader that was suspended believes in its lease for a minute.
        silent: &[
            ("leader_election_master_status{instance=\"1\"}", "1x10 0x10"),
            ("leader_election_master_status{instance=\"2\"}", "0x8 1x11"),
        ],
    },
    Case {
        alert: "BinderyConnectionNotReady",
        at: "20m",
        firing: &[
            (
                r#"bindery_objects{kind="BitbucketConnection", ready="False", reason="DNSFailed"}"#,
                "1x12 0x20",
            ),
            (
                r#"bindery_objects{kind="BitbucketConnection", ready="Unknown", reason="Timeout"}"#,
                "0x12 1x20",
            ),
        ],
        labels: &[],
        silent: &[(
            r#"bindery_objects{kind="BitbucketConnection", ready="False", reason="Suspended"}"#,
            "1x30",
        )],
    },
    Case {
        alert: "BinderyBindingsNotReady",
        at: "40m",
        firing: &[
            (READY, "90x60"),
            (
                r#"bindery_objects{kind="ProjectBinding", ready="False", reason="RepositoryNotFound"}"#,
                "10x60",
            ),
        ],
        labels: &[],
        silent: &[
            (READY, "98x60"),
            (
                r#"bindery_objects{kind="ProjectBinding", ready="False", reason="RepositoryNotFound"}"#,
                "2x60",
            ),
        ],
    },
    Case {
        alert: "BinderyBehind",
        at: "30m",
        firing: &[(
            r#"bindery_oldest_due_seconds{kind="ProjectBinding"}"#,
            "1700+60x40",
        )],
        labels: &[],
        silent: &[(
            r#"bindery_oldest_due_seconds{kind="ProjectBinding"}"#,
            "300x40",
        )],
    },
    Case {
        alert: "BinderyHotLoop",
        at: "2h",
        firing: &[
            (
                r#"bindery_status_writes_total{kind="ProjectBinding"}"#,
                "0+60x150",
            ),
            (r#"bindery_objects{kind="ProjectBinding"}"#, "100x150"),
        ],
        labels: &[("kind", "ProjectBinding")],
        silent: &[
            (
                r#"bindery_status_writes_total{kind="ProjectBinding"}"#,
                "0+1x150",
            ),
            (r#"bindery_objects{kind="ProjectBinding"}"#, "100x150"),
        ],
    },
    Case {
        alert: "BinderyDriftFight",
        at: "6h",
        firing: &[(
            r#"bindery_drift_corrected_total{kind="configuration"}"#,
            "0+0.1x400",
        )],
        labels: &[("kind", "configuration")],
        // One edit of many objects at once, less than an hour ago.
        silent: &[(
            r#"bindery_drift_corrected_total{kind="configuration"}"#,
            "0x320 500x80",
        )],
    },
    Case {
        alert: "BinderyFailing",
        at: "1h",
        firing: &[
            (
                r#"controller_runtime_reconcile_total{result="error"}"#,
                "0+20x70",
            ),
            ("controller_runtime_reconcile_errors_total", "0+20x70"),
            ("controller_runtime_terminal_reconcile_errors_total", "0x70"),
        ],
        labels: &[],
        // All of them wait for a person, and are reported as not ready.
        silent: &[
            (
                r#"controller_runtime_reconcile_total{result="error"}"#,
                "0+20x70",
            ),
            ("controller_runtime_reconcile_errors_total", "0+20x70"),
            (
                "controller_runtime_terminal_reconcile_errors_total",
                "0+20x70",
            ),
        ],
    },
    Case {
        alert: "BinderyDeletionStuck",
        at: "2h",
        firing: &[(DELETING, "1x150")],
        labels: &[("kind", "ProjectBinding")],
        // One after the other.
        silent: &[(DELETING, "1x40 0x20 1x40 0x50")],
    },
    Case {
        alert: "BinderyRateLimited",
        at: "1h",
        firing: &[
            (
                r#"bindery_external_requests_total{system="bitbucket", code="200"}"#,
                "0+90x70",
            ),
            (
                r#"bindery_external_requests_total{system="bitbucket", code="429"}"#,
                "0+10x70",
            ),
        ],
        labels: &[("system", "bitbucket")],
        silent: &[
            (
                r#"bindery_external_requests_total{system="bitbucket", code="200"}"#,
                "0+990x70",
            ),
            (
                r#"bindery_external_requests_total{system="bitbucket", code="429"}"#,
                "0+10x70",
            ),
        ],
    },
    Case {
        alert: "BinderyTokenExpires",
        at: "3h",
        // promtool's clock begins in 1970.
        firing: &[(EXPIRY, "1000000x200")],
        labels: &[("system", "sonarqube")],
        silent: &[(EXPIRY, "2000000x200")],
    },
    Case {
        alert: "BinderyPanics",
        at: "30m",
        firing: &[("controller_runtime_reconcile_panics_total", "0x10 1x30")],
        labels: &[],
        silent: &[("controller_runtime_reconcile_panics_total", "1x40")],
    },
    Case {
        alert: "BinderyUndecodable",
        at: "10m",
        firing: &[(
            r#"bindery_undecodable_objects{kind="ProjectBinding"}"#,
            "1x20",
        )],
        labels: &[("kind", "ProjectBinding")],
        silent: &[(
            r#"bindery_undecodable_objects{kind="ProjectBinding"}"#,
            "0x20",
        )],
    },
];

const READY: &str = r#"bindery_objects{kind="ProjectBinding", ready="True", reason="Succeeded"}"#;
const DELETING: &str =
    r#"bindery_objects{kind="ProjectBinding", ready="False", reason="Deleting"}"#;
const EXPIRY: &str = r#"bindery_token_expiry_timestamp_seconds{system="sonarqube"}"#;
