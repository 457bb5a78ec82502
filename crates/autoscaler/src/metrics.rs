//! What the autoscaler tells of each revision, under upstream's names.
//!
//! Read from the deciders and the pods when somebody scrapes, so a revision that is gone is gone
//! here, too.

use ebb_core::api::pod_autoscaler::PodAutoscaler;
use ebb_core::names::labels;
use ebb_core::plan::meta;
use ebb_core::scale::{Metric, Pods};
use ebb_process::metrics::{Registry, SECONDS};
use ebb_runtime::{Cache, Key};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use crate::collector::PodIndex;
use crate::scaler::{Scaler, View};

/// One revision, at the moment of the scrape.
struct Row {
    labels: [(&'static str, String); 4],
    view: View,
    pods: Pods,
}

/// A gauge: its name, what it says, and how to read it. A revision that it says nothing about is
/// left out.
struct Gauge(&'static str, &'static str, fn(&Row) -> Option<f64>);

const GAUGES: [Gauge; 14] = [
    Gauge(
        "kn_revision_pods_desired",
        "Pods the decider wants",
        |row| Some(f64::from(row.view.desired.unwrap_or(0))),
    ),
    Gauge(
        "kn_revision_capacity_excess",
        "Excess burst capacity",
        |row| Some(f64::from(row.view.spare_burst)),
    ),
    Gauge("kn_revision_panic_mode", "1 in panic, 0 otherwise", |row| {
        Some(f64::from(u8::from(row.view.panics)))
    }),
    Gauge(
        "kn_revision_concurrency_stable",
        "Requests in flight, averaged over the stable window",
        |row| concurrency(row, row.view.load.stable),
    ),
    Gauge(
        "kn_revision_concurrency_panic",
        "Requests in flight, averaged over the panic window",
        |row| concurrency(row, row.view.load.panic),
    ),
    Gauge(
        "kn_revision_concurrency_target",
        "Requests in flight that a pod should have",
        |row| concurrency(row, row.view.rules.target),
    ),
    Gauge(
        "kn_revision_rps_stable_per_second",
        "Requests, averaged over the stable window",
        |row| rps(row, row.view.load.stable),
    ),
    Gauge(
        "kn_revision_rps_panic_per_second",
        "Requests, averaged over the panic window",
        |row| rps(row, row.view.load.panic),
    ),
    Gauge(
        "kn_revision_rps_target_per_second",
        "Requests that a pod should get",
        |row| rps(row, row.view.rules.target),
    ),
    Gauge(
        "kn_revision_pods_requested",
        "Pods wanted within bounds",
        |row| row.view.requested.map(f64::from),
    ),
    Gauge("kn_revision_pods_count", "Ready pods", |row| {
        Some(f64::from(row.pods.ready))
    }),
    Gauge(
        "kn_revision_pods_not_ready_count",
        "Pods that are not ready",
        |row| Some(f64::from(row.pods.not_ready)),
    ),
    Gauge(
        "kn_revision_pods_pending_count",
        "Pods that do not run yet",
        |row| Some(f64::from(row.pods.pending)),
    ),
    Gauge(
        "kn_revision_pods_terminating_count",
        "Pods that are leaving",
        |row| Some(f64::from(row.pods.terminating)),
    ),
];

fn concurrency(row: &Row, value: f64) -> Option<f64> {
    (row.view.rules.metric == Metric::Concurrency).then_some(value)
}

fn rps(row: &Row, value: f64) -> Option<f64> {
    (row.view.rules.metric == Metric::Rps).then_some(value)
}

/// Shows every revision that this replica decides for.
#[derive(Debug)]
pub struct Revisions {
    /// Who decides.
    pub scaler: Scaler,
    /// What they are called.
    pub autoscalers: Cache<PodAutoscaler>,
    /// What they have.
    pub pods: PodIndex,
}

impl Revisions {
    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        self.scaler.for_each(|key, view| {
            if let Some(autoscaler) = self.autoscalers.by_key(key) {
                rows.push(Row {
                    labels: identify(key, &autoscaler),
                    view: *view,
                    pods: self.pods.count(key),
                });
            }
        });
        rows.sort_by(|a, b| a.labels.cmp(&b.labels));
        rows
    }
}

impl Collector for Revisions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let rows = self.rows();
        for Gauge(name, help, read) in &GAUGES {
            let values: Vec<_> = rows
                .iter()
                .filter_map(|row| Some((&row.labels, read(row)?)))
                .collect();
            let Some((_, first)) = values.first() else {
                continue;
            };
            let kind = ConstGauge::new(*first).metric_type();
            let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
            for (labels, value) in values {
                let series = metric.encode_family(labels)?;
                ConstGauge::new(value).encode(series)?;
            }
        }
        Ok(())
    }
}

