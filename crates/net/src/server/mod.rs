//! Serving HTTP/1.1 and HTTP/2 (prior knowledge) on the same listener.
//!
//! A [`Server`] turns connections into calls of a [`Handler`] and knows which
//! connections are open, so that it can be drained: each is told to finish what
//! it is doing, and the last one's end ends the drain. Connections that were
//! upgraded belong to whoever upgraded them.
//!
//! The server does not route, log or measure.

mod patience;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use self::patience::{Activity, Counted, HeadTimer};

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// The body of its responses.
    type Body: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + 'static;

    /// Answers one request. The future is dropped when the client goes away.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    address: SocketAddr,
    forwarded_for: HeaderValue,
    encrypted: bool,
}

/// What strangers may use of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The least time that a head may take to arrive; it is cut at most half as
    /// much later. A connection between two requests may stay open for ever.
    pub header_timeout: Duration,
    /// Bytes of a request's head.
    pub max_header_bytes: usize,
    /// Requests at once on one HTTP/2 connection.
    pub max_streams: u32,
}

/// Serves connections with one handler.
#[derive(Debug)]
pub struct Server<H> {
    handler: Arc<H>,
    protocols: auto::Builder<TokioExecutor>,
    /// Set to true to drain. Each connection holds a receiver, so the channel
    /// also tells when the last one has ended.
    draining: watch::Sender<bool>,
    /// How often a connection looks at its head's progress.
    tick: Duration,
}

/// Listens on `port` of all addresses, IPv6 and IPv4, or IPv4 alone where there
/// is no IPv6. Must be called within a runtime.
///
/// # Errors
/// Those of the system calls, most often a port in use.
pub fn listen(port: u16) -> io::Result<TcpListener> {
    let bind = |socket: TcpSocket, address: SocketAddr| {
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    TcpSocket::new_v6()
        .and_then(|socket| bind(socket, everywhere))
        .or_else(|error| match error.kind() {
            io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
            _ => bind(
                TcpSocket::new_v4()?,
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
            ),
        })
}

/// Connections the kernel accepts before we do. A burst that finds no place is
/// tried again by its clients only a second later.
const BACKLOG: u32 = 4096;

// === impl Peer ===

impl Peer {
    /// The peer of a connection; `encrypted` if it speaks TLS.
    pub fn new(address: SocketAddr, encrypted: bool) -> Self {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let forwarded_for = HeaderValue::from_str(&address.ip().to_string())
            .expect("an address is made of visible characters");
        Self {
            address,
            forwarded_for,
            encrypted,
        }
    }

    /// Address and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the connection speaks TLS.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The address as `X-Forwarded-For` names it.
    pub fn forwarded_for(&self) -> &HeaderValue {
        &self.forwarded_for
    }
}

// === impl Limits ===

impl Default for Limits {
    /// The limits of the original: 1 minute, 1 MiB, 250 streams.
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(60),
            max_header_bytes: 1 << 20,
            max_streams: 250,
        }
    }
}

// === impl Server ===

impl<H: Handler> Server<H> {
    /// A server without connections.
    pub fn new(handler: Arc<H>, limits: &Limits) -> Self {
        let mut protocols = auto::Builder::new(TokioExecutor::new());
        protocols
            .http1()
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(limits.max_header_bytes);
        protocols
            .http2()
            .max_header_list_size(limits.max_header_bytes as u32)
            .max_concurrent_streams(limits.max_streams);
        Self {
            handler,
            protocols,
            draining: watch::Sender::new(false),
            tick: patience::tick(limits.header_timeout),
        }
    }

    /// Accepts connections until `stop` resolves, then lets the open ones finish.
    /// The wait has no limit: put one around it where needed.
    ///
    /// # Errors
    /// Only those of a listener that is of no further use.
    pub async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, address)) => {
                    // Fails only on a socket that is closed by now.
                    let _ = stream.set_nodelay(true);
                    #[expect(clippy::disallowed_methods, reason = "drained below")]
                    tokio::spawn(self.serve(stream, Peer::new(address, false)));
                }
                Err(error) => self.recover(error).await?,
            }
        }
        drop(listener);
        self.drain().await;
        Ok(())
    }

    /// Serves one connection to its end; the caller spawns it.
    pub fn serve<S>(&self, stream: S, peer: Peer) -> impl Future<Output = ()> + Send + use<S, H>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handler = Arc::clone(&self.handler);
        let activity = Activity::new();
        let mut protocols = self.protocols.clone();
        protocols.http1().timer(HeadTimer(Arc::clone(&activity)));
        let mut draining = self.draining.subscribe();
        let drain = draining.clone();
        let length = self.tick;
        let peer = Arc::new(peer);
        async move {
            let service = hyper::service::service_fn(|request| {
                let (handler, peer) = (Arc::clone(&handler), Arc::clone(&peer));
                async move { Ok::<_, Infallible>(handler.handle(request, &peer).await) }
            });
            let activity_of_stream = Arc::clone(&activity);
            let stream = TokioIo::new(Counted {
                stream,
                activity: activity_of_stream,
            });
            let mut connection = pin!(protocols.serve_connection_with_upgrades(stream, service));
            let mut told = pin!(draining.wait_for(|draining| *draining));
            let mut tick = pin!(sleep(length));
            let (mut armed, mut leaving) = (false, false);
            poll_fn(|cx| {
                loop {
                    // Errors are the client's business: it broke off or spoke no
                    // HTTP.
                    if connection.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(());
                    }
                    // The connection is woken for each request, the drain comes
                    // once: leave a waker with it the first time, later only look
                    // whether it has come, which takes no lock.
                    let nothing_new = armed && matches!(drain.has_changed(), Ok(false));
                    if !leaving && !nothing_new {
                        armed = true;
                        leaving = told.as_mut().poll(cx).is_ready();
                        if leaving {
                            connection.as_mut().graceful_shutdown();
                            continue;
                        }
                    }
                    ready!(tick.as_mut().poll(cx));
                    activity.tick();
                    if activity.is_mute() {
                        return Poll::Ready(());
                    }
                    tick.as_mut().reset(Instant::now() + length);
                }
            })
            .await;
        }
    }

    /// Tells every connection to finish and waits until all have ended.
    pub async fn drain(self) {
        self.draining.send_replace(true);
        self.draining.closed().await;
    }

    /// Waits when the process has run out of something; passes other errors of a
    /// single connection over.
    async fn recover(&self, error: io::Error) -> io::Result<()> {
        const PAUSE: Duration = Duration::from_millis(100);
        match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected => Err(error),
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted => Ok(()),
            _ => {
                tracing::warn!(%error, "cannot accept connections for the moment");
                sleep(PAUSE).await;
                Ok(())
            }
        }
    }
}
