//! Deletions that are asked for, and what delays them.

use bindery::crd::{BitbucketConnection, ProjectBinding};
use kube::api::DeleteParams;
use serde_json::json;

use super::TestEnvironment;
use super::waiting::condition;

/// Arguments of an operator that may delete projects.
pub(crate) const DELETING: &[&str] = &["--minimum-interval", "10s", "--allow-project-deletion"];

impl TestEnvironment {
    /// Binds `PAY/NAME` so that its project goes with it, and waits until it is ready.
    pub(crate) async fn bound_to_be_deleted(&self, name: &str) -> ProjectBinding {
        let change = json!({"deletionPolicy": "DeleteProject"});
        self.binding("payments", name, &format!("PAY/{name}"), change);
        self.binding_is("payments", name, ("Ready", "True")).await
    }

    pub(crate) async fn ask_for_deletion_of_connection(&self) {
        let api = self.api::<BitbucketConnection>("platform");
        api.delete("bitbucket", &DeleteParams::default())
            .await
            .unwrap();
    }

    /// Asks for the deletion of a binding in `payments`, and returns what holds it up.
    pub(crate) async fn deletion_is_delayed(&self, name: &str) -> String {
        let api = self.api::<ProjectBinding>("payments");
        api.delete(name, &DeleteParams::default()).await.unwrap();
        self.said_of_deletion(name, "").await
    }

    /// Waits until what holds the deletion of a binding up holds these words, and returns all of them.
    pub(crate) async fn said_of_deletion(&self, name: &str, words: &str) -> String {
        let said = |binding: &ProjectBinding| {
            let stalled = condition(binding, "Stalled")?;
            let message = stalled["message"].as_str()?.to_owned();
            (stalled["reason"] == "DeletionBlocked" && message.contains(words)).then_some(message)
        };
        let is_said = |binding: &ProjectBinding| said(binding).is_some();
        said(&self.until("payments", name, is_said).await).unwrap()
    }

    /// Waits until the connection says that it is needed, in these words among others.
    pub(crate) async fn needed(&self, words: &str) -> String {
        let said = |connection: &BitbucketConnection| {
            let stalled = condition(connection, "Stalled")?;
            let message = stalled["message"].as_str()?.to_owned();
            (stalled["reason"] == "InUse" && message.contains(words)).then_some(message)
        };
        let is_said = |connection: &BitbucketConnection| said(connection).is_some();
        said(&self.until("platform", "bitbucket", is_said).await).unwrap()
    }
}
