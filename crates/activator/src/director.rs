//! Keeps each revision's waiting room supplied with pods that answer.
//!
//! ```text
//!  revisions ─┐
//!  pods ──────┼─► changed keys ─► refresh(key) ─┬─► a prober a pod ─► verdict ─┐
//!  slices ────┘        ▲                        └─► Throttle::set_pods         │
//!                      └───────────────────────────────────────────────────────┘
//! ```
//!
//! One task owns all of it. It looks at a key's whole state each time and never asks what changed.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ebb_core::api::revision;
use ebb_core::names::labels;
use ebb_core::scale;
use ebb_core::throttle::{Seat, assigned};
use ebb_process::Stop;
use ebb_runtime::cache::Index;
use ebb_runtime::queue::Queue;
use ebb_runtime::{Cache, Key};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt as _;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::metrics::Metrics;
use crate::pod::Pod;
use crate::prober::{self, Pace};
use crate::revision::{Revision, Revisions};
use crate::sources::{self, Backend, is_private};

/// Everything that is watched.
#[derive(Clone, Debug)]
pub struct Caches {
    /// All revisions.
    pub revisions: Cache<revision::Revision>,
    /// Pods of all revisions.
    pub pods: Cache<scale::Pod>,
    /// Slices of the private and public Services of all revisions.
    pub slices: Cache<EndpointSlice>,
}

/// What does not change while the process runs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Own address.
    pub own_ip: IpAddr,
    /// Idle connections kept to one pod.
    pub idle_connections: usize,
    /// How silent addresses are probed.
    pub pace: Pace,
}

/// The task.
#[derive(Debug)]
pub struct Director {
    caches: Caches,
    pods: Index<scale::Pod>,
    slices: Index<EndpointSlice>,
    options: Options,
    metrics: Metrics,
    queue: Queue,
    revisions: Arc<Revisions>,
    known: HashMap<Key, Known>,
}

/// What is kept of a revision between two looks at it.
#[derive(Debug)]
struct Known {
    revision: Arc<Revision>,
    seat: Seat,
    pods: BTreeMap<SocketAddr, Watched>,
}

/// A pod and the task that probes it, which ends with this.
struct Watched {
    pod: Arc<Pod>,
    ready: bool,
    prober: AbortHandle,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("pod", &self.pod)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.prober.abort();
    }
}

impl Director {
    /// Feeds itself from `caches` from now on; nothing happens before [`Director::run`].
    pub fn new(caches: Caches, options: Options, metrics: Metrics) -> Self {
        let queue = Queue::new();
        let pods = caches
            .pods
            .index(|pod| owner(pod, pod.labels().get(labels::REVISION)));
        let slices = caches
            .slices
            .index(|slice| owner(slice, slice.labels().get(labels::SERVERLESS_SERVICE)));

        let feed = queue.clone();
        caches
            .revisions
            .observe(move |change| feed.add(Key::of(&**change.latest())));
        let feed = queue.clone();
        caches.pods.observe(move |change| {
            let pod = change.latest();
            add(&feed, pod.namespace(), pod.labels().get(labels::REVISION));
        });
        let feed = queue.clone();
        caches.slices.observe(move |change| {
            let slice = change.latest();
            add(
                &feed,
                slice.namespace(),
                slice.labels().get(labels::SERVERLESS_SERVICE),
            );
        });
        let revisions = Arc::default();
        Self {
            caches,
            pods,
            slices,
            options,
            metrics,
            queue,
            revisions,
            known: HashMap::new(),
        }
    }

    /// What requests look revisions up in.
    pub fn revisions(&self) -> Arc<Revisions> {
        Arc::clone(&self.revisions)
    }

    /// Where to ask for a revision to be looked at again.
    pub fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Works until a stop is asked for; give it to the supervisor. `synced` becomes true once every revision that
    /// existed at the start is known: before that, a revision that is not found may well exist.
    ///
    /// # Errors
    /// None.
    pub async fn run(mut self, stop: Stop, synced: watch::Sender<bool>) -> Result<(), Infallible> {
        let caches = self.caches.clone();
        let mut listed = Box::pin(async move {
            caches.revisions.ready().await;
            caches.pods.ready().await;
            caches.slices.ready().await;
        });
        loop {
            tokio::select! {
                (key, _) = self.queue.next() => {
                    self.refresh(&key);
                    self.queue.done(&key);
                }
                () = &mut listed, if !*synced.borrow() => {
                    for key in self.caches.revisions.keys() {
                        self.refresh(&key);
                    }
                    synced.send_replace(true);
                }
                () = stop.triggered() => return Ok(()),
            }
        }
    }

