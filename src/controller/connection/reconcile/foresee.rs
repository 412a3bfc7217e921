//! A reconcile of a connection without its writes.

use crate::controller::error::Error;
use crate::fleet::link::VerifiedServer;
use crate::identity::SettingId;
use crate::plan::condition::ConditionType;
use crate::plan::connection::{Platform, Setting};
use crate::plan::foreseen::{Action, Foreseen};

use super::ConnectionReconcile;
use super::ready::Prepared;

impl ConnectionReconcile<'_> {
    /// What would be done. The bindings of the connection can be foreseen afterwards.
    pub(in crate::controller::connection) async fn foresee(&mut self) -> Result<Foreseen, Error> {
        let (prepared, mut checked) = self.ready().await?;
        let clients = prepared.clients.clone();
        let endpoints = prepared.endpoints.clone();
        let (setting, foreseen) = self
            .foresee_sync(prepared, &mut checked.health.sonarqube)
            .await?;
        match setting.or_else(|| to_come(&foreseen)) {
            Some(setting) => {
                let through = (&clients, endpoints);
                self.serve(setting, &checked.health, through).await?;
            }
            None => self.shut(),
        }
        Ok(foreseen)
    }

    async fn foresee_sync(
        &mut self,
        prepared: Prepared,
        verified: &mut VerifiedServer,
    ) -> Result<(Option<Setting>, Foreseen), Error> {
        self.at = ConditionType::ConfigurationSynced;
        let Prepared {
            desired,
            credentials,
            clients,
            endpoints: _,
        } = prepared;
        let mut sync = self.begin_sync(desired, (&credentials, &clients), verified);
        sync.foresee().await
    }
}

/// A configuration that is about to be created. Its empty id says that nothing can be bound through it yet.
fn to_come(foreseen: &Foreseen) -> Option<Setting> {
    let Foreseen::Acts(actions) = foreseen else {
        return None;
    };
    actions.iter().find_map(|action| {
        let Action::CreateConfiguration(name, url) = action else {
            return None;
        };
        Some(Setting {
            id: SettingId::new(""),
            key: name.clone(),
            platform: Platform::Bitbucket,
            url: url.to_string(),
        })
    })
}
