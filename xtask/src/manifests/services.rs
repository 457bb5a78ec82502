//! Services: how the programs are found, and how users' requests come in.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels;

/// A port of a Service: its name, its number, the number in the pods.
type Port = (&'static str, u16, u16);

const METRICS: Port = ("http-metrics", 9090, 9090);
const PROFILING: Port = ("http-profiling", 8008, 8008);

/// All Services.
pub(super) fn all() -> [Service; 6] {
    [
        // The controller and the gateway look for this name: it must not change.
        service(
            "activator-service",
            "activator",
            &[
                METRICS,
                PROFILING,
                ("http", 80, 8012),
                ("http2", 81, 8013),
                ("https", 443, 8112),
            ],
        ),
        service(
            "autoscaler",
            "autoscaler",
            &[METRICS, PROFILING, ("http", 8080, 8080)],
        ),
        service("controller", "controller", &[METRICS, PROFILING]),
        service(
            "webhook",
            "webhook",
            &[METRICS, PROFILING, ("https-webhook", 443, 8443)],
        ),
        load_balancer(service(
            "ebb-gateway",
            "gateway",
            &[("http2", 80, 8080), ("https", 443, 8443)],
        )),
        service("ebb-gateway-internal", "gateway", &[("http2", 80, 8081)]),
    ]
}

fn service(name: &str, program: &str, ports: &[Port]) -> Service {
    let ports = ports
        .iter()
        .map(|(name, port, target)| ServicePort {
            name: Some((*name).to_owned()),
            port: i32::from(*port),
            target_port: Some(IntOrString::Int(i32::from(*target))),
            protocol: Some("TCP".to_owned()),
            ..Default::default()
        })
        .collect();
    Service {
        metadata: labels::namespaced(name, program),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(labels::selector(program)),
            ports: Some(ports),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn load_balancer(mut service: Service) -> Service {
    if let Some(spec) = &mut service.spec {
        spec.type_ = Some("LoadBalancer".to_owned());
    }
    service
}
