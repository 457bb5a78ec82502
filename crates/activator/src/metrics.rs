//! The activator's metrics, under upstream's names.
//!
//! Of upstream's set these are missing: `http.client.*`, request and response body sizes, and the label
//! `server.address`, which strangers choose and which has no bound.

use std::time::Duration;

use ebb_process::metrics::{Registry, SECONDS};
use http::{Method, StatusCode, Version};
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

type FloatGauge = Gauge<f64, std::sync::atomic::AtomicU64>;

/// Which revision a number is about. The fields are the labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Identity {
    /// The Service it belongs to, if any.
    pub kn_service_name: String,
    /// The Configuration it was made from.
    pub kn_configuration_name: String,
    /// Its name.
    pub kn_revision_name: String,
    /// Its namespace.
    pub k8s_namespace_name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    kn_revision_name: String,
    k8s_namespace_name: String,
}

/// What a request was. Every member has a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    method: &'static str,
    status: u16,
    version: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    http_request_method: &'static str,
    http_response_status_code: u16,
    network_protocol_name: &'static str,
    network_protocol_version: &'static str,
    url_scheme: &'static str,
    #[prometheus(flatten)]
    identity: Identity,
}

/// All metrics of the process. `Default` gives unregistered ones.
#[derive(Clone, Debug)]
pub struct Metrics {
    concurrency: Family<Identity, FloatGauge>,
    queued: Family<Place, Gauge>,
    active: Family<Place, Gauge>,
    durations: Family<HttpLabels, Histogram>,
    link: LinkMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            concurrency: Family::default(),
            queued: Family::default(),
            active: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            link: LinkMetrics::default(),
        }
    }
}

impl Metrics {
    /// Registers all of them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let Self {
            concurrency,
            queued,
            active,
            durations,
            link,
        } = metrics.clone();
        let requests = registry.sub_registry_with_prefix("kn_revision_request");
        requests.register(
            "concurrency",
            "Requests in flight, averaged over the last second",
            concurrency,
        );
        requests.register("queued", "Requests that wait for a pod", queued);
        requests.register("active", "Requests on a pod", active);
        let help = "Time from the arrival of a request to the end of its response";
        registry.register_with_unit(
            "http_server_request_duration",
            help,
            Unit::Seconds,
            durations,
        );
        let connection = registry.sub_registry_with_prefix("kn_activator_stats_conn");
        connection.register(
            "reachable",
            "Whether the autoscaler can be told",
            link.reachable,
        );
        connection.register("errors", "Lost connections to the autoscaler", link.errors);
        metrics
    }

    /// The metrics of one revision.
    pub fn revision(&self, identity: Identity) -> Revision {
        let place = identity.place();
        Revision {
            concurrency: self.concurrency.get_or_create_owned(&identity),
            queued: self.queued.get_or_create_owned(&place),
            active: self.active.get_or_create_owned(&place),
            durations: self.durations.clone(),
            seen: std::sync::Arc::default(),
            identity,
        }
    }

    /// Stops showing a revision that was deleted.
    pub fn forget(&self, revision: &Revision) {
        let identity = &revision.identity;
        self.concurrency.remove(identity);
        self.queued.remove(&identity.place());
        self.active.remove(&identity.place());
        for (kind, _) in revision.seen.lock().iter() {
            self.durations.remove(&kind.labels(identity));
        }
    }

    /// The metrics of the connection to the autoscaler.
    pub fn link(&self) -> LinkMetrics {
        self.link.clone()
    }
}

impl Identity {
    fn place(&self) -> Place {
        Place {
            kn_revision_name: self.kn_revision_name.clone(),
            k8s_namespace_name: self.k8s_namespace_name.clone(),
        }
    }
}

impl Kind {
    fn of(method: &Method, status: StatusCode, version: Version) -> Self {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            Method::CONNECT => "CONNECT",
            Method::TRACE => "TRACE",
            _ => "_OTHER",
        };
        let version = match version {
            Version::HTTP_10 => "1.0",
            Version::HTTP_2 => "2",
            _ => "1.1",
        };
        Self {
            method,
            status: status.as_u16(),
            version,
        }
    }

    fn labels(self, identity: &Identity) -> HttpLabels {
        HttpLabels {
            http_request_method: self.method,
            http_response_status_code: self.status,
            network_protocol_name: "http",
            network_protocol_version: self.version,
            url_scheme: "http",
            identity: identity.clone(),
        }
    }
}

