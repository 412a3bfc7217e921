//! Documents: their links, the tree that they show, their form, and the words they are written in.

mod decisions;
mod fields;
mod filters;
mod guide;
mod layout;
mod links;
mod names;
mod prose;
mod reliability;
mod words;
