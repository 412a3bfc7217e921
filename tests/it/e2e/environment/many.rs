//! Many repositories and their bindings.

use serde_json::{Value, json};

use super::TestEnvironment;

/// Makes so many repositories in `PAY`, and returns their slugs: `service-00` and so on.
pub(crate) fn repositories(env: &TestEnvironment, count: usize) -> Vec<String> {
    let slugs: Vec<_> = (0..count)
        .map(|number| format!("service-{number:02}"))
        .collect();
    env.bitbucket.world(|world| {
        for slug in &slugs {
            world.repository("PAY", slug);
        }
    });
    slugs
}

/// Bindings of these repositories of `PAY`, to be applied in one go.
pub(crate) fn bindings(slugs: &[String]) -> Value {
    let binding = |slug| {
        json!({
            "apiVersion": "bindery.dev/v1alpha1", "kind": "ProjectBinding",
            "metadata": {"name": slug, "namespace": "payments"},
            "spec": {
                "connectionRef": {"name": "bitbucket", "namespace": "platform"},
                "repository": {"project": "PAY", "slug": slug},
            },
        })
    };
    let items: Vec<_> = slugs.iter().map(binding).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}
