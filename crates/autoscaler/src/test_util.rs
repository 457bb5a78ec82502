//! Objects of one revision, as the caches show them, and an autoscaler around them.

use std::net::IpAddr;

use ebb_core::api::metric::Metric;
use ebb_core::api::pod_autoscaler::PodAutoscaler;
use ebb_core::api::serverless_service::ServerlessService;
use ebb_core::config;
use ebb_core::scale::Pod;
use ebb_core::stat::{Stat, WireStatMessage, WireStatMessages};
use ebb_runtime::apply::Applier;
use ebb_runtime::config::Live;
use ebb_runtime::events::Recorder;
use ebb_runtime::fake::Api;
use ebb_runtime::lease::Leadership;
use ebb_runtime::queue::Queue;
use ebb_runtime::status::StatusWriter;
use ebb_runtime::{Cache, Key};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::activator_probe::ActivatorProbe;
use crate::collector::{Collector, PodIndex, Scraper};
use crate::intake::Intake;
use crate::metrics::{Scalings, Scrapes};
use crate::ownership::{Ownership, bucket_name};
use crate::reconcile::PodAutoscalers;
use crate::scale_target::{Deployment, ScaleTargets};
use crate::scaler::Scaler;

pub(crate) const NAMESPACE: &str = "ns";
pub(crate) const REVISION: &str = "rev";
const AUTOSCALER_PATH: &str =
    "/apis/autoscaling.internal.knative.dev/v1alpha1/namespaces/ns/podautoscalers/rev";
const SERVICE_PATH: &str =
    "/apis/networking.internal.knative.dev/v1alpha1/namespaces/ns/serverlessservices/rev";
const METRIC_PATH: &str =
    "/apis/autoscaling.internal.knative.dev/v1alpha1/namespaces/ns/metrics/rev";
pub(crate) const SCALE_PATH: &str = "/apis/apps/v1/namespaces/ns/deployments/rev-deployment/scale";

pub(crate) fn key() -> Key {
    Key::new(NAMESPACE, REVISION)
}

/// A pod of the revision that has served for an hour.
pub(crate) fn serving_pod(name: &str, address: IpAddr) -> Pod {
    let started = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    serde_json::from_value(json!({
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": { "serving.knative.dev/revision": REVISION },
        },
        "status": {
            "phase": "Running",
            "podIP": address,
            "startTime": started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "conditions": [{ "type": "Ready", "status": "True" }],
        },
    }))
    .unwrap()
}

/// One frame about the revision, as an activator sends it.
pub(crate) fn frame(concurrency: f64) -> WireStatMessages {
    let stat = Stat {
        pod_name: "activator-1".into(),
        average_concurrent_requests: concurrency,
        request_count: concurrency,
        ..Stat::default()
    };
    WireStatMessages {
        messages: vec![WireStatMessage {
            namespace: NAMESPACE.into(),
            name: REVISION.into(),
            stat: Some(stat),
        }],
    }
}

/// What the world around the autoscaler looks like.
#[derive(Debug)]
pub(crate) struct World {
    /// Status of the PodAutoscaler's `Active` condition.
    pub(crate) active: &'static str,
    /// Its `status.desiredScale`.
    pub(crate) desired: i32,
    /// The Deployment's replicas.
    pub(crate) replicas: i32,
    /// Serving pods.
    pub(crate) pods: u8,
    /// Mode of the ServerlessService.
    pub(crate) mode: &'static str,
    /// Annotations of the PodAutoscaler, without their prefix.
    pub(crate) annotations: Value,
}

impl World {
    /// A revision at zero.
    pub(crate) fn at_zero() -> Self {
        Self {
            active: "False",
            desired: 0,
            replicas: 0,
            pods: 0,
            mode: "Proxy",
            annotations: json!({}),
        }
    }

    /// A revision with three pods and traffic that goes straight to them.
    pub(crate) fn busy() -> Self {
        Self {
            active: "True",
            desired: 3,
            replicas: 3,
            pods: 3,
            mode: "Serve",
            annotations: json!({ "autoscaling.knative.dev/target-burst-capacity": "0" }),
        }
    }

