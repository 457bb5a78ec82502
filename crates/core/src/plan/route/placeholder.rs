//! Placeholder Services: the names under which pods find a Route's hosts.
//!
//! A placeholder points at the load balancer that the Ingress reports for pods, so `hello.demo.svc` ends up at the
//! gateway. Until there is one it is an alias of the host's own name, which only reserves it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::{self, Map};
use super::{Plan, Seen, Write};
use crate::api::ingress::EntryPoint;
use crate::api::route::Route;
use crate::names::{labels, ports};
use crate::plan::serverless_service::slices;
use crate::traffic::host::Host;

/// The name of a wanted placeholder that somebody else's Service has.
pub(super) fn stranger<'a>(
    route: &Route,
    hosts: &'a BTreeMap<String, Host>,
    seen: &Seen,
) -> Option<&'a str> {
    hosts
        .values()
        .filter(|host| {
            seen.services
                .get(&host.name)
                .is_some_and(|service| !meta::is_controlled_by(&service.metadata, &route.metadata))
        })
        .map(|host| host.name.as_str())
        .next()
}

/// Plans all placeholders and what goes with them.
pub(super) fn plan(plan: &mut Plan, route: &Route, hosts: &BTreeMap<String, Host>, seen: &Seen) {
    plan.obsolete_slices = seen.slices.keys().cloned().collect();
    for host in hosts.values() {
        let live = seen.services.get(&host.name).map(AsRef::as_ref);
        let target = target(live, seen);
        let spec = spec(target.as_ref(), host, live);
        if spec.is_none() || matches!(target, Some(Target::Address(_))) {
            plan.obsolete_slices.retain(|name| *name != host.name);
        }
        let Some(spec) = spec else { continue };
        let wanted = Service {
            metadata: metadata(route, &host.name),
            spec: Some(spec),
            status: None,
        };
        match live {
            None => plan.services.push(Write::Create(wanted)),
            Some(live) if !can_become(live, &wanted) => plan.replaced_services.push(wanted),
            Some(_) => plan.services.push(Write::Update(wanted)),
        }
        if let Some(Target::Address(ip)) = target {
            let slice = slice(route, &host.name, &ip);
            plan.slices.push(match seen.slices.get(&host.name) {
                None => Write::Create(slice),
                Some(_) => Write::Update(slice),
            });
        }
    }
    plan.obsolete_services = seen
        .services
        .values()
        .filter(|service| {
            meta::label(&service.metadata, labels::ROUTE) == Some(meta::name(&route.metadata))
                && meta::is_controlled_by(&service.metadata, &route.metadata)
                && !hosts
                    .values()
                    .any(|host| host.name == meta::name(&service.metadata))
        })
        .map(|service| meta::name(&service.metadata).to_owned())
        .collect();
}

/// Where pods reach the gateway.
enum Target {
    Address(String),
    Inside(String),
    Outside(String),
    Mesh,
}

/// The one entry point that the Ingress reports; `None` while there is none, or more than one to choose from.
fn target(live: Option<&Service>, seen: &Seen) -> Option<Target> {
    let status = seen.ingress.as_ref()?.status.as_ref()?;
    let private = status
        .private_load_balancer
        .as_ref()
        .filter(|lb| !lb.ingress.is_empty());
    let is_private = live.is_some_and(|service| {
        meta::label(&service.metadata, labels::VISIBILITY) == Some(labels::VISIBILITY_CLUSTER_LOCAL)
    });
    let balancer = if is_private {
        private
    } else {
        private.or(status.public_load_balancer.as_ref())
    };
    let [
        EntryPoint {
            ip,
            domain,
            domain_internal,
            mesh_only,
        },
    ] = balancer?.ingress.as_slice()
    else {
        return None;
    };
    if !ip.is_empty() {
        Some(Target::Address(ip.clone()))
    } else if !domain_internal.is_empty() {
        Some(Target::Inside(domain_internal.clone()))
    } else if !domain.is_empty() {
        Some(Target::Outside(domain.clone()))
    } else {
        mesh_only.then_some(Target::Mesh)
    }
}

/// `None` leaves an existing placeholder as it is.
fn spec(target: Option<&Target>, host: &Host, live: Option<&Service>) -> Option<ServiceSpec> {
    let external = |name: &str, affinity: Option<&str>| ServiceSpec {
        type_: Some("ExternalName".into()),
        external_name: Some(name.into()),
        session_affinity: affinity.map(str::to_owned),
        ports: Some(vec![http2()]),
        ..ServiceSpec::default()
    };
    Some(match target {
        None if live.is_some() => return None,
        None => external(&host.shown, Some("None")),
        Some(Target::Inside(name)) => external(name, Some("None")),
        Some(Target::Outside(name)) => external(name, None),
        Some(Target::Address(_)) => ServiceSpec {
            type_: Some("ClusterIP".into()),
            cluster_ip: Some("None".into()),
            ports: Some(vec![http2()]),
            ..ServiceSpec::default()
        },
        Some(Target::Mesh) => ServiceSpec {
            type_: Some("ClusterIP".into()),
            ports: Some(vec![ServicePort {
                name: Some(ports::SERVICE_HTTP_NAME.into()),
                port: ports::SERVICE_HTTP.into(),
                protocol: Some("TCP".into()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        },
    })
}

fn http2() -> ServicePort {
    ServicePort {
        name: Some(ports::SERVICE_H2C_NAME.into()),
        app_protocol: Some(ports::APP_PROTOCOL_H2C.into()),
        port: ports::SERVICE_HTTP.into(),
        target_port: Some(IntOrString::Int(ports::SERVICE_HTTP.into())),
        protocol: Some("TCP".into()),
        ..ServicePort::default()
    }
}

/// An alias can become anything. An address of a Service cannot be taken away or given in place.
fn can_become(live: &Service, wanted: &Service) -> bool {
    let kind = |service: &Service| {
        service
            .spec
            .as_ref()
            .and_then(|spec| spec.type_.clone())
            .unwrap_or_default()
    };
    let address = |service: &Service| {
        service
            .spec
            .as_ref()
            .and_then(|spec| spec.cluster_ip.clone())
            .unwrap_or_default()
    };
    let (has, wants) = (address(live), address(wanted));
    kind(live) == "ExternalName"
        || (kind(live) == kind(wanted) && (has == wants || (wants.is_empty() && has != "None")))
}

fn metadata(route: &Route, name: &str) -> ObjectMeta {
    let mut labels = meta::without(meta::labels(&route.metadata), |key| {
        key == labels::VISIBILITY
    });
    labels.insert(labels::ROUTE.into(), meta::name(&route.metadata).into());
    let annotations: Map = meta::annotations(&route.metadata).clone();
    meta::child(route, name, labels, annotations)
}

/// The headless placeholder's one address.
fn slice(route: &Route, name: &str, ip: &str) -> EndpointSlice {
    let mut metadata = metadata(route, name);
    slices::mark(&mut metadata, name);
    EndpointSlice {
        metadata,
        address_type: slices::family(ip).into(),
        endpoints: vec![Endpoint {
            addresses: vec![ip.to_owned()],
            ..Endpoint::default()
        }],
        ports: Some(vec![EndpointPort {
            name: Some(ports::SERVICE_H2C_NAME.into()),
            app_protocol: Some(ports::APP_PROTOCOL_H2C.into()),
            port: Some(ports::SERVICE_HTTP.into()),
            protocol: Some("TCP".into()),
        }]),
    }
}
