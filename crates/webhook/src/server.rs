//! HTTP over TLS: connections, limits, drain. What is answered is in `admit`.
//!
//! The API server retries nothing and waits ten seconds at most, so a review that cannot be
//! answered in time is given up before that.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ebb_core::names::headers;
use ebb_process::Stop;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::admit::Admitter;
use crate::admit::review::{Answer, Question};
use crate::metrics::{Metrics, Type};

/// The largest review; the API server's own limit for an object is half of it.
const BODY_LIMIT: usize = 3 << 20;
/// Bodies that are read at the same time.
const CONCURRENCY: usize = 16;
/// Connections at the same time; the API server keeps a handful.
const CONNECTIONS: usize = 512;
/// A review is given up after this; the API server gives up after 10 s.
const DEADLINE: Duration = Duration::from_secs(9);
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADER_READ: Duration = Duration::from_secs(60);
/// After a stop, how long nobody must have called before the port is closed.
const QUIET: Duration = Duration::from_secs(45);

type Reply = Response<Full<Bytes>>;

/// The webhook's port.
#[derive(Clone, Debug)]
pub(crate) struct Server(Arc<Shared>);

struct Shared {
    admitter: Admitter,
    metrics: Metrics,
    tls: TlsAcceptor,
    stop: Stop,
    reviews: Semaphore,
    connections: Arc<Semaphore>,
    started: Instant,
    /// Milliseconds from `started` to the last request.
    last_call: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("admitter", &self.admitter)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(crate) fn new(
        admitter: Admitter,
        metrics: Metrics,
        tls: Arc<ServerConfig>,
        stop: Stop,
    ) -> Self {
        Self(Arc::new(Shared {
            admitter,
            metrics,
            tls: TlsAcceptor::from(tls),
            stop,
            reviews: Semaphore::new(CONCURRENCY),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            started: Instant::now(),
            last_call: AtomicU64::new(0),
        }))
    }

    /// Answers until a stop is asked for and callers have gone elsewhere.
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

    /// Resolves once a stop was asked for and nobody has called for a while.
    async fn drained(&self) {
        self.0.stop.triggered().await;
        let stopped = Instant::now();
        loop {
            let last =
                self.0.started + Duration::from_millis(self.0.last_call.load(Ordering::Relaxed));
            let quiet_at = last.max(stopped) + QUIET;
            if Instant::now() >= quiet_at {
                return;
            }
            tokio::time::sleep_until(quiet_at).await;
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
        tokio::time::timeout(DEADLINE, self.review(request))
            .await
            .unwrap_or_else(|_| text(StatusCode::GATEWAY_TIMEOUT, "the review took too long"))
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
        Some(if self.0.stop.is_triggered() {
            text(StatusCode::SERVICE_UNAVAILABLE, "shutting down")
        } else {
            Response::new(Full::default())
        })
    }

    async fn review<B>(&self, request: Request<B>) -> Reply
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let type_ = match request.uri().path() {
            "/defaulting" => Type::Defaulting,
            "/resource-validation" => Type::Validation,
            "/config-validation" => Type::Admission,
            other => {
                return text(
                    StatusCode::BAD_REQUEST,
                    &format!("no controller registered for: {other}"),
                );
            }
        };
        if request.method() != Method::POST {
            return text(StatusCode::METHOD_NOT_ALLOWED, "a review is a POST");
        }
        if request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(|value| value != "application/json")
        {
            return text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid Content-Type, want `application/json`",
            );
        }
        match self.read(request).await {
            // Without the permit: a dry run waits for the API server.
            Ok(question) => self.decide(type_, question).await,
            Err(reply) => reply,
        }
    }

    /// Reads a review; only so many bodies are held at the same time.
    async fn read<B>(&self, request: Request<B>) -> Result<Question, Reply>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let undecodable = |cause: &dyn std::fmt::Display| {
            text(
                StatusCode::BAD_REQUEST,
                &format!("could not decode body:{cause}"),
            )
        };
        let Ok(_permit) = self.0.reviews.acquire().await else {
            return Err(text(StatusCode::SERVICE_UNAVAILABLE, "shutting down"));
        };
        let body = Limited::new(request.into_body(), BODY_LIMIT)
            .collect()
            .await
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    text(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        &format!("a review is at most {BODY_LIMIT} bytes long"),
                    )
                } else {
                    undecodable(&error)
                }
            })?;
        serde_json::from_slice(&body.to_bytes()).map_err(|error| undecodable(&error))
    }

    async fn decide(&self, type_: Type, question: Question) -> Reply {
        let begun = Instant::now();
        let Question {
            api_version,
            kind,
            request,
        } = question;
        let mut response = match type_ {
            Type::Defaulting => self.0.admitter.default(&request),
            Type::Validation => self.0.admitter.validate(&request).await,
            Type::Admission => self.0.admitter.config_map(&request),
        };
        response.uid.clone_from(&request.uid);
        let took = begun.elapsed();
        self.0.metrics.reviewed(type_, &request, &response, took);
        tracing::debug!(
            kind = %request.kind,
            namespace = request.namespace,
            name = request.name,
            operation = request.operation,
            subresource = request.sub_resource,
            allowed = response.allowed,
            reason = response.status.as_ref().map(|status| status.message.as_str()),
            ?took,
            "reviewed"
        );
        match serde_json::to_vec(&Answer {
            api_version,
            kind,
            response,
        }) {
            Ok(json) => {
                let mut reply = Response::new(Full::from(json));
                reply.headers_mut().insert(
                    header::CONTENT_TYPE,
                    header::HeaderValue::from_static("application/json"),
                );
                reply
            }
            Err(error) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("could not encode response:{error}"),
            ),
        }
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

/// An error in the form that Go's `http.Error` has.
fn text(status: StatusCode, message: &str) -> Reply {
    let mut reply = Response::new(Full::from(format!("{message}\n")));
    *reply.status_mut() = status;
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, plain);
    reply
}

#[cfg(test)]
mod tests;
