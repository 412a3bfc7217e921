//! The shell: objects of Kubernetes are read and written in `kubernetes` alone, and entry points alone reach the
//! controller.

use super::found;

#[test]
fn the_check_finds_a_direct_call_of_kubernetes() {
    for source in [
        "use kube::{Api, Client};",
        "fn f() {\n    kube::Api::all(client);\n}",
    ] {
        assert_eq!(
            found("controller", source),
            ["controller must not use kube::Api"]
        );
        assert!(found("kubernetes", source).is_empty());
    }
}

#[test]
fn the_check_finds_the_controller_below_an_entry_point() {
    assert_eq!(
        found("metrics", "use crate::controller;"),
        ["metrics must not use controller"]
    );
    assert!(found("main", "use crate::controller;").is_empty());
}
