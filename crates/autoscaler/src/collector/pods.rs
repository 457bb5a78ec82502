//! Pods by revision.

use std::sync::Arc;

use ebb_core::names::labels;
use ebb_core::scale::{Pod, Pods};
use ebb_runtime::cache::Index;
use ebb_runtime::{Cache, Key};

/// Finds the pods of a revision.
#[derive(Clone, Debug)]
pub struct PodIndex(Index<Pod>);

impl PodIndex {
    /// Indexes `pods` by the label that names their revision.
    #[must_use]
    pub fn new(pods: &Cache<Pod>) -> Self {
        Self(pods.index(|pod| {
            revision(pod)
                .map(|key| key.to_string())
                .into_iter()
                .collect()
        }))
    }

    /// The pods of `revision`.
    #[must_use]
    pub fn of(&self, revision: &Key) -> Vec<Arc<Pod>> {
        self.0.get(&revision.to_string())
    }

    /// The pods of `revision`, counted by state.
    #[must_use]
    pub fn count(&self, revision: &Key) -> Pods {
        Pods::count(self.of(revision).iter().map(Arc::as_ref))
    }
}

/// The revision that a pod belongs to, which is also the key of its PodAutoscaler.
#[must_use]
pub fn revision(pod: &Pod) -> Option<Key> {
    let name = pod.metadata.labels.as_ref()?.get(labels::REVISION)?;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    Some(Key::new(namespace, name))
}
