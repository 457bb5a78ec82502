//! What happens to a request on the data port.
//!
//! ```text
//!  health check or ingress probe? ──► answered here
//!  │
//!  drainer    an ordinary request keeps a draining server going
//!  clock      time spent in the queue counts
//!  forwarded  before this hop adds itself to X-Forwarded-For
//!  counting   queued requests are part of concurrency
//!  breaker    nothing below runs without a slot
//!  forward    to the user container
//! ```
//!
//! Count and slot travel in the response body: they end with its last byte, or
//! with the upgraded connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ebb_net::body::Body;
use ebb_net::breaker::{Breaker, QueueFull, Slot};
use ebb_net::client::{self, Upstream};
use ebb_net::drain::Drainer;
use ebb_net::forward::{self, Outbound, Reply};
use ebb_net::server::Peer;
use ebb_net::stats::{InFlight, Origin, RequestStats};
use ebb_net::timeout::{Clock, Limits, TimedOut};
use ebb_net::{headers, probe, respond};
use http::header::HeaderName;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::forwarded;
use crate::metrics::{Measured, Metrics};
use crate::readiness::Readiness;
use crate::settings::Settings;

const PROXY_REQUEST: HeaderName = HeaderName::from_static("k-proxy-request");
const ORIGINAL_HOST: HeaderName = HeaderName::from_static("k-original-host");
const REVISION: HeaderName = HeaderName::from_static("knative-serving-revision");
const NAMESPACE: HeaderName = HeaderName::from_static("knative-serving-namespace");

/// Requests that wait for each one that may run.
const QUEUE_PER_SLOT: usize = 10;

/// The handler of the data port.
#[derive(Debug)]
pub(crate) struct Proxy {
    upstream: Arc<Upstream>,
    breaker: Option<Arc<Breaker>>,
    limits: Limits,
    stats: Arc<RequestStats>,
    drainer: Arc<Drainer>,
    readiness: Readiness,
    metrics: Option<Arc<Metrics>>,
}

/// What a request holds until its last byte has left.
#[derive(Debug, Default)]
#[expect(dead_code, reason = "two of the fields are held for their drop")]
pub(crate) struct Held {
    measured: Option<Measured>,
    slot: Option<Slot>,
    counted: Option<InFlight>,
}

/// Why a request has no response from the user container.
enum Refused {
    QueueFull(QueueFull),
    Upstream(client::Error),
}

