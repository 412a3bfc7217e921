//! What the operator would do for a set.

use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::foresee::{Before, Foresee};
use crate::crd::ProjectBindingSet;
use crate::fleet::sets::Memory;
use crate::plan::foreseen::{Action, Foreseen};
use crate::plan::set::Decision;

use super::{connection, perform};

impl Foresee for ProjectBindingSet {
    async fn foresee(&self, context: &Context, _: &Before) -> Result<Foreseen, Error> {
        if self.metadata.deletion_timestamp.is_some() {
            return Ok(Foreseen::Leaves);
        }
        if self.spec.suspend {
            return Ok(Foreseen::Suspended);
        }
        let reference = connection::find(self, context)?;
        let Some(access) = connection::open(&reference, self, context)? else {
            return Ok(Foreseen::Unchanged);
        };
        let mut memory = Memory::default();
        let through = (&reference, &*access);
        let (decisions, asked) = perform::decided(self, context, through, &mut memory).await?;
        asked?;
        Ok(Foreseen::acts(
            decisions.into_iter().filter_map(action).collect(),
        ))
    }
}

fn action(decision: Decision) -> Option<Action> {
    match decision {
        Decision::Create { name, repository } => Some(Action::CreateBinding { name, repository }),
        Decision::Update { name, .. } => Some(Action::UpdateBinding { name }),
        // A deletion needs two listings, and a forecast has one.
        Decision::Delete { .. }
        | Decision::Keep { .. }
        | Decision::Wait { .. }
        | Decision::AskEmpty { .. }
        | Decision::AskGone { .. }
        | Decision::Stray { .. }
        | Decision::Conflicting { .. }
        | Decision::Skipped { .. } => None,
    }
}
