//! The connections to one address.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::dial::{Backoff, dial};
use super::{Error, Failure};
use crate::body::Body;
use crate::request_body::RequestBody;

/// What is spoken to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, known to be understood.
    H2c,
}

/// Limits of an upstream's connections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// HTTP/1.1 connections kept open without a request; with 0 each serves one.
    pub max_idle: usize,
    /// How long such a connection is kept.
    pub idle_timeout: Duration,
    /// How connections are opened.
    pub backoff: Backoff,
}

/// One address and the connections open to it.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    settings: Settings,
    http1: Mutex<Vec<Idle>>,
    reaped: AtomicBool,
    http2: Mutex<Vec<Arc<Shared>>>,
    /// Lets one caller at a time open an HTTP/2 connection: the others will use
    /// the same.
    opening: tokio::sync::Mutex<()>,
}

/// The use of a connection for one exchange. An HTTP/1.1 connection can be used
/// again once the response has been read to its end.
#[derive(Debug)]
pub(crate) enum Lease {
    Http1(Arc<Upstream>, http1::SendRequest<RequestBody>),
    /// Counts as a stream of the connection while it lives.
    Http2(#[expect(dead_code, reason = "held for its drop")] Stream),
}

#[derive(Debug)]
struct Idle {
    connection: http1::SendRequest<RequestBody>,
    since: Instant,
}

#[derive(Debug)]
struct Shared {
    connection: http2::SendRequest<RequestBody>,
    streams: AtomicUsize,
}

#[derive(Debug)]
pub(crate) struct Stream(Arc<Shared>);

type Unsent = Request<RequestBody>;
type Exchange = Result<(Response<Incoming>, Lease), Failure<Unsent>>;

/// Servers close connections that were idle for seconds. One used a moment ago is
/// not about to be closed, and its request needs no copy to be repeated from.
const FRESH: Duration = Duration::from_millis(100);

/// Streams on one HTTP/2 connection before another is opened. Servers commonly
/// allow 100 to 250 and make the rest wait.
const MAX_STREAMS: usize = 100;

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_idle: 1000,
            idle_timeout: Duration::from_secs(90),
            backoff: Backoff::default(),
        }
    }
}

// === impl Upstream ===

