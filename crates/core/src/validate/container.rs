//! Rules about one container.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvFromSource, EnvVar, ResourceRequirements, Volume,
};

use super::probe::{self, Port};
use super::{Findings, image, only_allowed, security, volume};
use crate::config::Features;
use crate::go;
use crate::names::{containers, ports};

/// What a container is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It gets the requests.
    Serving,
    /// It runs beside the serving one.
    Sidecar,
    /// It runs before them.
    Init,
}

/// What the containers of a pod have in common.
pub(super) struct Scope<'a> {
    pub(super) features: &'a Features,
    pub(super) volumes: &'a BTreeMap<&'a str, &'a Volume>,
}

/// All rules; paths are relative to the container.
pub(super) fn container(container: &Container, role: Role, scope: &Scope<'_>) -> Findings {
    if is_empty(container) {
        return Findings::missing([""]);
    }
    let mut findings = only_allowed(
        container,
        &[
            "name",
            "image",
            "imagePullPolicy",
            "command",
            "args",
            "workingDir",
            "env",
            "envFrom",
            "ports",
            "resources",
            "securityContext",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "terminationMessagePath",
            "terminationMessagePolicy",
            "volumeMounts",
        ],
    );
    findings.also(name(container));
    findings.also(image_reference(container));
    findings.also(
        env(
            container.env.as_deref().unwrap_or_default(),
            role,
            scope.features,
        )
        .under("env"),
    );
    findings.also(env_from(container.env_from.as_deref().unwrap_or_default()).under("envFrom"));
    findings
        .also(container_ports(container.ports.as_deref().unwrap_or_default(), role).under("ports"));
    findings.also(probes(container, role, scope.features));
    if let Some(amounts) = &container.resources {
        findings.also(resources(amounts).under("resources"));
    }
    if let Some(context) = &container.security_context {
        findings.also(security::container(context, scope.features).under("securityContext"));
    }
    findings.also(termination_message(container));
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    findings.also(volume::mounts(mounts, scope.volumes, scope.features).under("volumeMounts"));
    findings
}

/// Resources are written by defaulting even when nothing else is there.
fn is_empty(container: &Container) -> bool {
    let without = Container {
        resources: None,
        ..container.clone()
    };
    let has_resources = container
        .resources
        .as_ref()
        .is_some_and(|r| *r != ResourceRequirements::default());
    without == Container::default() && !has_resources
}

