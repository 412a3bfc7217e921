//! A right that the operator lacks is named, whichever it is.

use bindery::rbac;
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::manifests::list;
use crate::e2e::set::environment as set;
use crate::support::server::{Server, simulated};

simulated!(each_right_that_is_missing_is_named);

/// What the log says without one rule of the `ClusterRole`, in the order of the rules.
const OF_THE_CLUSTER: [&str; 6] = [
    r#"cannot list resource \"bitbucketconnections\" in API group \"bindery.dev\""#,
    r#"cannot patch resource \"projectbindings\" in API group \"bindery.dev\""#,
    r#"cannot patch resource \"projectbindings/status\" in API group \"bindery.dev\""#,
    r#"cannot create resource \"projectbindings\" in API group \"bindery.dev\""#,
    r#"cannot list resource \"namespaces\" in API group \"\""#,
    r#"cannot create resource \"events\" in API group \"events.k8s.io\""#,
];

/// The same of the Role for the lease.
const OF_THE_LEASE: [&str; 1] =
    [r"may not get leases.coordination.k8s.io in namespace bindery-system"];

/// Every role of the operator without one of its rules, and what the log says then.
fn cases() -> Vec<(Value, &'static str)> {
    let without = |role: Value, rules: Vec<PolicyRule>, said: &[&'static str]| {
        assert_eq!(rules.len(), said.len(), "a rule is not in the table");
        let reduced = said.iter().enumerate().map(|(nth, said)| {
            let mut rules = rules.clone();
            rules.remove(nth);
            let mut role = role.clone();
            role["rules"] = json!(rules);
            (role, *said)
        });
        reduced.collect::<Vec<_>>()
    };
    let (cluster, lease) = (rbac::operator_role(), rbac::lease_role());
    let of_the_cluster = without(json!(cluster), cluster.rules.unwrap(), &OF_THE_CLUSTER);
    let of_the_lease = without(json!(lease), lease.rules.unwrap(), &OF_THE_LEASE);
    [of_the_cluster, of_the_lease].concat()
}

/// Promise: a right that was removed is found in the log, by resource and verb.
async fn each_right_that_is_missing_is_named(server: Server) {
    let mut env = TestEnvironment::set(server).await;
    let whole = [json!(rbac::operator_role()), json!(rbac::lease_role())];
    for (reduced, said) in cases() {
        env.operator.kill();
        env.lose_all_objects().await;
        env.apply(&list(&whole));
        env.apply(&reduced);
        env.connection(json!({}));
        let unbind = json!({"deletionPolicy": "Unbind"});
        env.binding("payments", "checkout", "PAY/checkout", unbind);
        set::apply(&env, json!({"deletionPolicy": "Cascade"}));
        env.restart_operator(&["--minimum-interval", "10s"]);
        let log = env.operator.log.clone();
        let is_said = || {
            let lines = std::fs::read_to_string(&log).unwrap();
            let loud = |line: &&str| line.contains(r#""WARN""#) || line.contains(r#""ERROR""#);
            lines.lines().filter(loud).any(|line| line.contains(said))
        };
        env.eventually(said, is_said).await;
    }
    env.operator.kill();
    env.apply(&list(&whole));
}