    fn autoscaler(&self) -> Value {
        let mut annotations = self.annotations.clone();
        annotations["autoscaling.knative.dev/class"] = "kpa.autoscaling.knative.dev".into();
        let condition = |name: &str, status: &str| json!({ "type": name, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z" });
        json!({
            "apiVersion": "autoscaling.internal.knative.dev/v1alpha1",
            "kind": "PodAutoscaler",
            "metadata": {
                "name": REVISION,
                "namespace": NAMESPACE,
                "uid": "u-rev",
                "generation": 1,
                "annotations": annotations,
            },
            "spec": {
                "protocolType": "http1",
                "reachability": "Reachable",
                "scaleTargetRef": {
                    "apiVersion": "apps/v1", "kind": "Deployment", "name": "rev-deployment",
                },
            },
            "status": {
                "observedGeneration": 1,
                "serviceName": "rev",
                "metricsServiceName": "rev-private",
                "desiredScale": self.desired,
                "actualScale": self.pods,
                "conditions": [
                    condition("Active", self.active),
                    condition("Ready", self.active),
                    condition("SKSReady", "True"),
                    condition("ScaleTargetInitialized", "True"),
                ],
            },
        })
    }

    fn owned(&self, kind: &str, version: &str, spec: Value, status: Value) -> Value {
        json!({
            "apiVersion": version,
            "kind": kind,
            "metadata": {
                "name": REVISION,
                "namespace": NAMESPACE,
                "ownerReferences": [{
                    "apiVersion": "autoscaling.internal.knative.dev/v1alpha1",
                    "kind": "PodAutoscaler",
                    "name": REVISION,
                    "uid": "u-rev",
                    "controller": true,
                }],
            },
            "spec": spec,
            "status": status,
        })
    }
}

/// An autoscaler in a [`World`], with an API server in memory. Nothing runs by itself.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) api: Api,
    pub(crate) scaler: Scaler,
    pub(crate) collector: Collector,
    pub(crate) intake: Intake,
    pub(crate) ownership: Ownership,
    pub(crate) queue: Queue,
    pub(crate) reconciler: PodAutoscalers,
    pub(crate) deployments: Cache<Deployment>,
    pub(crate) leads: watch::Sender<bool>,
    pub(crate) elsewhere: mpsc::Receiver<WireStatMessage>,
}

impl Bench {
    pub(crate) fn new(world: &World) -> Self {
        let api = Api::new();
        let client = api.client();
        let autoscaler = world.autoscaler();
        let service = world.owned(
            "ServerlessService",
            "networking.internal.knative.dev/v1alpha1",
            json!({ "mode": world.mode, "numActivators": 2, "protocolType": "http1" }),
            json!({
                "serviceName": "rev",
                "privateServiceName": "rev-private",
                "conditions": [{ "type": "Ready", "status": "True" }],
            }),
        );
        let metric = world.owned(
            "Metric",
            "autoscaling.internal.knative.dev/v1alpha1",
            json!({
                "stableWindow": 60_000_000_000_i64,
                "panicWindow": 6_000_000_000_i64,
                "scrapeTarget": "rev-private",
            }),
            json!({}),
        );
        api.put(AUTOSCALER_PATH, autoscaler.clone());
        api.put(SERVICE_PATH, service.clone());
        api.put(METRIC_PATH, metric.clone());
        api.put(
            SCALE_PATH,
            json!({ "spec": { "replicas": world.replicas } }),
        );

        let autoscalers: Cache<PodAutoscaler> = cache(api.object(AUTOSCALER_PATH));
        let services: Cache<ServerlessService> = cache(api.object(SERVICE_PATH));
        let metrics: Cache<Metric> = cache(api.object(METRIC_PATH));
        let deployments: Cache<Deployment> = cache(Some(json!({
            "metadata": { "name": "rev-deployment", "namespace": NAMESPACE, "resourceVersion": "7" },
            "spec": { "replicas": world.replicas },
        })));
        let addresses = 1..=world.pods;
        let pods = addresses.map(|n| serving_pod(&format!("p{n}"), [127, 0, 0, n].into()));
        let pods = PodIndex::new(&Cache::of(pods));

        let (leads, leadership) = Leadership::channel();
        leads.send_replace(true);
        let (ownership, _) = Ownership::new(vec![(bucket_name(0, 1), leadership)]);
        let targets = ScaleTargets::new(client.clone(), deployments.clone());
        let config = Live::fixed(config::Autoscaler::default());
        let collector = Collector::new(
            metrics.clone(),
            Scraper::new(pods.clone()),
            Scrapes::default(),
        );
        let scaler = Scaler::new(
            collector.clone(),
            pods.clone(),
            autoscalers.clone(),
            targets.clone(),
            config.clone(),
        );
        let queue = Queue::new();
        scaler.report_to(queue.clone());
        let (sender, elsewhere) = mpsc::channel(1);
        let intake = Intake::new(
            ownership.clone(),
            collector.clone(),
            scaler.clone(),
            vec![sender],
        );
        let reconciler = PodAutoscalers {
            autoscalers,
            services,
            metrics,
            pods,
            targets,
            config,
            deployment: Live::fixed(config::Deployment::default()),
            ownership: ownership.clone(),
            scaler: scaler.clone(),
            probe: ActivatorProbe::new(client.clone(), "cluster.local"),
            applier: Applier::new(client.clone(), crate::reconcile::POD_AUTOSCALER),
            status: StatusWriter::new(client),
            scalings: Scalings::default(),
            events: Recorder::silent(),
        };
        Self {
            api,
            scaler,
            collector,
            intake,
            ownership,
            queue,
            reconciler,
            deployments,
            leads,
            elsewhere,
        }
    }

    /// The wanted replicas as the API server has them.
    pub(crate) fn written_status(&self) -> Value {
        let autoscaler = self.api.object(AUTOSCALER_PATH).unwrap_or_default();
        autoscaler["status"].clone()
    }

    /// The mode that the ServerlessService is asked for now.
    pub(crate) fn mode(&self) -> Value {
        let service = self.api.object(SERVICE_PATH).unwrap_or_default();
        service["spec"]["mode"].clone()
    }
}

fn cache<K: ebb_runtime::cache::Object>(object: Option<Value>) -> Cache<K> {
    Cache::of(object.map(|object| serde_json::from_value(object).unwrap()))
}
