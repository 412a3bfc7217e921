//! What every reconcile may use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;

use crate::crd::{BitbucketConnection, ProjectBindingStatus};
use crate::declared::connection::reference_to;
use crate::fence::Fence;
use crate::fleet::link::Links;
use crate::fleet::{Agenda, Lanes, Outcomes, SpreadReads};
use crate::http::{Budgets, HostPolicy, Limits, PlainHttp};
use crate::kubernetes::clock;
use crate::kubernetes::objects::Seen;
use crate::kubernetes::publisher::Publisher;
use crate::kubernetes::unstored::{Unreported, Unstored};
use crate::kubernetes::watches::Watches;
use crate::kubernetes::{Namespaces, Place, Store, uid};
use crate::metrics::Metrics;

use super::error::Error;
use super::queues::{Queued, Queues};
use super::register::Register;

/// How the operator was started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose objects are reconciled.
    pub namespaces: Namespaces,
    /// Where tokens may go.
    pub hosts: HostPolicy,
    /// Whether every Secret must name its hosts.
    pub secret_hosts: SecretHosts,
    /// Where tokens may travel in clear.
    pub plain_http: PlainHttp,
    /// Whether `deletionPolicy: DeleteProject` deletes.
    pub project_deletion: ProjectDeletion,
    /// The shortest interval of a connection.
    pub minimum_interval: Duration,
    /// Reconciles of one kind that work at once, those apart that call servers.
    pub concurrency: u16,
    /// How much a SonarQube is asked in the name of one token.
    pub sonarqube: Limits,
    /// The same of a Bitbucket.
    pub bitbucket: Limits,
    /// The longest time of a reconcile.
    pub deadline: Duration,
    /// `namespace:name` of the operator's service account, for the commands in messages.
    pub service_account: String,
}

/// What the controllers are started with.
pub struct Setup {
    /// The client of everything but the lease.
    pub client: kube::Client,
    /// What is open while this operator leads.
    pub fence: Fence,
    /// How the operator was started.
    pub settings: Settings,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
}

/// Whether the operator may delete SonarQube projects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectDeletion {
    /// It deletes them where `deletionPolicy: DeleteProject` asks for it.
    Allowed,
    /// It only unbinds them.
    Refused,
}

/// Whether a Secret must carry `bindery.dev/allowed-hosts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretHosts {
    /// It may.
    Optional,
    /// It must.
    Required,
}

/// What every reconcile may use.
pub(crate) struct Context {
    pub(crate) client: kube::Client,
    /// What is open while this operator leads.
    pub(crate) fence: Fence,
    pub(crate) settings: Settings,
    pub(crate) queues: Queues,
    pub(crate) namespaces: Store<PartialObjectMeta<Namespace>>,
    pub(crate) seen: Seen,
    /// What the objects of others hold and want.
    pub(crate) register: Arc<Register>,
    /// What is known of each connection.
    pub(crate) links: Links,
    /// What became of the latest pull requests.
    pub(crate) decorations: Outcomes,
    /// The places of bindings that call the servers of their connection.
    pub(crate) lanes: Arc<Lanes>,
    /// How much each server is asked.
    pub(crate) budgets: Budgets,
    pub(crate) watches: Watches,
    pub(crate) agenda: Agenda,
    /// What was done for bindings, and is stored with their next status.
    pub(crate) unstored: Unstored<ProjectBindingStatus>,
    /// What was done, and is published once the next status is stored.
    pub(crate) unreported: Unreported,
    pub(crate) events: Publisher,
    pub(crate) metrics: Arc<Metrics>,
}

/// What the watches have seen, and what becomes of it.
pub(crate) struct Watched {
    pub(crate) queues: Queues,
    pub(crate) namespaces: Store<PartialObjectMeta<Namespace>>,
    pub(crate) seen: Seen,
    pub(crate) register: Arc<Register>,
}

