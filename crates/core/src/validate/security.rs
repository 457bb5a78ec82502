//! Rules about security contexts, and the warnings where Kubernetes' own defaults are weak.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, PodSecurityContext, PodSpec, SecurityContext,
};

use super::{Findings, only_allowed};
use crate::config::Features;

/// The pod's security context.
pub(super) fn pod(context: &PodSecurityContext, features: &Features) -> Findings {
    let mut findings = if features.pod_spec_security_context.is_permitted() {
        only_allowed(
            context,
            &[
                "runAsUser",
                "runAsGroup",
                "runAsNonRoot",
                "fsGroup",
                "supplementalGroups",
                "seccompProfile",
            ],
        )
    } else if features.secure_pod_defaults.is_on() {
        let is_plain = context.seccomp_profile.as_ref().is_some_and(|profile| {
            matches!(profile.type_.as_str(), "RuntimeDefault" | "Unconfined")
                && profile.localhost_profile.is_none()
        });
        only_allowed(context, if is_plain { &["seccompProfile"] } else { &[] })
    } else {
        only_allowed(context, &[])
    };
    findings.also(id(context.run_as_user, "runAsUser"));
    findings.also(id(context.run_as_group, "runAsGroup"));
    findings.also(id(context.fs_group, "fsGroup"));
    for (i, group) in context.supplemental_groups.iter().flatten().enumerate() {
        findings.also(id(Some(*group), &format!("supplementalGroups[{i}]")));
    }
    findings
}

/// A container's security context.
pub(super) fn container(context: &SecurityContext, features: &Features) -> Findings {
    let mut allowed = vec![
        "capabilities",
        "readOnlyRootFilesystem",
        "runAsUser",
        "runAsGroup",
        "runAsNonRoot",
        "allowPrivilegeEscalation",
        "seccompProfile",
    ];
    if context.privileged != Some(true) {
        allowed.push("privileged");
    }
    let mut findings = only_allowed(context, &allowed);
    if let Some(capabilities) = &context.capabilities {
        let allowed: &[&str] = if may_add(capabilities, features) {
            &["add", "drop"]
        } else {
            &["drop"]
        };
        findings.also(only_allowed(capabilities, allowed).under("capabilities"));
    }
    findings.also(id(context.run_as_user, "runAsUser"));
    findings.also(id(context.run_as_group, "runAsGroup"));
    findings
}

/// Any capability where the cluster allows it; the right to bind low ports where the secure
/// defaults would give it as well.
fn may_add(capabilities: &Capabilities, features: &Features) -> bool {
    let is_low_port = capabilities
        .add
        .as_deref()
        .is_some_and(|add| add == ["NET_BIND_SERVICE"]);
    features.container_spec_add_capabilities.is_enabled()
        || (features.secure_pod_defaults.is_on() && is_low_port)
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
