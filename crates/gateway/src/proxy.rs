//! The request path: look up, rewrite, choose an endpoint, forward.
//!
//! Nothing here waits for a lock or for Kubernetes. A request that no endpoint has seen any of may be held and sent to
//! another one, for as long as [`HOLD`]; one that may have been seen is never repeated, whatever was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use ebb_core::routing::host::normalize;
use ebb_core::routing::table::{Door, Request as Asked, Table, Target, Verdict};
use ebb_net::body::Body;
use ebb_net::client::{self, Protocol};
use ebb_net::forward::Outbound;
use ebb_net::server::{Handler, Peer};
use ebb_net::{headers, respond};
use http::header::{CONNECTION, HeaderName, HeaderValue, LOCATION, UPGRADE};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::backend::{Backend, Choice, Endpoint, InFlight};
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
    /// Whether the table has been filled once. Until then it knows nothing, which is not the same as 404.
    loaded: watch::Receiver<bool>,
    metrics: Metrics,
    open: TaskTracker,
    leaving: AtomicBool,
}

/// Where a request goes, looked up and no longer bound to the table.
enum Decision {
    Forward(Arc<Target<Arc<Backend>>>),
    RedirectToHttps,
    NotFound,
}

impl Proxy {
    /// A proxy for the requests that come in by `door`. Hosts that `routes` does not have are looked up again when
    /// `loaded` turns true: a container that was killed gets requests before it is ready.
    pub fn new(
        door: Door,
        routes: Arc<Routes>,
        loaded: watch::Receiver<bool>,
        metrics: Metrics,
    ) -> Self {
        Self {
            door,
            routes,
            loaded,
            metrics,
            open: TaskTracker::new(),
            leaving: AtomicBool::new(false),
        }
    }

    /// Asks the clients of HTTP/1.1 to go elsewhere with their next request. A connection that is closed while it is
    /// idle may be closed just as a request is on its way; one whose end was announced is not.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Resolves once all that was forwarded has ended; upgraded connections outlive the one they came by. To be called
    /// when nothing comes in any more.
    pub async fn ended(&self) {
        self.open.close();
        self.open.wait().await;
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

    async fn answer(&self, mut request: Request<Incoming>, peer: &Peer) -> Response<Body<Held>> {
        let observation = self.metrics.start(self.door);
        if request.method() == Method::CONNECT {
            // A tunnel has no path and no host of ours.
            return observation.of(respond::empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        let random: u64 = rand::random();
        let mut decision = self.decide(&mut request, peer, random as u32);
        if matches!(decision, Decision::NotFound) && !*self.loaded.borrow() {
            let mut loaded = self.loaded.clone();
            if !matches!(
                timeout(HOLD, loaded.wait_for(|loaded| *loaded)).await,
                Ok(Ok(_))
            ) {
                let text = "the routing table is not loaded yet";
                return observation.of(respond::error(StatusCode::SERVICE_UNAVAILABLE, text));
            }
            decision = self.decide(&mut request, peer, random as u32);
        }
        match decision {
            Decision::Forward(target) => {
                let random = (random >> 32) as u32;
                self.forward(request, peer, &target, random, observation)
                    .await
            }
            Decision::RedirectToHttps => observation.of(redirect(&request)),
            Decision::NotFound => observation.of(respond::empty(StatusCode::NOT_FOUND)),
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

    async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<Body<Held>> {
        let version = request.version();
        let mut response = self.answer(request, peer).await;
        let may_close =
            version < Version::HTTP_2 && response.status() != StatusCode::SWITCHING_PROTOCOLS;
        if may_close && self.leaving.load(Ordering::Relaxed) {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Rewrites the request for its target.
fn prepare(mut request: Request<Incoming>, peer: &Peer, target: &Target<Arc<Backend>>) -> Outbound {
    if !request.headers().contains_key(&X_FORWARDED_PROTO) {
        let scheme = HeaderValue::from_static(if peer.is_encrypted() { "https" } else { "http" });
        request.headers_mut().insert(X_FORWARDED_PROTO, scheme);
    }
    // Only HTTP/1.1 can be left for another protocol; who understands HTTP/2 understands that as well. An offer of
    // h2c concerns this hop only, and we speak it without being asked.
    let wants_upgrade = request.version() == Version::HTTP_11
        && request
            .headers()
            .get(UPGRADE)
            .is_some_and(|to| !to.as_bytes().eq_ignore_ascii_case(b"h2c"));
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
async fn choose(backend: &Backend, random: u32, deadline: Instant) -> Option<Arc<Endpoint>> {
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

#[cfg(test)]
mod tests {
    use ebb_core::routing::endpoints::{BackendRef, PortRef};

    use super::*;
    use crate::backend::Endpoints;

    fn backend() -> (Backend, Endpoints) {
        let name = BackendRef {
            namespace: "n".into(),
            service: "s".into(),
            port: PortRef::Number(80),
        };
        (
            Backend::new(name),
            Endpoints::new(client::Settings::default()),
        )
    }

    /// Waits as a request does; the result, and after how long.
    async fn chosen(backend: &Backend) -> (Option<Arc<Endpoint>>, Duration) {
        let begin = Instant::now();
        (choose(backend, 0, begin + HOLD).await, begin.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_backend_that_never_had_an_address() {
        let (_, after) = chosen(&backend().0).await;
        assert_eq!(after, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_backend_that_has_lost_its_last_address_is_waited_for_until_it_would_have_been_swapped()
     {
        let (backend, mut endpoints) = backend();
        backend.set(
            Protocol::Http1,
            &[([10, 0, 0, 1], 80).into()],
            &mut endpoints,
        );
        backend.set(Protocol::Http1, &[], &mut endpoints);
        tokio::time::advance(Duration::from_secs(1)).await;
        let (found, after) = chosen(&backend).await;
        assert!(found.is_none());
        assert_eq!(after, SWAP - Duration::from_secs(1));
        assert_eq!(chosen(&backend).await.1, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn unreachable_endpoints_are_waited_for_and_not_for_ever() {
        let (backend, mut endpoints) = backend();
        backend.set(
            Protocol::Http1,
            &[([10, 0, 0, 1], 80).into()],
            &mut endpoints,
        );
        let endpoint = chosen(&backend).await.0.unwrap();
        endpoint.avoid_for(AFTER_REFUSAL);
        let (found, after) = chosen(&backend).await;
        assert!(found.is_some());
        assert_eq!(after, AFTER_REFUSAL);
        endpoint.avoid_for(HOLD * 2);
        let (found, after) = chosen(&backend).await;
        assert!(found.is_none());
        assert_eq!(after, HOLD);
    }
}
