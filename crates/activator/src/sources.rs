//! Where we learn of pods, and what those sources say together.
//!
//! Two sources exist. The pods themselves: their address shows there first, and their end, too. And the EndpointSlices
//! of the private Service, which know backends that are no pods of ours. A further source, such as pods that announce
//! themselves, needs a variant of [`Source`] and its addresses in [`backends`].

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use ebb_core::names::{labels, ports};
use ebb_core::scale::Pod;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

/// Who told of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The pod's status.
    Pod,
    /// An EndpointSlice.
    Slice,
}

impl Source {
    /// Its name in logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Slice => "endpointslice",
        }
    }
}

/// What is known of an address that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Who told first, in the order of [`Source`].
    pub source: Source,
    /// Whether any source calls it ready.
    pub ready: bool,
}

/// The addresses of a revision's pods that are there to stay.
///
/// `pods` are the revision's pods, `slices` the slices of its private Service. `port` is where pods listen; a slice
/// brings its own.
pub fn backends<'a>(
    pods: impl IntoIterator<Item = &'a Pod>,
    slices: impl IntoIterator<Item = &'a EndpointSlice>,
    port: u16,
) -> BTreeMap<SocketAddr, Backend> {
    let mut found = BTreeMap::new();
    let mut leaving = HashSet::new();
    let mut known = HashSet::new();
    for pod in pods {
        known.extend(pod.metadata.name.as_deref());
        let Some(ip) = pod.status.pod_ip else {
            continue;
        };
        if pod.metadata.deletion_timestamp.is_some() || is_over(pod) {
            leaving.insert(ip);
            continue;
        }
        found.insert(
            SocketAddr::new(ip, port),
            Backend {
                source: Source::Pod,
                ready: is_ready(pod),
            },
        );
    }
    for slice in slices {
        let Some(port) = serving_port(slice) else {
            continue;
        };
        for endpoint in &slice.endpoints {
            // A slice may still list a pod that is gone from the API.
            let of_a_pod = endpoint
                .target_ref
                .as_ref()
                .filter(|target| target.kind.as_deref() == Some("Pod"));
            if of_a_pod.is_some_and(|target| {
                target
                    .name
                    .as_deref()
                    .is_none_or(|name| !known.contains(name))
            }) {
                continue;
            }
            let conditions = endpoint.conditions.as_ref();
            let terminating =
                conditions.and_then(|conditions| conditions.terminating) == Some(true);
            for ip in addresses(endpoint) {
                if terminating {
                    leaving.insert(ip);
                    continue;
                }
                let ready = is_endpoint_ready(endpoint);
                let backend = found.entry(SocketAddr::new(ip, port)).or_insert(Backend {
                    source: Source::Slice,
                    ready,
                });
                backend.ready |= ready;
            }
        }
    }
    found.retain(|address, _| !leaving.contains(&address.ip()));
    found
}

/// Addresses that the public Service of a revision sends requests to, as its slices say.
pub fn entrances<'a>(slices: impl IntoIterator<Item = &'a EndpointSlice>) -> Vec<IpAddr> {
    let serving = slices
        .into_iter()
        .filter(|slice| serving_port(slice).is_some());
    let ready = serving
        .flat_map(|slice| &slice.endpoints)
        .filter(|endpoint| is_endpoint_ready(endpoint));
    ready.flat_map(addresses).collect()
}

/// Whether a slice belongs to the private Service of a revision; the others belong to its public one.
pub fn is_private(slice: &EndpointSlice) -> bool {
    label(slice, labels::SERVICE_TYPE) == Some(labels::SERVICE_TYPE_PRIVATE)
}

/// A label of a slice.
pub fn label<'a>(slice: &'a EndpointSlice, name: &str) -> Option<&'a str> {
    slice
        .metadata
        .labels
        .as_ref()?
        .get(name)
        .map(String::as_str)
}

