//! `charts/bindery`, as helm renders it.

mod arguments;
mod documented;
mod options;
mod refused;
mod same_objects;