impl Context {
    pub(crate) fn new(setup: Setup, shown: Watched) -> Arc<Self> {
        let Setup {
            client,
            fence,
            settings,
            metrics,
        } = setup;
        let Watched {
            queues,
            namespaces,
            seen,
            register,
        } = shown;
        let asked = queues.clone();
        let watches = Watches::new(
            client.clone(),
            Arc::clone(&metrics),
            move |namespace, name| {
                asked
                    .connections
                    .wake(&(namespace.to_owned(), name.to_owned()));
            },
        );
        let budgets = Budgets::default();
        let known = budgets.clone();
        metrics.take_budgets_by(move || known.views());
        let asked = queues.clone();
        let places = usize::from(settings.concurrency / 2);
        let lanes = Lanes::new(places, move |object| asked.wake(&object));
        Arc::new(Self {
            events: Publisher::new(&client, &metrics),
            client,
            fence,
            settings,
            queues,
            namespaces,
            seen,
            register,
            links: Links::default(),
            decorations: Outcomes::default(),
            lanes,
            budgets,
            watches,
            agenda: Agenda::new(SpreadReads::by_the_clock(
                Instant::now(),
                clock::since_1970(),
            )),
            unstored: Unstored::default(),
            unreported: Unreported::default(),
            metrics,
        })
    }

    /// Where objects of a kind are written.
    pub(crate) fn place<K: Queued>(&self) -> Place<'_> {
        Place {
            client: &self.client,
            metrics: &self.metrics,
            writes: &K::queue(&self.queues).writes,
        }
    }

    /// How often drift is looked for.
    pub(crate) fn interval(&self, connection: &BitbucketConnection) -> Duration {
        Duration::from(connection.spec.interval).max(self.settings.minimum_interval)
    }

    /// One of the bindings of a connection met what looks like an outage: the connection finds out for all of them,
    /// unless it has just found everything well.
    pub(crate) fn invalidate(&self, connection: &BitbucketConnection, error: &Error) {
        let link = self.links.of(&uid(connection));
        if link.lock().invalidate(error.invalidation(), Instant::now()) {
            self.ask(connection);
        }
    }

    /// SonarQube says that it has no import token for the operator's user, or the user is another one by now.
    pub(crate) fn import_token_lost(&self, connection: &BitbucketConnection) {
        let link = self.links.of(&uid(connection));
        {
            let mut link = link.lock();
            link.pushed.distrust_import();
            link.health.invalidate();
        }
        self.ask(connection);
    }

    /// Has both servers of a connection checked: something is not as it was found.
    pub(crate) fn recheck(&self, connection: &BitbucketConnection) {
        self.links.of(&uid(connection)).lock().health.invalidate();
        self.ask(connection);
    }

    /// Has a connection reconciled when it may make the listing that its bindings ask for: before, it would read what it
    /// does not need.
    pub(crate) fn ask_for_a_listing(&self, connection: &BitbucketConnection) {
        let due = self
            .links
            .of(&uid(connection))
            .lock()
            .listing
            .due(Instant::now());
        if let Some(due) = due {
            let name = reference_to(connection);
            self.queues.connections.wake_at(name, due);
        }
    }

    /// Has a connection reconciled.
    pub(crate) fn ask(&self, connection: &BitbucketConnection) {
        self.queues.connections.wake(&reference_to(connection));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A context of an operator that was just started, and reaches no API server.
    pub(crate) fn of_a_started_operator() -> Arc<Context> {
        let nowhere = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        of_an_operator_by(kube::Client::try_from(nowhere).unwrap())
    }

    /// The same of an operator that reaches an API server by this client.
    pub(crate) fn of_an_operator_by(client: kube::Client) -> Arc<Context> {
        let settings = Settings {
            namespaces: Namespaces::All,
            hosts: HostPolicy::default(),
            secret_hosts: SecretHosts::Optional,
            plain_http: PlainHttp::Refused,
            project_deletion: ProjectDeletion::Refused,
            minimum_interval: Duration::from_mins(1),
            concurrency: 2,
            sonarqube: Limits::default(),
            bitbucket: Limits::default(),
            deadline: Duration::from_mins(10),
            service_account: String::new(),
        };
        let setup = Setup {
            client,
            fence: Fence::closed(),
            settings,
            metrics: Arc::default(),
        };
        let mut seen = Seen::default();
        let (queues, _) = Queues::new(setup.settings.concurrency, &mut seen);
        let namespaces = Store::default();
        let register = Register::new(queues.clone(), namespaces.clone());
        let watched = Watched {
            queues,
            namespaces,
            seen,
            register,
        };
        Context::new(setup, watched)
    }
}
