//! The same plan without its writes.

use crate::controller::error::Error;
use crate::plan::connection::{Plan, Setting, actions, is_write, plan};
use crate::plan::foreseen::Foreseen;

use super::{ROUNDS, Sync};
use crate::controller::connection::settings;

impl Sync<'_> {
    /// What would be done, up to the first write: what follows depends on its answer. What is only remembered is
    /// remembered for the time of this process.
    pub(in crate::controller::connection) async fn foresee(
        &mut self,
    ) -> Result<(Option<Setting>, Foreseen), Error> {
        let settings = settings::read(&self.clients.sonarqube).await?;
        let mut done = Vec::new();
        for _ in 0..ROUNDS {
            self.recall(&settings);
            let observed = self.observe(settings.clone()).await?;
            let steps = match plan(&self.desired, &observed) {
                Plan::Refused(refusal) => return Err(Error::Refused(refusal)),
                Plan::Settled => return Ok((self.settled(settings), Foreseen::acts(done))),
                Plan::Differs(differences) => {
                    return Ok((self.settled(settings), Foreseen::Differs(differences)));
                }
                Plan::Steps(steps) => steps,
            };
            done.extend(actions(&steps, &self.desired, &observed));
            if steps.iter().any(is_write) {
                return Ok((self.settled(settings), Foreseen::acts(done)));
            }
            for step in steps {
                self.apply(step, &observed).await?;
            }
        }
        Err(Error::Unstable { rounds: ROUNDS })
    }
}
