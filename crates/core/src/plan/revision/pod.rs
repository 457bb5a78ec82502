//! The pod: the user's, with the queue-proxy beside it.
//!
//! Everything that is not named here passes through as the user wrote it, init containers included.

use k8s_openapi::api::core::v1::{
    Affinity, Container, ContainerPort, EnvVar, HTTPGetAction, Lifecycle, LifecycleHandler,
    PodAffinityTerm, PodAntiAffinity, PodSpec, Probe, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::{self, Map};
use super::readiness::{self, MissingPort};
use super::{Input, queue_proxy, unique, volumes};
use crate::api::revision::RevisionStatus;
use crate::names::{labels, ports};

const HOST_NAME: &str = "kubernetes.io/hostname";
/// The queue-proxy answers once the pod may stop: no request is left, or its time is up.
const DRAIN_PATH: &str = "/wait-for-drain";

/// The pod's spec.
pub(super) fn spec(input: &Input<'_>, status: &RevisionStatus) -> Result<PodSpec, MissingPort> {
    let mut pod = input.spec.pod.clone();
    let collects_logs = input.config.observability.enable_var_log_collection;
    for (i, container) in pod.containers.iter_mut().enumerate() {
        if let Some(digest) = status
            .container_statuses
            .get(i)
            .map(|s| &s.image_digest)
            .filter(|d| !d.is_empty())
        {
            container.image = Some(digest.clone());
        }
        user_container(container, i == input.serving, input);
        if collects_logs {
            volumes::collect_var_log(container);
        }
    }
    let mut extra: Vec<_> = volumes::of_queue_proxy(input)
        .into_iter()
        .map(|(volume, _)| volume)
        .collect();
    if collects_logs {
        extra.push(volumes::var_log());
    }
    if !extra.is_empty() {
        pod.volumes.get_or_insert_default().extend(extra);
    }
    pod.containers.push(queue_proxy::container(input)?);
    pod.termination_grace_period_seconds = input.spec.timeout_seconds;
    pod.enable_service_links = pod
        .enable_service_links
        .or(input.config.defaults.enable_service_links);
    pod.runtime_class_name = pod.runtime_class_name.take().or_else(|| {
        input
            .config
            .deployment
            .runtime_class_for(meta::labels(input.meta()))
            .map(str::to_owned)
    });
    if pod.affinity.is_none() && input.config.deployment.default_affinity_type.spreads() {
        pod.affinity = Some(spread(input.name()));
    }
    unique::resolve(&mut pod);
    Ok(pod)
}

/// What the user's part of the pod becomes, without images by digest, our sidecar or where it shall run.
pub(super) fn without_sidecar(input: &Input<'_>) -> PodSpec {
    let mut pod = input.spec.pod.clone();
    for (i, container) in pod.containers.iter_mut().enumerate() {
        user_container(container, i == input.serving, input);
    }
    pod.termination_grace_period_seconds = input.spec.timeout_seconds;
    pod
}

fn user_container(container: &mut Container, is_serving: bool, input: &Input<'_>) {
    let user_port = input.user_port();
    let variable = |name: &str, value: &str| EnvVar {
        name: name.into(),
        value: Some(value.into()),
        value_from: None,
    };
    let label = |key: &str| meta::label(input.meta(), key).unwrap_or_default();
    let env = container.env.get_or_insert_default();
    if is_serving {
        env.push(variable("PORT", &user_port.to_string()));
        container.ports = Some(vec![ContainerPort {
            name: Some(ports::USER_PORT_NAME.into()),
            container_port: user_port,
            ..ContainerPort::default()
        }]);
        if let Some(probe) = &mut container.liveness_probe {
            aim_at_user_port(
                probe,
                user_port,
                input.config.features.multi_container_probing.is_enabled(),
            );
        }
    } else {
        container.ports = None;
    }
    env.extend([
        variable("K_REVISION", input.name()),
        variable("K_CONFIGURATION", label(labels::CONFIGURATION)),
        variable("K_SERVICE", label(labels::SERVICE)),
    ]);
    container.lifecycle = Some(wait_for_drain());
    container.stdin = None;
    container.tty = None;
    container
        .termination_message_policy
        .get_or_insert_with(|| "FallbackToLogsOnError".into());
    container.readiness_probe = container.readiness_probe.take().filter(readiness::stays);
}

/// A container that stops at once would cut off the requests the queue-proxy still has.
fn wait_for_drain() -> Lifecycle {
    let hook = LifecycleHandler {
        http_get: Some(HTTPGetAction {
            port: IntOrString::Int(ports::QUEUE_ADMIN.into()),
            path: Some(DRAIN_PATH.into()),
            ..HTTPGetAction::default()
        }),
        ..LifecycleHandler::default()
    };
    Lifecycle {
        pre_stop: Some(hook),
        ..Lifecycle::default()
    }
}

/// `keeps_number`: a number that the user gave stays, for users who may probe several containers.
fn aim_at_user_port(probe: &mut Probe, user_port: i32, keeps_number: bool) {
    let port = match (&mut probe.http_get, &mut probe.tcp_socket) {
        (Some(http), _) => &mut http.port,
        (None, Some(tcp)) => &mut tcp.port,
        (None, None) => return,
    };
    if !(keeps_number && matches!(port, IntOrString::Int(number) if *number != 0)) {
        *port = IntOrString::Int(user_port);
    }
}

/// Pods of a revision prefer different nodes.
fn spread(revision: &str) -> Affinity {
    let selector = LabelSelector {
        match_labels: Some(Map::from([(labels::REVISION.into(), revision.into())])),
        ..LabelSelector::default()
    };
    let term = PodAffinityTerm {
        label_selector: Some(selector),
        topology_key: HOST_NAME.into(),
        ..PodAffinityTerm::default()
    };
    let anti = PodAntiAffinity {
        preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
            weight: 100,
            pod_affinity_term: term,
        }]),
        ..PodAntiAffinity::default()
    };
    Affinity {
        pod_anti_affinity: Some(anti),
        ..Affinity::default()
    }
}
