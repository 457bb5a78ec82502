//! Telling probes from requests.
//!
//! Two questions that sound alike have different answers. [`is_kubelet`] also
//! believes the `K-Kubelet-Probe` header and exempts a request from counting and
//! queueing; [`has_kubelet_agent`] looks at the user agent only and decides who
//! is told about draining. Both are part of the contract (dataplane: headers).
//!
//! Probes are recognised by their headers alone, never by path or method.

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::body::Body;
use crate::respond;

/// `K-Network-Probe`: names the part of the system that shall answer.
pub const NETWORK_PROBE: HeaderName = HeaderName::from_static("k-network-probe");
/// `K-Network-Hash`: the version of the configuration a prober looks for.
pub const NETWORK_HASH: HeaderName = HeaderName::from_static("k-network-hash");
/// `K-Kubelet-Probe`: marks a kubelet probe whose user agent was rewritten.
pub const KUBELET_PROBE: HeaderName = HeaderName::from_static("k-kubelet-probe");

/// Value of [`NETWORK_PROBE`] that the queue-proxy answers, and its answer.
pub const QUEUE: &str = "queue";
/// Value of [`NETWORK_PROBE`] that the activator answers, and its answer.
pub const ACTIVATOR: &str = "activator";
/// Value of [`NETWORK_PROBE`] that both answer with the hash they were sent.
pub const INGRESS: &str = "probe";

/// User agent of the activator's probes.
pub const ACTIVATOR_AGENT: HeaderValue = HeaderValue::from_static("Knative-Activator-Probe");
/// User agent of the autoscaler's probes.
pub const AUTOSCALER_AGENT: HeaderValue = HeaderValue::from_static("Knative-Autoscaling-Probe");
/// User agent of an ingress's probes.
pub const INGRESS_AGENT: HeaderValue = HeaderValue::from_static("Knative-Ingress-Probe");

const KUBELET_AGENT: &[u8] = b"kube-probe/";

/// Whether the request comes from a kubelet: by user agent or by
/// `K-Kubelet-Probe`. Such requests are neither counted nor queued.
pub fn is_kubelet(headers: &HeaderMap) -> bool {
    has_kubelet_agent(headers) || headers.get(KUBELET_PROBE).is_some_and(|v| !v.is_empty())
}

/// Whether the user agent is a kubelet's.
pub fn has_kubelet_agent(headers: &HeaderMap) -> bool {
    agent_starts_with(headers, &[KUBELET_AGENT])
}

/// Whether the request asks for the health of a server: a kubelet's, an
/// activator's or an autoscaler's user agent.
pub fn is_health_check(headers: &HeaderMap) -> bool {
    agent_starts_with(
        headers,
        &[
            KUBELET_AGENT,
            ACTIVATOR_AGENT.as_bytes(),
            AUTOSCALER_AGENT.as_bytes(),
        ],
    )
}

/// Whether the request is a probe of any kind, which logs and metrics leave out.
pub fn is_probe(headers: &HeaderMap) -> bool {
    is_kubelet(headers) || !network_probe(headers).is_empty()
}

/// The value of `K-Network-Probe`, empty when there is none.
pub fn network_probe(headers: &HeaderMap) -> &[u8] {
    headers
        .get(NETWORK_PROBE)
        .map_or(b"", HeaderValue::as_bytes)
}

/// The answer to an ingress's probe: the hash it sent, or 400 without one.
pub fn echo_hash<G>(headers: &HeaderMap) -> Response<Body<G>> {
    match headers.get(NETWORK_HASH).filter(|hash| !hash.is_empty()) {
        Some(hash) => {
            let mut response = respond::empty(StatusCode::OK);
            response.headers_mut().insert(NETWORK_HASH, hash.clone());
            response
        }
        None => respond::error(
            StatusCode::BAD_REQUEST,
            r#"a probe request must contain a non-empty "K-Network-Hash" header"#,
        ),
    }
}

fn agent_starts_with(headers: &HeaderMap, prefixes: &[&[u8]]) -> bool {
    headers.get(USER_AGENT).is_some_and(|agent| {
        prefixes
            .iter()
            .any(|prefix| agent.as_bytes().starts_with(prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (k.clone(), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn the_legacy_header_marks_a_kubelet_but_no_health_check() {
        let legacy = headers(&[(KUBELET_PROBE, "1")]);
        assert!(is_kubelet(&legacy) && is_probe(&legacy));
        assert!(!has_kubelet_agent(&legacy) && !is_health_check(&legacy));
        assert!(!is_kubelet(&headers(&[(KUBELET_PROBE, "")])));
    }

    #[test]
    fn headers_and_values_are_those_of_the_contract() {
        use ebb_core::names::headers as names;
        for (ours, theirs) in [
            (NETWORK_PROBE, names::PROBE),
            (NETWORK_HASH, names::HASH),
            (KUBELET_PROBE, names::KUBELET_PROBE),
        ] {
            assert_eq!(ours, HeaderName::from_bytes(theirs.as_bytes()).unwrap());
        }
        assert_eq!(
            [QUEUE, ACTIVATOR, INGRESS],
            [
                names::PROBE_QUEUE,
                names::PROBE_ACTIVATOR,
                names::PROBE_INGRESS
            ]
        );
        assert_eq!(KUBELET_AGENT, names::KUBE_PROBE_USER_AGENT.as_bytes());
    }

    #[test]
    fn user_agents_are_prefixes() {
        for (agent, kubelet, health) in [
            ("kube-probe/1.35", true, true),
            ("kube-probe//", true, true),
            ("Knative-Activator-Probe", false, true),
            ("Knative-Autoscaling-Probe/2", false, true),
            ("Knative-Ingress-Probe", false, false),
            ("curl/8 kube-probe/1", false, false),
        ] {
            let headers = headers(&[(USER_AGENT, agent)]);
            assert_eq!(has_kubelet_agent(&headers), kubelet, "{agent}");
            assert_eq!(is_health_check(&headers), health, "{agent}");
        }
    }

    #[test]
    fn an_ingress_probe_gets_its_hash_back() {
        let answer: Response<Body> = echo_hash(&headers(&[(NETWORK_HASH, "abc")]));
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()[NETWORK_HASH]),
            (200, &HeaderValue::from_static("abc"))
        );
        let answer: Response<Body> = echo_hash(&headers(&[(NETWORK_HASH, "")]));
        assert_eq!(answer.status(), 400);
    }
}
