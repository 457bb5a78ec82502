use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, Pod};

use super::build::*;
use crate::api::meta::Conditioned;
use crate::api::pod_autoscaler::{PodAutoscaler, Reachability};
use crate::api::revision::{Revision, RevisionCond};
use crate::config::{
    Autoscaler, Defaults, Deployment as Settings, Features, Logging, Network, Observability,
    Settings as _,
};
use crate::plan::Write;
use crate::plan::revision::{Config, HandOver, Plan, Seen, plan};

/// The settings of a fresh installation, with what a test changes.
#[derive(Default)]
struct Cluster {
    autoscaler: Autoscaler,
    defaults: Defaults,
    deployment: Settings,
    features: Features,
    logging: Logging,
    network: Network,
    observability: Observability,
}

impl Cluster {
    fn new() -> Self {
        let mut cluster = Self::default();
        cluster.deployment.queue_sidecar_image = "dev.local/queue-proxy:1".into();
        cluster
    }

    fn features(entries: &[(&str, &str)]) -> Self {
        let data: BTreeMap<String, String> = entries
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        Self {
            features: Features::parse(&data).unwrap(),
            ..Self::new()
        }
    }

    fn plan(&self, revision: &Revision, seen: &Seen) -> Plan {
        let config = Config {
            autoscaler: &self.autoscaler,
            defaults: &self.defaults,
            deployment: &self.deployment,
            features: &self.features,
            logging: &self.logging,
            network: &self.network,
            observability: &self.observability,
            system_namespace: "knative-serving",
        };
        plan(revision, seen, &config, now())
    }
}

/// A revision as admission leaves it, with `spec` merged over a plain one.
fn revision_of(annotations: &str, spec: &str) -> Revision {
    let revision: Revision = object(&format!(
        "
metadata:
  name: hello-00001
  namespace: demo
  labels:
    serving.knative.dev/configuration: hello
    serving.knative.dev/service: hello
    serving.knative.dev/route: hello
    serving.knative.dev/routingState: active
  annotations: {annotations}
  ownerReferences:
  - {{apiVersion: serving.knative.dev/v1, kind: Configuration, name: hello, uid: c, controller: true}}
spec: {spec}
"
    ));
    applied(&revision, 1)
}

const PLAIN: &str = "
  containerConcurrency: 0
  timeoutSeconds: 300
  containers:
  - {name: user-container, image: 'dev.local/hello:1', readinessProbe: {successThreshold: 1, tcpSocket: {port: 0}}}
";

fn plain() -> Revision {
    revision_of("{}", PLAIN)
}

fn deployed(revision: &Revision, cluster: &Cluster, status: &str) -> Deployment {
    let first = cluster.plan(revision, &Seen::default());
    let mut deployment = applied(first.deployment.unwrap().object(), 1);
    deployment.status = Some(object(status));
    deployment
}

fn scaler(revision: &Revision) -> PodAutoscaler {
    applied(
        Cluster::new()
            .plan(revision, &Seen::default())
            .pod_autoscaler
            .unwrap()
            .object(),
        1,
    )
}

fn container<'a>(plan: &'a Plan, name: &str) -> &'a Container {
    let spec = plan
        .deployment
        .as_ref()
        .unwrap()
        .object()
        .spec
        .as_ref()
        .unwrap();
    spec.template
        .spec
        .as_ref()
        .unwrap()
        .containers
        .iter()
        .find(|c| c.name == name)
        .unwrap()
}

fn env(container: &Container) -> BTreeMap<&str, &str> {
    let variables = container.env.iter().flatten();
    variables
        .map(|v| (v.name.as_str(), v.value.as_deref().unwrap_or("<from>")))
        .collect()
}

#[test]
fn first_pass_makes_everything() {
    let got = Cluster::new().plan(&plain(), &Seen::default());
    insta::assert_yaml_snapshot!(got);
}

