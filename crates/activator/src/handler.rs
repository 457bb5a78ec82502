//! One request from its arrival to the end of its response.
//!
//! ```text
//!  probes are answered here ─► which revision? ─► counted ─► clock ─► waits for a pod ─► forwarded
//!                                                                        ▲                   │
//!                                                                        └─ not sent: again ─┘
//! ```
//!
//! The count, the place on the pod and the metrics end with the response's body or the upgraded connection, not with
//! its head. A request that no pod can have seen any of goes to another pod; one that may have been seen does not.

use std::sync::Arc;
use std::time::Duration;

use ebb_core::names::headers as names;
use ebb_net::body::Body;
use ebb_net::drain::Drainer;
use ebb_net::forward::{self, Outbound};
use ebb_net::server::{Handler, Peer};
use ebb_net::stats::InFlight;
use ebb_net::timeout::Clock;
use ebb_net::{headers, probe, respond};
use ebb_runtime::admin::Readiness;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::cold::{self, Arrival};
use crate::metrics::Counted;
use crate::report::Reporter;
use crate::revision::{Revision, Revisions};
use crate::throttle::{Refused, Slot, Wait};

const REVISION: HeaderName = HeaderName::from_static("knative-serving-revision");
const NAMESPACE: HeaderName = HeaderName::from_static("knative-serving-namespace");
const ORIGINAL_HOST: HeaderName = HeaderName::from_static("k-original-host");
const PROXY_REQUEST: HeaderName = HeaderName::from_static("k-proxy-request");
const OURS: HeaderValue = HeaderValue::from_static("activator");

/// How long a request waits for a process that has just started to know all revisions.
const SYNC: Duration = Duration::from_secs(60);

/// Holds requests until there is a pod for them, then forwards them.
#[derive(Debug)]
pub struct Activator {
    /// Where requests may go.
    pub revisions: Arc<Revisions>,
    /// Becomes true once `revisions` is complete.
    pub synced: watch::Receiver<bool>,
    /// Who is told of requests.
    pub reporter: Arc<Reporter>,
    /// What the kubelet is answered.
    pub readiness: Readiness,
    /// Who wants to know when requests stop coming.
    pub drainer: Arc<Drainer>,
    /// The end of hosts that name a revision, such as `cluster.local`.
    pub cluster_domain: String,
}

/// What lives as long as a request: dropping it is the request's end.
#[derive(Debug)]
pub struct Visit {
    // Fields are dropped in this order: the pod's place goes to the next request first.
    slot: Option<Slot>,
    active: Option<Counted>,
    _in_flight: InFlight,
    revision: Arc<Revision>,
    arrival: Arrival,
    method: Method,
    version: Version,
    status: StatusCode,
}

impl Drop for Visit {
    fn drop(&mut self) {
        let took = self.arrival.at.elapsed();
        self.revision
            .metrics
            .observe(&self.method, self.status, self.version, took);
    }
}

impl Handler for Activator {
    type Body = Body<Visit>;

    async fn handle(&self, mut request: Request<Incoming>, peer: &Peer) -> Response<Body<Visit>> {
        if let Some(answer) = self.answer_probe(request.headers_mut()) {
            return answer;
        }
        self.drainer.note_request();
        let revision = match self.find(&request).await {
            Ok(revision) => revision,
            Err(name) => return not_found(&name),
        };
        let mut visit = Visit {
            slot: None,
            active: None,
            _in_flight: self.reporter.enter(&revision.account),
            arrival: Arrival::now(),
            method: request.method().clone(),
            version: request.version(),
            // What is recorded if the client leaves before there is an answer.
            status: StatusCode::INTERNAL_SERVER_ERROR,
            revision: Arc::clone(&revision),
        };
        let clock = Clock::start(&revision.limits);
        let original_host = original_host(&request);
        let mut outbound = Outbound::new(request, peer);
        rewrite(outbound.headers_mut(), original_host);
        let head = clock
            .head(forward_to_a_pod(&revision, outbound, &mut visit))
            .await;
        match head {
            Ok(Ok(reply)) => {
                visit.status = reply.status();
                reply.into_response(Some(clock), visit)
            }
            Ok(Err(answer)) => visit.end(answer),
            Err(timed_out) => visit.end(respond::timed_out(timed_out.message)),
        }
    }
}

impl Visit {
    /// Ends the visit with an answer of our own.
    fn end(mut self, answer: Response<Body<Self>>) -> Response<Body<Self>> {
        self.status = answer.status();
        self.slot = None;
        self.active = None;
        answer.map(|body| body.holding(self))
    }
}

/// Waits for a pod and sends the request there, until a response or a failure that is the client's to know.
async fn forward_to_a_pod(
    revision: &Arc<Revision>,
    mut outbound: Outbound,
    visit: &mut Visit,
) -> Result<forward::Reply, Response<Body<Visit>>> {
    let mut cold_start = false;
    loop {
        let queued = revision.metrics.queued();
        let (slot, wait) = revision.throttle.acquire().await.map_err(refusal)?;
        drop(queued);
        cold_start |= wait == Wait::ColdStart;
        let pod = Arc::clone(slot.pod());
        visit.slot = Some(slot);
        visit.active = Some(revision.metrics.active());
        outbound.set_host(pod.authority());
        let sent = Instant::now();
        match outbound.send(pod.upstream()).await {
            Ok(reply) => {
                if cold_start {
                    cold::log(revision, &pod, visit.arrival, sent);
                }
                return Ok(reply);
            }
            Err(failure) => {
                visit.slot = None;
                visit.active = None;
                tracing::debug!(revision = %revision.name, pod = %pod.address(), error = %failure.error, "pod failed");
                match failure.unsent {
                    Some(unsent) => {
                        pod.distrust();
                        revision.throttle.drop_pod(&pod);
                        outbound = unsent;
                    }
                    None => return Err(forward::bad_gateway(&failure.error)),
                }
            }
        }
    }
}

