//! Conditions of a Revision, read off its Deployment, pods and PodAutoscaler.
//!
//! ```text
//! Deployment ──► ResourcesAvailable, ContainerHealthy ◄── pods (only while none is available)
//!                     ▲
//! PodAutoscaler ──────┴──► Active, replica counts
//! ```

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

use super::Input;
use crate::api::condition::{Condition, State};
use crate::api::pod_autoscaler::{PodAutoscaler, PodAutoscalerCond};
use crate::api::revision::{RevisionCond, RevisionStatus};
use crate::names::containers;

/// What a container waits for when it will not start by itself. The pod shows these long before a deadline passes;
/// all other reasons (`ContainerCreating`, `PodInitializing`) are the ordinary way to a running container.
const BROKEN: [&str; 9] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RegistryUnavailable",
    "RunContainerError",
];

pub(super) fn unknown_deploying() -> State {
    State::unknown("Deploying", "")
}

/// What the Deployment and its pods say about both dependents.
pub(super) fn from_deployment(
    status: &mut RevisionStatus,
    deployment: &Deployment,
    pods: &[Arc<Pod>],
    input: &Input<'_>,
    now: Timestamp,
) {
    let resources = rollout(deployment);
    status
        .conditions
        .set(RevisionCond::ResourcesAvailable, resources, now);
    let (wanted, available, ready) = replicas(deployment);
    if wanted > 0 && available == 0 {
        from_pods(status, deployment, pods, input, now);
    }
    if ready > 0 {
        status
            .conditions
            .set(RevisionCond::ContainerHealthy, State::True, now);
    }
}

/// Wanted, available and ready.
fn replicas(deployment: &Deployment) -> (i32, i32, i32) {
    let seen = deployment.status.as_ref();
    (
        deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(0),
        seen.and_then(|status| status.available_replicas)
            .unwrap_or(0),
        seen.and_then(|status| status.ready_replicas).unwrap_or(0),
    )
}

/// The Deployment's own conditions: a pod that cannot even be created outweighs progress.
fn rollout(deployment: &Deployment) -> State {
    let state = |condition: &DeploymentCondition, make: fn(String, String) -> State| {
        make(
            condition.reason.clone().unwrap_or_default(),
            condition.message.clone().unwrap_or_default(),
        )
    };
    if let Some(failure) = condition(deployment, "ReplicaFailure").filter(|c| c.status == "True") {
        return state(failure, State::False);
    }
    match condition(deployment, "Progressing") {
        Some(progressing) if progressing.status == "True" => State::True,
        Some(progressing) if progressing.status == "False" => state(progressing, State::False),
        Some(progressing) => state(progressing, State::Unknown),
        None => unknown_deploying(),
    }
}

fn condition<'a>(deployment: &'a Deployment, type_: &str) -> Option<&'a DeploymentCondition> {
    deployment
        .status
        .as_ref()?
        .conditions
        .iter()
        .flatten()
        .find(|c| c.type_ == type_)
}

fn from_pods(
    status: &mut RevisionStatus,
    deployment: &Deployment,
    pods: &[Arc<Pod>],
    input: &Input<'_>,
    now: Timestamp,
) {
    let timed_out = condition(deployment, "Progressing").is_some_and(|c| {
        c.status == "False" && c.reason.as_deref() == Some("ProgressDeadlineExceeded")
    });
    let mut alive: Vec<&Pod> = pods
        .iter()
        .map(Arc::as_ref)
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .collect();
    // Any pod may speak, but always the same one, so that the message stands still.
    alive.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    if !input.config.deployment.pod_is_always_schedulable
        && let Some(state) = alive.iter().find_map(|pod| unscheduled(pod))
    {
        status
            .conditions
            .set(RevisionCond::ResourcesAvailable, state, now);
    }
    let containers = |pod: &&Pod| {
        let containers = pod
            .status
            .as_ref()
            .and_then(|status| status.container_statuses.clone());
        containers.unwrap_or_default()
    };
    let (ours, users): (Vec<_>, Vec<_>) = alive
        .iter()
        .flat_map(containers)
        .partition(|container| container.name == containers::QUEUE_PROXY);
    for container in &users {
        if let Some(state) = exited(container) {
            status
                .conditions
                .set(RevisionCond::ContainerHealthy, state, now);
            return;
        }
        if let Some(state) = stuck(container, timed_out) {
            status
                .conditions
                .set(RevisionCond::ResourcesAvailable, state, now);
            return;
        }
    }
    // The user's containers are fine; a queue-proxy that cannot start keeps the pod down all the same.
    if let Some(state) = ours
        .iter()
        .find_map(|container| stuck(container, timed_out))
    {
        status
            .conditions
            .set(RevisionCond::ResourcesAvailable, state, now);
    }
}

