//! Revision: a Deployment, a PodAutoscaler and an image cache entry for each container.
//!
//! A Revision's spec never changes, so its children change only when the cluster's configuration does. Its conditions
//! say two things: whether the cluster can run it (`ResourcesAvailable`) and whether the container lives
//! (`ContainerHealthy`). Both are read off the pods as soon as a pod shows them; deadlines are the last resort.
//!
//! `spec.replicas` belongs to the autoscaler: a plan names it when it creates the Deployment and never again.

mod autoscaler;
mod deployment;
mod digest;
mod image;
mod metadata;
mod pod;
mod queue_proxy;
pub mod readiness;
mod resources;
mod status;
mod unique;
mod volumes;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use serde::Serialize;

pub use deployment::HandOver;

use super::{Note, Write, meta, pass};
use crate::api::condition::State;
use crate::api::image::Image;
use crate::api::meta::Conditioned;
use crate::api::pod_autoscaler::PodAutoscaler;
use crate::api::revision::{Revision, RevisionCond, RevisionSpec, RevisionStatus};
use crate::api::text::ProtocolType;
use crate::config;
use crate::names::ports;

/// What the caches hold about a Revision.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The Deployment of the Revision's name, whoever owns it.
    pub deployment: Option<Arc<Deployment>>,
    /// Pods with the Revision's UID.
    pub pods: Vec<Arc<Pod>>,
    /// The PodAutoscaler of the Revision's name, whoever owns it.
    pub pod_autoscaler: Option<Arc<PodAutoscaler>>,
    /// Names of the image cache entries that exist.
    pub images: BTreeSet<String>,
}

/// The settings that shape a Revision's children.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    pub autoscaler: &'a config::autoscaler::Autoscaler,
    pub defaults: &'a config::defaults::Defaults,
    pub deployment: &'a config::deployment::Deployment,
    pub features: &'a config::features::Features,
    pub logging: &'a config::logging::Logging,
    pub network: &'a config::network::Network,
    pub observability: &'a config::observability::Observability,
    /// Where the system itself runs.
    pub system_namespace: &'a str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    pub deployment: Option<Write<Deployment>>,
    /// Comes before an update of the Deployment.
    pub hand_over: Option<HandOver>,
    pub images: Vec<Image>,
    pub pod_autoscaler: Option<Write<PodAutoscaler>>,
    pub status: RevisionStatus,
    pub notes: Vec<Note>,
    /// Why the pass has to be repeated.
    pub failure: Option<String>,
}

/// The user's part of the pod that `revision` would get: what admission tries out in a dry run.
pub fn user_pod(revision: &Revision, config: &Config<'_>) -> PodSpec {
    pod::without_sidecar(&Input::of(revision, config))
}

/// Decides the next step for `revision`.
pub fn plan(revision: &Revision, seen: &Seen, config: &Config<'_>, now: Timestamp) -> Plan {
    let mut plan = Plan {
        deployment: None,
        hand_over: None,
        images: Vec::new(),
        pod_autoscaler: None,
        status: pass::begin(revision, now),
        notes: Vec::new(),
        failure: None,
    };
    fill(&mut plan, &Input::of(revision, config), seen, now);
    plan.status = pass::end(revision, plan.status, now);
    if plan.status.conditions.is_ready() && !revision.is_ready() {
        plan.notes.push(Note::normal(
            "RevisionReady",
            "Revision becomes ready upon all resources being ready",
        ));
    }
    plan
}

