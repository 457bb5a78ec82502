//! A proxy under test, a scripted upstream, and raw sockets to speak to both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_net::body::Body;
use ebb_net::breaker::{Breaker, Slot};
use ebb_net::client::{Settings, Upstream};
use ebb_net::forward::{self, Outbound};
use ebb_net::respond;
use ebb_net::server::{Handler, Limits, Peer, Server};
use ebb_net::timeout::{self, Clock};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Fails a test that hangs, long after anything real has happened.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const NO_LIMITS: timeout::Limits = timeout::Limits {
    total: Duration::from_secs(3600),
    response_start: None,
    idle: None,
    message: "request timeout",
};

/// Forwards everything to one upstream behind a breaker.
pub(crate) struct Proxy {
    upstream: Arc<Upstream>,
    breaker: Arc<Breaker>,
    limits: timeout::Limits,
}

impl Proxy {
    /// A proxy that lets `at_once` requests run and starts its clock with
    /// `limits`; returns its address and its breaker.
    pub(crate) async fn start(
        to: SocketAddr,
        at_once: usize,
        limits: timeout::Limits,
    ) -> (SocketAddr, Arc<Breaker>) {
        let breaker = Breaker::new(10, at_once, at_once);
        let upstream = Upstream::new(to, Settings::default());
        let proxy = Self {
            upstream,
            breaker: Arc::clone(&breaker),
            limits,
        };
        (serve(proxy, CancellationToken::new()).await, breaker)
    }
}

impl Handler for Proxy {
    type Body = Body<Slot>;

    async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<Body<Slot>> {
        let clock = Clock::start(&self.limits);
        let exchange = async {
            let slot = self.breaker.acquire().await.unwrap();
            Outbound::new(request, peer)
                .send(&self.upstream)
                .await
                .map(|reply| (reply, slot))
        };
        match clock.head(exchange).await {
            Ok(Ok((reply, slot))) => reply.into_response(Some(clock), slot),
            Ok(Err(failure)) => forward::bad_gateway(&failure.error),
            Err(late) => respond::timed_out(late.message),
        }
    }
}

/// Serves `handler` on loopback until `stop`.
pub(crate) async fn serve<H: Handler>(handler: H, stop: CancellationToken) -> SocketAddr {
    serve_with(handler, Limits::default(), stop).await
}

/// The same, within `limits`.
pub(crate) async fn serve_with<H: Handler>(
    handler: H,
    limits: Limits,
    stop: CancellationToken,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(Arc::new(handler), &limits);
    tokio::task::spawn(async move { server.run(listener, stop.cancelled_owned()).await.unwrap() });
    address
}

/// An upstream made of a function.
pub(crate) struct App<F>(pub(crate) F);

impl<F, Fut> Handler for App<F>
where
    F: Fn(Request<Incoming>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<BoxBody<Bytes, hyper::Error>>> + Send,
{
    type Body = BoxBody<Bytes, hyper::Error>;

    async fn handle(&self, request: Request<Incoming>, _peer: &Peer) -> Response<Self::Body> {
        (self.0)(request).await
    }
}

/// Serves `app` on loopback.
pub(crate) async fn app<F, Fut>(app: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<BoxBody<Bytes, hyper::Error>>> + Send + 'static,
{
    serve(App(app), CancellationToken::new()).await
}

/// An HTTP/1.1 connection driven by hand.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn open(to: SocketAddr) -> Self {
        Self(TcpStream::connect(to).await.unwrap())
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until `end` has been seen and returns all that was read.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        let mut seen = Vec::new();
        let read = async {
            let mut byte = [0];
            while !seen.ends_with(end.as_bytes()) {
                assert_ne!(
                    self.0.read(&mut byte).await.unwrap(),
                    0,
                    "ended after {:?}",
                    String::from_utf8_lossy(&seen)
                );
                seen.push(byte[0]);
            }
        };
        let done = tokio::time::timeout(PATIENCE, read).await;
        let text = String::from_utf8_lossy(&seen).into_owned();
        assert!(done.is_ok(), "no {end:?} in {text:?}");
        text
    }

    /// Reads to the end of the connection, however it ends.
    pub(crate) async fn read_to_end(&mut self) -> String {
        let mut seen = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut seen))
            .await
            .expect("the connection stays open");
        String::from_utf8_lossy(&seen).into_owned()
    }
}

/// Accepts one connection on a listener driven by hand.
pub(crate) async fn accept(listener: &TcpListener) -> Raw {
    let accepted = tokio::time::timeout(PATIENCE, listener.accept()).await;
    Raw(accepted.expect("nobody connects").unwrap().0)
}

/// A listener for an upstream driven by hand.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An empty response.
pub(crate) fn status(status: StatusCode) -> Response<BoxBody<Bytes, hyper::Error>> {
    text_response(status, "")
}

/// A response with a text.
pub(crate) fn text_response(
    status: StatusCode,
    text: &'static str,
) -> Response<BoxBody<Bytes, hyper::Error>> {
    use http_body_util::{BodyExt, Full};
    let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {});
    Response::builder()
        .status(status)
        .body(body.boxed())
        .unwrap()
}
