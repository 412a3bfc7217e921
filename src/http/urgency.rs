//! Which work goes first where it has to wait.

/// The purpose of a call, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A person changed the spec of an object, or asked for a reconcile.
    Asked,
    /// A connection looks after itself: its tokens, its configuration, whether its servers are well.
    Check,
    /// An object is being deleted.
    Leaving,
    /// A connection lists what its servers hold.
    Listing,
    /// An object was never reconciled.
    New,
    /// Something may differ.
    Drift,
}

impl Urgency {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 6] = [
        Self::Asked,
        Self::Check,
        Self::Leaving,
        Self::Listing,
        Self::New,
        Self::Drift,
    ];
}
