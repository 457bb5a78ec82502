//! HTTP headers of the data plane, in their canonical spelling. Lookups ignore case.

use super::known::Status::{Done, NotYet};
use super::known::known;

known! {
    /// Every header that has a meaning to us beyond HTTP's own.
    ALL;

    // === probes ===

    /// Marks a probe; its value names who is to answer it: `queue`, `activator` or `probe`.
    PROBE = "K-Network-Probe", on "prober → activator, queue-proxy", Done;
    /// Hash of an Ingress, asked for and answered in probes of the networking layer.
    HASH = "K-Network-Hash", on "prober → gateway → activator, queue-proxy", Done;
    /// Set by kubelet's probes where a mesh rewrites their user agent.
    KUBELET_PROBE = "K-Kubelet-Probe", on "mesh → every program", Done;
    /// Who probes: `kube-probe/…`, `Knative-Activator-Probe`, `Knative-Autoscaling-Probe`, `Knative-Ingress-Probe`;
    /// nobody sends `Knative-Queue-Proxy-Probe`.
    USER_AGENT = "User-Agent", on "prober → every program", Done;

    // === requests ===

    /// Name of the revision that a request is for.
    REVISION = "Knative-Serving-Revision", on "gateway → activator", Done;
    /// Namespace of the revision that a request is for.
    NAMESPACE = "Knative-Serving-Namespace", on "gateway → activator", Done;
    /// Tag that a request is for.
    TAG = "Knative-Serving-Tag", on "client → gateway → queue-proxy", Done;
    /// Says that the request took the route without a tag.
    DEFAULT_ROUTE = "Knative-Serving-Default-Route", on "gateway → queue-proxy", Done;
    /// Says that the request passed the activator.
    PROXY_REQUEST = "K-Proxy-Request", on "activator → queue-proxy", Done;
    /// The host that was asked for before it was replaced.
    ORIGINAL_HOST = "K-Original-Host", on "gateway, activator → queue-proxy", Done;
    /// Asks a mesh for the pod that the activator chose.
    PASSTHROUGH_LB = "K-Passthrough-Lb", on "activator → mesh", NotYet("pods are always addressed directly");
    /// Asks a mesh for the pod that the autoscaler scrapes.
    DIRECT_LB = "Knative-Direct-Lb", on "autoscaler → mesh", NotYet("pods are always addressed directly");

    // === where a request came from ===

    /// The hops so far, RFC 7239; made from `X-Forwarded-*` where it is absent.
    FORWARDED = "Forwarded", on "queue-proxy → user container", Done;
    /// Addresses of the hops; each hop appends the peer's.
    FORWARDED_FOR = "X-Forwarded-For", on "every hop", Done;
    /// Host that the client asked for; passed on.
    FORWARDED_HOST = "X-Forwarded-Host", on "client → user container", Done;
    /// Scheme that the client used; set where it is absent.
    FORWARDED_PROTO = "X-Forwarded-Proto", on "gateway → user container", Done;

    // === traces ===

    /// Trace context of W3C.
    TRACE_PARENT = "traceparent", on "every hop", NotYet("passed on as it is; no spans are made");
    /// Vendors' part of the trace context.
    TRACE_STATE = "tracestate", on "every hop", NotYet("passed on as it is; no spans are made");
    /// What traces carry along.
    BAGGAGE = "baggage", on "every hop", NotYet("passed on as it is; no spans are made");
    /// Trace of Zipkin, for request logs.
    B3_TRACE_ID = "X-B3-TraceId", on "every hop", NotYet("passed on as it is; there are no request logs");

    // === answers ===

    /// `nosniff` on errors of our own.
    CONTENT_TYPE_OPTIONS = "X-Content-Type-Options", on "every program → client", Done;
    /// Digest of an image, as a registry tells it.
    CONTENT_DIGEST = "Docker-Content-Digest", on "registry → controller", NotYet("tags are not resolved to digests");
}

/// Value of [`PROBE`] that queue-proxy answers.
pub const PROBE_QUEUE: &str = "queue";
/// Value of [`PROBE`] that the activator answers.
pub const PROBE_ACTIVATOR: &str = "activator";
/// Value of [`PROBE`] that the networking layer answers.
pub const PROBE_INGRESS: &str = "probe";
/// Value of [`HASH`] that asks a gateway to put its own in.
pub const HASH_OVERRIDE: &str = "override";
/// Start of the user agent of kubelet's probes.
pub const KUBE_PROBE_USER_AGENT: &str = "kube-probe/";
