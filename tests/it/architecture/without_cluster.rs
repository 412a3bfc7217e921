//! Observing and planning need no cluster.

use std::fs;

use super::found;
use super::references::tokens;
use crate::support::tree;

#[test]
fn the_check_finds_a_cluster_where_none_is_needed() {
    assert_eq!(
        found("observe", "use kube::Api;\nuse crate::controller::Context;"),
        [
            "observe must not use kube",
            "observe must not use controller"
        ]
    );
    assert_eq!(
        found("declared", "use crate::sonarqube::Client;\nuse kube::Api;"),
        [
            "declared must not use kube",
            "declared must not use sonarqube"
        ]
    );
}

/// Promise: a command line can do what the operator does, without a cluster.
#[test]
fn the_example_of_a_plan_without_a_cluster_uses_none() {
    let example = tree::top().join("tests/it/plan_without_cluster.rs");
    let source = fs::read_to_string(example).unwrap();
    let tokens = tokens(&source);
    for word in ["kube", "k8s_openapi", "controller", "kubernetes", "support"] {
        assert!(!tokens.contains(&word), "it uses {word}");
    }
}
