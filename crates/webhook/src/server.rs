//! The port: TLS, connections, probes, drain. What is answered is in `reviews`.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ebb_core::names::headers;
use ebb_process::Stop;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::reviews::{Reply, Reviews, text};

/// Connections at the same time; the API server keeps a handful.
const CONNECTIONS: usize = 512;
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADER_READ: Duration = Duration::from_secs(60);
/// Once it leaves, how long nobody must have called before the port is closed.
const QUIET: Duration = Duration::from_secs(45);
/// Once it leaves, when the port is closed though there still are callers. With what follows, within the grace of the
/// pod.
const LINGER: Duration = Duration::from_secs(180);

/// The webhook's port.
#[derive(Clone, Debug)]
pub(crate) struct Server(Arc<Shared>);

struct Shared {
    reviews: Reviews,
    tls: TlsAcceptor,
    leaving: Stop,
    connections: Arc<Semaphore>,
    started: Instant,
    /// Milliseconds from `started` to the last request.
    last_call: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("reviews", &self.reviews)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(crate) fn new(reviews: Reviews, tls: Arc<ServerConfig>, leaving: Stop) -> Self {
        Self(Arc::new(Shared {
            reviews,
            tls: TlsAcceptor::from(tls),
            leaving,
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            started: Instant::now(),
            last_call: AtomicU64::new(0),
        }))
    }

    /// Answers until it is asked to leave and callers have gone elsewhere.
    pub(crate) async fn run(self, listener: TcpListener) -> io::Result<()> {
        let connections = TaskTracker::new();
        let closing = Stop::new();
        tokio::select! {
            result = self.accept(listener, &connections, &closing) => return result,
            () = self.drained() => {}
        }
        closing.trigger();
        connections.close();
        connections.wait().await;
        Ok(())
    }

    async fn accept(
        &self,
        listener: TcpListener,
        tasks: &TaskTracker,
        closing: &Stop,
    ) -> io::Result<()> {
        loop {
            let permit = self
                .0
                .connections
                .clone()
                .acquire_owned()
                .await
                .map_err(io::Error::other)?;
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) if is_passing(&error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (server, closing) = (self.clone(), closing.clone());
            tasks.spawn(async move {
                server.connection(stream, closing).await;
                drop(permit);
            });
        }
    }

    async fn connection(&self, stream: TcpStream, closing: Stop) {
        let _ = stream.set_nodelay(true);
        let stream = match tokio::time::timeout(HANDSHAKE, self.0.tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => return tracing::debug!("TLS handshake took too long"),
        };
        let server = self.clone();
        let service = service_fn(move |request| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_READ)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = closing.triggered() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "connection ended early");
        }
    }

    /// Resolves some time after it was asked to leave: when nobody has called for a while.
    async fn drained(&self) {
        self.0.leaving.triggered().await;
        let began = Instant::now();
        loop {
            let last =
                self.0.started + Duration::from_millis(self.0.last_call.load(Ordering::Relaxed));
            let closes_at = (last.max(began) + QUIET).min(began + LINGER);
            if Instant::now() >= closes_at {
                return;
            }
            tokio::time::sleep_until(closes_at).await;
        }
    }

    async fn answer<B>(&self, request: Request<B>) -> Reply
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if let Some(reply) = self.probe(&request) {
            return reply;
        }
        let since = u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_call.store(since, Ordering::Relaxed);
        let mut reply = self.0.reviews.answer(request).await;
        if self.0.leaving.is_triggered() {
            // A caller that keeps its connection would never learn that others are ready.
            let close = HeaderValue::from_static("close");
            reply.headers_mut().insert(header::CONNECTION, close);
        }
        reply
    }

    /// Kubelet asks on any path; so do networking layers. Neither counts as a call.
    fn probe<B>(&self, request: &Request<B>) -> Option<Reply> {
        let header = |name| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let is_kubelet = header(header::USER_AGENT.as_str())
            .is_some_and(|agent| agent.starts_with(headers::KUBE_PROBE_USER_AGENT))
            || header(headers::KUBELET_PROBE).is_some();
        let is_network = header(headers::PROBE) == Some(headers::PROBE_INGRESS);
        if !is_kubelet && !is_network {
            return None;
        }
        Some(if self.0.leaving.is_triggered() {
            text(StatusCode::SERVICE_UNAVAILABLE, "shutting down")
        } else {
            Response::new(Full::default())
        })
    }
}

/// Whether accepting may work again in a moment: the peer is gone, or descriptors ran out.
fn is_passing(error: &io::Error) -> bool {
    const TOO_MANY_FILES: [i32; 2] = [23, 24];
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    ) || error
        .raw_os_error()
        .is_some_and(|code| TOO_MANY_FILES.contains(&code))
}

#[cfg(test)]
mod tests;
