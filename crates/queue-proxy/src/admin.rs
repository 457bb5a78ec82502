//! The small servers beside the data port: drain hook, statistics, metrics.

use std::sync::Arc;
use std::time::Duration;

use ebb_net::body::Body;
use ebb_net::drain::Drainer;
use ebb_net::respond;
use ebb_net::server::{Handler, Peer};
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
}

impl Handler for DrainHook {
    type Body = Body;

    async fn handle(&self, request: Request<Incoming>, _: &Peer) -> Response<Body> {
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

impl Handler for Statistics {
    type Body = Body;

    async fn handle(&self, request: Request<Incoming>, _: &Peer) -> Response<Body> {
        if request.uri().path() != "/metrics" {
            return not_found();
        }
        let mut response = respond::bare(StatusCode::OK, self.latest());
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}

/// Prometheus's view of this process.
#[derive(Debug)]
pub(crate) struct Scrape(pub(crate) Exposition);

impl Handler for Scrape {
    type Body = Body;

    async fn handle(&self, request: Request<Incoming>, _: &Peer) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/metrics") => {
                let mut response = respond::bare(StatusCode::OK, self.0.text());
                response
                    .headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS));
                response
            }
            (_, "/metrics") => respond::error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
            _ => not_found(),
        }
    }
}

fn not_found() -> Response<Body> {
    respond::error(StatusCode::NOT_FOUND, "404 page not found")
}
