//! What SonarQube answers to a step that was planned by what is not so any more: since then a user changed something, or
//! a call was carried out late.

use super::*;
use crate::plan::binding::record::{Answer, Done};

impl World {
    /// Does a step, or refuses it as SonarQube does.
    pub(super) fn carry_out(&mut self, index: usize, record: &Record, step: &Step) -> Answer {
        let is_gone = |key: &ProjectKey| self.find(key).is_none();
        match step {
            Step::Create { key, .. } | Step::Import { key, .. } if self.is_met(index, key) => {
                match (self.capabilities.method, step) {
                    (BindingMethod::ImportRepository, Step::Import { .. }) => {}
                    (BindingMethod::PutBoundProject, Step::Import { repository, .. }) => {
                        return Answer::Done(self.take_over(index, key, repository));
                    }
                    _ => return Answer::KeyExists,
                }
            }
            Step::Rekey { from, to } if self.races && (is_gone(from) || !is_gone(to)) => {
                return Answer::RefusedByServer;
            }
            Step::Bind { key, .. }
            | Step::GrantSelf(key)
            | Step::SetVisibility(key, _)
            | Step::SetNewCode(key, _)
            | Step::RenameMainBranch(key, _)
                if self.races && is_gone(key) =>
            {
                return Answer::RefusedByServer;
            }
            Step::RecordIntent(_)
            | Step::Create { .. }
            | Step::Rekey { .. }
            | Step::Import { .. }
            | Step::Bind { .. }
            | Step::Consider(_)
            | Step::Accept(_)
            | Step::GrantSelf(_)
            | Step::SetVisibility(..)
            | Step::SetNewCode(..)
            | Step::RenameMainBranch(..) => {}
        }
        Answer::Done(self.apply(index, record, step))
    }

    /// The call that no process waits for is carried out.
    pub(in crate::plan::binding) fn carry_out_late(&mut self) {
        let Some((index, step)) = self.at_work.take() else {
            return;
        };
        let record = self.members[index].record.clone();
        self.carry_out(index, &record, &step);
    }

    /// Whether a project that is to be created is there: by an earlier call for the same member, or by a race.
    fn is_met(&self, index: usize, key: &ProjectKey) -> bool {
        let found = self.find(key);
        found.is_some_and(|found| self.races || found.maker == Maker::Binding(index))
    }

    /// The newest method binds what exists under the key, and says that it did not create it.
    fn take_over(&mut self, index: usize, key: &ProjectKey, repository: &RepositoryPath) -> Done {
        self.is_free(index, key, repository);
        let id = self.at(key).id.clone();
        self.point(index, key, repository);
        Done::Imported { id, created: false }
    }
}
