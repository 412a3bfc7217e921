//! What deletions cost.

use bindery::crd::ProjectBinding;
use futures::StreamExt as _;
use kube::api::DeleteParams;
use serde_json::json;

use crate::e2e::environment::TestEnvironment;
use crate::e2e::environment::many;
use crate::support::server::{Server, on, simulated};

simulated!(a_deletion_that_undoes_nothing_costs_an_event_and_a_patch);
on!([simulated_26_9_developer] => a_deletion_that_unbinds_costs_one_read_and_one_call);

const MANY: usize = 20;

/// What the operator called for the deletion of [`MANY`] bindings.
#[derive(Debug)]
struct Cost {
    /// Reads of the Kubernetes API.
    reads: u64,
    /// Patches and events.
    writes: u64,
    /// Calls to SonarQube and Bitbucket, by `system operation code`.
    external: std::collections::BTreeMap<String, u64>,
}

impl Cost {
    fn up_to_now(env: &TestEnvironment) -> Self {
        env.operator.until_events_are_published();
        let of = |methods: &[&str]| {
            let counts = methods.iter().map(|it| env.operator.kubernetes_calls(it));
            counts.sum()
        };
        Self {
            reads: of(&["GET"]),
            writes: of(&["POST", "PUT", "PATCH", "DELETE"]),
            external: env.operator.external_calls(),
        }
    }

    fn since(self, before: &Self) -> Self {
        let count = |call: &str| before.external.get(call).copied().unwrap_or_default();
        let external = self.external.into_iter();
        let external = external.map(|(call, calls)| (call.clone(), calls - count(&call)));
        Self {
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            external: external.filter(|(_, calls)| *calls > 0).collect(),
        }
    }
}

/// Binds [`MANY`] repositories, deletes the bindings, and returns what the deletions cost.
async fn deletions(env: &TestEnvironment) -> Cost {
    env.connection(json!({"interval": "1h"}));
    env.connection_is("bitbucket", ("Ready", "True")).await;
    let slugs = many::repositories(env, MANY);
    env.apply(&many::bindings(&slugs));
    for slug in &slugs {
        env.binding_is("payments", slug, ("Ready", "True")).await;
    }
    // Nothing of the creation is counted: its last status is followed by an event, and by the counts of the connection.
    env.counted(u32::try_from(MANY).unwrap()).await;
    let before = Cost::up_to_now(env);
    let api = env.api::<ProjectBinding>("payments");
    let all = futures::stream::iter(&slugs);
    all.for_each_concurrent(None, async |slug| {
        api.delete(slug, &DeleteParams::default()).await.unwrap();
    })
    .await;
    for slug in &slugs {
        env.gone::<ProjectBinding>("payments", slug).await;
    }
    Cost::up_to_now(env).since(&before)
}

/// Asserts that each deletion costs so many writes to the Kubernetes API and no read, but for what the operator does
/// beside: a watch that is made anew, or the counts of the connection.
fn assert_kubernetes(cost: &Cost) {
    let many = u64::try_from(MANY).unwrap();
    assert!(cost.reads <= 5, "{cost:?}");
    assert!((2 * many..2 * many + 5).contains(&cost.writes), "{cost:?}");
}

/// Promise: a binding that has nothing to undo on its server goes without a single call to any server.
async fn a_deletion_that_undoes_nothing_costs_an_event_and_a_patch(server: Server) {
    let env = TestEnvironment::set(server).await;
    let cost = deletions(&env).await;
    assert_kubernetes(&cost);
    assert!(cost.external.is_empty(), "{cost:?}");
}

/// Promise: what is undone is proved ours right before, and costs no more than that.
async fn a_deletion_that_unbinds_costs_one_read_and_one_call(server: Server) {
    let env = TestEnvironment::set(server).await;
    let cost = deletions(&env).await;
    let many = u64::try_from(MANY).unwrap();
    // The connection, before the object waits for a place and once it has one.
    assert!(cost.reads <= 2 * many + 5, "{cost:?}");
    assert!((2 * many..2 * many + 5).contains(&cost.writes), "{cost:?}");
    let all: u64 = cost.external.values().sum();
    assert_eq!(all, 3 * many, "{cost:?}");
}
