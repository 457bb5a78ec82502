//! EndpointSlices of Services without a selector.
//!
//! Slices are written directly, not through the older Endpoints: that saves the way through the mirroring controller.
//! Each one names us as its manager, so Kubernetes' own controllers leave it alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::services::{is_h2c, request_port, service_labels};
use super::{Write, meta};
use crate::api::serverless_service::ServerlessService;
use crate::names::{child, labels, ports};

/// Endpoints in one slice; the API takes no more.
const ROOM: usize = 1000;

/// All endpoints, each address once, in the order of addresses. An address that is in two slices for a moment counts
/// as ready if it is so in one.
pub fn endpoints(slices: &[Arc<EndpointSlice>]) -> Vec<Endpoint> {
    let mut by_address: BTreeMap<&str, &Endpoint> = BTreeMap::new();
    for endpoint in slices.iter().flat_map(|slice| &slice.endpoints) {
        let Some(address) = endpoint.addresses.first() else {
            continue;
        };
        let known = by_address.entry(address).or_insert(endpoint);
        if is_ready(endpoint) && !is_ready(known) {
            *known = endpoint;
        }
    }
    // Hints speak of the slice they came from.
    by_address
        .into_values()
        .map(|endpoint| Endpoint {
            hints: None,
            ..endpoint.clone()
        })
        .collect()
}

/// Whether new requests may be sent there. Nothing said counts as yes.
pub fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint
        .conditions
        .as_ref()
        .and_then(|conditions| conditions.ready)
        .unwrap_or(true)
}

/// `IPv4` or `IPv6`.
pub fn family(address: &str) -> &'static str {
    if address.contains(':') {
        "IPv6"
    } else {
        "IPv4"
    }
}

/// Makes a slice one of the Service `service`, kept by us.
pub fn mark(metadata: &mut ObjectMeta, service: &str) {
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(labels::SLICE_SERVICE_NAME.into(), service.into());
    labels.insert(
        labels::SLICE_MANAGED_BY.into(),
        labels::SLICE_MANAGED_BY_EBB.into(),
    );
}

/// The slices of the public Service with these endpoints; at least one, though it be empty.
pub(super) fn wanted(sks: &ServerlessService, endpoints: Vec<Endpoint>) -> Vec<EndpointSlice> {
    let address = |endpoint: &Endpoint| {
        endpoint
            .addresses
            .first()
            .map(|a| family(a))
            .unwrap_or("IPv4")
    };
    let (six, four): (Vec<_>, Vec<_>) = endpoints
        .into_iter()
        .partition(|endpoint| address(endpoint) == "IPv6");
    let name = meta::name(&sks.metadata);
    let mut slices = Vec::new();
    for (family, suffix, members) in [("IPv4", "", four), ("IPv6", "-ipv6", six)] {
        for (i, chunk) in members.chunks(ROOM).enumerate() {
            let number = if i == 0 {
                String::new()
            } else {
                format!("-{i}")
            };
            slices.push(slice(
                sks,
                &child::name(name, &format!("{suffix}{number}")),
                family,
                chunk.to_vec(),
            ));
        }
    }
    if slices.is_empty() {
        slices.push(slice(sks, &child::name(name, ""), "IPv4", Vec::new()));
    }
    slices
}

fn slice(
    sks: &ServerlessService,
    name: &str,
    family: &str,
    endpoints: Vec<Endpoint>,
) -> EndpointSlice {
    let annotations = meta::annotations(&sks.metadata).clone();
    let mut metadata = meta::child(
        sks,
        name,
        service_labels(sks, labels::SERVICE_TYPE_PUBLIC),
        annotations,
    );
    mark(&mut metadata, meta::name(&sks.metadata));
    let (port_name, number) = request_port(sks);
    let port = |name: &str, number: u16, h2c: bool| EndpointPort {
        app_protocol: h2c.then(|| ports::APP_PROTOCOL_H2C.into()),
        name: Some(name.into()),
        port: Some(number.into()),
        protocol: Some("TCP".into()),
    };
    EndpointSlice {
        metadata,
        address_type: family.into(),
        endpoints,
        ports: Some(vec![
            port(port_name, number, is_h2c(sks)),
            port(ports::SERVICE_HTTPS_NAME, ports::HTTPS, false),
        ]),
    }
}

/// The write that brings the slice of this name to `wanted`.
pub(super) fn difference(
    wanted: EndpointSlice,
    live: &[Arc<EndpointSlice>],
) -> Option<Write<EndpointSlice>> {
    let name = meta::name(&wanted.metadata);
    match live
        .iter()
        .find(|slice| meta::name(&slice.metadata) == name)
    {
        None => Some(Write::Create(wanted)),
        Some(live) if live.endpoints == wanted.endpoints && live.ports == wanted.ports => None,
        Some(_) => Some(Write::Update(wanted)),
    }
}
