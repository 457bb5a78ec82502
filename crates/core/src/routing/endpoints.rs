//! From a Service and its EndpointSlices to the addresses behind one of its ports (ingress.md 1 and 11.5).
//!
//! Only slices are believed: a revision's public Service has no selector, so its own target ports say nothing
//! about where the slices point. Addresses come out sorted and once each, so that equal inputs compare equal.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Names a port of a Service, and through it a set of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendRef {
    pub namespace: String,
    pub service: String,
    pub port: PortRef,
}

/// A Service port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortRef {
    Number(u16),
    Name(String),
}

/// What is spoken to a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    #[default]
    Http1,
    /// HTTP/2 without TLS and without an upgrade first.
    H2c,
}

/// Where the requests for a [`BackendRef`] go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Straight to these addresses; there may be none.
    Addresses {
        protocol: Protocol,
        addresses: Addresses,
    },
    /// An `ExternalName` Service: to the same port of that name.
    Alias {
        protocol: Protocol,
        host: String,
        port: u16,
    },
    /// Nowhere yet.
    Missing(Missing),
}

/// Why a backend cannot be resolved. Each of these may heal when an object appears.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    #[error("the Service does not exist")]
    Service,
    #[error("the Service has no such port")]
    Port,
    #[error("the Service is of type ExternalName but names no host")]
    ExternalName,
}

/// Addresses by what their slice says of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Take new requests.
    pub ready: Vec<SocketAddr>,
    /// Shut down, but still answer: better than nothing.
    pub draining: Vec<SocketAddr>,
    /// Neither ready nor on their way out. One that was ready before may still answer: a node that was lost for a
    /// moment makes all of its pods look like this.
    pub unready: Vec<SocketAddr>,
}

/// Looks a backend up in its Service and the slices of that Service.
pub fn resolve<'s>(
    service: Option<&Service>,
    slices: impl IntoIterator<Item = &'s EndpointSlice>,
    port: &PortRef,
) -> Resolution {
    let Some(spec) = service.and_then(|service| service.spec.as_ref()) else {
        return Resolution::Missing(Missing::Service);
    };
    let ports = spec.ports.as_deref().unwrap_or_default();
    let found = ports.iter().find(|candidate| port.names(candidate));
    if spec.type_.as_deref() == Some("ExternalName") {
        return alias(spec.external_name.as_deref(), found, port);
    }
    let Some(service_port) = found else {
        return Resolution::Missing(Missing::Port);
    };
    let family = spec
        .ip_families
        .as_ref()
        .and_then(|families| families.first())
        .map(String::as_str);
    let mut addresses = Addresses::default();
    for slice in slices
        .into_iter()
        .filter(|slice| family.is_none_or(|family| slice.address_type == family))
    {
        if let Some(port) = target_port(slice, service_port) {
            addresses.add(slice, port);
        }
    }
    addresses.settle();
    Resolution::Addresses {
        protocol: protocol(service_port),
        addresses,
    }
}

/// The Service an in-cluster DNS name stands for: `(namespace, name)` of `name.namespace.svc`, with or without the
/// cluster domain. `None` for every other name.
pub fn service_of_name<'n>(host: &'n str, cluster_domain: &str) -> Option<(&'n str, &'n str)> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let short = match host.strip_suffix(cluster_domain) {
        Some(rest) => rest.strip_suffix('.')?,
        None => host,
    };
    let (name, namespace) = short.strip_suffix(".svc")?.split_once('.')?;
    (!name.is_empty() && !namespace.is_empty() && !namespace.contains('.'))
        .then_some((namespace, name))
}

fn alias(external_name: Option<&str>, found: Option<&ServicePort>, port: &PortRef) -> Resolution {
    let Some(host) = external_name.filter(|name| !name.is_empty()) else {
        return Resolution::Missing(Missing::ExternalName);
    };
    // An ExternalName Service needs no ports; a number then stands for itself.
    let number = match (found.map(|found| u16::try_from(found.port)), port) {
        (Some(Ok(number)), _) => number,
        (None, PortRef::Number(number)) => *number,
        _ => return Resolution::Missing(Missing::Port),
    };
    let protocol = found.map(protocol).unwrap_or_default();
    Resolution::Alias {
        protocol,
        host: host.to_owned(),
        port: number,
    }
}

/// The port's name decides; `appProtocol` only adds to it, since one without the other is common.
fn protocol(port: &ServicePort) -> Protocol {
    let named = matches!(port.name.as_deref(), Some("http2" | "h2c"));
    let marked = port.app_protocol.as_deref() == Some("kubernetes.io/h2c");
    if named || marked {
        Protocol::H2c
    } else {
        Protocol::Http1
    }
}

