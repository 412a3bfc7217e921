//! What a binding is planned by: the servers, the last listing, or the answer of its own import.
//!
//! A new binding that is created alone asks the servers. Of many each uses a listing, which costs a share of it. How many
//! are created is counted over seconds: it does not depend on how fast servers and machine are.

use crate::identity::{ProjectKey, Uid};

use super::found::Repository;
use super::model::{Plan, Step};
use super::remembered::Record;

/// So many new bindings of a connection in ten seconds ask the servers themselves.
pub const FEW: usize = 4;

/// What a binding is planned by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// What the servers answer about this binding.
    Servers,
    /// The last listing, which shows that nothing was done for this binding yet.
    Listing,
    /// What the import of this repository has answered.
    Answer(Repository),
}

/// What is known of the listings of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listings {
    /// Whether the server lists bindings.
    pub lists_bindings: bool,
    /// How many other new bindings came in the last ten seconds; no more are counted than are few.
    pub others: usize,
    /// Whether the last listing replaces reading the servers.
    pub is_fresh: bool,
    /// Whether a listing is worth waiting for: none has failed a moment ago.
    pub is_served: bool,
}

/// Whether a plan may be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enough<'a> {
    /// It may.
    Yes,
    /// If no project has this key at this moment: a listing may be some seconds old.
    IfFree(&'a ProjectKey),
    /// The servers have to be asked first.
    No,
}

/// What a binding did, as far as it says what it may go by next.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The object.
    pub own: &'a Uid,
    /// What is remembered after the steps.
    pub record: &'a Record,
    /// The steps that were taken.
    pub steps: &'a [Step],
    /// The repository as it was found before them.
    pub found: Option<&'a Repository>,
    /// Whether Bindery may read and change the project, as far as is known, and no other client undoes its writes.
    pub is_smooth: bool,
    /// Whether the spec asks for something that the answer to an import does not contain.
    pub asks_for_more: bool,
}

impl Listings {
    /// What a binding is planned by first; `None`: it waits for the next listing. A listing is for bindings for which
    /// nothing was ever done, and that are many.
    #[must_use]
    pub fn basis(&self, record: &Record) -> Option<Basis> {
        let is_one_of_many = self.lists_bindings && self.others >= FEW;
        if !is_one_of_many || *record != Record::default() {
            Some(Basis::Servers)
        } else if self.is_fresh {
            Some(Basis::Listing)
        } else if self.is_served {
            None
        } else {
            Some(Basis::Servers)
        }
    }
}

