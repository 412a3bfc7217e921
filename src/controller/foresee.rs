//! What the operator would do for a set of objects: its own reconciles, without their writes.
//!
//! The fence of the clients is closed, so nothing can be written, and no watch is opened.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use kube::core::{DeserializeGuard, PartialObjectMeta};

use crate::crd::{self, for_each_kind};
use crate::fence::Fence;
use crate::fleet::ledger::Reservation;
use crate::kubernetes::Store;
use crate::kubernetes::objects::{Follower, Seen};
use crate::metrics::Metrics;
use crate::plan::foreseen::Foreseen;
use crate::plan::trouble::Trouble;
use crate::plan::{Blocked, Reason};

use super::context::{Context, Settings, Setup, Watched};
use super::error::Error;
use super::queues::{Queued, Queues};
use super::register::Register;

/// Whether an object is asked about, by its namespace and its name.
pub type IsWanted = Box<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// Is called after each object: how many are done, of how many.
pub type Progress = Box<dyn Fn(usize, usize) + Send + Sync>;

/// Objects, as a cluster has them or as they are to be applied.
pub struct Objects<K> {
    /// All of them, since one may claim what another wants.
    pub all: Vec<DeserializeGuard<K>>,
    /// Whether an object is asked about, by its namespace and its name.
    pub is_wanted: IsWanted,
}

/// What is foreseen for one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The kind, as manifests write it.
    pub kind: &'static str,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// What is about to happen.
    pub foreseen: Foreseen,
    /// All that is wrong, where that was asked for.
    pub troubles: Vec<Trouble>,
}

/// What was planned before, in the same run, for other objects.
#[derive(Default)]
pub(crate) struct Before(Mutex<Vec<Reservation>>);

impl Before {
    /// Nothing else may be planned for what is reserved.
    pub(crate) fn keep(&self, reservation: Reservation) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(reservation);
    }
}

/// One run over all objects.
struct Run {
    is_thorough: bool,
    before: Before,
    progress: Progress,
    done: AtomicUsize,
    count: usize,
}

impl Run {
    fn advance(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.progress)(done, self.count);
    }
}

/// A kind whose reconciles can be foreseen.
pub(crate) trait Foresee: Queued {
    /// Everything that is wrong with what the object refers to, and not the first thing alone.
    fn examine(&self, _: &Context) -> impl Future<Output = Vec<Trouble>> + Send {
        std::future::ready(Vec::new())
    }

    /// What a reconcile would do.
    fn foresee(
        &self,
        context: &Context,
        before: &Before,
    ) -> impl Future<Output = Result<Foreseen, Error>> + Send;
}

macro_rules! declare {
    ($($objects:ident: $kind:ident;)+) => {
        /// What a forecast is made from.
        pub struct World {
            /// Whether everything that is wrong is found, and not the first thing alone.
            pub is_thorough: bool,
            /// Is called as it goes on.
            pub progress: Progress,
            /// The client of the cluster, for Secrets and `ConfigMaps`.
            pub client: kube::Client,
            /// How the operator is started.
            pub settings: Settings,
            /// Where calls are counted.
            pub metrics: Arc<Metrics>,
            /// The namespaces, for `access`.
            pub namespaces: Vec<PartialObjectMeta<Namespace>>,
            $(
                /// The objects of a kind.
                pub $objects: Objects<crd::$kind>,
            )+
        }

        /// What the operator would do, kind by kind in the order in which they depend on each other.
        pub async fn forecasts(world: World) -> Vec<Forecast> {
            let mut seen = Seen::default();
            let (queues, _ends) = Queues::new(world.settings.concurrency, &mut seen);
            let namespaces = Store::default();
            for namespace in world.namespaces {
                namespaces.put(Arc::new(namespace));
            }
            let register = Register::new(queues.clone(), namespaces.clone());
            let (is_thorough, progress) = (world.is_thorough, world.progress);
            let setup = Setup {
                client: world.client,
                fence: Fence::closed(),
                settings: world.settings,
                metrics: world.metrics,
            };
            let context = Context::new(setup, Watched { queues, namespaces, seen, register });
            $(let $objects = filled(world.$objects, &context);)+
            let run = Run {
                is_thorough,
                progress,
                before: Before::default(),
                done: AtomicUsize::new(0),
                count: 0 $(+ $objects.len())+,
            };
            let mut forecasts = Vec::new();
            $(forecasts.extend(of_kind::<crd::$kind>(&$objects, &context, &run).await);)+
            forecasts
        }
    };
}
for_each_kind!(declare);

/// Shows all objects of a kind to the others, and returns those that are asked about, by namespace and name.
fn filled<K: Foresee>(objects: Objects<K>, context: &Context) -> Vec<Arc<DeserializeGuard<K>>>
where
    Register: Follower<K>,
{
    let all: Vec<_> = objects.all.into_iter().map(Arc::new).collect();
    for object in &all {
        K::queue(&context.queues).store.put(Arc::clone(object));
    }
    context.register.listed(&all);
    let is_wanted = |it: &Arc<DeserializeGuard<K>>| {
        (objects.is_wanted)(&it.namespace().unwrap_or_default(), &it.name_any())
    };
    let mut wanted: Vec<_> = all.into_iter().filter(is_wanted).collect();
    wanted.sort_by_key(|it| (it.namespace(), it.name_any()));
    wanted
}

async fn of_kind<K: Foresee>(
    objects: &[Arc<DeserializeGuard<K>>],
    context: &Context,
    run: &Run,
) -> Vec<Forecast> {
    let mut forecasts = Vec::new();
    for guarded in objects {
        let foreseen = match &guarded.0 {
            Ok(object) => {
                let foreseen = object.foresee(context, &run.before).await;
                foreseen.unwrap_or_else(|error| Foreseen::blocked(error.class(), error.refusal()))
            }
            Err(unread) => Foreseen::Failed(Blocked::new(
                Reason::InternalError,
                format!("this version cannot read the object: {}", unread.error),
            )),
        };
        let troubles = match &guarded.0 {
            Ok(object) if run.is_thorough => object.examine(context).await,
            Ok(_) | Err(_) => Vec::new(),
        };
        forecasts.push(Forecast {
            troubles,
            kind: K::NAME,
            namespace: guarded.namespace().unwrap_or_default(),
            name: guarded.name_any(),
            foreseen,
        });
        run.advance();
    }
    forecasts
}
