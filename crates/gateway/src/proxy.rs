//! The request path: look up, rewrite, choose an endpoint, forward.
//!
//! Nothing here waits for a lock or for Kubernetes. A request that no endpoint has seen any of may be held and sent to
//! another one, for as long as [`HOLD`]; one that may have been seen is never repeated, whatever was answered.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ebb_core::routing::host::normalize;
use ebb_core::routing::table::{Door, Request as Asked, Table, Target, Verdict};
use ebb_net::body::Body;
use ebb_net::client::{self, Protocol};
use ebb_net::forward::Outbound;
use ebb_net::server::{Handler, Peer};
use ebb_net::{headers, respond};
use http::header::{HeaderName, HeaderValue, LOCATION, UPGRADE};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::backend::{Backend, Choice, InFlight};
use crate::metrics::{Metrics, Observation};

/// How long a request is held for an endpoint that can be reached. A killed container is back within that.
const HOLD: Duration = Duration::from_secs(10);
/// How long requests are held when a backend has lost its last address: longer than it takes to swap all of them.
const SWAP: Duration = Duration::from_secs(3);
/// An endpoint that refused a connection is tried again after this: refusals are cheap, and it may be starting.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);
/// One that did not answer at all costs a second to try, so it is left alone for longer.
const AFTER_SILENCE: Duration = Duration::from_secs(2);

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The table as requests read it.
pub type Routes = ArcSwap<Table<Arc<Backend>>>;

/// What a response holds until its body has ended.
#[derive(Debug)]
pub struct Held {
    _endpoint: InFlight,
    _observation: Observation,
    _open: TaskTrackerToken,
}

/// Answers the requests of one door.
#[derive(Debug)]
pub struct Proxy {
    door: Door,
    routes: Arc<Routes>,
    metrics: Metrics,
    open: TaskTracker,
}

/// Where a request goes, looked up and no longer bound to the table.
enum Decision {
    Forward(Arc<Target<Arc<Backend>>>),
    RedirectToHttps,
    NotFound,
}

impl Proxy {
    /// A proxy for the requests that come in by `door`.
    pub fn new(door: Door, routes: Arc<Routes>, metrics: Metrics) -> Self {
        Self {
            door,
            routes,
            metrics,
            open: TaskTracker::new(),
        }
    }

    /// Tracks what has been forwarded and has not ended; upgraded connections outlive the one they came by.
    pub fn open(&self) -> TaskTracker {
        self.open.clone()
    }

    /// Finds the target and writes its headers into the request.
    fn decide(&self, request: &mut Request<Incoming>, peer: &Peer, random: u32) -> Decision {
        let routes = self.routes.load();
        let asked = Asked {
            door: self.door,
            secure: peer.is_encrypted(),
            host: headers::host(request).unwrap_or_default(),
            path: request.uri().path(),
            headers: request.headers(),
            random,
        };
        match routes.decide(&asked) {
            Verdict::Forward(forward) => {
                forward.set_headers(request.headers_mut());
                Decision::Forward(forward.target.clone())
            }
            Verdict::RedirectToHttps => Decision::RedirectToHttps,
            Verdict::NotFound => Decision::NotFound,
        }
    }

    async fn forward(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
        target: &Target<Arc<Backend>>,
        random: u32,
        observation: Observation,
    ) -> Response<Body<Held>> {
        let deadline = Instant::now() + HOLD;
        let mut outbound = prepare(request, peer, target);
        loop {
            let endpoint = match choose(&target.backend, random, deadline).await {
                Some(endpoint) => endpoint,
                None => {
                    tracing::debug!(backend = %target.backend.name(), "no endpoint");
                    return observation.of(respond::error(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "no endpoint is ready",
                    ));
                }
            };
            let in_flight = endpoint.enter();
            match outbound.send(endpoint.upstream()).await {
                Ok(reply) => {
                    observation.answered(reply.status());
                    return reply.into_response(
                        None,
                        Held {
                            _endpoint: in_flight,
                            _observation: observation,
                            _open: self.open.token(),
                        },
                    );
                }
                Err(failure) => {
                    let address = endpoint.upstream().address();
                    tracing::debug!(backend = %target.backend.name(), %address, error = %failure.error, "not forwarded");
                    match failure.unsent {
                        Some(unsent) => outbound = unsent,
                        None => {
                            let text = "the connection to the endpoint broke off";
                            return observation.of(respond::error(StatusCode::BAD_GATEWAY, text));
                        }
                    }
                    endpoint.avoid_for(avoidance(&failure.error));
                    self.metrics.resent();
                }
            }
        }
    }
}