impl Basis {
    /// Whether this is enough to carry out a plan. A listing is enough to import what is free at this moment, an answer
    /// to see what is left to do for what it created.
    #[must_use]
    pub fn is_enough<'a>(&self, plan: &'a Plan) -> Enough<'a> {
        match (self, plan) {
            (Self::Servers, _) | (Self::Answer(_), Plan::Settled | Plan::Steps(_)) => Enough::Yes,
            (Self::Listing, Plan::Steps(steps)) => match steps.as_slice() {
                [Step::RecordIntent(_), Step::Import { key, .. }] => Enough::IfFree(key),
                _ => Enough::No,
            },
            (Self::Listing | Self::Answer(_), _) => Enough::No,
        }
    }

    /// What a binding is planned by after these steps: the answer of an import that created the project, where a later
    /// listing confirms it.
    #[must_use]
    pub fn after(&self, progress: &Progress<'_>, lists_bindings: bool) -> Self {
        let imports = |step: &Step| matches!(step, Step::Import { .. });
        let is_answered =
            matches!(self, Self::Answer(_)) || progress.steps.iter().any(imports) && lists_bindings;
        let accepted = progress.record.accepted.as_ref();
        let is_created = accepted.is_some_and(|accepted| {
            accepted.created_by.as_ref() == Some(progress.own) && accepted.id.is_some()
        });
        let is_known = is_created && progress.is_smooth && !progress.asks_for_more;
        match progress.found {
            Some(found) if is_known && is_answered => Self::Answer(found.clone()),
            Some(_) | None => Self::Servers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{ProjectId, RepositoryPath, ServerId};
    use crate::plan::binding::{Acceptance, Accepted, Attempt, Intent, Origin};

    const FRESH: Listings = Listings {
        lists_bindings: true,
        others: FEW,
        is_fresh: true,
        is_served: true,
    };

    fn key() -> ProjectKey {
        ProjectKey::parse("PAY:checkout").unwrap()
    }

    fn repository() -> Repository {
        Repository {
            id: 7,
            path: RepositoryPath::parse("PAY", "checkout").unwrap(),
            name: "checkout".to_owned(),
            project_name: String::new(),
        }
    }

    fn import() -> Step {
        Step::Import {
            key: key(),
            name: "checkout".to_owned(),
            repository: repository().path,
        }
    }

    /// What is remembered after an import.
    fn imported(created: bool) -> Record {
        Record {
            accepted: Some(Accepted {
                server: ServerId::new("server"),
                key: key(),
                id: Some(ProjectId::new("uuid")),
                created_by: created.then(|| Uid::new("own")),
                bound_by: Some(Uid::new("own")),
                repository: Some(repository().path),
                new_code: None,
            }),
            ..Record::default()
        }
    }

    fn intended() -> Record {
        Record {
            intent: Some(Intent {
                server: ServerId::new("server"),
                key: key(),
                imported_as: None,
                attempt: Attempt::Repeated,
            }),
            ..Record::default()
        }
    }

    /// Promise: only what is new, and one of many, goes by a listing, and by no old one.
    #[test]
    fn one_of_many_new_bindings_goes_by_a_fresh_listing() {
        let new = Record::default();
        let old = Listings {
            is_fresh: false,
            ..FRESH
        };
        assert_eq!(FRESH.basis(&new), Some(Basis::Listing));
        assert_eq!(old.basis(&new), None, "it waits for the next one");
        let failed = Listings {
            is_served: false,
            ..old
        };
        assert_eq!(failed.basis(&new), Some(Basis::Servers));
        for listings in [FRESH, old] {
            for known in [intended(), imported(true)] {
                assert_eq!(listings.basis(&known), Some(Basis::Servers));
            }
            let few = Listings {
                others: FEW - 1,
                ..listings
            };
            let unlisted = Listings {
                lists_bindings: false,
                ..listings
            };
            for alone in [few, unlisted] {
                assert_eq!(alone.basis(&new), Some(Basis::Servers), "{alone:?}");
            }
        }
    }

    /// Promise: a listing justifies an import of what is free at this moment, and nothing else.
    #[test]
    fn a_listing_is_enough_for_an_import_alone() {
        let steps = |steps: &[Step]| Plan::Steps(steps.to_vec());
        let imports = steps(&[Step::RecordIntent(key()), import()]);
        let key = key();
        assert_eq!(Basis::Listing.is_enough(&imports), Enough::IfFree(&key));
        let accepts = steps(&[Step::Accept(Acceptance {
            key: key.clone(),
            id: None,
            repository: None,
            origin: Origin::Found,
        })]);
        let answer = Basis::Answer(repository());
        for other in [
            accepts,
            Plan::Settled,
            Plan::Wait(String::new()),
            Plan::Differs(Vec::new()),
            steps(&[import()]),
        ] {
            assert_eq!(Basis::Listing.is_enough(&other), Enough::No, "{other:?}");
            assert_eq!(Basis::Servers.is_enough(&other), Enough::Yes);
            let goes_on = matches!(other, Plan::Settled | Plan::Steps(_));
            let expected = if goes_on { Enough::Yes } else { Enough::No };
            assert_eq!(answer.is_enough(&other), expected, "{other:?}");
        }
    }

    /// Promise: only an import that created its project is taken at its word. One that met another user's project is
    /// read before anything of it is remembered.
    #[test]
    fn an_import_that_created_its_project_is_taken_at_its_word() {
        let (own, found, steps) = (Uid::new("own"), repository(), [import()]);
        let (ours, met) = (imported(true), imported(false));
        let progress = Progress {
            own: &own,
            record: &ours,
            steps: &steps,
            found: Some(&found),
            is_smooth: true,
            asks_for_more: false,
        };
        let answer = Basis::Answer(repository());
        for basis in [Basis::Listing, Basis::Servers] {
            assert_eq!(basis.after(&progress, true), answer);
            let unlisted = basis.after(&progress, false);
            assert_eq!(unlisted, Basis::Servers, "no listing would confirm it");
        }
        let refused = [
            Progress {
                record: &met,
                ..progress
            },
            Progress {
                found: None,
                ..progress
            },
            Progress {
                is_smooth: false,
                ..progress
            },
            Progress {
                asks_for_more: true,
                ..progress
            },
            Progress {
                steps: &[],
                ..progress
            },
        ];
        for progress in refused {
            let after = Basis::Listing.after(&progress, true);
            assert_eq!(after, Basis::Servers, "{progress:?}");
        }
        let renamed = [Step::RenameMainBranch(key(), "main".to_owned())];
        let later = Progress {
            steps: &renamed,
            ..progress
        };
        assert_eq!(answer.after(&later, true), answer);
        assert_eq!(Basis::Servers.after(&later, true), Basis::Servers);
    }
}
