//! Rules about the pod's part of a revision's spec.

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::container::{self, Role};
use super::{Findings, only_allowed, security, volume};
use crate::config::Features;
use crate::syntax;

/// All rules; paths are relative to the spec.
pub(super) fn spec(pod: &PodSpec, features: &Features) -> Findings {
    let mut findings = allowed_fields(pod, features);
    if let Some(context) = &pod.security_context {
        findings.also(security::pod(context, features).under("securityContext"));
    }
    findings.also(security::warnings(pod, features));

    let init: &[Container] = pod.init_containers.as_deref().unwrap_or_default();
    let listed = pod.volumes.as_deref().unwrap_or_default();
    let mounts = init
        .iter()
        .chain(&pod.containers)
        .flat_map(|c| c.volume_mounts.iter().flatten());
    let mounted = mounts.map(|mount| mount.name.as_str()).collect();
    findings.also(volume::volumes(listed, &mounted, features).under("volumes"));
    let volumes = listed
        .iter()
        .map(|volume| (volume.name.as_str(), volume))
        .collect();
    let scope = container::Scope {
        features,
        volumes: &volumes,
    };

    findings.also(init_containers(init, &pod.containers, &scope));
    findings.also(ports(&pod.containers).under("containers[*]"));
    findings.also(match pod.containers.as_slice() {
        [] => Findings::missing(["containers"]),
        [only] => container::container(only, Role::Serving, &scope).under_index("containers", 0),
        several => containers(several, &scope),
    });
    findings.also(service_account(pod));
    findings
}

fn allowed_fields(pod: &PodSpec, f: &Features) -> Findings {
    let gated = [
        ("affinity", f.pod_spec_affinity.is_permitted()),
        (
            "topologySpreadConstraints",
            f.pod_spec_topology_spread_constraints.is_permitted(),
        ),
        ("hostAliases", f.pod_spec_host_aliases.is_permitted()),
        ("nodeSelector", f.pod_spec_node_selector.is_permitted()),
        (
            "runtimeClassName",
            f.pod_spec_runtime_class_name.is_permitted(),
        ),
        ("tolerations", f.pod_spec_tolerations.is_permitted()),
        (
            "securityContext",
            f.pod_spec_security_context.is_permitted() || f.secure_pod_defaults.is_on(),
        ),
        (
            "shareProcessNamespace",
            f.pod_spec_share_process_namespace.is_permitted(),
        ),
        (
            "priorityClassName",
            f.pod_spec_priority_class_name.is_permitted(),
        ),
        ("schedulerName", f.pod_spec_scheduler_name.is_permitted()),
        ("initContainers", f.pod_spec_init_containers.is_permitted()),
        ("dnsPolicy", f.pod_spec_dns_policy.is_permitted()),
        ("dnsConfig", f.pod_spec_dns_config.is_permitted()),
        ("hostIPC", f.pod_spec_host_ipc.is_permitted()),
        ("hostPID", f.pod_spec_host_pid.is_permitted()),
        ("hostNetwork", f.pod_spec_host_network.is_permitted()),
        // Only turning it off is allowed.
        (
            "automountServiceAccountToken",
            pod.automount_service_account_token != Some(true),
        ),
    ];
    let always = [
        "containers",
        "volumes",
        "serviceAccountName",
        "imagePullSecrets",
        "enableServiceLinks",
    ];
    let allowed: Vec<&str> = always
        .into_iter()
        .chain(
            gated
                .into_iter()
                .filter_map(|(name, is_open)| is_open.then_some(name)),
        )
        .collect();
    only_allowed(pod, &allowed)
}

/// At most one port over all containers, and exactly one where there are several.
fn ports(containers: &[Container]) -> Findings {
    let count: usize = containers
        .iter()
        .map(|c| c.ports.as_ref().map_or(0, Vec::len))
        .sum();
    if count > 1 {
        return Findings::new("more than one container port is set", ["ports"])
            .details("Only a single port is allowed across all containers");
    }
    if count == 0 && containers.len() > 1 {
        return Findings::missing(["ports"]);
    }
    Findings::none()
}

/// The one with a port serves, the rest are sidecars.
fn containers(containers: &[Container], scope: &container::Scope<'_>) -> Findings {
    if !scope.features.multi_container.is_enabled() {
        return Findings::placeless(format!(
            "multi-container is off, but found {} containers",
            containers.len()
        ));
    }
    let mut names: Vec<&str> = Vec::new();
    let mut findings = Findings::none();
    for (i, entry) in containers.iter().enumerate() {
        if names.contains(&entry.name.as_str()) {
            findings = duplicate_name(findings, entry, i);
        }
        names.push(&entry.name);
        let serves = entry.ports.as_ref().is_some_and(|ports| !ports.is_empty());
        let role = if serves { Role::Serving } else { Role::Sidecar };
        findings.also(container::container(entry, role, scope).under_index("containers", i));
    }
    findings
}

/// Findings are under `containers` as well: users' scripts look for them there.
fn init_containers(
    init: &[Container],
    others: &[Container],
    scope: &container::Scope<'_>,
) -> Findings {
    if init.is_empty() {
        return Findings::none();
    }
    if !scope.features.pod_spec_init_containers.is_enabled() {
        return Findings::placeless(format!(
            "pod spec support for init-containers is off, but found {} init containers",
            init.len()
        ));
    }
    let mut findings = Findings::none();
    for (i, entry) in init.iter().enumerate() {
        if others.iter().any(|other| other.name == entry.name) {
            findings = duplicate_name(findings, entry, i);
        }
        findings.also(container::container(entry, Role::Init, scope).under_index("containers", i));
    }
    findings
}

/// Upstream puts the place in front of everything found so far.
fn duplicate_name(mut findings: Findings, entry: &Container, index: usize) -> Findings {
    findings.also(Findings::new(
        format!("duplicate container name {}", crate::go::quote(&entry.name)),
        ["name"],
    ));
    findings.under_index("containers", index)
}

fn service_account(pod: &PodSpec) -> Findings {
    let name = pod.service_account_name.as_deref().unwrap_or_default();
    if name.is_empty() {
        return Findings::none();
    }
    let faults = syntax::dns1123_subdomain(name).into_iter();
    faults
        .map(|fault| Findings::invalid_value(name, "serviceAccountName").details(fault))
        .collect()
}