fn fill(plan: &mut Plan, input: &Input<'_>, seen: &Seen, now: Timestamp) {
    plan.status.log_url = input
        .config
        .observability
        .revision_url_template
        .replace("${REVISION_UID}", meta::uid(input.meta()));
    (
        plan.status.container_statuses,
        plan.status.init_container_statuses,
    ) = digest::statuses(&input.spec.pod, &plan.status);

    if let Err(missing) = deployment::plan(plan, input, seen.deployment.as_deref()) {
        plan.failure = Some(format!(
            "failed to create deployment {:?}: {missing}",
            input.deployment_name()
        ));
        deploying(&mut plan.status, now);
        return;
    }
    match &seen.deployment {
        None => deploying(&mut plan.status, now),
        Some(live) if meta::is_controlled_by(&live.metadata, input.meta()) => {
            status::from_deployment(&mut plan.status, live, &seen.pods, input, now);
        }
        Some(live) => {
            plan.deployment = None;
            plan.hand_over = None;
            disown(plan, input, "Deployment", meta::name(&live.metadata), now);
            return;
        }
    }
    plan.images = image::missing(input, &plan.status, &seen.images);
    if let Some(live) = &seen.pod_autoscaler
        && !meta::is_controlled_by(&live.metadata, input.meta())
    {
        disown(
            plan,
            input,
            "PodAutoscaler",
            meta::name(&live.metadata),
            now,
        );
        return;
    }
    plan.pod_autoscaler = autoscaler::plan(input, &plan.status, seen);
    match &seen.pod_autoscaler {
        Some(live) => status::from_autoscaler(&mut plan.status, live, now),
        None => plan
            .status
            .conditions
            .set(RevisionCond::Active, status::unknown_deploying(), now),
    }
}

fn deploying(status: &mut RevisionStatus, now: Timestamp) {
    for condition in [
        RevisionCond::ResourcesAvailable,
        RevisionCond::ContainerHealthy,
    ] {
        status
            .conditions
            .set(condition, status::unknown_deploying(), now);
    }
}

/// Somebody else's object has the name of our child.
fn disown(plan: &mut Plan, input: &Input<'_>, kind: &str, name: &str, now: Timestamp) {
    let message = format!("There is an existing {kind} {name:?} that we do not own.");
    plan.status.conditions.set(
        RevisionCond::ResourcesAvailable,
        State::failed("NotOwned", message),
        now,
    );
    plan.failure = Some(format!(
        "revision: {:?} does not own {kind}: {name:?}",
        input.name()
    ));
}

/// A Revision with the settings of this pass, and what follows from its spec.
#[derive(Clone, Copy, Debug)]
struct Input<'a> {
    revision: &'a Revision,
    config: &'a Config<'a>,
    spec: &'a RevisionSpec,
    /// Index of the container that gets the requests.
    serving: usize,
}

impl<'a> Input<'a> {
    fn of(revision: &'a Revision, config: &'a Config<'a>) -> Self {
        // Admission refuses several containers without a port; should one slip through, the first one serves.
        let serving = revision.spec.serving_container().unwrap_or_default();
        Self {
            revision,
            config,
            spec: &revision.spec,
            serving,
        }
    }

    fn meta(&self) -> &'a k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        &self.revision.metadata
    }

    fn name(&self) -> &'a str {
        meta::name(self.meta())
    }

    fn deployment_name(&self) -> String {
        crate::names::child::deployment(self.name())
    }

    fn serving_container(&self) -> Option<&'a Container> {
        self.spec.pod.containers.get(self.serving)
    }

    fn sidecars(&self) -> impl Iterator<Item = &'a Container> {
        let serving = self.serving;
        self.spec
            .pod
            .containers
            .iter()
            .enumerate()
            .filter(move |(i, _)| *i != serving)
            .map(|(_, c)| c)
    }

    /// Where the user's container listens.
    fn user_port(&self) -> i32 {
        self.serving_container()
            .and_then(|c| c.ports.as_ref()?.first())
            .map(|port| port.container_port)
            .filter(|port| *port != 0)
            .unwrap_or(ports::DEFAULT_USER.into())
    }

    /// Where the queue-proxy takes requests without TLS.
    fn queue_port(&self) -> u16 {
        match self.spec.protocol() {
            ProtocolType::H2c => ports::H2C,
            _ => ports::HTTP,
        }
    }

    fn is_system_tls(&self) -> bool {
        self.config.network.system_internal_tls
    }
}
