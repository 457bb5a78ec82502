//! Rules about probes.

use k8s_openapi::api::core::v1::Probe;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::fields::{EXEC, GRPC, HTTP_GET, PROBE, TCP_SOCKET, only_open};
use crate::admission::{Findings, set_fields};
use crate::config::Features;
use crate::config::features::switch;

const HANDLERS: [&str; 4] = ["exec", "grpc", "httpGet", "tcpSocket"];

/// Which port a probe may name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Port<'a> {
    /// The serving port, by this name; a number is free.
    Serving(&'a str),
    /// A sidecar has no port of its own, so a probe must say which.
    MustBeGiven,
}

/// A probe has exactly one handler, which aims at a port that exists.
pub(super) fn handler(probe: &Probe, port: Port<'_>, features: &Features) -> Findings {
    let mut findings = only_open(probe, PROBE, features, &[]);
    let mut handlers = Vec::new();
    // Each handler puts its name in front of what was found before it, as upstream does.
    if let Some(http) = &probe.http_get {
        handlers.push("httpGet");
        findings.also(only_open(http, HTTP_GET, features, &[]));
        findings = findings.under("httpGet");
        findings.also(aims_at(&http.port, port).under("httpGet"));
    }
    if let Some(tcp) = &probe.tcp_socket {
        handlers.push("tcpSocket");
        findings.also(only_open(tcp, TCP_SOCKET, features, &[]));
        findings = findings.under("tcpSocket");
        findings.also(aims_at(&tcp.port, port).under("tcpSocket"));
    }
    if let Some(exec) = &probe.exec {
        handlers.push("exec");
        findings.also(only_open(exec, EXEC, features, &[]));
        findings = findings.under("exec");
    }
    if let Some(grpc) = &probe.grpc {
        handlers.push("gRPC");
        findings.also(only_open(grpc, GRPC, features, &[]));
        findings = findings.under("gRPC");
    }
    match handlers.len() {
        0 => findings.also(Findings::neither(HANDLERS)),
        1 => {}
        _ => findings.also(Findings::both(handlers)),
    }
    findings
}

fn aims_at(at: &IntOrString, port: Port<'_>) -> Findings {
    let refused = |text: String, why: &str| Findings::invalid_value(text, "port").details(why);
    match (port, at) {
        (Port::Serving(name), IntOrString::String(text)) if !text.is_empty() && text != name => {
            refused(text.clone(), "Probe port must match container port")
        }
        (Port::MustBeGiven, IntOrString::Int(0)) => {
            refused("0".to_owned(), "Probe port must be specified")
        }
        (Port::MustBeGiven, IntOrString::String(text)) if text.is_empty() => {
            refused(String::new(), "Probe port must be specified")
        }
        _ => Findings::none(),
    }
}

/// The timing of a readiness probe. A period of 0 means several probes a second, for which the
/// other times have no meaning.
pub(super) fn readiness(probe: &Probe) -> Findings {
    let value = |field: Option<i32>| field.unwrap_or_default();
    let at_least = |low: i32, field: Option<i32>, name: &str| {
        if value(field) < low {
            Findings::out_of_bounds(value(field), low, i32::MAX, name)
        } else {
            Findings::none()
        }
    };
    let mut findings = at_least(0, probe.period_seconds, "periodSeconds");
    findings.also(at_least(
        0,
        probe.initial_delay_seconds,
        "initialDelaySeconds",
    ));
    findings.also(at_least(1, probe.success_threshold, "successThreshold"));
    let timing = [
        ("failureThreshold", probe.failure_threshold),
        ("timeoutSeconds", probe.timeout_seconds),
    ];
    for (name, field) in timing {
        if value(probe.period_seconds) != 0 {
            findings.also(at_least(1, field, name));
        } else if value(field) != 0 {
            findings.also(Findings::new(
                format!("{name} is disallowed when periodSeconds is zero"),
                [name],
            ));
        }
    }
    findings
}

/// Where sidecars may not be probed, every set field is refused; a handler shows as the probe.
pub(super) fn not_on_sidecars(probe: &Probe) -> Findings {
    let mut fields = set_fields(probe);
    for name in &mut fields {
        if HANDLERS.contains(name) {
            *name = "";
        }
    }
    if fields.is_empty() {
        return Findings::none();
    }
    Findings::disallowed(fields).allowed_by([switch::multi_container_probing.key])
}