/// The port to dial on the addresses of a slice: slices repeat the Service port's name and say the number, which
/// for a named target port may differ from slice to slice.
fn target_port(slice: &EndpointSlice, port: &ServicePort) -> Option<u16> {
    let Some(ports) = slice.ports.as_deref().filter(|ports| !ports.is_empty()) else {
        // No list means: as the Service says.
        return match port.target_port.as_ref() {
            Some(IntOrString::Int(number)) => u16::try_from(*number).ok(),
            Some(IntOrString::String(_)) => None,
            None => u16::try_from(port.port).ok(),
        };
    };
    let wanted = port.name.as_deref().unwrap_or_default();
    let found = ports
        .iter()
        .find(|candidate| candidate.name.as_deref().unwrap_or_default() == wanted)?;
    u16::try_from(found.port?).ok()
}

// === impl BackendRef, PortRef ===

impl std::fmt::Display for BackendRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}:{}", self.namespace, self.service, self.port)
    }
}

impl PortRef {
    fn names(&self, port: &ServicePort) -> bool {
        match self {
            Self::Number(number) => port.port == i32::from(*number),
            Self::Name(name) => port.name.as_deref() == Some(name),
        }
    }
}

impl std::fmt::Display for PortRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

// === impl Addresses ===

impl Addresses {
    /// The addresses to use, sorted: the ready ones. Without any, those that shut down but still answer, and those
    /// of `before` (sorted) that turned unready without going away: their connections will tell whether they work.
    pub fn usable(&self, before: &[SocketAddr]) -> Vec<SocketAddr> {
        if !self.ready.is_empty() {
            return self.ready.clone();
        }
        let kept = self
            .unready
            .iter()
            .filter(|address| before.binary_search(address).is_ok());
        let mut usable: Vec<SocketAddr> = self.draining.iter().chain(kept).copied().collect();
        usable.sort_unstable();
        usable
    }

    fn add(&mut self, slice: &EndpointSlice, port: u16) {
        for endpoint in &slice.endpoints {
            let Some(list) = self.list_for(endpoint) else {
                continue;
            };
            let addresses = endpoint
                .addresses
                .iter()
                .filter_map(|text| text.parse::<IpAddr>().ok());
            list.extend(addresses.map(|ip| SocketAddr::new(ip, port)));
        }
    }

    /// `None` for one that is going away and has stopped answering.
    fn list_for(&mut self, endpoint: &Endpoint) -> Option<&mut Vec<SocketAddr>> {
        let conditions = endpoint.conditions.as_ref();
        // Unset means yes for `ready`, as `ready` for `serving`, and no for `terminating`.
        let ready = conditions.and_then(|c| c.ready).unwrap_or(true);
        let serving = conditions.and_then(|c| c.serving).unwrap_or(ready);
        let terminating = conditions.and_then(|c| c.terminating).unwrap_or(false);
        match (ready, serving, terminating) {
            (true, _, _) => Some(&mut self.ready),
            (false, true, true) => Some(&mut self.draining),
            (false, false, true) => None,
            (false, _, false) => Some(&mut self.unready),
        }
    }