    /// Makes what requests see of a revision equal to what the caches and probers say.
    pub fn refresh(&mut self, key: &Key) {
        let Some(object) = self.caches.revisions.by_key(key) else {
            self.forget(key);
            return;
        };
        if self.known.get(key).is_some_and(|known| {
            Some(known.revision.uid.as_str()) != object.metadata.uid.as_deref()
        }) {
            self.forget(key);
        }
        let known = self.known.entry(key.clone()).or_insert_with(|| {
            let revision = Revision::new(&object, &self.metrics);
            self.revisions.insert(Arc::clone(&revision));
            Known {
                revision,
                seat: Seat::default(),
                pods: BTreeMap::new(),
            }
        });

        let name = key.to_string();
        let pods = self.pods.get(&name);
        let uid = known.revision.uid.as_str();
        let own = pods.iter().filter(|pod| {
            pod.labels()
                .get(labels::REVISION_UID)
                .is_none_or(|of| of == uid)
        });
        let slices = self.slices.get(&name);
        let (private, public): (Vec<_>, Vec<_>) = slices
            .iter()
            .map(|slice| &**slice)
            .partition(|slice| is_private(slice));
        let backends = sources::backends(own.map(|pod| &**pod), private, known.revision.port);
        if let Some(seat) = Seat::find(self.options.own_ip, sources::entrances(public)) {
            known.seat = seat;
        }
        known.follow(backends, self.options, &self.queue, key);
        known.supply();
    }

    fn forget(&mut self, key: &Key) {
        if let Some(known) = self.known.remove(key) {
            self.revisions.remove(&key.namespace, &key.name);
            known.revision.throttle.close();
            self.metrics.forget(&known.revision.metrics);
        }
    }
}

impl Known {
    /// Starts and ends probers so that there is one for each backend.
    fn follow(
        &mut self,
        backends: BTreeMap<SocketAddr, Backend>,
        options: Options,
        queue: &Queue,
        key: &Key,
    ) {
        self.pods
            .retain(|address, _| backends.contains_key(address));
        for (address, backend) in backends {
            match self.pods.get_mut(&address) {
                Some(watched) => {
                    // Unready but not terminating: it may still answer, so it is asked while it stays in use.
                    if watched.ready && !backend.ready {
                        watched.pod.doubt();
                    }
                    watched.ready = backend.ready;
                }
                None => {
                    // Kubernetes has to speak first: asking before that is of no use.
                    if !self.revision.probe_decides && !backend.ready {
                        continue;
                    }
                    let pod = Pod::new(address, backend.source, options.idle_connections);
                    tracing::debug!(revision = %key, pod = %address, source = backend.source.label(), "pod found");
                    let prober = watch(&pod, options.pace, queue, key);
                    self.pods.insert(
                        address,
                        Watched {
                            pod,
                            ready: backend.ready,
                            prober,
                        },
                    );
                }
            }
        }
    }

    /// Hands our share of the pods that answer to the throttle.
    fn supply(&self) {
        let usable = self.pods.values().filter(|watched| {
            watched.pod.answers() && (watched.ready || self.revision.probe_decides)
        });
        let mut pods: Vec<Arc<Pod>> = usable.map(|watched| Arc::clone(&watched.pod)).collect();
        // All activators must see the same order, and upstream's is that of text.
        pods.sort_by_cached_key(|pod| pod.address().to_string());
        let ours = assigned(pods.len(), self.revision.throttle.limit(), self.seat);
        let pods: Vec<_> = ours
            .into_iter()
            .map(|index| Arc::clone(&pods[index]))
            .collect();
        let before = self.revision.throttle.pods();
        let same =
            before.len() == pods.len() && before.iter().zip(&pods).all(|(a, b)| Arc::ptr_eq(a, b));
        if !same {
            self.revision.throttle.set_pods(pods);
        }
    }
}

fn watch(pod: &Arc<Pod>, pace: Pace, queue: &Queue, key: &Key) -> AbortHandle {
    let (queue, key) = (queue.clone(), key.clone());
    let work = prober::watch(Arc::clone(pod), pace, move || queue.add(key.clone()));
    #[expect(
        clippy::disallowed_methods,
        reason = "aborted when the director forgets the pod"
    )]
    tokio::spawn(work).abort_handle()
}

fn owner(object: &impl kube::ResourceExt, revision: Option<&String>) -> Vec<String> {
    let name = revision
        .map(|revision| Key::new(object.namespace().unwrap_or_default(), revision).to_string());
    name.into_iter().collect()
}

fn add(queue: &Queue, namespace: Option<String>, revision: Option<&String>) {
    if let (Some(namespace), Some(revision)) = (namespace, revision) {
        queue.add(Key::new(namespace, revision));
    }
}
