//! A service that can be put under any load that a demo or a test of an autoscaler needs.
//!
//! | request | answer |
//! |---|---|
//! | `/?sleep=MS&prime=N&bloat=MB&status=CODE` | sleeps, computes, allocates, then says what it did |
//! | any path with `Upgrade: websocket` | echoes each message |
//! | `/stream` | echoes the body while it arrives, then sends gRPC-like trailers |
//! | `/headers` | the request as it arrived here, as JSON |
//! | `/peak` | how many requests are, and at most were, worked on at once, as JSON |
//! | `/healthz` | 200, or 503 while told to fail |
//! | `/start-failing`, `/stop-failing` | turns `/healthz` bad or good |
//! | `/exit?code=N&delay=MS` | ends the process |
//!
//! Environment: `PORT`, `TARGET`, `START_DELAY_MS`, `FAIL_READINESS=true`, `EXIT_AFTER_MS` with `EXIT_CODE`.
//! HTTP/1.1 and plain-text HTTP/2 share the port. Every answer says who gave it in `x-revision` and `x-pod`.

mod fault;
mod gauge;
mod identity;
mod inspect;
mod load;
mod query;
mod server;
mod stream;
mod websocket;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio_util::task::TaskTracker;

use crate::fault::Readiness;
use crate::gauge::Gauge;
use crate::identity::Identity;

/// Body of every answer.
type Body = BoxBody<Bytes, hyper::Error>;

/// What all requests of the process share.
#[derive(Debug)]
struct App {
    identity: Identity,
    gauge: Gauge,
    readiness: Readiness,
    /// WebSocket conversations: they outlive the request that began them.
    conversations: TaskTracker,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    fault::delay_start().await?;
    let app = Arc::new(App {
        identity: Identity::from_environment(),
        gauge: Gauge::default(),
        readiness: Readiness::from_environment(),
        conversations: TaskTracker::new(),
    });
    tokio::select! {
        served = server::serve(app) => served,
        exited = fault::exit_as_told_by_environment() => exited,
    }
}

/// Answers one request.
async fn answer(app: Arc<App>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = if websocket::is_wanted(&request) {
        websocket::accept(&app, request)
    } else {
        match request.uri().path() {
            "/stream" => stream::echo(&app, request),
            "/headers" => inspect::request(&app, &request),
            "/peak" => inspect::peak(&app, &request),
            "/healthz" => app.readiness.answer(),
            "/start-failing" => app.readiness.fail(),
            "/stop-failing" => app.readiness.recover(),
            "/exit" => fault::exit(&request).await,
            _ => load::work(&app, &request).await,
        }
    };
    app.identity.sign(response.headers_mut());
    Ok(response)
}

/// A plain answer.
fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(
        Full::new(text.into())
            .map_err(|never| match never {})
            .boxed(),
    );
    *response.status_mut() = status;
    response
}
