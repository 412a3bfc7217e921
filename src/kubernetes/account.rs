//! Who the operator is, as the API server sees it.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::{Api, Client};

/// Every user may ask this, and messages can do without the answer.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The service account of this client as `namespace:name`; none if it is another user, or if the API server does not
/// say so in time.
pub async fn own_account(client: &Client) -> Option<String> {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = SelfSubjectReview::default();
    let options = PostParams::default();
    let asked = api.create(&options, &review);
    let answer = tokio::time::timeout(LONGEST_WAIT, asked).await.ok()?.ok()?;
    account(&answer.status?.user_info?.username?)
}

/// `namespace:name` of a user that is a service account.
fn account(user: &str) -> Option<String> {
    user.strip_prefix("system:serviceaccount:")
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_account_has_a_name_that_can_be_granted_something() {
        let user = "system:serviceaccount:tools:sonar";
        assert_eq!(account(user).as_deref(), Some("tools:sonar"));
        assert_eq!(account("kubernetes-admin"), None);
    }
}
