//! Where an object is in its life.

use kube::Resource;

use crate::kubernetes::finalizer;

/// Where an object is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// It is being deleted.
    Deleting,
    /// It is suspended.
    Suspended,
    /// It needs our finalizer before anything is made for it.
    Unprotected,
    /// It is to be brought to its desired state.
    Live,
}

impl Lifecycle {
    pub(crate) fn of(object: &impl Resource, suspended: bool) -> Self {
        if object.meta().deletion_timestamp.is_some() {
            Self::Deleting
        } else if suspended {
            Self::Suspended
        } else if !finalizer::is_set(object) {
            Self::Unprotected
        } else {
            Self::Live
        }
    }
}
