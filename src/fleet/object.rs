//! The names of objects, by which they are asked to be reconciled.

/// Namespace and name.
pub(crate) type ObjectName = (String, String);

/// An object, as it is asked to be reconciled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Object {
    Connection(ObjectName),
    Binding(ObjectName),
}