impl Proxy {
    pub(crate) fn new(
        settings: &Settings,
        stats: Arc<RequestStats>,
        drainer: Arc<Drainer>,
        metrics: Option<Arc<Metrics>>,
    ) -> Self {
        let limit = settings.container_concurrency.map(usize::from);
        let mut pool = client::Settings::default();
        pool.max_idle = limit.unwrap_or(pool.max_idle);
        let user = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.user_port.get()));
        Self {
            upstream: Upstream::new(user, pool),
            breaker: limit.map(|limit| Breaker::new(limit * QUEUE_PER_SLOT, limit, limit)),
            limits: settings.limits,
            stats,
            drainer,
            readiness: Readiness::new(settings.readiness.clone()),
            metrics,
        }
    }

    async fn health(&self, headers: &HeaderMap) -> Response<Body<Held>> {
        if self.drainer.is_draining() {
            return shutting_down();
        }
        let asked = probe::network_probe(headers);
        if asked != probe::QUEUE.as_bytes() {
            let asked = String::from_utf8_lossy(asked);
            let message = format!("unexpected probe header value: {asked}");
            return respond::error(StatusCode::BAD_REQUEST, &message);
        }
        if self.readiness.check().await {
            respond::bare(StatusCode::OK, probe::QUEUE)
        } else {
            respond::empty(StatusCode::SERVICE_UNAVAILABLE)
        }
    }

    async fn pass_on(
        &self,
        mut request: Request<Incoming>,
        peer: &Peer,
    ) -> Result<(Reply, Held), Refused> {
        forwarded::add(request.headers_mut());
        let held = if probe::is_kubelet(request.headers()) {
            Held::default()
        } else {
            let counted = Some(self.stats.enter(origin(request.headers())));
            if let Some(host) = request.headers_mut().remove(ORIGINAL_HOST) {
                headers::set_host(&mut request, &host);
            }
            let slot = match &self.breaker {
                Some(breaker) => Some(breaker.acquire().await.map_err(Refused::QueueFull)?),
                None => None,
            };
            Held {
                measured: self.measure(request.headers()),
                slot,
                counted,
            }
        };
        let mut outbound = Outbound::new(request, peer);
        outbound.headers_mut().remove(REVISION);
        outbound.headers_mut().remove(NAMESPACE);
        match outbound.send(&self.upstream).await {
            Ok(reply) => Ok((reply, held)),
            Err(failure) => Err(Refused::Upstream(failure.error)),
        }
    }

    fn measure(&self, headers: &HeaderMap) -> Option<Measured> {
        let metrics = self.metrics.as_ref()?;
        let queue_depth = self.breaker.as_ref().map(|breaker| breaker.in_flight());
        (!probe::is_probe(headers)).then(|| metrics.invocation(queue_depth))
    }

    /// Gives what became of a request its form.
    fn answer(
        outcome: Result<Result<(Reply, Held), Refused>, TimedOut>,
        clock: Clock,
    ) -> Response<Body<Held>> {
        match outcome {
            Ok(Ok((reply, mut held))) => {
                if let Some(measured) = &mut held.measured {
                    measured.status(reply.status());
                }
                reply.into_response(Some(clock), held)
            }
            Ok(Err(Refused::QueueFull(full))) => {
                respond::error(StatusCode::SERVICE_UNAVAILABLE, &full.to_string())
            }
            Ok(Err(Refused::Upstream(error))) => {
                tracing::warn!(%error, label = error.label(), "no response from the user container");
                forward::bad_gateway(&error)
            }
            Err(late) => respond::timed_out(late.message),
        }
    }

    /// Answers one request or probe.
    pub(crate) async fn handle(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> Response<Body<Held>> {
        let headers = request.headers();
        if probe::is_health_check(headers) {
            return self.health(headers).await;
        }
        if probe::network_probe(headers) == probe::INGRESS.as_bytes() {
            return match self.drainer.is_draining() {
                true => shutting_down(),
                false => probe::echo_hash(headers),
            };
        }
        self.drainer.note_request();
        let metrics = self
            .metrics
            .as_deref()
            .filter(|_| !probe::is_probe(headers));
        let seen = metrics.map(|metrics| metrics.request(&request));
        let clock = Clock::start(&self.limits);
        let outcome = clock.head(self.pass_on(request, peer)).await;
        let response = Self::answer(outcome, clock);
        if let Some(seen) = seen {
            seen.finish(response.status());
        }
        response
    }
}

fn shutting_down() -> Response<Body<Held>> {
    respond::error(StatusCode::SERVICE_UNAVAILABLE, "shutting down")
}

fn origin(headers: &HeaderMap) -> Origin {
    match headers.get(PROXY_REQUEST) {
        Some(by) if by == probe::ACTIVATOR => Origin::Proxied,
        _ => Origin::Direct,
    }
}

#[cfg(test)]
mod tests {
    use ebb_core::names::headers;

    use super::*;

    #[test]
    fn headers_are_those_of_the_contract() {
        for (ours, theirs) in [
            (PROXY_REQUEST, headers::PROXY_REQUEST),
            (ORIGINAL_HOST, headers::ORIGINAL_HOST),
            (REVISION, headers::REVISION),
            (NAMESPACE, headers::NAMESPACE),
        ] {
            assert_eq!(ours, HeaderName::from_bytes(theirs.as_bytes()).unwrap());
        }
    }
}
