//! What is said of a new object while its project is being imported.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta as Metadata;

use crate::controller::binding::shown;
use crate::crd::Condition;
use crate::kubernetes::{clock, status};
use crate::plan::condition::{ConditionType, Outcome, own_conditions, summary};
use crate::plan::decoration::not_settled;
use crate::plan::{Blocked, Reason};

use super::{OWN, Report};

impl Report {
    /// The conditions of a new object while its project is being imported. It was not ready since it was created.
    pub(in crate::controller::binding) fn importing(&self, key: &str) -> Vec<Condition> {
        let why = Blocked::new(
            Reason::ProgressingWithRetry,
            format!(
                "SonarQube project {key} is being imported; Ready follows once SonarQube shows it"
            ),
        );
        let mut conditions = summary(&Outcome::Retrying(why.clone()));
        let synced = Some((ConditionType::Synced, &why));
        conditions.extend(own_conditions(OWN, &[ConditionType::Accepted], synced));
        conditions.push(not_settled());
        let Metadata {
            generation,
            creation_timestamp,
            ..
        } = self.binding.metadata.clone();
        let since = creation_timestamp.unwrap_or_else(clock::now);
        let conditions = shown::with_advice(&conditions, self.deletion_policy(), self.deletion);
        status::conditions(&[], &conditions, generation, &since)
    }
}
