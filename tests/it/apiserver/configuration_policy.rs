//! What the API server says to a BitbucketConnection that references its configuration.

use serde_json::{Value, json};

use super::connection::connection;
use super::row::{accepted, check, refused, spec};

/// Promise: what makes no sense for a configuration that is only referenced is refused, with what to do.
#[tokio::test]
async fn a_referenced_configuration_takes_no_policies_of_a_managed_one() {
    let with = |mut change: Value| {
        change["configurationPolicy"] = json!("Reference");
        spec(change)
    };
    let import = json!({"importTokenSecretRef": {"name": "other"}});
    let rows = vec![
        accepted("a reference", with(json!({"deletionPolicy": "Orphan"}))),
        refused(
            "another word",
            spec(json!({"configurationPolicy": "Ignore"})),
            "spec.configurationPolicy: Unsupported value: \"Ignore\"",
        ),
        refused(
            "a deletion",
            with(json!({"deletionPolicy": "Delete"})),
            "deletionPolicy Delete needs configurationPolicy Manage: a referenced configuration is never deleted",
        ),
        refused(
            "an adoption",
            with(json!({"adoptionPolicy": "Always"})),
            "adoptionPolicy needs configurationPolicy Manage: a referenced configuration is not adopted",
        ),
        refused(
            "a base URL",
            with(json!({"sonarqube": {"serverBaseURL": "https://sonarqube.example.com"}})),
            "sonarqube.serverBaseURL needs configurationPolicy Manage: with Reference, set it in SonarQube",
        ),
        refused(
            "an import token",
            with(json!({"bitbucket": import})),
            "bitbucket.importTokenSecretRef needs configurationPolicy Manage: with Reference, tokenSecretRef is the import token",
        ),
    ];
    check(&connection(), rows).await;
}