    /// Sorted, each address once and in its best list only: during an update two slices may hold the same pod.
    fn settle(&mut self) {
        self.ready.sort_unstable();
        self.ready.dedup();
        let Self {
            ready,
            draining,
            unready,
        } = self;
        for list in [&mut *draining, unready] {
            list.sort_unstable();
            list.dedup();
            list.retain(|address| ready.binary_search(address).is_err());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(spec: Value) -> Service {
        serde_json::from_value(json!({ "spec": spec })).unwrap()
    }

    fn slice(ports: Value, endpoints: Value) -> EndpointSlice {
        serde_json::from_value(
            json!({ "addressType": "IPv4", "ports": ports, "endpoints": endpoints }),
        )
        .unwrap()
    }

    fn check(
        service: &Service,
        slices: &[EndpointSlice],
        port: PortRef,
        expected: (Protocol, &[&str]),
    ) {
        let Resolution::Addresses {
            protocol,
            addresses,
        } = resolve(Some(service), slices, &port)
        else {
            panic!("no addresses")
        };
        let ready: Vec<String> = addresses.ready.iter().map(ToString::to_string).collect();
        assert_eq!(
            (protocol, ready),
            (
                expected.0,
                expected.1.iter().map(|s| (*s).to_owned()).collect()
            )
        );
    }

    #[test]
    fn the_slice_says_which_port_to_dial() {
        let service = service(json!({ "ports": [
            { "name": "http", "port": 80, "targetPort": 8012 }, { "name": "https", "port": 443, "targetPort": 8112 },
        ]}));
        let slices = [slice(
            json!([{ "name": "https", "port": 8112 }, { "name": "http", "port": 8077 }]),
            json!([{ "addresses": ["10.0.0.2"] }, { "addresses": ["10.0.0.1"] }]),
        )];
        let expected = (Protocol::Http1, &["10.0.0.1:8077", "10.0.0.2:8077"][..]);
        check(&service, &slices, PortRef::Number(80), expected);
        check(&service, &slices, PortRef::Name("http".into()), expected);
    }

    #[test]
    fn a_named_target_port_may_differ_between_slices() {
        let service = service(json!({ "ports": [{ "port": 80, "targetPort": "web" }] }));
        let slices = [
            slice(
                json!([{ "port": 8001 }]),
                json!([{ "addresses": ["10.0.0.1"] }]),
            ),
            slice(
                json!([{ "name": "", "port": 8002 }]),
                json!([{ "addresses": ["10.0.0.2"] }]),
            ),
        ];
        check(
            &service,
            &slices,
            PortRef::Number(80),
            (Protocol::Http1, &["10.0.0.1:8001", "10.0.0.2:8002"]),
        );
    }

    #[test]
    fn http2_by_port_name_or_app_protocol() {
        let by_name = service(json!({ "ports": [{ "name": "http2", "port": 80 }] }));
        check(&by_name, &[], PortRef::Number(80), (Protocol::H2c, &[]));
        let marked =
            json!({ "ports": [{ "name": "web", "port": 80, "appProtocol": "kubernetes.io/h2c" }] });
        check(
            &service(marked),
            &[],
            PortRef::Number(80),
            (Protocol::H2c, &[]),
        );
        let neither = service(json!({ "ports": [{ "name": "http", "port": 80 }] }));
        check(&neither, &[], PortRef::Number(80), (Protocol::Http1, &[]));
    }

    #[test]
    fn conditions_sort_addresses_and_the_best_list_wins() {
        let service = service(json!({ "ports": [{ "port": 80 }] }));
        let ports = json!([{ "port": 8080 }]);
        let slices = [
            slice(
                ports.clone(),
                json!([
                    { "addresses": ["10.0.0.1"], "conditions": { "ready": true } },
                    { "addresses": ["10.0.0.2"], "conditions": { "ready": false, "serving": true, "terminating": true } },
                    { "addresses": ["10.0.0.3"], "conditions": { "ready": false, "serving": false, "terminating": true } },
                    { "addresses": ["10.0.0.4"], "conditions": { "ready": false } },
                ]),
            ),
            slice(
                ports,
                json!([{ "addresses": ["10.0.0.1"], "conditions": { "ready": false } }]),
            ),
        ];
        let address = |n: u8| SocketAddr::from(([10, 0, 0, n], 8080));
        let expected = Addresses {
            ready: vec![address(1)],
            draining: vec![address(2)],
            unready: vec![address(4)],
        };
        let Resolution::Addresses { addresses, .. } =
            resolve(Some(&service), &slices, &PortRef::Number(80))
        else {
            panic!("no addresses")
        };
        assert_eq!(addresses, expected);
    }

    #[test]
    fn without_ready_addresses_those_are_used_that_may_still_answer() {
        let address = |n: u8| SocketAddr::from(([10, 0, 0, n], 80));
        let mut addresses = Addresses {
            ready: vec![address(1)],
            draining: vec![address(4)],
            unready: vec![address(2), address(3)],
        };
        let before = [address(1), address(3)];
        assert_eq!(addresses.usable(&before), [address(1)]);
        addresses.ready.clear();
        assert_eq!(addresses.usable(&before), [address(3), address(4)]);
        assert_eq!(addresses.usable(&[]), [address(4)]);
    }

    #[test]
    fn an_external_name_is_an_alias_for_the_same_port() {
        let service = service(json!({
            "type": "ExternalName", "externalName": "gateway.system.svc.cluster.local",
            "ports": [{ "name": "http2", "port": 80 }],
        }));
        let expected = Resolution::Alias {
            protocol: Protocol::H2c,
            host: "gateway.system.svc.cluster.local".into(),
            port: 80,
        };
        assert_eq!(resolve(Some(&service), [], &PortRef::Number(80)), expected);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            resolve(None, [], &PortRef::Number(80)),
            Resolution::Missing(Missing::Service)
        );
        let service = service(json!({ "ports": [{ "port": 81 }] }));
        assert_eq!(
            resolve(Some(&service), [], &PortRef::Number(80)),
            Resolution::Missing(Missing::Port)
        );
    }

    #[test]
    fn only_in_cluster_names_stand_for_services() {
        let check =
            |host, expected| assert_eq!(service_of_name(host, "cluster.local"), expected, "{host}");
        check("a.ns.svc.cluster.local", Some(("ns", "a")));
        check("a.ns.svc.cluster.local.", Some(("ns", "a")));
        check("a.ns.svc", Some(("ns", "a")));
        check("a.b.ns.svc", None);
        check("example.com", None);
        check("a.ns.svc.other.domain", None);
        check("xcluster.local", None);
    }
}
