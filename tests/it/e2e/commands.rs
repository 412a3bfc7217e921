//! The commands for people: what they print is true, and they write nothing.

mod described;
mod doctor;
mod export;
mod plan;