fn unscheduled(pod: &Pod) -> Option<State> {
    let condition = pod
        .status
        .as_ref()?
        .conditions
        .iter()
        .flatten()
        .find(|c| c.type_ == "PodScheduled")?;
    (condition.status == "False").then(|| {
        State::failed(
            condition.reason.clone().unwrap_or_default(),
            condition.message.clone().unwrap_or_default(),
        )
    })
}

fn exited(container: &ContainerStatus) -> Option<State> {
    let terminated =
        |state: &'_ Option<ContainerState>| state.as_ref().and_then(|s| s.terminated.clone());
    let end = terminated(&container.last_state).or_else(|| terminated(&container.state))?;
    let message = match end.message.as_deref().unwrap_or_default() {
        "" if end.exit_code == 0 => "container exited with no error",
        message => message,
    };
    Some(State::failed(
        format!("ExitCode{}", end.exit_code),
        format!("Container failed with: {message}"),
    ))
}

fn stuck(container: &ContainerStatus, timed_out: bool) -> Option<State> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    (timed_out || BROKEN.contains(&reason))
        .then(|| State::failed(reason, waiting.message.as_deref().unwrap_or_default()))
}

/// What the PodAutoscaler knows: replica counts, whether requests come in, and whether the revision ever ran.
pub(super) fn from_autoscaler(
    status: &mut RevisionStatus,
    autoscaler: &PodAutoscaler,
    now: Timestamp,
) {
    let theirs = autoscaler.status.clone().unwrap_or_default();
    status.actual_replicas = theirs.actual_scale.filter(|count| *count >= 0);
    status.desired_replicas = theirs.desired_scale.filter(|count| *count >= 0);

    let is_broken = |status: &RevisionStatus| {
        status.conditions.is_false(RevisionCond::ResourcesAvailable)
            || status.conditions.is_false(RevisionCond::ContainerHealthy)
    };
    let broken = is_broken(status);
    let Some(ready) = theirs.conditions.ready() else {
        status
            .conditions
            .set(RevisionCond::Active, unknown_deploying(), now);
        if !broken {
            status
                .conditions
                .set(RevisionCond::ResourcesAvailable, unknown_deploying(), now);
        }
        return;
    };
    let initialized = theirs
        .conditions
        .is_true(PodAutoscalerCond::ScaleTargetInitialized);
    let has_service = !theirs.service_name.is_empty();
    if initialized && !broken {
        status
            .conditions
            .set(RevisionCond::ResourcesAvailable, State::True, now);
        status
            .conditions
            .set(RevisionCond::ContainerHealthy, State::True, now);
    }
    if status.conditions.is_true(RevisionCond::ResourcesAvailable) && !(has_service && initialized)
    {
        status
            .conditions
            .set(RevisionCond::ResourcesAvailable, unknown_deploying(), now);
    }
    if ready.is_false() && !initialized && !broken && has_service {
        let state = State::failed(
            "ProgressDeadlineExceeded",
            "Initial scale was never achieved",
        );
        status
            .conditions
            .set(RevisionCond::ResourcesAvailable, state, now);
    }
    let active = if Condition::is_true(ready) {
        State::True
    } else {
        ready.state()
    };
    status.conditions.set(RevisionCond::Active, active, now);
}
