//! What the process knows about all objects together: plain data behind short locks, without IO.
//!
//! `ledger` holds who has, wants and waits for a thing, `roster` the bindings of each connection and namespace, `link`
//! what is known of each connection, `lane` the places of reconciles that call servers, `agenda` when each object is
//! reconciled next, `schedule` which one begins next, `census` how many objects there are of each sort, `sets` the sets
//! of each connection and what is remembered of each.

mod agenda;
mod census;
mod lane;
pub(crate) mod ledger;
pub(crate) mod link;
mod object;
mod outcomes;
mod roster;
mod schedule;
pub(crate) mod sets;

pub(crate) use agenda::{Agenda, Failure, SPREAD, SpreadReads};
pub(crate) use census::{Census, Counted, Reported, Said};
pub(crate) use lane::{Enter, Lanes, Place, Visitor};
pub(crate) use object::{Object, ObjectName};
pub(crate) use outcomes::{Found, Outcomes};
pub(crate) use roster::{Counts, Need, Roster, Row};
pub(crate) use schedule::Schedule;