impl Upstream {
    /// An upstream without connections; they are opened as requests come.
    pub fn new(address: SocketAddr, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            address,
            settings,
            http1: Mutex::default(),
            reaped: AtomicBool::new(false),
            http2: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        })
    }

    /// Where to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks as probers do: over HTTP/1.1, without a body, on a kept connection if
    /// there is one. The connection is kept for the request that the probe
    /// prepares, provided that the body of the response is read to its end.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn probe(self: &Arc<Self>, request: Request<()>) -> Result<Response<Body>, Error> {
        self.ask(Protocol::Http1, request.map(|()| Bytes::new()))
            .await
    }

    /// Sends a request made here. Its target must have the form that `protocol`
    /// wants: the path and a `Host` for HTTP/1.1, absolute for HTTP/2.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ask(
        self: &Arc<Self>,
        protocol: Protocol,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, Error> {
        let request = request.map(RequestBody::bytes);
        let exchange = match protocol {
            Protocol::Http1 => self.send_http1(request).await,
            Protocol::H2c => self.send_http2(request).await,
        };
        let (response, lease) = exchange.map_err(|failure| failure.error)?;
        Ok(response.map(|body| Body::streamed(body, lease, None, ())))
    }

    /// Sends a request in the form of HTTP/1.1 (path alone, `Host`) and waits for
    /// the head of the response. The lease must be dropped or finished with the
    /// body.
    ///
    /// A connection kept for a while may have been closed by the other side at the
    /// very moment it was picked. Requests that came back unsent, and those that can
    /// be repeated without harm (no body, safe method), then go out on another
    /// connection.
    pub(crate) async fn send_http1(self: &Arc<Self>, mut request: Unsent) -> Exchange {
        while let Some(Idle {
            mut connection,
            since,
        }) = self.take_idle()
        {
            let copy = (since.elapsed() > FRESH && repeatable(&request)).then(|| copy_of(&request));
            match connection.try_send_request(request).await {
                Ok(response) => return Ok((response, Lease::Http1(Arc::clone(self), connection))),
                Err(mut failed) => {
                    let unsent = failed.take_message();
                    match unsent.or(copy.filter(|_| went_stale(failed.error()))) {
                        Some(again) => request = again,
                        None => {
                            return Err(Failure {
                                error: exchange(failed.into_error()),
                                unsent: None,
                            });
                        }
                    }
                }
            }
        }
        // Boxed, as what follows is rare and would make every request larger.
        Box::pin(self.send_on_new(request)).await
    }

    async fn send_on_new(self: &Arc<Self>, request: Unsent) -> Exchange {
        let mut connection = match self.open_http1().await {
            Ok(connection) => connection,
            Err(error) => {
                return Err(Failure {
                    error,
                    unsent: Some(request),
                });
            }
        };
        match connection.try_send_request(request).await {
            Ok(response) => Ok((response, Lease::Http1(Arc::clone(self), connection))),
            Err(mut failed) => {
                let unsent = failed.take_message();
                Err(Failure {
                    error: exchange(failed.into_error()),
                    unsent,
                })
            }
        }
    }

    /// Sends a request in the form of HTTP/2 (absolute target) on a shared
    /// connection, as [`Upstream::send_http1`] does otherwise.
    pub(crate) async fn send_http2(self: &Arc<Self>, mut request: Unsent) -> Exchange {
        // Twice: the connection at hand may just have been told to go away.
        for last in [false, true] {
            let stream = match self.stream().await {
                Ok(stream) => stream,
                Err(error) => {
                    return Err(Failure {
                        error,
                        unsent: Some(request),
                    });
                }
            };
            match stream.0.connection.clone().try_send_request(request).await {
                Ok(response) => return Ok((response, Lease::Http2(stream))),
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if !last => request = unsent,
                    unsent => {
                        return Err(Failure {
                            error: exchange(failed.into_error()),
                            unsent,
                        });
                    }
                },
            }
        }
        unreachable!("the second round returns")
    }

    /// The warmest idle connection that is fit for use.
    fn take_idle(&self) -> Option<Idle> {
        let mut idle = self.http1.lock();
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            if idle[at].connection.is_closed() {
                idle.remove(at);
            } else if idle[at].connection.is_ready() {
                return Some(idle.remove(at));
            }
            // Else its last exchange is not quite over, as when an upstream
            // answered before it had read the request.
        }
        None
    }

    fn put_idle(self: &Arc<Self>, connection: http1::SendRequest<RequestBody>) {
        if connection.is_closed() {
            return;
        }
        {
            let mut idle = self.http1.lock();
            if idle.len() >= self.settings.max_idle {
                return;
            }
            idle.push(Idle {
                connection,
                since: Instant::now(),
            });
        }
        if !self.reaped.swap(true, Ordering::AcqRel) {
            #[expect(
                clippy::disallowed_methods,
                reason = "ends by itself once nothing is idle"
            )]
            tokio::spawn(reap(Arc::downgrade(self), self.settings.idle_timeout));
        }
    }

    async fn open_http1(&self) -> Result<http1::SendRequest<RequestBody>, Error> {
        let stream = dial(self.address, &self.settings.backoff).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(exchange)?;
        #[expect(clippy::disallowed_methods, reason = "ends with its connection")]
        tokio::spawn(async move {
            // Whoever waits for a response hears of the error.
            let _ = connection.with_upgrades().await;
        });
        Ok(sender)
    }

    async fn stream(&self) -> Result<Stream, Error> {
        if let Some(stream) = self.join_http2() {
            return Ok(stream);
        }
        let _turn = self.opening.lock().await;
        if let Some(stream) = self.join_http2() {
            return Ok(stream);
        }
        let stream = dial(self.address, &self.settings.backoff).await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .handshake(TokioIo::new(stream))
            .await
            .map_err(exchange)?;
        #[expect(clippy::disallowed_methods, reason = "ends with its connection")]
        tokio::spawn(async move {
            let _ = connection.await;
        });
        let shared = Arc::new(Shared {
            connection: sender,
            streams: AtomicUsize::new(1),
        });
        self.http2.lock().push(Arc::clone(&shared));
        Ok(Stream(shared))
    }

    fn join_http2(&self) -> Option<Stream> {
        let mut open = self.http2.lock();
        open.retain(|shared| !shared.connection.is_closed());
        let shared = open
            .iter()
            .find(|shared| shared.streams.load(Ordering::Relaxed) < MAX_STREAMS)?;
        shared.streams.fetch_add(1, Ordering::Relaxed);
        Some(Stream(Arc::clone(shared)))
    }
}

/// Closes connections that nobody used for `timeout`, and returns when none is
/// left.
async fn reap(upstream: Weak<Upstream>, timeout: Duration) {
    let mut next = Instant::now() + timeout;
    loop {
        sleep_until(next).await;
        let Some(upstream) = upstream.upgrade() else {
            return;
        };
        let mut idle = upstream.http1.lock();
        let now = Instant::now();
        idle.retain(|idle| idle.since + timeout > now && !idle.connection.is_closed());
        match idle.iter().map(|idle| idle.since).min() {
            Some(oldest) => next = oldest + timeout,
            None => {
                idle.shrink_to_fit();
                upstream.reaped.store(false, Ordering::Release);
                return;
            }
        }
    }
}

fn exchange(source: hyper::Error) -> Error {
    Error::Exchange { source }
}

fn repeatable(request: &Unsent) -> bool {
    request.body().is_empty()
        && matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
        )
}

/// Whether the other side closed the connection before it answered anything.
fn went_stale(error: &hyper::Error) -> bool {
    let reset = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|io| {
            matches!(
                io.kind(),
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
            )
        });
    reset || error.is_incomplete_message() || error.is_canceled() || error.is_closed()
}

fn copy_of(request: &Unsent) -> Unsent {
    let mut copy = Request::new(RequestBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = Version::HTTP_11;
    *copy.headers_mut() = request.headers().clone();
    copy
}

// === impl Lease ===

impl Lease {
    /// The response was read to its end: the connection may serve another.
    pub(crate) fn finish(self) {
        if let Self::Http1(upstream, connection) = self {
            upstream.put_idle(connection);
        }
    }
}

// === impl Stream ===

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
