//! What a binding reserves while it is compared with the servers: no other object works on the same project, or imports
//! the same repository.

use std::sync::Arc;

use crate::crd::BitbucketConnection;
use crate::declared::connection::reference_to;
use crate::fleet::ledger::{Ledger, Reservation, Server, Thing};
use crate::fleet::link::ServerAccess;
use crate::identity::{ProjectKey, RepositoryPath};
use crate::plan::binding::{Desired, Record};

/// What is reserved for one reconcile.
pub(super) struct Reserved(Reservation);

impl From<Reserved> for Reservation {
    fn from(reserved: Reserved) -> Self {
        reserved.0
    }
}

impl Reserved {
    /// Reserves what a binding works on. `None` where another object is at work: its end wakes this one.
    pub(super) fn of(
        desired: &Desired,
        access: &ServerAccess,
        ledger: &Arc<Ledger>,
    ) -> Option<Self> {
        ledger
            .reserve(&desired.uid, &things(desired, access))
            .map(Self)
    }

    /// Reserves what the binding works on by now. `false`: as above.
    pub(super) fn follow(&mut self, desired: &Desired, access: &ServerAccess) -> bool {
        self.0.exchange(&things(desired, access))
    }
}

fn things(desired: &Desired, access: &ServerAccess) -> Vec<Thing> {
    let server = server(access);
    // Another binding might import the repository under another key.
    let repository = (!desired.monorepo).then(|| server.repository(&desired.repository));
    let project = server.project(&desired.key);
    repository.into_iter().chain([project]).collect()
}

/// The repository, which no other object may be importing.
pub(super) fn imported(desired: &Desired, access: &ServerAccess) -> Thing {
    server(access).repository(&desired.repository)
}

/// What must belong to no other object before something is undone: the project, and while the answer to its import is not
/// known, the repository, and the key as one to import. What is there may have been imported for another binding.
pub(super) fn undone(
    key: &ProjectKey,
    record: &Record,
    repository: Option<&RepositoryPath>,
    access: &ServerAccess,
) -> Vec<Thing> {
    let server = server(access);
    let mut things = vec![server.project(key)];
    if record.unanswered().is_some() {
        things.push(server.imported_project(key));
        things.extend(repository.map(|repository| server.repository(repository)));
    }
    things
}

/// What must belong to no other object: the project, and before a binding holds it, the right to be the first.
pub(super) fn contended(
    desired: &Desired,
    connection: &BitbucketConnection,
    access: &ServerAccess,
) -> Vec<Thing> {
    let (server, connection) = (server(access), reference_to(connection));
    let is_held = desired.record.accepted.is_some();
    let wanted = (!is_held).then(|| server.wanted_project(&connection, &desired.key));
    [server.project(&desired.key)]
        .into_iter()
        .chain(wanted)
        .collect()
}

/// The SonarQube server that an access leads to.
pub(super) fn server(access: &ServerAccess) -> Server {
    Server::new(access.sonarqube.url(), access.server.clone())
}