impl Handler for Proxy {
    type Body = Body<Held>;

    async fn handle(&self, mut request: Request<Incoming>, peer: &Peer) -> Response<Body<Held>> {
        let observation = self.metrics.start(self.door);
        if request.method() == Method::CONNECT {
            // A tunnel has no path and no host of ours.
            return observation.of(respond::empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        let random: u64 = rand::random();
        match self.decide(&mut request, peer, random as u32) {
            Decision::Forward(target) => {
                self.forward(request, peer, &target, (random >> 32) as u32, observation)
                    .await
            }
            Decision::RedirectToHttps => observation.of(redirect(&request)),
            Decision::NotFound => observation.of(respond::empty(StatusCode::NOT_FOUND)),
        }
    }
}

/// Rewrites the request for its target.
fn prepare(mut request: Request<Incoming>, peer: &Peer, target: &Target<Arc<Backend>>) -> Outbound {
    if !request.headers().contains_key(&X_FORWARDED_PROTO) {
        let scheme = HeaderValue::from_static(if peer.is_encrypted() { "https" } else { "http" });
        request.headers_mut().insert(X_FORWARDED_PROTO, scheme);
    }
    // Only HTTP/1.1 can be left for another protocol; what understands HTTP/2 understands that as well.
    let wants_upgrade =
        request.version() == Version::HTTP_11 && request.headers().contains_key(UPGRADE);
    let protocol = if wants_upgrade {
        Protocol::Http1
    } else {
        target.backend.pool().protocol()
    };
    let mut outbound = Outbound::with_protocol(request, peer, protocol);
    if let Some(host) = &target.rewrite_host {
        outbound.set_host(host);
    }
    outbound
}

/// Waits for an endpoint until `deadline`; not so long for a backend that has had none for a while.
async fn choose(
    backend: &Backend,
    random: u32,
    deadline: Instant,
) -> Option<Arc<crate::backend::Endpoint>> {
    let mut version = None;
    loop {
        let (choice, emptied) = {
            let pool = backend.pool();
            (pool.choose(random), pool.emptied())
        };
        let until = match choice {
            Choice::Endpoint(endpoint) => return Some(endpoint),
            Choice::Wait(until) => until.min(deadline),
            Choice::Empty => (emptied? + SWAP).min(deadline),
        };
        // Subscribed before the second look, so that no change is missed between look and wait.
        let Some(changes) = &mut version else {
            version = Some(backend.subscribe());
            continue;
        };
        let changed = timeout_at(until, changes.changed()).await.is_ok();
        if !changed && (Instant::now() >= deadline || matches!(choice, Choice::Empty)) {
            return None;
        }
    }
}

fn avoidance(error: &client::Error) -> Duration {
    match error {
        client::Error::DialTimeout { .. } => AFTER_SILENCE,
        _ => AFTER_REFUSAL,
    }
}

/// The same resource by https.
fn redirect(request: &Request<Incoming>) -> Response<Body<Held>> {
    let host = normalize(headers::host(request).unwrap_or_default());
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    match HeaderValue::from_str(&format!("https://{host}{path}")) {
        Ok(location) => {
            let mut response = respond::empty(StatusCode::MOVED_PERMANENTLY);
            response.headers_mut().insert(LOCATION, location);
            response
        }
        Err(_) => respond::error(StatusCode::BAD_REQUEST, "the request names no host"),
    }
}