fn addresses(endpoint: &Endpoint) -> impl Iterator<Item = IpAddr> {
    endpoint
        .addresses
        .iter()
        .filter_map(|address| address.parse().ok())
}

fn is_endpoint_ready(endpoint: &Endpoint) -> bool {
    // Unknown counts as ready, says the API.
    endpoint
        .conditions
        .as_ref()
        .and_then(|conditions| conditions.ready)
        != Some(false)
}

fn is_ready(pod: &Pod) -> bool {
    pod.status
        .conditions
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn is_over(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_str(), "Succeeded" | "Failed")
}

fn serving_port(slice: &EndpointSlice) -> Option<u16> {
    let mut all = slice.ports.iter().flatten();
    let serving = all.find(|port| {
        matches!(
            port.name.as_deref(),
            Some(ports::SERVICE_HTTP_NAME | ports::SERVICE_H2C_NAME)
        )
    })?;
    serving.port?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, ip: &str, ready: &str) -> Pod {
        let status = json!({"phase": "Running", "podIP": ip, "conditions": [{"type": "Ready", "status": ready}]});
        serde_json::from_value(json!({"metadata": {"name": name}, "status": status})).unwrap()
    }

    fn slice(endpoints: serde_json::Value) -> EndpointSlice {
        let ports =
            json!([{"name": "http", "port": 8012}, {"name": "http-autometric", "port": 9090}]);
        let slice = json!({"addressType": "IPv4", "endpoints": endpoints, "ports": ports});
        serde_json::from_value(slice).unwrap()
    }

    fn found(pods: &[Pod], slices: &[EndpointSlice]) -> Vec<(String, &'static str, bool)> {
        let all = backends(pods, slices, 8012);
        all.into_iter()
            .map(|(a, b)| (a.to_string(), b.source.label(), b.ready))
            .collect()
    }

    #[test]
    fn a_pod_counts_as_soon_as_it_has_an_address() {
        let mut none = pod("b", "", "False");
        none.status.pod_ip = None;
        let all = found(&[pod("a", "10.0.0.1", "False"), none], &[]);
        assert_eq!(all, [("10.0.0.1:8012".to_owned(), "pod", false)]);
    }

    #[test]
    fn any_source_may_call_it_ready() {
        let endpoint = json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": true},
            "targetRef": {"kind": "Pod", "name": "a"}}]);
        let all = found(&[pod("a", "10.0.0.1", "False")], &[slice(endpoint)]);
        assert_eq!(all, [("10.0.0.1:8012".to_owned(), "pod", true)]);
    }

    #[test]
    fn one_source_that_calls_it_terminating_is_enough() {
        let mut leaving = pod("a", "10.0.0.1", "True");
        leaving.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        let endpoint = json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": true},
            "targetRef": {"kind": "Pod", "name": "a"}}]);
        assert!(found(&[leaving], &[slice(endpoint)]).is_empty());
        let endpoint = json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": false, "terminating": true},
            "targetRef": {"kind": "Pod", "name": "a"}}]);
        assert!(found(&[pod("a", "10.0.0.1", "True")], &[slice(endpoint)]).is_empty());
    }

    #[test]
    fn a_slice_cannot_keep_a_pod_that_is_gone_but_knows_other_backends() {
        let endpoints = json!([
            {"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "gone"}},
            {"addresses": ["10.0.0.2"]},
        ]);
        assert_eq!(
            found(&[], &[slice(endpoints)]),
            [("10.0.0.2:8012".to_owned(), "endpointslice", true)]
        );
    }

    #[test]
    fn entrances_are_the_ready_addresses_of_the_serving_port() {
        let endpoints = json!([{"addresses": ["10.0.0.7"]}, {"addresses": ["10.0.0.8"], "conditions": {"ready": false}}]);
        let mut other = slice(json!([{"addresses": ["10.0.0.9"]}]));
        other.ports = None;
        let all = entrances(&[slice(endpoints), other]);
        assert_eq!(all, ["10.0.0.7".parse::<IpAddr>().unwrap()]);
    }
}
