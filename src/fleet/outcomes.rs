//! What became of the latest pull requests, by the uid of the binding.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::identity::{ProjectKey, RepositoryPath, Uid};
use crate::plan::decoration::Outcome;

/// What was found in this process. None of it outlives its binding.
#[derive(Default)]
pub(crate) struct Outcomes(Mutex<HashMap<Uid, Found>>);

/// What was found, and of which repository, analysed as which project.
pub(crate) struct Found {
    pub(crate) project: ProjectKey,
    pub(crate) repository: RepositoryPath,
    pub(crate) outcome: Outcome,
}

impl Outcomes {
    /// What was found of this very repository: a binding may be pointed at another one.
    pub(crate) fn of(
        &self,
        binding: &Uid,
        project: &ProjectKey,
        repository: &RepositoryPath,
    ) -> Option<Outcome> {
        let outcomes = self.lock();
        let found = outcomes.get(binding);
        let same =
            found.filter(|found| found.project.same(project) && found.repository.same(repository));
        same.map(|found| found.outcome.clone())
    }

    /// Remembers what was found.
    pub(crate) fn learn(&self, binding: &Uid, found: Found) {
        self.lock().insert(binding.clone(), found);
    }

    /// Forgets one binding.
    pub(crate) fn forget(&self, binding: &Uid) {
        self.lock().remove(binding);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uid, Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::decoration::Finding;

    #[test]
    fn an_outcome_is_of_one_repository_as_one_project() {
        let (outcomes, own) = (Outcomes::default(), Uid::new("binding"));
        let key = |key| ProjectKey::parse(key).unwrap();
        let path = |slug| RepositoryPath::parse("PAY", slug).unwrap();
        let found = Found {
            project: key("one"),
            repository: path("one"),
            outcome: Outcome {
                finding: Finding::NoneAnalysed,
                missing: Vec::new(),
            },
        };
        outcomes.learn(&own, found);
        let is_known = |project, slug| outcomes.of(&own, &key(project), &path(slug)).is_some();
        assert!(is_known("one", "one"));
        assert!(!is_known("two", "one"));
        assert!(!is_known("one", "two"));
        outcomes.forget(&own);
        assert!(!is_known("one", "one"));
    }
}
