//! Those that hold or want one thing, in their order.

use crate::identity::Uid;
use crate::plan::Contender;

/// Contenders in their order. Nearly every thing has exactly one, so no room is kept for more.
#[derive(Debug, Default)]
pub(super) struct Contenders(Vec<Contender>);

impl Contenders {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one that the thing belongs to.
    pub(super) fn first(&self) -> Option<&Contender> {
        self.0.first()
    }

    pub(super) fn insert(&mut self, contender: Contender) {
        if self.0.is_empty() {
            self.0.reserve_exact(1);
        }
        if let Err(at) = self.0.binary_search(&contender) {
            self.0.insert(at, contender);
        }
    }

    pub(super) fn remove(&mut self, contender: &Contender) {
        if let Ok(at) = self.0.binary_search(contender) {
            self.0.remove(at);
        }
    }

    /// Those that have accepted the thing, another object than this one.
    pub(super) fn accepted_by_others(&self, own: &Uid) -> impl Iterator<Item = &Contender> {
        let accepted = self.0.iter().take_while(|contender| contender.accepted);
        accepted.filter(move |contender| contender.uid != *own)
    }
}
