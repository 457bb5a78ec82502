//! HTTP headers of the data plane, in their canonical spelling. Lookups ignore case.

/// Marks a probe; its value names who is to answer it.
pub const PROBE: &str = "K-Network-Probe";
/// Value of [`PROBE`] that queue-proxy answers.
pub const PROBE_QUEUE: &str = "queue";
/// Value of [`PROBE`] that the activator answers.
pub const PROBE_ACTIVATOR: &str = "activator";
/// Value of [`PROBE`] that the networking layer answers.
pub const PROBE_INGRESS: &str = "probe";
/// Hash of an Ingress, asked for and answered in probes of the networking layer.
pub const HASH: &str = "K-Network-Hash";
/// Value of [`HASH`] that asks a gateway to put its own in.
pub const HASH_OVERRIDE: &str = "override";
/// Set by kubelet's probes where a mesh rewrites their user agent.
pub const KUBELET_PROBE: &str = "K-Kubelet-Probe";
/// Start of the user agent of kubelet's probes.
pub const KUBE_PROBE_USER_AGENT: &str = "kube-probe/";
/// Says that the request passed the activator.
pub const PROXY_REQUEST: &str = "K-Proxy-Request";
/// The host that a DomainMapping replaced.
pub const ORIGINAL_HOST: &str = "K-Original-Host";
/// Asks the gateway for the pod behind the activator; used by meshes.
pub const PASSTHROUGH_LB: &str = "K-Passthrough-Lb";
/// Asks queue-proxy's pod to be reached directly.
pub const DIRECT_LB: &str = "Knative-Direct-Lb";
/// Name of the revision that a request is for.
pub const REVISION: &str = "Knative-Serving-Revision";
/// Namespace of the revision that a request is for.
pub const NAMESPACE: &str = "Knative-Serving-Namespace";
/// Tag that a request is for.
pub const TAG: &str = "Knative-Serving-Tag";
/// Says that the request took the route without a tag.
pub const DEFAULT_ROUTE: &str = "Knative-Serving-Default-Route";
