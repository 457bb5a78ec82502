//! The Deployment, and when an existing one is written again.
//!
//! A label holds a hash of what was wanted when the Deployment was last written. Only a change of that hash leads to
//! another write, so edits by hand, an added annotation or a `kubectl rollout restart` stay as they are.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;

use super::meta::{self, Map};
use super::readiness::MissingPort;
use super::{Input, Plan, Write, metadata, pod};
use crate::names::{annotations, labels};

/// Gives `spec.replicas` away before a write that no longer names it.
///
/// The write that created the Deployment named the replicas. If nothing has scaled it since, leaving them out of the
/// next server-side apply would reset them to 1. So another field manager claims the live value first; a conflict means
/// that the autoscaler owns them already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HandOver {
    pub replicas: i32,
}

/// Plans the write of the Deployment, if one is due.
pub(super) fn plan(
    plan: &mut Plan,
    input: &Input<'_>,
    live: Option<&Deployment>,
) -> Result<(), MissingPort> {
    let mut wanted = wanted(input, &plan.status)?;
    let hash = hash(&wanted);
    if live.is_some_and(|live| meta::label(&live.metadata, labels::DEPLOYMENT_HASH) == Some(&hash))
    {
        return Ok(());
    }
    wanted
        .metadata
        .labels
        .get_or_insert_default()
        .insert(labels::DEPLOYMENT_HASH.into(), hash);
    plan.deployment = Some(match live {
        Some(live) => {
            plan.hand_over = live
                .spec
                .as_ref()
                .and_then(|spec| spec.replicas)
                .map(|replicas| HandOver { replicas });
            Write::Update(wanted)
        }
        None => {
            // Admission refuses what is below zero; not everybody has to pass it.
            let replicas = initial_scale(input).max(0);
            wanted.spec.get_or_insert_default().replicas = Some(replicas);
            Write::Create(wanted)
        }
    });
    Ok(())
}

/// The Deployment without its hash and without replicas.
fn wanted(
    input: &Input<'_>,
    status: &crate::api::revision::RevisionStatus,
) -> Result<Deployment, MissingPort> {
    let labels = metadata::labels(input);
    let annotations = metadata::annotations(input);
    let mut pod_annotations = annotations.clone();
    if let Some(serving) = input.serving_container() {
        pod_annotations.insert(annotations::DEFAULT_CONTAINER.into(), serving.name.clone());
    }
    let uid = meta::uid(input.meta()).to_owned();
    let spec = DeploymentSpec {
        progress_deadline_seconds: Some(progress_deadline(input)),
        revision_history_limit: Some(0),
        selector: LabelSelector {
            match_labels: Some(Map::from([(labels::REVISION_UID.into(), uid)])),
            ..LabelSelector::default()
        },
        strategy: Some(DeploymentStrategy {
            type_: Some("RollingUpdate".into()),
            rolling_update: Some(RollingUpdateDeployment {
                max_unavailable: Some(IntOrString::Int(0)),
                max_surge: None,
            }),
        }),
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(labels.clone()),
                annotations: Some(pod_annotations),
                ..ObjectMeta::default()
            }),
            spec: Some(pod::spec(input, status)?),
        },
        ..DeploymentSpec::default()
    };
    Ok(Deployment {
        metadata: meta::child(
            input.revision,
            &input.deployment_name(),
            labels,
            annotations,
        ),
        spec: Some(spec),
        status: None,
    })
}

/// Replicas to start with. An unreadable annotation means none, as upstream has it.
fn initial_scale(input: &Input<'_>) -> i32 {
    match annotations::INITIAL_SCALE.value(meta::annotations(input.meta())) {
        Some(text) => text.parse().unwrap_or(0),
        None => input.config.autoscaler.initial_scale,
    }
}

/// Whole seconds. Less than one falls back to the cluster's value: Kubernetes would refuse the Deployment.
fn progress_deadline(input: &Input<'_>) -> i32 {
    let seconds = meta::annotation(input.meta(), annotations::PROGRESS_DEADLINE)
        .and_then(|text| crate::config::parse_duration(text).ok())
        .map(|deadline| deadline.as_secs())
        .filter(|seconds| *seconds > 0)
        .unwrap_or(input.config.deployment.progress_deadline.as_secs());
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

/// FNV-1a (32 bit) over the JSON form, in base 36.
fn hash(deployment: &Deployment) -> String {
    let json = serde_json::to_vec(deployment).expect("a Deployment is plain data");
    let mut rest = json.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(rest % 36, 36).expect("a remainder of 36 is a digit"));
        rest /= 36;
        if rest == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
