//! What the gateway tells of its requests.
//!
//! Plain atomics, read only when somebody scrapes: counting takes no lock. No label comes from a request, so strangers
//! cannot make the text grow.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use ebb_core::routing::table::Door;
use ebb_net::body::Body;
use ebb_process::metrics::{Registry, SECONDS};
use http::{Response, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, LabelSetEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use tokio::time::Instant;

/// Metrics of the request path. Cheap to clone; `Default` gives unregistered ones.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    public: Requests,
    private: Requests,
    resent: AtomicU64,
}

/// The requests of one door.
#[derive(Debug, Default)]
struct Requests {
    /// By the first digit of the status, from 1.
    classes: [AtomicU64; 5],
    in_flight: AtomicI64,
    /// One for each bound and one for what is beyond.
    buckets: [AtomicU64; SECONDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// A request that is being answered: it ends when this is dropped.
#[derive(Debug)]
pub struct Observation {
    metrics: Metrics,
    door: Door,
    begin: Instant,
}

// === impl Metrics ===

impl Metrics {
    /// Registers `requests`, `requests_in_flight`, `request_duration` and `resent`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register_collector(Box::new(metrics.clone()));
        metrics
    }

    /// Counts a request from now on.
    pub fn start(&self, door: Door) -> Observation {
        self.of(door).in_flight.fetch_add(1, Ordering::Relaxed);
        Observation {
            metrics: self.clone(),
            door,
            begin: Instant::now(),
        }
    }

    /// Counts a request that goes to another endpoint, because the first could not be reached.
    pub fn resent(&self) {
        self.0.resent.fetch_add(1, Ordering::Relaxed);
    }

    fn of(&self, door: Door) -> &Requests {
        match door {
            Door::Public => &self.0.public,
            Door::Private => &self.0.private,
        }
    }

    fn doors(&self) -> [(&'static str, &Requests); 2] {
        [("public", &self.0.public), ("private", &self.0.private)]
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests by the class of the status that was answered";
        let mut family = encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
        for (door, requests) in self.doors() {
            for (class, count) in CLASSES.iter().zip(&requests.classes) {
                let labels = Labels([("door", door), ("code_class", class)]);
                let count = count.load(Ordering::Relaxed);
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let help = "Requests that are being answered, upgraded connections among them";
        let mut family =
            encoder.encode_descriptor("requests_in_flight", help, None, MetricType::Gauge)?;
        for (door, requests) in self.doors() {
            let count = requests.in_flight.load(Ordering::Relaxed);
            family
                .encode_family(&Labels([("door", door)]))?
                .encode_gauge(&count)?;
        }
        let help = "Time from the head of a request to the end of its response";
        let unit = Some(&Unit::Seconds);
        let mut family =
            encoder.encode_descriptor("request_duration", help, unit, MetricType::Histogram)?;
        for (door, requests) in self.doors() {
            let (sum, count, buckets) = requests.histogram();
            let labels = Labels([("door", door)]);
            let mut metric = family.encode_family(&labels)?;
            metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        let help = "Requests sent to another endpoint because the first one could not be reached";
        let mut metric = encoder.encode_descriptor("resent", help, None, MetricType::Counter)?;
        let count = self.0.resent.load(Ordering::Relaxed);
        metric.encode_counter::<NoLabelSet, _, u64>(&count, None)
    }
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Debug)]
struct Labels<const N: usize>([(&'static str, &'static str); N]);

impl<const N: usize> EncodeLabelSet for Labels<N> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }
}

// === impl Requests ===

impl Requests {
    fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = SECONDS
            .iter()
            .position(|bound| seconds <= *bound)
            .unwrap_or(SECONDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanoseconds
            .fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Sum, count, and what lies between each bound and the one before.
    fn histogram(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let bounds = SECONDS.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds
            .zip(&self.buckets)
            .map(|(bound, n)| (bound, n.load(Ordering::Relaxed)))
            .collect();
        let count = buckets.iter().map(|(_, n)| n).sum();
        let sum = self.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9;
        (sum, count, buckets)
    }
}

// === impl Observation ===

impl Observation {
    /// Counts the status that is answered.
    pub fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.metrics.of(self.door).classes[class].fetch_add(1, Ordering::Relaxed);
    }

    /// Ends with a response that was made here.
    pub fn of<G>(self, response: Response<Body<G>>) -> Response<Body<G>> {
        self.answered(response.status());
        response
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let requests = self.metrics.of(self.door);
        requests.in_flight.fetch_sub(1, Ordering::Relaxed);
        requests.observe(self.begin.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use ebb_process::metrics::Exposition;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_text_tells_of_requests_by_door() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(registry.sub_registry_with_prefix("ebb_gateway"));
        let request = metrics.start(Door::Public);
        tokio::time::advance(Duration::from_millis(30)).await;
        request.answered(StatusCode::OK);
        drop(request);
        let _open = metrics.start(Door::Private);
        let text = Exposition::new(registry).text();
        let expected = [
            r#"ebb_gateway_requests_total{door="public",code_class="2xx"} 1"#,
            r#"ebb_gateway_requests_total{door="private",code_class="2xx"} 0"#,
            r#"ebb_gateway_requests_in_flight{door="private"} 1"#,
            r#"ebb_gateway_request_duration_seconds_bucket{le="0.025",door="public"} 0"#,
            r#"ebb_gateway_request_duration_seconds_bucket{le="0.05",door="public"} 1"#,
            r#"ebb_gateway_request_duration_seconds_count{door="public"} 1"#,
            "ebb_gateway_resent_total 0",
        ];
        for line in expected {
            assert!(
                text.lines().any(|found| found == line),
                "no {line} in {text}"
            );
        }
    }
}
