//! What stands between the two kinds: plain data behind short locks. Nothing here calls a server, awaits anything, or
//! knows a story.

pub(crate) mod ledger;
pub(crate) mod roster;
