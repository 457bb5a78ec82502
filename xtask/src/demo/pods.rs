//! Follows the pods of the demo's namespace, and notes when the API first showed each step of their lives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use tokio::task::JoinSet;

/// Label with the service that a pod belongs to.
const SERVICE: &str = "serving.knative.dev/service";

/// When the API first showed something about a pod. These are the times at which the news arrived here: the times
/// inside the objects are whole seconds.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) service: String,
    pub(super) created: SystemTime,
    pub(super) addressed: Option<SystemTime>,
    pub(super) ready: Option<SystemTime>,
    is_ready: bool,
    is_terminating: bool,
}

/// The pods of one namespace; follows them until dropped.
#[derive(Debug)]
pub(super) struct Pods {
    lives: Arc<Mutex<BTreeMap<String, Life>>>,
    _follower: JoinSet<()>,
}

impl Pods {
    pub(super) fn follow(client: &Client, namespace: &str) -> Self {
        let lives = Arc::new(Mutex::new(BTreeMap::new()));
        let api = Api::<Pod>::namespaced(client.clone(), namespace);
        let mut follower = JoinSet::new();
        let seen = Arc::clone(&lives);
        follower.spawn(async move {
            let events = watcher(api, watcher::Config::default()).default_backoff();
            // Errors are retried by the stream itself, for ever.
            let _ = events
                .try_for_each(|event| {
                    note(&mut lock(&seen), event);
                    std::future::ready(Ok(()))
                })
                .await;
        });
        Self {
            lives,
            _follower: follower,
        }
    }

    /// Pods of `service` that are ready.
    pub(super) fn ready(&self, service: &str) -> usize {
        self.count(service, |life| life.is_ready && !life.is_terminating)
    }

    /// Pods of `service`, whatever their state.
    pub(super) fn all(&self, service: &str) -> usize {
        self.count(service, |_| true)
    }

    /// The pod of `service` that was created last.
    pub(super) fn newest(&self, service: &str) -> Option<Life> {
        lock(&self.lives)
            .values()
            .filter(|life| life.service == service)
            .max_by_key(|life| life.created)
            .cloned()
    }

    fn count(&self, service: &str, counts: impl Fn(&Life) -> bool) -> usize {
        lock(&self.lives)
            .values()
            .filter(|life| life.service == service && counts(life))
            .count()
    }
}

fn lock(lives: &Mutex<BTreeMap<String, Life>>) -> MutexGuard<'_, BTreeMap<String, Life>> {
    // Whoever panicked while holding it had nothing half done: each entry is written at once.
    lives.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(lives: &mut BTreeMap<String, Life>, event: watcher::Event<Pod>) {
    match event {
        watcher::Event::Apply(pod) | watcher::Event::InitApply(pod) => update(lives, &pod),
        watcher::Event::Delete(pod) => {
            lives.remove(&pod.name_any());
        }
        // A new listing follows: what it does not name is gone.
        watcher::Event::Init => lives.clear(),
        watcher::Event::InitDone => {}
    }
}

fn update(lives: &mut BTreeMap<String, Life>, pod: &Pod) {
    let now = SystemTime::now();
    let life = lives.entry(pod.name_any()).or_insert_with(|| Life {
        service: pod.labels().get(SERVICE).cloned().unwrap_or_default(),
        created: now,
        addressed: None,
        ready: None,
        is_ready: false,
        is_terminating: false,
    });
    let Some(status) = &pod.status else { return };
    if status.pod_ip.is_some() {
        life.addressed.get_or_insert(now);
    }
    life.is_ready = status
        .conditions
        .iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    if life.is_ready {
        life.ready.get_or_insert(now);
    }
    life.is_terminating = pod.metadata.deletion_timestamp.is_some();
}