#[test]
fn environment_of_queue_proxy_has_the_published_order() {
    let got = Cluster::new().plan(&plain(), &Seen::default());
    let names: Vec<&str> = container(&got, "queue-proxy")
        .env
        .iter()
        .flatten()
        .map(|variable| variable.name.as_str())
        .collect();
    assert_eq!(
        names,
        "SERVING_NAMESPACE SERVING_SERVICE SERVING_CONFIGURATION SERVING_REVISION QUEUE_SERVING_PORT \
         QUEUE_SERVING_TLS_PORT CONTAINER_CONCURRENCY REVISION_TIMEOUT_SECONDS \
         REVISION_RESPONSE_START_TIMEOUT_SECONDS REVISION_IDLE_TIMEOUT_SECONDS SERVING_POD SERVING_POD_IP \
         SERVING_LOGGING_CONFIG SERVING_LOGGING_LEVEL USER_PORT SYSTEM_NAMESPACE SERVING_READINESS_PROBE HOST_IP \
         ENABLE_HTTP2_AUTO_DETECTION ENABLE_HTTP_FULL_DUPLEX ROOT_CA QUEUE_PROXY_TLS_MIN_VERSION \
         QUEUE_PROXY_TLS_MAX_VERSION QUEUE_PROXY_TLS_CIPHER_SUITES QUEUE_PROXY_TLS_CURVE_PREFERENCES \
         ENABLE_MULTI_CONTAINER_PROBES OBSERVABILITY_CONFIG"
            .split_whitespace()
            .collect::<Vec<_>>()
    );
}

