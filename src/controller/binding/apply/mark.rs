//! The mark of a project: which object created it. Of two clusters that take one project for their own import, one deletes
//! it.

use crate::crd::BindingDeletionPolicy;
use crate::identity::ProjectKey;
use crate::plan::binding::Step;
use crate::plan::binding::record::{Answer, Done};
use crate::sonarqube;

use crate::controller::binding::work::Work;

impl Work<'_> {
    /// Marks a project that this step created for a binding that would delete it one day. Only an answer proves that:
    /// a project that is taken for our own by its key and its repository may be another cluster's.
    pub(super) async fn mark(&mut self, step: &Step, answer: &Answer) {
        let deletes = self.report.deletion_policy() == BindingDeletionPolicy::DeleteProject;
        let Some(key) = created(step, answer).filter(|_| deletes) else {
            return;
        };
        let marked = match self.write_mark(key).await {
            Err(sonarqube::Error::Forbidden { .. }) => match self.grant_self(key).await {
                Ok(()) => self.write_mark(key).await,
                Err(error) => Err(error),
            },
            marked => marked,
        };
        // Without a mark the record of the object decides alone.
        if let Err(error) = marked {
            tracing::warn!(%error, project = %key, "failed to mark the project as created by this object");
        }
    }

    async fn write_mark(&self, key: &ProjectKey) -> Result<(), sonarqube::Error> {
        let sonarqube = &self.access.sonarqube;
        sonarqube.mark_project(key, &self.desired.uid).await
    }
}

/// The key of the project that a step has created, as its answer proves.
fn created<'a>(step: &'a Step, answer: &'a Answer) -> Option<&'a ProjectKey> {
    let Answer::Done(done) = answer else {
        return None;
    };
    match (step, done) {
        (Step::Create { key, .. }, Done::Plain)
        | (Step::Import { key, .. }, Done::Imported { created: true, .. })
        | (Step::Import { .. }, Done::ImportedAs(key)) => Some(key),
        _ => None,
    }
}