fn refusal(refused: Refused) -> Response<Body<Visit>> {
    match refused {
        Refused::QueueFull => respond::error(StatusCode::SERVICE_UNAVAILABLE, &refused.to_string()),
        Refused::Gone => respond::empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn not_found(name: &str) -> Response<Body<Visit>> {
    let message =
        format!("Error getting active endpoint: revision.serving.knative.dev {name:?} not found");
    respond::error(StatusCode::NOT_FOUND, &message)
}

/// The host that the client asked for. HTTP/1.1 has it as a header, which costs nothing to share.
fn original_host(request: &Request<Incoming>) -> Option<HeaderValue> {
    let header = request.headers().get(http::header::HOST).cloned();
    header.or_else(|| HeaderValue::from_str(headers::host(request)?).ok())
}

/// The head as the queue-proxy wants it.
fn rewrite(headers: &mut HeaderMap, original_host: Option<HeaderValue>) {
    headers.remove(REVISION);
    headers.remove(NAMESPACE);
    headers.insert(PROXY_REQUEST, OURS);
    if let (false, Some(host)) = (headers.contains_key(ORIGINAL_HOST), original_host) {
        headers.insert(ORIGINAL_HOST, host);
    }
}

impl Activator {
    /// Answers what is no request of a user. Whatever is left may be forwarded.
    fn answer_probe(&self, headers: &mut HeaderMap) -> Option<Response<Body<Visit>>> {
        if probe::is_kubelet(headers) {
            return Some(match self.readiness.check() {
                Ok(()) => respond::empty(StatusCode::OK),
                Err(reason) => respond::error(StatusCode::INTERNAL_SERVER_ERROR, &reason),
            });
        }
        let answer = match probe::network_probe(headers) {
            b"" => None,
            value if value == names::PROBE_INGRESS.as_bytes() => {
                return Some(probe::echo_hash(headers));
            }
            value if value == names::PROBE_ACTIVATOR.as_bytes() => {
                Some(respond::bare(StatusCode::OK, names::PROBE_ACTIVATOR))
            }
            value => {
                let value = escape(&String::from_utf8_lossy(value));
                let message = format!("unexpected probe header value: \"{value}\"");
                Some(respond::error(StatusCode::BAD_REQUEST, &message))
            }
        };
        if answer.is_none() {
            headers.remove(probe::NETWORK_HASH);
        }
        answer
    }

    /// The revision that a request is for: by its headers, else by a host such as `rev.ns.svc.cluster.local`. The
    /// error is the name that was looked for.
    ///
    /// A process that has just started, as after a crash, does not know all revisions yet: then the request is held
    /// until it does.
    async fn find(&self, request: &Request<Incoming>) -> Result<Arc<Revision>, String> {
        let (namespace, name) = self.name(request);
        if let Some(revision) = self.revisions.get(namespace, name) {
            return Ok(revision);
        }
        let mut synced = self.synced.clone();
        if !*synced.borrow_and_update() {
            // An error of either kind ends the wait; the revision may be known by then all the same.
            let _ = timeout(SYNC, synced.wait_for(|synced| *synced)).await;
        }
        self.revisions
            .get(namespace, name)
            .ok_or_else(|| name.to_owned())
    }

    fn name<'a>(&self, request: &'a Request<Incoming>) -> (&'a str, &'a str) {
        let header = |name| {
            let value = request.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let (namespace, name) = (header(NAMESPACE), header(REVISION));
        if !namespace.is_empty() && !name.is_empty() {
            return (namespace, name);
        }
        headers::host(request)
            .and_then(|host| self.by_host(host))
            .unwrap_or_default()
    }

    fn by_host<'a>(&self, host: &'a str) -> Option<(&'a str, &'a str)> {
        let mut parts = host.splitn(4, '.');
        let (name, namespace, svc, domain) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let domain = domain.split_once(':').map_or(domain, |(domain, _)| domain);
        (svc == "svc" && domain == self.cluster_domain).then_some((namespace, name))
    }
}

/// As Go's html package does it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\'' => escaped.push_str("&#39;"),
            '"' => escaped.push_str("&#34;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_names_are_those_of_the_contract() {
        let lower = |name: &str| name.to_ascii_lowercase();
        assert_eq!(REVISION.as_str(), lower(names::REVISION));
        assert_eq!(NAMESPACE.as_str(), lower(names::NAMESPACE));
        assert_eq!(ORIGINAL_HOST.as_str(), lower(names::ORIGINAL_HOST));
        assert_eq!(PROXY_REQUEST.as_str(), lower(names::PROXY_REQUEST));
    }

    #[test]
    fn the_head_tells_the_queue_proxy_where_the_request_comes_from() {
        let mut headers = HeaderMap::new();
        headers.insert(REVISION, HeaderValue::from_static("r"));
        headers.insert(NAMESPACE, HeaderValue::from_static("n"));
        rewrite(
            &mut headers,
            Some(HeaderValue::from_static("hello.example.com")),
        );
        assert_eq!(headers[PROXY_REQUEST], "activator");
        assert_eq!(headers[ORIGINAL_HOST], "hello.example.com");
        assert_eq!(headers.len(), 2);
        rewrite(&mut headers, Some(HeaderValue::from_static("other")));
        assert_eq!(
            headers[ORIGINAL_HOST], "hello.example.com",
            "an earlier hop knows better"
        );
    }
}
