//! Rules about security contexts, and the warnings where Kubernetes' own defaults are weak.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, PodSecurityContext, PodSpec, SecurityContext,
};

use super::fields::{CAPABILITIES, POD_SECURITY, SECURITY, only_open};
use crate::admission::Findings;
use crate::config::Features;

/// The pod's security context.
pub(super) fn pod(context: &PodSecurityContext, features: &Features) -> Findings {
    let mut findings = only_open(context, POD_SECURITY, features, secured(context, features));
    findings.also(id(context.run_as_user, "runAsUser"));
    findings.also(id(context.run_as_group, "runAsGroup"));
    findings.also(id(context.fs_group, "fsGroup"));
    for (i, group) in context.supplemental_groups.iter().flatten().enumerate() {
        findings.also(id(Some(*group), &format!("supplementalGroups[{i}]")));
    }
    findings
}

/// What of a pod's context is open because the cluster gives secure defaults: a profile that every
/// node has.
fn secured(context: &PodSecurityContext, features: &Features) -> &'static [&'static str] {
    let is_plain = context.seccomp_profile.as_ref().is_some_and(|profile| {
        matches!(profile.type_.as_str(), "RuntimeDefault" | "Unconfined")
            && profile.localhost_profile.is_none()
    });
    if features.secure_pod_defaults.is_on() && is_plain {
        &["seccompProfile"]
    } else {
        &[]
    }
}

/// A container's security context.
pub(super) fn container(context: &SecurityContext, features: &Features) -> Findings {
    let also: &[&str] = match context.privileged {
        Some(false) => &["privileged"],
        _ => &[],
    };
    let mut findings = only_open(context, SECURITY, features, also);
    if let Some(own) = &context.capabilities {
        findings.also(capabilities(own, features).under("capabilities"));
    }
    findings.also(id(context.run_as_user, "runAsUser"));
    findings.also(id(context.run_as_group, "runAsGroup"));
    findings
}

/// The right to bind low ports is open where the secure defaults would give it as well.
fn capabilities(own: &Capabilities, features: &Features) -> Findings {
    let binds_low_ports = own
        .add
        .as_deref()
        .is_some_and(|add| add == ["NET_BIND_SERVICE"]);
    let also: &[&str] = if features.secure_pod_defaults.is_on() && binds_low_ports {
        &["add"]
    } else {
        &[]
    };
    only_open(own, CAPABILITIES, features, also)
}

fn id(number: Option<i64>, path: &str) -> Findings {
    match number {
        Some(number) if !(0..=i64::from(i32::MAX)).contains(&number) => {
            Findings::out_of_bounds(number, 0, i32::MAX, path)
        }
        _ => Findings::none(),
    }
}

/// Warns about what users left to Kubernetes' defaults, unless the cluster sets secure ones.
pub(super) fn warnings(spec: &PodSpec, features: &Features) -> Findings {
    if features.secure_pod_defaults.is_on() {
        return Findings::none();
    }
    let init = spec.init_containers.as_deref().unwrap_or_default();
    [("initContainers", init), ("containers", &spec.containers)]
        .into_iter()
        .flat_map(|(list, entries)| {
            entries.iter().enumerate().map(move |(i, entry)| {
                weak(entry, spec.security_context.as_ref())
                    .under("securityContext")
                    .under_index(list, i)
            })
        })
        .collect()
}

fn weak(container: &Container, pod: Option<&PodSecurityContext>) -> Findings {
    let unset = SecurityContext::default();
    let own = container.security_context.as_ref().unwrap_or(&unset);
    let mut paths = Vec::new();
    if own.run_as_non_root.is_none() && pod.is_none_or(|pod| pod.run_as_non_root.is_none()) {
        paths.push("runAsNonRoot");
    }
    if own.allow_privilege_escalation.is_none() {
        paths.push("allowPrivilegeEscalation");
    }
    let profiles = [
        own.seccomp_profile.as_ref(),
        pod.and_then(|pod| pod.seccomp_profile.as_ref()),
    ];
    if profiles.iter().all(Option::is_none) {
        paths.push("seccompProfile");
    } else if profiles
        .iter()
        .flatten()
        .all(|profile| profile.type_.is_empty())
    {
        paths.push("seccompProfile.type");
    }
    let mut findings = Findings::none();
    match &own.capabilities {
        None => paths.push("capabilities"),
        Some(Capabilities { drop: None, .. }) => paths.push("capabilities.drop"),
        Some(Capabilities {
            drop: Some(drop), ..
        }) if drop.first().is_some_and(|first| first == "all") => {
            findings.also(
                Findings::invalid_value("all", "capabilities.drop")
                    .details("Must be spelled as 'ALL'")
                    .as_warning(),
            );
        }
        Some(_) => {}
    }
    if !paths.is_empty() {
        findings.also(
            Findings::new(
                "Kubernetes default value is insecure, Knative may default this to secure in a future release",
                paths,
            )
            .as_warning(),
        );
    }
    findings
}
