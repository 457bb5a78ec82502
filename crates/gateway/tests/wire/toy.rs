//! A backend that tells what it was asked, and misbehaves on request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, BodyStream, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

type Body = BoxBody<Bytes, hyper::Error>;

/// A running backend; it stops accepting when dropped.
pub(crate) struct Toy {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicUsize>,
    task: tokio::task::AbortHandle,
}

impl Toy {
    /// Starts a backend that calls itself `name`.
    pub(crate) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let count = count.clone();
                let service = service_fn(move |request| {
                    let number = count.fetch_add(1, Ordering::Relaxed);
                    async move { Ok::<_, Infallible>(answer(name, number, request).await) }
                });
                tokio::spawn(async move {
                    let protocols = auto::Builder::new(TokioExecutor::new());
                    let _ = protocols
                        .serve_connection_with_upgrades(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            requests,
            task: task.abort_handle(),
        }
    }
}

impl Drop for Toy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(name: &str, number: usize, request: Request<Incoming>) -> Response<Body> {
    match request.uri().path() {
        "/echo" => echo(request),
        "/late" => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            text(StatusCode::OK, name)
        }
        "/fails-first" if number == 0 => text(StatusCode::SERVICE_UNAVAILABLE, "not yet"),
        "/socket" => socket(request, name.to_owned()),
        _ => describe(name, &request),
    }
}

/// What was asked, as JSON.
fn describe(name: &str, request: &Request<Incoming>) -> Response<Body> {
    let mut headers = Map::new();
    for (header, value) in request.headers() {
        let seen = headers.entry(header.as_str()).or_insert_with(|| json!([]));
        seen.as_array_mut()
            .unwrap()
            .push(value.to_str().unwrap().into());
    }
    let host = request.uri().authority().map(ToString::to_string);
    let told = json!({
        "name": name,
        "version": format!("{:?}", request.version()),
        "path": request.uri().path_and_query().map(ToString::to_string),
        "host": host.or_else(|| request.headers().get("host").map(|v| v.to_str().unwrap().to_owned())),
        "headers": Value::Object(headers),
    });
    text(StatusCode::OK, &told.to_string())
}

/// Sends the body back as it comes, then trailers.
fn echo(request: Request<Incoming>) -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("42"));
    // By way of a stream its length is not known, or there would be no room for trailers in HTTP/1.1.
    let body = StreamBody::new(BodyStream::new(request.into_body()));
    let body = body.with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body.boxed());
    response
        .headers_mut()
        .insert("trailer", HeaderValue::from_static("x-sum"));
    response
}

/// Answers each message with the backend's name and the message.
fn socket(mut request: Request<Incoming>, name: String) -> Response<Body> {
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY).cloned() else {
        return text(StatusCode::BAD_REQUEST, "no WebSocket");
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let io = TokioIo::new(upgraded.await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if let Ok(text) = message.to_text()
                && message.is_text()
                && socket.send(format!("{name}: {text}").into()).await.is_err()
            {
                return;
            }
        }
    });
    let mut response = text(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).unwrap();
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

fn text(status: StatusCode, text: &str) -> Response<Body> {
    let body = Full::new(Bytes::copy_from_slice(text.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response
}
