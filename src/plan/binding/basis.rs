//! What a binding is planned by: the servers, the last listing, or the answer of its own import.
//!
//! Of many new bindings each goes by a listing, which costs a share of it, in place of calls of its own.

use crate::identity::{ProjectKey, Uid};

use super::found::Repository;
use super::model::{Plan, Step};
use super::remembered::Record;

/// So many bindings of a connection at once ask the servers themselves: each of them is ready sooner.
const FEW: usize = 4;

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

/// What is known of the listings of a connection, and of those who use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listings {
    /// Whether the server lists bindings.
    pub lists_bindings: bool,
    /// How many bindings are at work, or wait for a place.
    pub busy: usize,
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
    /// Whether so many bindings are at work that listings are cheaper for each.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.lists_bindings && self.busy > FEW
    }

    /// Whether a binding goes by a listing: nothing was ever done for it, and it is one of many.
    fn is_for(&self, record: &Record) -> bool {
        *record == Record::default() && self.is_crowded()
    }

    /// Whether a binding waits for the next listing to be planned by.
    #[must_use]
    pub fn are_awaited(&self, record: &Record) -> bool {
        self.is_served && self.is_for(record) && !self.is_fresh
    }

    /// What a binding is planned by first.
    #[must_use]
    pub fn basis(&self, record: &Record) -> Basis {
        if self.is_for(record) && self.is_fresh {
            Basis::Listing
        } else {
            Basis::Servers
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

    /// What a binding is planned by after these steps: the answer of an import that created the project, where it can
    /// be read back with the next listing.
    #[must_use]
    pub fn after(&self, progress: &Progress<'_>, listings: &Listings) -> Self {
        let imports = |step: &Step| matches!(step, Step::Import { .. });
        let goes_on = matches!(self, Self::Answer(_));
        let may_begin =
            progress.steps.iter().any(imports) && listings.is_crowded() && listings.is_served;
        let accepted = progress.record.accepted.as_ref();
        let is_created = accepted.is_some_and(|accepted| {
            accepted.created_by.as_ref() == Some(progress.own) && accepted.id.is_some()
        });
        let is_known = is_created && progress.is_smooth && !progress.asks_for_more;
        match progress.found {
            Some(found) if is_known && (goes_on || may_begin) => Self::Answer(found.clone()),
            Some(_) | None => Self::Servers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{ProjectId, RepositoryPath, ServerId};
    use crate::plan::binding::{Acceptance, Accepted, Attempt, Intent, Origin};

    const CROWDED: Listings = Listings {
        lists_bindings: true,
        busy: FEW + 1,
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
        assert_eq!(CROWDED.basis(&new), Basis::Listing);
        assert!(!CROWDED.are_awaited(&new));
        for known in [intended(), imported(true)] {
            assert_eq!(CROWDED.basis(&known), Basis::Servers);
        }
        let old = Listings {
            is_fresh: false,
            ..CROWDED
        };
        assert_eq!(old.basis(&new), Basis::Servers);
        assert!(old.are_awaited(&new));
        assert!(!old.are_awaited(&intended()));
        let failed = Listings {
            is_served: false,
            ..old
        };
        assert!(
            !failed.are_awaited(&new),
            "no binding waits for a listing that fails"
        );
        let few = Listings {
            busy: FEW,
            ..CROWDED
        };
        let unlisted = Listings {
            lists_bindings: false,
            ..CROWDED
        };
        for alone in [few, unlisted] {
            assert_eq!(alone.basis(&new), Basis::Servers);
            assert!(
                !Listings {
                    is_fresh: false,
                    ..alone
                }
                .are_awaited(&new)
            );
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

    /// Promise: only an import that created its project is read back with a listing. One that met another user's
    /// project is read before anything of it is remembered.
    #[test]
    fn an_import_that_created_its_project_is_read_back_later() {
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
        assert_eq!(Basis::Listing.after(&progress, &CROWDED), answer);
        assert_eq!(Basis::Servers.after(&progress, &CROWDED), answer);
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
            assert_eq!(
                Basis::Listing.after(&progress, &CROWDED),
                Basis::Servers,
                "{progress:?}"
            );
        }
        let failed = Listings {
            is_served: false,
            ..CROWDED
        };
        assert_eq!(Basis::Listing.after(&progress, &failed), Basis::Servers);
        // What was begun goes on, also once few are left.
        let renamed = [Step::RenameMainBranch(key(), "main".to_owned())];
        let later = Progress {
            steps: &renamed,
            ..progress
        };
        let few = Listings { busy: 1, ..CROWDED };
        assert_eq!(answer.after(&later, &few), answer);
        assert_eq!(Basis::Servers.after(&later, &CROWDED), Basis::Servers);
    }
}
