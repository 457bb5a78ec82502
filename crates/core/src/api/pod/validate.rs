//! Rules about the pod's part of a revision's spec.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::container::container;
use super::fields::{POD, only_open};
use super::{Role, Scope, port, security, volume};
use crate::admission::Findings;
use crate::config::Features;
use crate::config::features::switch;
use crate::{go, syntax};

/// All rules; paths are relative to the spec.
pub(in crate::api) fn validate(pod: &PodSpec, features: &Features) -> Findings {
    let init: &[Container] = pod.init_containers.as_deref().unwrap_or_default();
    let listed = pod.volumes.as_deref().unwrap_or_default();
    let volumes: BTreeMap<_, _> = listed.iter().map(|v| (v.name.as_str(), v)).collect();
    let scope = Scope {
        features,
        volumes: &volumes,
    };

    let mut findings = only_open(pod, POD, features, &also_open(pod, features));
    if let Some(context) = &pod.security_context {
        findings.also(security::pod(context, features).under("securityContext"));
    }
    findings.also(security::warnings(pod, features));
    findings.also(volume::volumes(listed, &mounted(pod), features).under("volumes"));
    findings.also(init_containers(init, &pod.containers, &scope));
    findings.also(port::count(&pod.containers).under("containers[*]"));
    findings.also(match pod.containers.as_slice() {
        [] => Findings::missing(["containers"]),
        [only] => container(only, Role::Serving, &scope).under_index("containers", 0),
        several => containers(several, &scope),
    });
    findings.also(service_account(pod));
    findings
}

/// The fields that are open because of their value, or of the cluster's secure defaults.
fn also_open(pod: &PodSpec, features: &Features) -> Vec<&'static str> {
    let token = pod.automount_service_account_token == Some(false);
    let is_secured = features.secure_pod_defaults.is_on();
    let fields = [
        token.then_some("automountServiceAccountToken"),
        is_secured.then_some("securityContext"),
    ];
    fields.into_iter().flatten().collect()
}

/// The names of volumes that any container mounts.
fn mounted(pod: &PodSpec) -> BTreeSet<&str> {
    let containers = pod.init_containers.iter().flatten().chain(&pod.containers);
    containers
        .flat_map(|container| container.volume_mounts.iter().flatten())
        .map(|mount| mount.name.as_str())
        .collect()
}

/// The one with a port serves, the rest are sidecars.
fn containers(containers: &[Container], scope: &Scope<'_>) -> Findings {
    if !scope.features.multi_container.is_enabled() {
        return Findings::placeless(format!(
            "multi-container is off, but found {} containers",
            containers.len()
        ))
        .allowed_by([switch::multi_container.key]);
    }
    let mut names = BTreeSet::new();
    let mut findings = Findings::none();
    for (i, entry) in containers.iter().enumerate() {
        if !names.insert(entry.name.as_str()) {
            findings = duplicate_name(findings, entry, i);
        }
        let serves = entry.ports.as_ref().is_some_and(|ports| !ports.is_empty());
        let role = if serves { Role::Serving } else { Role::Sidecar };
        findings.also(container(entry, role, scope).under_index("containers", i));
    }
    findings
}

/// Findings are under `containers` as well: users' scripts look for them there.
fn init_containers(init: &[Container], others: &[Container], scope: &Scope<'_>) -> Findings {
    if init.is_empty() {
        return Findings::none();
    }
    if !scope.features.pod_spec_init_containers.is_enabled() {
        return Findings::placeless(format!(
            "pod spec support for init-containers is off, but found {} init containers",
            init.len()
        ))
        .allowed_by([switch::pod_spec_init_containers.key]);
    }
    let names: BTreeSet<&str> = others.iter().map(|other| other.name.as_str()).collect();
    let mut findings = Findings::none();
    for (i, entry) in init.iter().enumerate() {
        if names.contains(entry.name.as_str()) {
            findings = duplicate_name(findings, entry, i);
        }
        findings.also(container(entry, Role::Init, scope).under_index("containers", i));
    }
    findings
}

/// Upstream puts the place in front of everything found so far.
fn duplicate_name(mut findings: Findings, entry: &Container, index: usize) -> Findings {
    findings.also(Findings::new(
        format!("duplicate container name {}", go::quote(&entry.name)),
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
