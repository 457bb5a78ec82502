//! Rules about one container.

use k8s_openapi::api::core::v1::{Container, Probe, ResourceRequirements};

use super::amount::amounts;
use super::fields::{CONTAINER, RESOURCES, only_open};
use super::probe::{self, Port};
use super::volume::mounts;
use super::{Role, Scope, env, image, port, security};
use crate::admission::{Findings, set_fields};
use crate::config::Features;
use crate::go;
use crate::names::containers;

/// All rules; paths are relative to the container.
pub(super) fn container(container: &Container, role: Role, scope: &Scope<'_>) -> Findings {
    if is_empty(container) {
        return Findings::missing([""]);
    }
    let features = scope.features;
    let variables = container.env.as_deref().unwrap_or_default();
    let sources = container.env_from.as_deref().unwrap_or_default();
    let ports = container.ports.as_deref().unwrap_or_default();
    let mounted = container.volume_mounts.as_deref().unwrap_or_default();

    let mut findings = only_open(container, CONTAINER, features, &[]);
    findings.also(name(container));
    findings.also(image_reference(container));
    findings.also(env::variables(variables, role, features).under("env"));
    findings.also(env::sources(sources, features).under("envFrom"));
    findings.also(port::ports(ports, role, features).under("ports"));
    findings.also(probes(container, role, features));
    if let Some(amounts) = &container.resources {
        findings.also(resources(amounts, features).under("resources"));
    }
    if let Some(context) = &container.security_context {
        findings.also(security::container(context, features).under("securityContext"));
    }
    findings.also(termination_message(container));
    findings.also(mounts(mounted, scope).under("volumeMounts"));
    findings
}

/// A name and resources are written by defaulting even when nothing else is there.
fn is_empty(container: &Container) -> bool {
    let unset = ResourceRequirements::default();
    container.name.is_empty()
        && container.resources.as_ref().is_none_or(|r| *r == unset)
        && set_fields(container)
            .iter()
            .all(|name| matches!(*name, "name" | "resources"))
}

fn name(container: &Container) -> Findings {
    if container.name != containers::QUEUE_PROXY {
        return Findings::none();
    }
    let message = format!(
        "{} is a reserved container name",
        go::quote(&container.name)
    );
    Findings::new(message, ["name"])
}

fn image_reference(container: &Container) -> Findings {
    let reference = container.image.as_deref().unwrap_or_default();
    if reference.is_empty() {
        return Findings::missing(["image"]);
    }
    match image::check(reference) {
        Ok(()) => Findings::none(),
        Err(cause) => Findings::new("Failed to parse image reference", ["image"])
            .details(format!("image: {}, error: {cause}", go::quote(reference))),
    }
}

fn probes(container: &Container, role: Role, features: &Features) -> Findings {
    let probes = [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ];
    let set: Vec<(&str, &Probe)> = probes
        .into_iter()
        .filter_map(|(name, probe)| Some((name, probe.as_ref()?)))
        .collect();
    match role {
        Role::Init => not_in_init_containers(container, &set),
        Role::Sidecar if !features.multi_container_probing.is_enabled() => set
            .into_iter()
            .map(|(name, probe)| probe::not_on_sidecars(probe).under(name))
            .collect::<Findings>(),
        Role::Sidecar => judge(&set, Port::MustBeGiven, features),
        Role::Serving => judge(&set, Port::Serving(port_name(container)), features),
    }
}

fn judge(probes: &[(&str, &Probe)], port: Port<'_>, features: &Features) -> Findings {
    let judge = |&(name, probe): &(&str, &Probe)| {
        let mut findings = probe::handler(probe, port, features);
        if name == "readinessProbe" {
            findings.also(probe::readiness(probe));
        }
        findings.under(name)
    };
    probes.iter().map(judge).collect()
}

fn not_in_init_containers(container: &Container, probes: &[(&str, &Probe)]) -> Findings {
    let lifecycle = container.lifecycle.is_some().then_some("lifecycle");
    let names = probes.iter().map(|(name, _)| *name).chain(lifecycle);
    names
        .map(|name| Findings::new("field not allowed in an init container", [name]))
        .collect()
}

/// What a probe may call the serving port.
fn port_name(container: &Container) -> &str {
    let first = container.ports.iter().flatten().next();
    let name = first.and_then(|port| port.name.as_deref());
    name.filter(|name| !name.is_empty()).unwrap_or("http")
}

fn resources(resources: &ResourceRequirements, features: &Features) -> Findings {
    let mut findings = only_open(resources, RESOURCES, features, &[]);
    findings.also(amounts(resources.limits.as_ref(), "limits"));
    findings.also(amounts(resources.requests.as_ref(), "requests"));
    findings
}

fn termination_message(container: &Container) -> Findings {
    match container.termination_message_policy.as_deref() {
        None | Some("" | "File" | "FallbackToLogsOnError") => Findings::none(),
        Some(other) => Findings::invalid_value(other, "terminationMessagePolicy"),
    }
}
