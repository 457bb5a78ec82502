//! The work-queue metrics that upstream's controllers have.

use std::time::Duration;

use ebb_process::metrics::{Registry, SECONDS};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use crate::queue::Queue;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    name: &'static str,
}

/// Work-queue metrics of all controllers of a process, labelled by the queue's name. `Default` gives unregistered ones.
#[derive(Clone, Debug)]
pub struct Metrics {
    depth: Family<Labels, Gauge>,
    adds: Family<Labels, Counter>,
    retries: Family<Labels, Counter>,
    waited: Family<Labels, Histogram>,
    worked: Family<Labels, Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = || Histogram::new(SECONDS);
        Self {
            depth: Family::default(),
            adds: Family::default(),
            retries: Family::default(),
            waited: Family::new_with_constructor(seconds),
            worked: Family::new_with_constructor(seconds),
        }
    }
}

impl Metrics {
    /// Registers `kn_workqueue_*`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("kn_workqueue");
        registry.register("depth", "Keys that wait", metrics.depth.clone());
        registry.register("adds", "Keys that were queued", metrics.adds.clone());
        registry.register(
            "retries",
            "Keys that were queued again because of a failure",
            metrics.retries.clone(),
        );
        registry.register_with_unit(
            "queue_duration",
            "Time a key waited",
            Unit::Seconds,
            metrics.waited.clone(),
        );
        registry.register_with_unit(
            "process_duration",
            "Time a key was worked on",
            Unit::Seconds,
            metrics.worked.clone(),
        );
        metrics
    }

    pub(super) fn started(&self, name: &'static str, queue: &Queue, waited: Duration) {
        let labels = Labels { name };
        self.depth
            .get_or_create(&labels)
            .set(queue.depth().try_into().unwrap_or(i64::MAX));
        let (adds, retries) = queue.take_totals();
        self.adds.get_or_create(&labels).inc_by(adds);
        self.retries.get_or_create(&labels).inc_by(retries);
        self.waited
            .get_or_create(&labels)
            .observe(waited.as_secs_f64());
    }

    pub(super) fn finished(&self, name: &'static str, worked: Duration) {
        self.worked
            .get_or_create(&Labels { name })
            .observe(worked.as_secs_f64());
    }
}
