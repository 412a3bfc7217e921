//! What the process knows about all objects together: plain data behind short locks, without IO.
//!
//! `lane` holds the places of reconciles that call servers, `agenda` when each object is reconciled next.

mod agenda;
mod lane;

pub(crate) use agenda::{Agenda, Failure};
pub(crate) use lane::{Enter, Lanes, Place, Urgency, Visitor, Wake};
