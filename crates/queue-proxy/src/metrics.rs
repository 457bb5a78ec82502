//! Metrics about requests, for those who ask for them.
//!
//! Names and labels follow OpenTelemetry's HTTP conventions as the Prometheus
//! exporter spells them. Who the pod serves stands once, on `target_info`. A
//! request's host is no label here, unlike in the original: it comes from
//! strangers and has no bound.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use ebb_process::metrics::{Registry, SECONDS};
use http::header::HeaderName;
use http::{HeaderMap, Method, Request, StatusCode, Version};
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Unit;
use tokio::time::Instant;

use crate::settings::Settings;

const TAG: HeaderName = HeaderName::from_static("knative-serving-tag");
const DEFAULT_ROUTE: HeaderName = HeaderName::from_static("knative-serving-default-route");

/// Route tags told apart; others are counted as undefined, because the header
/// comes from whoever sends the request.
const MAX_TAGS: usize = 100;

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics of this process.
#[derive(Debug)]
pub(crate) struct Metrics {
    invocation_duration: Histograms<Status>,
    queue_depth: Gauge<i64, AtomicI64>,
    request_duration: Histograms<Served>,
    tags: parking_lot::Mutex<Vec<Arc<str>>>,
}

/// A call of the user container; observed when dropped.
#[derive(Debug)]
pub(crate) struct Measured {
    metrics: Arc<Metrics>,
    begin: Instant,
    status: StatusCode,
}

/// A request from its arrival to the head of its response.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    metrics: &'a Metrics,
    begin: Instant,
    labels: Served,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Status(u16);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Served {
    method: &'static str,
    version: &'static str,
    status: u16,
    tag: Arc<str>,
}

// === impl Metrics ===

impl Metrics {
    /// Registers the metrics.
    pub(crate) fn register(registry: &mut Registry, settings: &Settings) -> Arc<Self> {
        let revision = &settings.revision;
        let names = [
            revision.service.as_str(),
            &revision.configuration,
            &revision.name,
            &settings.pod,
        ];
        let service_name = names
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default();
        let labels: Vec<(&'static str, String)> = [
            ("service_name", service_name),
            ("container_name", "queue-proxy"),
            ("k8s_namespace_name", &revision.namespace),
            ("k8s_pod_name", &settings.pod),
            ("service_instance_id", &settings.pod),
            ("kn_service_name", &revision.service),
            ("kn_configuration_name", &revision.configuration),
            ("kn_revision_name", &revision.name),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
        registry.register("target", "What this process serves", Info::new(labels));

        let durations: fn() -> Histogram = || Histogram::new(SECONDS);
        let metrics = Self {
            invocation_duration: Family::new_with_constructor(durations),
            queue_depth: Gauge::default(),
            request_duration: Family::new_with_constructor(durations),
            tags: parking_lot::Mutex::default(),
        };
        registry.register_with_unit(
            "kn_serving_invocation_duration",
            "Time the user container took, after queueing",
            Unit::Seconds,
            metrics.invocation_duration.clone(),
        );
        if settings.container_concurrency.is_some() {
            registry.register(
                "kn_serving_queue_depth",
                "Requests queued and running when the latest one began to run",
                metrics.queue_depth.clone(),
            );
        }
        registry.register_with_unit(
            "http_server_request_duration",
            "Time until the head of the response",
            Unit::Seconds,
            metrics.request_duration.clone(),
        );
        Arc::new(metrics)
    }

    /// A call of the user container begins.
    pub(crate) fn invocation(self: &Arc<Self>, queue_depth: Option<usize>) -> Measured {
        if let Some(depth) = queue_depth {
            self.queue_depth.set(depth as i64);
        }
        // 500 stands until the container answers, as for one that never does.
        Measured {
            metrics: Arc::clone(self),
            begin: Instant::now(),
            status: StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A request arrives.
    pub(crate) fn request<B>(&self, request: &Request<B>) -> Seen<'_> {
        let labels = Served {
            method: method(request.method()),
            version: match request.version() {
                Version::HTTP_2 => "2",
                Version::HTTP_10 => "1.0",
                _ => "1.1",
            },
            status: 0,
            tag: self.tag(request.headers()),
        };
        Seen {
            metrics: self,
            begin: Instant::now(),
            labels,
        }
    }

    fn tag(&self, headers: &HeaderMap) -> Arc<str> {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("")
        };
        let tag = match (text(TAG), text(DEFAULT_ROUTE)) {
            ("", "") => "kn:disabled",
            ("", _) => "kn:default",
            (_, "true") => "kn:undefined",
            (tag, _) => tag,
        };
        let mut known = self.tags.lock();
        if let Some(known) = known.iter().find(|known| &***known == tag) {
            return Arc::clone(known);
        }
        let new: Arc<str> = if known.len() < MAX_TAGS {
            tag.into()
        } else {
            "kn:undefined".into()
        };
        known.push(Arc::clone(&new));
        new
    }
}

// === impl Measured ===

impl Measured {
    /// The user container answered with `status`.
    pub(crate) fn status(&mut self, status: StatusCode) {
        self.status = status;
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.metrics
            .invocation_duration
            .get_or_create(&Status(self.status.as_u16()))
            .observe(self.begin.elapsed().as_secs_f64());
    }
}

// === impl Seen ===

impl Seen<'_> {
    /// The response begins.
    pub(crate) fn finish(mut self, status: StatusCode) {
        self.labels.status = status.as_u16();
        self.metrics
            .request_duration
            .get_or_create(&self.labels)
            .observe(self.begin.elapsed().as_secs_f64());
    }
}

// === impl EncodeLabelSet ===

impl EncodeLabelSet for Status {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> std::fmt::Result {
        [("http_response_status_code", u64::from(self.0))].encode(encoder)
    }
}

impl EncodeLabelSet for Served {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> std::fmt::Result {
        let status = self.status.to_string();
        [
            ("http_request_method", self.method),
            ("http_response_status_code", &status),
            ("kn_route_tag", &self.tag),
            ("network_protocol_name", "http"),
            ("network_protocol_version", self.version),
            ("url_scheme", "http"),
        ]
        .encode(encoder)
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}
