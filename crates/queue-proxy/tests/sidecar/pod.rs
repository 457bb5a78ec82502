//! A pod: the sidecar under test and a user container made of a function.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use ebb_process::supervisor::Supervisor;
use ebb_queue_proxy::{Addresses, Settings, Sockets};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Fails a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Pod {
    pub(crate) at: Addresses,
    pub(crate) supervisor: Supervisor,
    pub(crate) ended: JoinHandle<Result<(), ebb_queue_proxy::Error>>,
}

impl Pod {
    /// Starts the sidecar in front of `user` with some variables changed.
    pub(crate) async fn start(user: SocketAddr, env: &[(&str, &str)]) -> Self {
        let port = user.port().to_string();
        let usual = [
            ("CONTAINER_CONCURRENCY", "0"),
            ("QUEUE_SERVING_PORT", "0"),
            ("QUEUE_SERVING_TLS_PORT", "0"),
            ("USER_PORT", &port),
            ("REVISION_TIMEOUT_SECONDS", "300"),
            ("SERVING_LOGGING_CONFIG", ""),
            ("SERVING_LOGGING_LEVEL", ""),
            ("SERVING_NAMESPACE", "ns"),
            ("SERVING_SERVICE", "hello"),
            ("SERVING_CONFIGURATION", "hello"),
            ("SERVING_REVISION", "hello-00001"),
            ("SERVING_POD", "pod-a"),
            ("SERVING_POD_IP", "127.0.0.1"),
        ];
        let mut settings = Settings::read(|name| {
            let mut all = env.iter().chain(&usual);
            all.find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        })
        .unwrap();
        settings.ports.admin = 0;
        settings.ports.statistics = 0;
        settings.ports.metrics = 0;
        let sockets = Sockets::open(&settings).unwrap();
        let at = sockets.addresses().unwrap();
        let supervisor = Supervisor::new();
        let run = supervisor.clone();
        let ended =
            tokio::task::spawn(async move { ebb_queue_proxy::run(&settings, sockets, run).await });
        Self {
            at,
            supervisor,
            ended,
        }
    }

    /// One request on a connection of its own; head and body of the answer.
    pub(crate) async fn ask(&self, headers: &str) -> String {
        ask(self.at.requests, "GET", "/", headers).await
    }
}

/// One request that ends its connection; head and body as text.
pub(crate) async fn ask(at: SocketAddr, method: &str, path: &str, headers: &str) -> String {
    String::from_utf8(ask_bytes(at, method, path, headers).await).unwrap()
}

/// One request that ends its connection; all that came back.
pub(crate) async fn ask_bytes(at: SocketAddr, method: &str, path: &str, headers: &str) -> Vec<u8> {
    // The sidecar listens on all addresses.
    let mut stream = TcpStream::connect(("127.0.0.1", at.port())).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut seen)).await;
    read.expect("the connection stays open").unwrap();
    seen
}

/// A user container.
pub(crate) async fn container<F, Fut>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            let service = hyper::service::service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            tokio::task::spawn(async move {
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

/// A container that answers every request alike.
pub(crate) async fn saying(text: &'static str) -> SocketAddr {
    container(move |_| async move { Response::new(text.into()) }).await
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}
