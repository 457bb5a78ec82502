//! The two Services of a ServerlessService.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Write;
use super::meta::{self, Map};
use crate::api::serverless_service::ServerlessService;
use crate::api::text::ProtocolType;
use crate::names::{labels, ports};

/// Labels of a Service and its slices.
pub(super) fn service_labels(sks: &ServerlessService, kind: &str) -> Map {
    let mut labels = meta::labels(&sks.metadata).clone();
    labels.insert(
        labels::SERVERLESS_SERVICE.into(),
        meta::name(&sks.metadata).into(),
    );
    labels.insert(labels::SERVICE_TYPE.into(), kind.into());
    labels
}

/// Where requests for the revision go; who answers is not Kubernetes' to find out, so there is no selector.
pub(super) fn public(sks: &ServerlessService, live: Option<&Service>) -> Option<Write<Service>> {
    let number = if is_h2c(sks) {
        ports::SERVICE_H2C
    } else {
        ports::SERVICE_HTTP
    };
    let spec = ServiceSpec {
        ports: Some(vec![requests(sks, number), https()]),
        ..ServiceSpec::default()
    };
    let name = meta::name(&sks.metadata);
    write(sks, name, labels::SERVICE_TYPE_PUBLIC, spec, live)
}

/// Whose slices name the revision's pods.
pub(super) fn private(
    sks: &ServerlessService,
    name: &str,
    selector: &Map,
    live: Option<&Service>,
) -> Option<Write<Service>> {
    let metrics = |name: &str, number: u16| port(name, number, IntOrString::String(name.into()));
    // A mesh looks for a port whose number is the pod's.
    let (mesh_name, mesh) = match is_h2c(sks) {
        true => ("http2-istio", ports::H2C),
        false => ("http-istio", ports::HTTP),
    };
    let spec = ServiceSpec {
        ports: Some(vec![
            requests(sks, ports::SERVICE_HTTP),
            https(),
            metrics(ports::AUTOSCALING_METRICS_NAME, ports::AUTOSCALING_METRICS),
            metrics(ports::USER_METRICS_NAME, ports::USER_METRICS),
            port(mesh_name, mesh, IntOrString::Int(mesh.into())),
        ]),
        selector: Some(selector.clone()),
        ..ServiceSpec::default()
    };
    write(sks, name, labels::SERVICE_TYPE_PRIVATE, spec, live)
}

/// An existing Service is written only when its ports or its selector differ.
fn write(
    sks: &ServerlessService,
    name: &str,
    kind: &str,
    spec: ServiceSpec,
    live: Option<&Service>,
) -> Option<Write<Service>> {
    let annotations = meta::annotations(&sks.metadata).clone();
    let wanted = Service {
        metadata: meta::child(sks, name, service_labels(sks, kind), annotations),
        spec: Some(spec),
        status: None,
    };
    match live {
        None => Some(Write::Create(wanted)),
        Some(live) if key_parts(live) == key_parts(&wanted) => None,
        Some(_) => Some(Write::Update(wanted)),
    }
}

/// Number, name, target and protocol of each port, and the selector.
#[expect(clippy::type_complexity, reason = "compared and dropped on the spot")]
fn key_parts(
    service: &Service,
) -> (
    Vec<(i32, Option<&str>, Option<&IntOrString>, Option<&str>)>,
    &Map,
) {
    static NONE: Map = Map::new();
    let spec = service.spec.as_ref();
    let ports = spec
        .and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default()
        .iter()
        .map(|port| {
            (
                port.port,
                port.name.as_deref(),
                port.target_port.as_ref(),
                port.app_protocol.as_deref(),
            )
        })
        .collect();
    (
        ports,
        spec.and_then(|spec| spec.selector.as_ref())
            .unwrap_or(&NONE),
    )
}

pub(super) fn is_h2c(sks: &ServerlessService) -> bool {
    sks.spec.protocol_type == ProtocolType::H2c
}

/// Name and number of the queue-proxy's request port.
pub(super) fn request_port(sks: &ServerlessService) -> (&'static str, u16) {
    match is_h2c(sks) {
        true => (ports::SERVICE_H2C_NAME, ports::H2C),
        false => (ports::SERVICE_HTTP_NAME, ports::HTTP),
    }
}

fn requests(sks: &ServerlessService, number: u16) -> ServicePort {
    let (name, target) = request_port(sks);
    ServicePort {
        app_protocol: is_h2c(sks).then(|| ports::APP_PROTOCOL_H2C.into()),
        ..port(name, number, IntOrString::Int(target.into()))
    }
}

fn https() -> ServicePort {
    port(
        ports::SERVICE_HTTPS_NAME,
        ports::SERVICE_HTTPS,
        IntOrString::Int(ports::HTTPS.into()),
    )
}

fn port(name: &str, number: u16, target: IntOrString) -> ServicePort {
    ServicePort {
        name: Some(name.into()),
        port: number.into(),
        protocol: Some("TCP".into()),
        target_port: Some(target),
        ..ServicePort::default()
    }
}
