//! Rules about the ports of containers. Upstream gives their paths without an index.

use k8s_openapi::api::core::v1::{Container, ContainerPort};

use super::Role;
use super::fields::{PORT, only_open};
use crate::admission::Findings;
use crate::config::Features;
use crate::names::ports;

/// All rules about the ports of one container. Of a user container's only the first is looked at:
/// more than one is refused by [`count`]. An init container's are its own business, so only their
/// numbers are.
pub(super) fn ports(list: &[ContainerPort], role: Role, features: &Features) -> Findings {
    if role == Role::Init {
        return list.iter().map(|port| number(port, features)).collect();
    }
    let Some(port) = list.first() else {
        return Findings::none();
    };
    let mut findings = number(port, features);
    findings.also(protocol(port));
    findings.also(name(port));
    findings
}

/// At most one port over all containers, and exactly one where there are several.
pub(super) fn count(containers: &[Container]) -> Findings {
    let ports = |container: &Container| container.ports.as_ref().map_or(0, Vec::len);
    match containers.iter().map(ports).sum::<usize>() {
        0 if containers.len() > 1 => Findings::missing(["ports"]),
        0 | 1 => Findings::none(),
        _ => Findings::new("more than one container port is set", ["ports"])
            .details("Only a single port is allowed across all containers"),
    }
}

fn number(port: &ContainerPort, features: &Features) -> Findings {
    let mut findings = only_open(port, PORT, features, &[]);
    let number = port.container_port;
    let is_reserved = ports::RESERVED
        .iter()
        .any(|reserved| i32::from(*reserved) == number);
    if is_reserved {
        let message = format!("{number} is a reserved port");
        let advice = format!("{number} is a reserved port, please use a different value");
        findings.also(Findings::invalid_value(message, "containerPort").details(advice));
    }
    if !(0..=65535).contains(&number) {
        findings.also(Findings::out_of_bounds(number, 0, 65535, "containerPort"));
    }
    findings
}

fn protocol(port: &ContainerPort) -> Findings {
    match port.protocol.as_deref() {
        None | Some("" | "TCP") => Findings::none(),
        Some(other) => Findings::invalid_value(other, "protocol"),
    }
}

fn name(port: &ContainerPort) -> Findings {
    match port.name.as_deref() {
        None | Some("" | "http1" | "h2c") => Findings::none(),
        Some(other) => Findings::new(format!("Port name {other} is not allowed"), [""])
            .details("Name must be empty, or one of: 'h2c', 'http1'"),
    }
}
