//! What tests of several modules need.
pub(crate) mod parts;
pub(crate) mod tree;