#[test]
fn h2c_port_changes_the_queue_port_and_the_protocol() {
    let revision = revision_of(
        "{}",
        "{containers: [{name: user-container, image: 'dev.local/x:1', ports: [{name: h2c, containerPort: 9000}]}]}",
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    let queue = container(&got, "queue-proxy");
    assert_eq!(
        (env(queue)["QUEUE_SERVING_PORT"], env(queue)["USER_PORT"]),
        ("8013", "9000")
    );
    assert_eq!(queue.ports.as_ref().unwrap()[2].container_port, 8013);
    assert_eq!(queue.readiness_probe, None, "the user has none");
    let user = container(&got, "user-container");
    assert_eq!(env(user)["PORT"], "9000");
    assert_eq!(
        user.ports.as_ref().unwrap()[0].name.as_deref(),
        Some("user-port")
    );
    assert_eq!(
        got.pod_autoscaler
            .unwrap()
            .object()
            .spec
            .protocol_type
            .as_str(),
        "h2c"
    );
}

#[test]
fn sidecars_keep_no_ports_and_get_no_port_variable() {
    let revision = revision_of(
        "{}",
        "{containers: [{name: side, image: 'dev.local/s:1'}, {name: main, image: 'dev.local/m:1', ports: [{containerPort: 80}], livenessProbe: {httpGet: {port: 81}}}]}",
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    let (side, main) = (container(&got, "side"), container(&got, "main"));
    assert_eq!(side.ports, None);
    assert!(!env(side).contains_key("PORT"));
    assert_eq!(env(side)["K_REVISION"], "hello-00001");
    assert_eq!(env(main)["PORT"], "80");
    let port = |container: &Container| {
        serde_json::to_value(&container.liveness_probe).unwrap()["httpGet"]["port"].clone()
    };
    assert_eq!(port(main), 80);
    let probing = Cluster::features(&[("multi-container-probing", "enabled")])
        .plan(&revision, &Seen::default());
    assert_eq!(
        port(container(&probing, "main")),
        81,
        "with multi-container probing the number is respected"
    );
    assert_eq!(
        env(container(&probing, "queue-proxy"))["SERVING_READINESS_PROBE"],
        "[null]"
    );
    let names: Vec<&str> = got
        .images
        .iter()
        .map(|i| i.metadata.name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["hello-00001-cache-side", "hello-00001-cache-main"]);
}

#[test]
fn scaling_annotations_never_reach_the_pods() {
    let revision = revision_of(
        "{autoscaling.knative.dev/min-scale: '2', autoscaling.knative.dev/initial-scale: '3', serving.knative.dev/routes: hello, team: blue}",
        PLAIN,
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    let deployment = got.deployment.unwrap();
    let deployment = deployment.object();
    assert_eq!(
        deployment
            .metadata
            .annotations
            .as_ref()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["team"]
    );
    assert_eq!(deployment.spec.as_ref().unwrap().replicas, Some(3));
    let scaler = got.pod_autoscaler.unwrap();
    let scaler = scaler.object().metadata.annotations.as_ref().unwrap();
    assert_eq!(scaler["autoscaling.knative.dev/min-scale"], "2");
    assert_eq!(
        scaler["autoscaling.knative.dev/class"],
        "kpa.autoscaling.knative.dev"
    );
    assert!(!scaler.contains_key("serving.knative.dev/routes"));
}

#[test]
fn odd_numbers_never_reach_the_deployment() {
    for (annotations, replicas, deadline) in [
        ("{}", 1, 600),
        ("{autoscaling.knative.dev/initial-scale: '-1'}", 0, 600),
        ("{autoscaling.knative.dev/initial-scale: lots}", 0, 600),
        ("{autoscaling.knative.dev/initial-scale: '+3'}", 3, 600),
        ("{serving.knative.dev/progress-deadline: -1s}", 1, 600),
        ("{serving.knative.dev/progress-deadline: 0s}", 1, 600),
        ("{serving.knative.dev/progress-deadline: 100ms}", 1, 600),
        ("{serving.knative.dev/progress-deadline: 30s}", 1, 30),
        (
            "{serving.knative.dev/progress-deadline: 2562047h}",
            1,
            i32::MAX,
        ),
    ] {
        let got = Cluster::new().plan(&revision_of(annotations, PLAIN), &Seen::default());
        let spec = got.deployment.unwrap().object().spec.clone().unwrap();
        assert_eq!(
            (spec.replicas, spec.progress_deadline_seconds),
            (Some(replicas), Some(deadline)),
            "{annotations}"
        );
    }
    let mut cluster = Cluster::new();
    cluster.autoscaler.initial_scale = -1;
    let got = cluster.plan(&plain(), &Seen::default());
    let spec = got.deployment.unwrap().object().spec.clone().unwrap();
    assert_eq!(spec.replicas, Some(0));
}

#[test]
fn resources_of_queue_proxy_follow_the_annotations() {
    let revision = revision_of(
        "{queue.sidecar.serving.knative.dev/resource-percentage: '20', queue.sidecar.serving.knative.dev/memory-resource-limit: 1Gi, queue.sidecar.serving.knative.dev/cpu-resource-limit: nonsense}",
        "{containers: [{name: c, image: 'dev.local/x:1', resources: {requests: {cpu: 400m, memory: 1Gi}, limits: {cpu: '100'}}}]}",
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    let resources = container(&got, "queue-proxy").resources.clone().unwrap();
    let amounts = |amounts: Option<
        BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>,
    >| {
        amounts
            .unwrap_or_default()
            .into_iter()
            .map(|(name, amount)| format!("{name}={}", amount.0))
            .collect::<Vec<_>>()
    };
    assert_eq!(amounts(resources.requests), ["cpu=80m", "memory=200Mi"]);
    assert_eq!(amounts(resources.limits), ["cpu=500m", "memory=1Gi"]);
}

#[test]
fn known_hash_leaves_the_deployment_alone() {
    let (revision, cluster) = (plain(), Cluster::new());
    let mut live = deployed(&revision, &cluster, "{}");
    live.spec.as_mut().unwrap().replicas = Some(7);
    live.spec
        .as_mut()
        .unwrap()
        .template
        .spec
        .as_mut()
        .unwrap()
        .containers
        .clear();
    let seen = Seen {
        deployment: Some(Arc::new(live)),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert_eq!((got.deployment, got.hand_over), (None, None));
}

#[test]
fn update_of_the_deployment_never_names_replicas() {
    let (revision, mut cluster) = (plain(), Cluster::new());
    let mut live = deployed(&revision, &cluster, "{}");
    live.spec.as_mut().unwrap().replicas = Some(7);
    cluster.deployment.queue_sidecar_image = "dev.local/queue-proxy:2".into();
    let seen = Seen {
        deployment: Some(Arc::new(live)),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    let Some(Write::Update(update)) = got.deployment else {
        panic!()
    };
    assert_eq!(update.spec.unwrap().replicas, None);
    assert_eq!(got.hand_over, Some(HandOver { replicas: 7 }));
}

#[test]
fn what_a_pod_shows_is_told_at_once() {
    let waiting = |reason: &str| {
        format!(
            "{{containerStatuses: [{{name: user-container, state: {{waiting: {{reason: {reason}, message: why}}}}}}]}}"
        )
    };
    let ended = |state: &str, code: i32, message: &str| {
        format!(
            "{{containerStatuses: [{{name: queue-proxy, {state}: {{terminated: {{exitCode: 9}}}}}}, {{name: user-container, {state}: {{terminated: {{exitCode: {code}, message: '{message}'}}}}}}]}}"
        )
    };
    let progressing = "{conditions: [{type: Progressing, status: 'True'}]}";
    let timed_out = "{conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: slow}]}";
    let quota = "{conditions: [{type: Progressing, status: 'True'}, {type: ReplicaFailure, status: 'True', reason: FailedCreate, message: exceeded quota}]}";
    let unschedulable = "{conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: Insufficient cpu}]}";
    let none = "Unknown";
    for (deployment, pod, resources, container) in [
        (progressing, "{}".to_owned(), "Unknown Deploying", none),
        ("{}", "{}".to_owned(), "Unknown Deploying", none),
        (
            progressing,
            waiting("ContainerCreating"),
            "Unknown Deploying",
            none,
        ),
        (
            progressing,
            waiting("ErrImagePull"),
            "False ErrImagePull why",
            none,
        ),
        (
            progressing,
            waiting("ImagePullBackOff"),
            "False ImagePullBackOff why",
            none,
        ),
        (
            timed_out,
            waiting("ContainerCreating"),
            "False ContainerCreating why",
            none,
        ),
        (
            timed_out,
            "{}".to_owned(),
            "False ProgressDeadlineExceeded slow",
            none,
        ),
        (
            progressing,
            ended("lastState", 5, "boom"),
            "Unknown Deploying",
            "False ExitCode5 Container failed with: boom",
        ),
        (
            progressing,
            ended("state", 5, "boom"),
            "Unknown Deploying",
            "False ExitCode5 Container failed with: boom",
        ),
        (
            progressing,
            ended("lastState", 0, ""),
            "Unknown Deploying",
            "False ExitCode0 Container failed with: container exited with no error",
        ),
        (
            progressing,
            unschedulable.to_owned(),
            "False Unschedulable Insufficient cpu",
            none,
        ),
        (
            quota,
            "{}".to_owned(),
            "False FailedCreate exceeded quota",
            none,
        ),
    ] {
        let (revision, cluster) = (plain(), Cluster::new());
        let pod: Pod = object(&format!("{{metadata: {{name: p}}, status: {pod}}}"));
        let seen = Seen {
            deployment: Some(Arc::new(deployed(&revision, &cluster, deployment))),
            pods: shared([pod.clone()]),
            pod_autoscaler: Some(Arc::new(unknown(scaler(&revision)))),
            ..Seen::default()
        };
        let got = cluster.plan(&revision, &seen);
        assert_eq!(
            state(&got.status, RevisionCond::ResourcesAvailable),
            resources,
            "{deployment} {pod:?}"
        );
        assert_eq!(
            state(&got.status, RevisionCond::ContainerHealthy),
            container,
            "{deployment} {pod:?}"
        );
        let broken = resources.starts_with("False") || container.starts_with("False");
        let wanted = if broken {
            Reachability::Unreachable
        } else {
            Reachability::Reachable
        };
        let reachability = got
            .pod_autoscaler
            .map(|write| write.object().spec.reachability.clone());
        assert_eq!(reachability.unwrap_or(Reachability::Reachable), wanted);
    }
}

#[test]
fn queue_proxy_that_cannot_start_is_told_too() {
    let (revision, cluster) = (plain(), Cluster::new());
    let pod: Pod = object(
        "{metadata: {name: p}, status: {containerStatuses: [{name: queue-proxy, state: {waiting: {reason: ErrImagePull, message: no such image}}}]}}",
    );
    let deployment = deployed(
        &revision,
        &cluster,
        "{conditions: [{type: Progressing, status: 'True'}]}",
    );
    let seen = Seen {
        deployment: Some(Arc::new(deployment)),
        pods: shared([pod]),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert_eq!(
        state(&got.status, RevisionCond::ResourcesAvailable),
        "False ErrImagePull no such image"
    );
}

#[test]
fn initialised_scaler_makes_the_revision_ready() {
    let (revision, cluster) = (plain(), Cluster::new());
    let mut scaler = ready(scaler(&revision));
    let status = scaler.status_mut();
    status.service_name = "hello-00001".into();
    (status.actual_scale, status.desired_scale) = (Some(1), Some(-1));
    let seen = Seen {
        deployment: Some(Arc::new(deployed(
            &revision,
            &cluster,
            "{readyReplicas: 1, availableReplicas: 1, conditions: [{type: Progressing, status: 'True'}]}",
        ))),
        pod_autoscaler: Some(Arc::new(scaler)),
        images: ["hello-00001-cache-user-container".to_owned()].into(),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert_eq!(
        conditions(&got.status.conditions),
        [
            "Active=True",
            "ContainerHealthy=True",
            "Ready=True",
            "ResourcesAvailable=True"
        ]
    );
    assert_eq!(
        (got.status.actual_replicas, got.status.desired_replicas),
        (Some(1), None)
    );
    assert_eq!(
        notes(&got.notes),
        ["RevisionReady: Revision becomes ready upon all resources being ready"]
    );
    assert_eq!(
        (got.deployment, got.pod_autoscaler, got.images),
        (None, None, vec![])
    );
}

#[test]
fn revision_stays_ready_at_zero() {
    let (revision, cluster) = (ready(plain()), Cluster::new());
    let mut live = deployed(
        &plain(),
        &cluster,
        "{conditions: [{type: Progressing, status: 'True'}]}",
    );
    live.spec.as_mut().unwrap().replicas = Some(0);
    let mut scaler = scaler(&plain());
    scaler.status = Some(object(
        "{serviceName: hello-00001, metricsServiceName: x, conditions: [{type: Active, status: 'False', reason: NoTraffic, message: quiet}, {type: Ready, status: 'False', reason: NoTraffic, message: quiet}, {type: ScaleTargetInitialized, status: 'True'}]}",
    ));
    let seen = Seen {
        deployment: Some(Arc::new(live)),
        pod_autoscaler: Some(Arc::new(scaler)),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert!(got.status.conditions.is_ready());
    assert_eq!(
        state(&got.status, RevisionCond::Active),
        "False NoTraffic quiet"
    );
}

#[test]
fn initial_scale_that_was_never_reached_fails_the_revision() {
    let (revision, cluster) = (plain(), Cluster::new());
    let mut scaler = failed(scaler(&revision), "NoTraffic", "quiet");
    scaler.status_mut().service_name = "hello-00001".into();
    let mut live = deployed(
        &revision,
        &cluster,
        "{conditions: [{type: Progressing, status: 'True'}]}",
    );
    live.spec.as_mut().unwrap().replicas = Some(0);
    let seen = Seen {
        deployment: Some(Arc::new(live)),
        pod_autoscaler: Some(Arc::new(scaler)),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert_eq!(
        state(&got.status, RevisionCond::ResourcesAvailable),
        "False ProgressDeadlineExceeded Initial scale was never achieved"
    );
}

#[test]
fn scaling_annotations_edited_on_the_revision_reach_the_scaler() {
    let cluster = Cluster::new();
    let before = revision_of("{autoscaling.knative.dev/min-scale: '2'}", PLAIN);
    let seen = Seen {
        deployment: Some(Arc::new(deployed(&before, &cluster, "{}"))),
        pod_autoscaler: Some(Arc::new(scaler(&before))),
        ..Seen::default()
    };
    assert_eq!(cluster.plan(&before, &seen).pod_autoscaler, None);
    let after = revision_of("{autoscaling.knative.dev/max-scale: '5'}", PLAIN);
    let got = cluster.plan(&after, &seen);
    assert_eq!(got.deployment, None, "and roll no pods");
    let Some(Write::Update(scaler)) = got.pod_autoscaler else {
        panic!()
    };
    assert_eq!(
        scaler
            .metadata
            .annotations
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>(),
        [
            (
                "autoscaling.knative.dev/class".to_owned(),
                "kpa.autoscaling.knative.dev".to_owned()
            ),
            (
                "autoscaling.knative.dev/max-scale".to_owned(),
                "5".to_owned()
            )
        ]
    );
}

#[test]
fn objects_of_others_are_left_alone() {
    let (revision, cluster) = (plain(), Cluster::new());
    let mut foreign = deployed(&revision, &cluster, "{}");
    foreign.metadata.owner_references = None;
    foreign.metadata.labels = None;
    let seen = Seen {
        deployment: Some(Arc::new(foreign)),
        ..Seen::default()
    };
    let got = cluster.plan(&revision, &seen);
    assert_eq!(
        (got.deployment, got.pod_autoscaler, got.images),
        (None, None, vec![])
    );
    assert_eq!(
        state(&got.status, RevisionCond::ResourcesAvailable),
        "False NotOwned There is an existing Deployment \"hello-00001-deployment\" that we do not own."
    );
    assert_eq!(
        got.failure.as_deref(),
        Some("revision: \"hello-00001\" does not own Deployment: \"hello-00001-deployment\"")
    );
}

#[test]
fn image_named_by_digest_is_its_own_digest() {
    let digest = format!("dev.local/x@sha256:{}", "a".repeat(64));
    let revision = revision_of(
        "{}",
        &format!("{{containers: [{{name: c, image: '{digest}'}}]}}"),
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    assert_eq!(got.status.container_statuses[0].image_digest, digest);
    assert_eq!(got.images[0].spec.image, digest);
    let tagged = Cluster::new().plan(&plain(), &Seen::default());
    assert_eq!(tagged.status.container_statuses[0].image_digest, "");
}