/// Whose pods were scraped. Not the revision: a histogram for each would be there for ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ScrapeLabels {
    k8s_namespace_name: String,
    kn_configuration_name: String,
    kn_service_name: String,
}

impl ScrapeLabels {
    /// The labels of scrapes for `metric`.
    #[must_use]
    pub fn of(metric: &ebb_core::api::metric::Metric) -> Self {
        let label = |name| {
            meta::label(&metric.metadata, name)
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            k8s_namespace_name: meta::namespace(&metric.metadata).to_owned(),
            kn_configuration_name: label(labels::CONFIGURATION),
            kn_service_name: label(labels::SERVICE),
        }
    }
}

/// How long scrapes take. Cheap to clone; `Default` gives unregistered ones.
#[derive(Clone, Debug)]
pub struct Scrapes(Family<ScrapeLabels, Histogram, fn() -> Histogram>);

impl Default for Scrapes {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| Histogram::new(SECONDS)))
    }
}

impl Scrapes {
    /// Registers `kn_autoscaler_scrape_duration_seconds`.
    pub fn register(registry: &mut Registry) -> Self {
        let scrapes = Self::default();
        let help = "Time to ask the pods of a revision";
        let name = "kn_autoscaler_scrape_duration";
        registry.register_with_unit(name, help, Unit::Seconds, scrapes.0.clone());
        scrapes
    }

    /// Notes one scrape.
    pub fn observe(&self, labels: &ScrapeLabels, took: std::time::Duration) {
        self.0.get_or_create(labels).observe(took.as_secs_f64());
    }
}

/// What set a scale that was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// How often scales were written, by reason. Cheap to clone; `Default` gives unregistered ones.
#[derive(Clone, Debug, Default)]
pub struct Scalings(Family<ReasonLabel, Counter>);

impl Scalings {
    /// Registers `ebb_autoscaler_scalings_total`.
    pub fn register(registry: &mut Registry) -> Self {
        let scalings = Self::default();
        let help = "Scales that were written, by what set them";
        registry.register("ebb_autoscaler_scalings", help, scalings.0.clone());
        scalings
    }

    /// Notes one write. `reason` is one of the labels of `scale::Why` and `kpa::Why`.
    pub fn count(&self, reason: &'static str) {
        self.0.get_or_create(&ReasonLabel { reason }).inc();
    }
}

fn identify(key: &Key, autoscaler: &PodAutoscaler) -> [(&'static str, String); 4] {
    let label = |name| {
        meta::label(&autoscaler.metadata, name)
            .unwrap_or_default()
            .to_owned()
    };
    [
        ("k8s_namespace_name", key.namespace.clone()),
        ("kn_configuration_name", label(labels::CONFIGURATION)),
        ("kn_revision_name", key.name.clone()),
        ("kn_service_name", label(labels::SERVICE)),
    ]
}

#[cfg(test)]
mod tests {
    use ebb_process::metrics::Exposition;

    use super::*;
    use crate::test_util::{Bench, World, frame, key};

    /// Dashboards depend on every name and label.
    #[tokio::test]
    async fn the_metrics_of_a_revision_have_upstreams_names() {
        let bench = Bench::new(&World::busy());
        bench.intake.accept(frame(5.0), jiff::Timestamp::now());
        let autoscalers = &bench.reconciler.autoscalers;
        let known = autoscalers.by_key(&key()).unwrap();
        let _ = bench.scaler.ensure(
            &known,
            &bench.reconciler.config.get(),
            jiff::Timestamp::now(),
        );
        bench.scaler.evaluate_now(&key());
        bench.scaler.settled(&key(), Some(3));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Revisions {
            scaler: bench.scaler.clone(),
            autoscalers: autoscalers.clone(),
            pods: bench.reconciler.pods.clone(),
        }));
        let text = Exposition::new(registry).text();
        let ours: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("kn_"))
            .collect();
        insta::assert_snapshot!(ours.join("\n"));
    }
}
