//! Defaults of the pod's part of a revision's spec.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Capabilities, Container, PodSpec, Probe, ResourceRequirements, SeccompProfile, SecurityContext,
    TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::name;
use super::normal::normalize;
use super::volume::can_be_written;
use crate::admission::{Context, Error, Policy};
use crate::config;
use crate::config::features::SecurePodDefaults;

/// Fills in a pod. `parent` is the metadata that name templates are rendered over.
///
/// # Errors
/// When a container's name cannot be rendered.
pub(in crate::api) fn fill_in(
    pod: &mut PodSpec,
    parent: &ObjectMeta,
    cx: &Context<'_>,
) -> Result<(), Error> {
    let defaults = &cx.policy.defaults;
    name::containers(pod, parent, defaults)?;
    let shared = Shared::of(pod, cx.policy);
    let is_only = pod.containers.len() == 1;
    for entry in &mut pod.containers {
        container(entry, is_only, &shared, defaults);
    }
    for entry in pod
        .containers
        .iter_mut()
        .chain(pod.init_containers.iter_mut().flatten())
    {
        shared.secure(entry);
    }
    if cx.verb.is_create() && pod.enable_service_links.is_none() {
        pod.enable_service_links = defaults.enable_service_links;
    }
    normalize(pod);
    Ok(())
}

/// What the containers of a pod have in common.
struct Shared {
    writable_volumes: BTreeSet<String>,
    security: SecurePodDefaults,
    pod_sets_seccomp: bool,
    pod_sets_non_root: bool,
}

impl Shared {
    fn of(pod: &PodSpec, policy: &Policy) -> Self {
        let volumes = pod.volumes.iter().flatten();
        let context = pod.security_context.as_ref();
        Self {
            writable_volumes: volumes
                .filter(|volume| can_be_written(volume))
                .map(|v| v.name.clone())
                .collect(),
            security: policy.features.secure_pod_defaults,
            pod_sets_seccomp: context
                .and_then(|c| c.seccomp_profile.as_ref())
                .is_some_and(|p| !p.type_.is_empty()),
            pod_sets_non_root: context.is_some_and(|c| c.run_as_non_root.is_some()),
        }
    }

    /// Gives a container or init container the secure defaults, where the cluster wants them.
    fn secure(&self, container: &mut Container) {
        if !self.security.is_on() {
            return;
        }
        let binds_low_port = container
            .ports
            .iter()
            .flatten()
            .any(|port| port.container_port < 1024);
        let context = container
            .security_context
            .get_or_insert_with(SecurityContext::default);
        context.allow_privilege_escalation.get_or_insert(false);
        if !self.pod_sets_seccomp {
            let profile = context
                .seccomp_profile
                .get_or_insert_with(SeccompProfile::default);
            if profile.type_.is_empty() {
                profile.type_ = "RuntimeDefault".to_owned();
            }
        }
        context.capabilities.get_or_insert_with(|| Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: binds_low_port.then(|| vec!["NET_BIND_SERVICE".to_owned()]),
        });
        if self.security == SecurePodDefaults::Enabled && !self.pod_sets_non_root {
            context.run_as_non_root.get_or_insert(true);
        }
    }
}

/// Fills in an entry of `containers`. `is_only` says that there is no other one.
fn container(
    container: &mut Container,
    is_only: bool,
    shared: &Shared,
    defaults: &config::Defaults,
) {
    resources(container.resources.get_or_insert_default(), defaults);

    let serves = is_only
        || container
            .ports
            .as_ref()
            .is_some_and(|ports| !ports.is_empty());
    if serves {
        let probe = container.readiness_probe.get_or_insert_default();
        if !has_handler(probe) {
            probe.tcp_socket = Some(TCPSocketAction {
                host: None,
                port: IntOrString::Int(0),
            });
        }
    }
    if let Some(probe) = &mut container.readiness_probe {
        readiness(probe);
    }
    for probe in [
        &mut container.readiness_probe,
        &mut container.liveness_probe,
        &mut container.startup_probe,
    ] {
        if let Some(grpc) = probe.as_mut().and_then(|probe| probe.grpc.as_mut()) {
            grpc.service.get_or_insert_default();
        }
    }
    for mount in container.volume_mounts.iter_mut().flatten() {
        if !shared.writable_volumes.contains(&mount.name) {
            mount.read_only = Some(true);
        }
    }
}

fn has_handler(probe: &Probe) -> bool {
    probe.exec.is_some()
        || probe.grpc.is_some()
        || probe.http_get.is_some()
        || probe.tcp_socket.is_some()
}

/// `periodSeconds: 0` is kept: it asks for probing several times a second.
fn readiness(probe: &mut Probe) {
    let set = |field: &mut Option<i32>, value| {
        if field.unwrap_or_default() == 0 {
            *field = Some(value);
        }
    };
    set(&mut probe.success_threshold, 1);
    if probe.period_seconds.unwrap_or_default() != 0 {
        set(&mut probe.failure_threshold, 3);
        set(&mut probe.timeout_seconds, 1);
    }
}

fn resources(resources: &mut ResourceRequirements, d: &config::Defaults) {
    fill(
        &mut resources.requests,
        [
            ("cpu", &d.revision_cpu_request),
            ("memory", &d.revision_memory_request),
            ("ephemeral-storage", &d.revision_ephemeral_storage_request),
        ],
    );
    fill(
        &mut resources.limits,
        [
            ("cpu", &d.revision_cpu_limit),
            ("memory", &d.revision_memory_limit),
            ("ephemeral-storage", &d.revision_ephemeral_storage_limit),
        ],
    );
}

fn fill(
    amounts: &mut Option<BTreeMap<String, Quantity>>,
    defaults: [(&str, &Option<Quantity>); 3],
) {
    for (name, default) in defaults {
        if let Some(default) = default {
            amounts
                .get_or_insert_default()
                .entry(name.to_owned())
                .or_insert_with(|| default.clone());
        }
    }
}
