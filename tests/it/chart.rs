//! `charts/bindery`, as helm renders it.

mod arguments;
mod documented;
mod options;
mod protected;
mod refused;
mod same_objects;
