//! The answers of the ports beside the data port: drain hook, statistics, metrics.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_net::body::Body;
use ebb_net::drain::Drainer;
use ebb_net::respond;
use ebb_process::Stop;
use ebb_process::metrics::{CONTENT_TYPE as OPENMETRICS, Exposition};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::sleep;

use crate::statistics::{MEDIA_TYPE, Statistics};

/// How long after the hook a SIGTERM must have come. Without one the hook was run
/// because the user container restarts, and the pod goes on.
const SIGTERM_FOLLOWS: Duration = Duration::from_secs(1);

/// The preStop hook of the user containers: keeps them alive until requests have
/// stopped coming.
#[derive(Debug)]
pub(crate) struct DrainHook {
    drainer: Arc<Drainer>,
    stop: Stop,
}

impl DrainHook {
    pub(crate) fn new(drainer: Arc<Drainer>, stop: Stop) -> Self {
        Self { drainer, stop }
    }

    pub(crate) async fn answer<G>(&self, request: &Request<Incoming>) -> Response<Body<G>> {
        if request.uri().path() != "/wait-for-drain" {
            return not_found();
        }
        let (drainer, stop) = (Arc::clone(&self.drainer), self.stop.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "must go on when the caller goes away; ends in a second"
        )]
        tokio::spawn(async move {
            sleep(SIGTERM_FOLLOWS).await;
            if !stop.is_triggered() {
                drainer.reset();
            }
        });
        self.drainer.drain().await;
        respond::empty(StatusCode::OK)
    }
}

/// The latest statistics, to whoever asks for them in whatever way.
pub(crate) fn statistics<G>(
    statistics: &Statistics,
    request: &Request<Incoming>,
) -> Response<Body<G>> {
    if request.uri().path() != "/metrics" {
        return not_found();
    }
    with_type(statistics.latest(), MEDIA_TYPE)
}

/// Prometheus's view of this process.
pub(crate) fn scrape<G>(metrics: &Exposition, request: &Request<Incoming>) -> Response<Body<G>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => with_type(metrics.text(), OPENMETRICS),
        (_, "/metrics") => respond::error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
        _ => not_found(),
    }
}

fn with_type<G>(body: impl Into<Bytes>, media_type: &'static str) -> Response<Body<G>> {
    let mut response = respond::bare(StatusCode::OK, body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn not_found<G>() -> Response<Body<G>> {
    respond::error(StatusCode::NOT_FOUND, "404 page not found")
}