fn name(container: &Container) -> Findings {
    if container.name == containers::QUEUE_PROXY {
        return Findings::new(
            format!(
                "{} is a reserved container name",
                go::quote(&container.name)
            ),
            ["name"],
        );
    }
    Findings::none()
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

fn env(variables: &[EnvVar], role: Role, features: &Features) -> Findings {
    let variables = variables.iter().enumerate();
    variables
        .map(|(i, variable)| env_variable(variable, role, features).under(&format!("[{i}]")))
        .collect()
}

fn env_variable(variable: &EnvVar, role: Role, features: &Features) -> Findings {
    let mut findings = only_allowed(variable, &["name", "value", "valueFrom"]);
    let is_reserved = match variable.name.as_str() {
        "K_SERVICE" | "K_CONFIGURATION" | "K_REVISION" => true,
        // Only the serving container is told a port.
        "PORT" => role == Role::Serving,
        _ => false,
    };
    if variable.name.is_empty() {
        findings.also(Findings::missing(["name"]));
    } else if is_reserved {
        findings.also(Findings::new(
            format!(
                "{} is a reserved environment variable",
                go::quote(&variable.name)
            ),
            ["name"],
        ));
    }
    if let Some(source) = &variable.value_from {
        let allowed: &[&str] = if features.pod_spec_field_ref.is_permitted() {
            &[
                "configMapKeyRef",
                "secretKeyRef",
                "fieldRef",
                "resourceFieldRef",
            ]
        } else {
            &["configMapKeyRef", "secretKeyRef"]
        };
        findings.also(only_allowed(source, allowed).under("valueFrom"));
    }
    findings
}

/// Upstream nests what was found under a later entry's source; the tests of users show it.
fn env_from(sources: &[EnvFromSource]) -> Findings {
    let mut findings = Findings::none();
    for (i, source) in sources.iter().enumerate() {
        findings.also(
            only_allowed(source, &["prefix", "configMapRef", "secretRef"]).under(&format!("[{i}]")),
        );
        if source.config_map_ref.is_some() {
            findings = findings.under_index("configMapRef", i);
        }
        if source.secret_ref.is_some() {
            findings = findings.under_index("secretRef", i);
        }
        let names = ["configMapRef", "secretRef"];
        findings.also(match (&source.config_map_ref, &source.secret_ref) {
            (None, None) => Findings::neither(names),
            (Some(_), Some(_)) => Findings::both(names),
            _ => Findings::none(),
        });
    }
    findings
}

/// Of a user container's ports only the first is looked at; the count is refused elsewhere.
fn container_ports(list: &[ContainerPort], role: Role) -> Findings {
    if role == Role::Init {
        return list.iter().map(port_number).collect();
    }
    let Some(port) = list.first() else {
        return Findings::none();
    };
    let mut findings = port_number(port);
    match port.protocol.as_deref() {
        None | Some("" | "TCP") => {}
        Some(other) => findings.also(Findings::invalid_value(other, "protocol")),
    }
    match port.name.as_deref() {
        None | Some("" | "http1" | "h2c") => {}
        Some(other) => findings.also(
            Findings::new(format!("Port name {other} is not allowed"), [""])
                .details("Name must be empty, or one of: 'h2c', 'http1'"),
        ),
    }
    findings
}

fn port_number(port: &ContainerPort) -> Findings {
    let mut findings = only_allowed(port, &["containerPort", "name", "protocol"]);
    let number = port.container_port;
    if ports::RESERVED
        .iter()
        .any(|reserved| i32::from(*reserved) == number)
    {
        findings.also(
            Findings::invalid_value(format!("{number} is a reserved port"), "containerPort")
                .details(format!(
                    "{number} is a reserved port, please use a different value"
                )),
        );
    }
    if !(0..=65535).contains(&number) {
        findings.also(Findings::out_of_bounds(number, 0, 65535, "containerPort"));
    }
    findings
}

fn probes(container: &Container, role: Role, features: &Features) -> Findings {
    let probes = [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ];
    let set = probes
        .into_iter()
        .filter_map(|(name, probe)| Some((name, probe.as_ref()?)));
    if role == Role::Init {
        let lifecycle = container.lifecycle.is_some().then_some("lifecycle");
        let names = set.map(|(name, _)| name).chain(lifecycle);
        return names
            .map(|name| Findings::new("field not allowed in an init container", [name]))
            .collect();
    }
    if role == Role::Sidecar && !features.multi_container_probing.is_enabled() {
        return set
            .map(|(name, probe)| probe::not_on_sidecars(probe).under(name))
            .collect();
    }
    let port_name = container
        .ports
        .iter()
        .flatten()
        .next()
        .and_then(|port| port.name.as_deref());
    let port = match role {
        Role::Serving => Port::Serving(port_name.filter(|name| !name.is_empty()).unwrap_or("http")),
        _ => Port::MustBeGiven,
    };
    set.map(|(name, probe)| {
        let mut findings = probe::handler(probe, port);
        if name == "readinessProbe" {
            findings.also(probe::readiness(probe));
        }
        findings.under(name)
    })
    .collect()
}

fn resources(amounts: &ResourceRequirements) -> Findings {
    only_allowed(amounts, &["limits", "requests"])
}

fn termination_message(container: &Container) -> Findings {
    match container.termination_message_policy.as_deref() {
        None | Some("" | "File" | "FallbackToLogsOnError") => Findings::none(),
        Some(other) => Findings::invalid_value(other, "terminationMessagePolicy"),
    }
}