/// The metrics of one revision. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Revision {
    identity: Identity,
    concurrency: FloatGauge,
    queued: Gauge,
    active: Gauge,
    durations: Family<HttpLabels, Histogram>,
    /// Histograms by kind, as a table of that size is searched faster than labels are hashed.
    seen: std::sync::Arc<Mutex<Vec<(Kind, Histogram)>>>,
}

impl Default for Revision {
    fn default() -> Self {
        Metrics::default().revision(Identity::default())
    }
}

impl Revision {
    /// The figure that was reported to the autoscaler.
    pub fn set_concurrency(&self, average: f64) {
        self.concurrency.set(average);
    }

    /// Counts a request as waiting until dropped.
    pub fn queued(&self) -> Counted {
        Counted::new(&self.queued)
    }

    /// Counts a request as being on a pod until dropped.
    pub fn active(&self) -> Counted {
        Counted::new(&self.active)
    }

    /// Records a request that is over.
    pub fn observe(&self, method: &Method, status: StatusCode, version: Version, took: Duration) {
        let kind = Kind::of(method, status, version);
        let mut seen = self.seen.lock();
        let histogram = match seen.iter().find(|(known, _)| *known == kind) {
            Some((_, histogram)) => histogram.clone(),
            None => {
                let histogram = self
                    .durations
                    .get_or_create_owned(&kind.labels(&self.identity));
                seen.push((kind, histogram.clone()));
                histogram
            }
        };
        drop(seen);
        histogram.observe(took.as_secs_f64());
    }
}

/// One unit of a gauge while it lives.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Peer {
    peer: &'static str,
}

const AUTOSCALER: Peer = Peer { peer: "autoscaler" };

/// How the connection to the autoscaler fares. Nothing shows before the first one.
#[derive(Clone, Debug, Default)]
pub struct LinkMetrics {
    reachable: Family<Peer, Gauge>,
    errors: Family<Peer, Counter>,
}

impl LinkMetrics {
    /// There is a connection.
    pub fn connected(&self) {
        self.reachable.get_or_create(&AUTOSCALER).set(1);
    }

    /// It is lost.
    pub fn lost(&self) {
        self.reachable.get_or_create(&AUTOSCALER).set(0);
        self.errors.get_or_create(&AUTOSCALER).inc();
    }
}

#[cfg(test)]
mod tests {
    use ebb_process::metrics::Exposition;

    use super::*;

    #[test]
    fn names_and_labels_are_those_dashboards_know() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let revision = metrics.revision(Identity {
            kn_service_name: "hello".into(),
            kn_configuration_name: "hello".into(),
            kn_revision_name: "hello-00001".into(),
            k8s_namespace_name: "ns".into(),
        });
        revision.set_concurrency(0.5);
        let waiting = revision.queued();
        revision.observe(
            &Method::GET,
            StatusCode::OK,
            Version::HTTP_11,
            Duration::from_millis(7),
        );
        metrics.link().connected();
        metrics.link().lost();
        let exposition = Exposition::new(registry);
        let text = exposition.text();
        let identity = r#"kn_service_name="hello",kn_configuration_name="hello",kn_revision_name="hello-00001",k8s_namespace_name="ns""#;
        let place = r#"kn_revision_name="hello-00001",k8s_namespace_name="ns""#;
        for line in [
            format!("kn_revision_request_concurrency{{{identity}}} 0.5"),
            format!("kn_revision_request_queued{{{place}}} 1"),
            format!("kn_revision_request_active{{{place}}} 0"),
            "kn_activator_stats_conn_reachable{peer=\"autoscaler\"} 0".into(),
            "kn_activator_stats_conn_errors_total{peer=\"autoscaler\"} 1".into(),
        ] {
            assert!(
                text.lines().any(|known| known == line),
                "{line} not in\n{text}"
            );
        }
        let bucket = "http_server_request_duration_seconds_bucket{";
        assert!(text.contains(bucket), "{text}");
        assert!(
            text.contains(r#"http_response_status_code="200""#),
            "{text}"
        );

        drop(waiting);
        metrics.forget(&revision);
        assert!(
            !exposition.text().contains("hello"),
            "a deleted revision is not shown"
        );
    }
}
