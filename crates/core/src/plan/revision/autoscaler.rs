//! The PodAutoscaler: the part of the Revision that scales.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ObjectReference;

use super::meta::{self, Map};
use super::{Input, Seen, Write, metadata};
use crate::api::pod_autoscaler::{PodAutoscaler, PodAutoscalerSpec, Reachability};
use crate::api::revision::{RevisionCond, RevisionStatus};
use crate::names::{annotations, labels};

/// Plans the write of the PodAutoscaler, if one is due. `status` already knows the Deployment and its pods.
pub(super) fn plan(
    input: &Input<'_>,
    status: &RevisionStatus,
    seen: &Seen,
) -> Option<Write<PodAutoscaler>> {
    let spec = PodAutoscalerSpec {
        container_concurrency: input.spec.concurrency(),
        scale_target_ref: ObjectReference {
            api_version: Some("apps/v1".into()),
            kind: Some("Deployment".into()),
            name: Some(input.deployment_name()),
            ..ObjectReference::default()
        },
        reachability: reachability(input, status, seen.deployment.as_deref()),
        protocol_type: input.spec.protocol(),
    };
    let mut annotations = metadata::scaling_annotations(input);
    let Some(live) = &seen.pod_autoscaler else {
        annotations
            .entry(annotations::CLASS.into())
            .or_insert_with(|| input.config.autoscaler.pod_autoscaler_class.clone());
        return Some(Write::Create(object(input, annotations, spec)));
    };
    let has = meta::annotations(&live.metadata);
    if live.spec == spec && !differ(has, &annotations) {
        return None;
    }
    // Filled in by us or by admission at creation; leaving them out would take them away.
    for key in [annotations::CLASS, annotations::METRIC] {
        if let Some(value) = has.get(key) {
            annotations
                .entry(key.into())
                .or_insert_with(|| value.clone());
        }
    }
    Some(Write::Update(object(input, annotations, spec)))
}

fn object(input: &Input<'_>, annotations: Map, spec: PodAutoscalerSpec) -> PodAutoscaler {
    PodAutoscaler {
        metadata: meta::child(
            input.revision,
            input.name(),
            metadata::labels(input),
            annotations,
        ),
        spec,
        status: None,
    }
}

/// Whether a wanted annotation is missing or different, or a scaling one is there that the Revision does not have.
fn differ(has: &Map, wanted: &Map) -> bool {
    let is_filled_in = |key: &str| key == annotations::CLASS || key == annotations::METRIC;
    let stale =
        |key: &String| metadata::is_scaling(key) && !is_filled_in(key) && !wanted.contains_key(key);
    wanted
        .iter()
        .any(|(key, value)| has.get(key) != Some(value))
        || has.keys().any(stale)
}

/// A revision that cannot run is as good as not routed: its minimum scale must not hold it up.
fn reachability(
    input: &Input<'_>,
    status: &RevisionStatus,
    deployment: Option<&Deployment>,
) -> Reachability {
    let is_broken = status.conditions.is_false(RevisionCond::ResourcesAvailable)
        || status.conditions.is_false(RevisionCond::ContainerHealthy);
    let wanted = deployment
        .and_then(|d| d.spec.as_ref()?.replicas)
        .unwrap_or(0);
    let ready = deployment
        .and_then(|d| d.status.as_ref()?.ready_replicas)
        .unwrap_or(0);
    if is_broken && wanted > 0 && ready == 0 {
        return Reachability::Unreachable;
    }
    match meta::label(input.meta(), labels::ROUTING_STATE) {
        Some(labels::ROUTING_STATE_ACTIVE) => Reachability::Reachable,
        Some(labels::ROUTING_STATE_RESERVE) => Reachability::Unreachable,
        _ => Reachability::Unknown,
    }
}
