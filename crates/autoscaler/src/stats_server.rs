//! The WebSocket endpoint that takes stats, and kubelet's probes, on one port.
//!
//! Speaks the protocol of upstream's activators and autoscalers: any path; one binary message is
//! one `WireStatMessages`; text and what cannot be decoded is logged and dropped, and the
//! connection stays. Nothing is ever sent but pongs and the close frame of a shutdown.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ebb_core::names::headers;
use ebb_core::stat::WireStatMessages;
use ebb_net::server::{Handler, Limits, Peer, Server};
use ebb_process::Stop;
use futures::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, HOST, HeaderName, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::intake::Intake;
use crate::ownership::{BUCKET_PREFIX, Ownership};

/// How long open connections get to end after the close frame.
const DRAIN: Duration = Duration::from_secs(5);
/// Upgrades that wait to be taken over: a cluster has tens of activators, not hundreds.
const PENDING: usize = 64;
/// Largest message. A stat takes some 100 bytes, so this is thousands of revisions in one frame;
/// anybody in the cluster can connect, and upstream takes any size.
const MAX_MESSAGE: usize = 1 << 20;

/// Clients ask for a sign of life every 3.3 s; one that is silent for this long is gone without
/// having said so, as when its node lost power.
const SILENCE: Duration = Duration::from_secs(120);

/// Serves until a stop is asked for; give it to the supervisor. The caches should be ready before:
/// what arrives about a revision that is not known is dropped.
///
/// # Errors
/// When the listener is of no further use.
pub async fn run(
    listener: TcpListener,
    ownership: Ownership,
    intake: Intake,
    stop: Stop,
) -> std::io::Result<()> {
    let (upgrades, incoming) = mpsc::channel(PENDING);
    let endpoint = Endpoint {
        ownership,
        upgrades,
    };
    let server = Server::new(Arc::new(endpoint), &Limits::default());
    let serving = server.run(listener, stop.triggered());
    let reading = read_all(incoming, intake, stop.clone());
    let (served, ()) = tokio::join!(serving, reading);
    served
}

/// Owns the connections after their upgrade.
async fn read_all(
    mut incoming: mpsc::Receiver<(OnUpgrade, SocketAddr)>,
    intake: Intake,
    stop: Stop,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some((upgrade, peer)) = incoming.recv() => {
                connections.spawn(take_over(upgrade, peer, intake.clone(), stop.clone()));
            }
            Some(_) = connections.join_next() => {}
            () = stop.triggered() => break,
        }
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN, drained).await.is_err() {
        tracing::warn!(left = connections.len(), "stats connections cut");
    }
}

async fn take_over(upgrade: OnUpgrade, peer: SocketAddr, intake: Intake, stop: Stop) {
    let upgraded = match upgrade.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        Err(error) => {
            tracing::debug!(%peer, %error, "upgrade failed");
            return;
        }
    };
    tracing::debug!(%peer, "stats connection");
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await;
    tokio::select! {
        ended = read(&mut socket, &intake) => {
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "stats connection broke");
            }
        }
        () = stop.triggered() => close(&mut socket).await,
    }
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

async fn read(socket: &mut Socket, intake: &Intake) -> Result<(), tungstenite::Error> {
    while let Ok(Some(message)) = timeout(SILENCE, socket.next()).await {
        match message? {
            Message::Binary(bytes) => match WireStatMessages::decode(bytes) {
                Ok(frame) => intake.accept(frame, Timestamp::now()),
                Err(error) => tracing::warn!(%error, "stat message cannot be decoded"),
            },
            Message::Text(_) => tracing::warn!("text message on a stats connection dropped"),
            // The library queues the pong; it is sent with the next read.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }
    Ok(())
}

/// Says that this process restarts and waits until the other side has understood.
async fn close(socket: &mut Socket) {
    let frame = CloseFrame {
        code: CloseCode::Restart,
        reason: "Restarting".into(),
    };
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        while let Some(Ok(_)) = socket.next().await {}
    }
}

/// Answers probes and upgrades the rest.
#[derive(Debug)]
struct Endpoint {
    ownership: Ownership,
    upgrades: mpsc::Sender<(OnUpgrade, SocketAddr)>,
}

impl Handler for Endpoint {
    type Body = Full<Bytes>;

    async fn handle(&self, mut request: Request<Incoming>, peer: &Peer) -> Response<Self::Body> {
        if is_kubelet_probe(request.headers()) || self.is_for_another(request.headers()) {
            // The latter is an ordinary answer and thus a failed handshake.
            return answer(StatusCode::OK);
        }
        let accept = match handshake(request.method(), request.headers()) {
            Ok(accept) => accept,
            Err(status) => return answer(status),
        };
        let upgrade = hyper::upgrade::on(&mut request);
        if self.upgrades.send((upgrade, peer.address())).await.is_err() {
            return answer(StatusCode::SERVICE_UNAVAILABLE);
        }
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_ACCEPT, accept)
            .body(Full::default())
            .expect("the digest is made of visible characters")
    }
}

impl Endpoint {
    /// Whether the client asked for a bucket by name that is not ours.
    fn is_for_another(&self, headers: &HeaderMap) -> bool {
        let host = text(headers, HOST).unwrap_or_default();
        let label = host.split(['.', ':']).next().unwrap_or_default();
        label.starts_with(BUCKET_PREFIX)
            && self
                .ownership
                .position(label)
                .is_none_or(|bucket| !self.ownership.leads(bucket))
    }
}

fn is_kubelet_probe(headers: &HeaderMap) -> bool {
    let agent = text(headers, USER_AGENT).unwrap_or_default();
    let marked = headers.get(headers::KUBELET_PROBE);
    agent.starts_with(headers::KUBE_PROBE_USER_AGENT) || marked.is_some_and(|mark| !mark.is_empty())
}

/// The value of `Sec-WebSocket-Accept`, or the status that refuses the handshake.
fn handshake(method: &Method, headers: &HeaderMap) -> Result<String, StatusCode> {
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    if method != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    if !has_token(headers, &CONNECTION, "upgrade")
        || text(headers, SEC_WEBSOCKET_VERSION) != Some("13")
    {
        return Err(StatusCode::BAD_REQUEST);
    }
    if let Some(origin) = text(headers, ORIGIN) {
        let origin: Uri = origin.parse().map_err(|_| StatusCode::FORBIDDEN)?;
        let same = |authority: &http::uri::Authority| {
            text(headers, HOST).is_some_and(|host| host.eq_ignore_ascii_case(authority.as_str()))
        };
        if !origin.authority().is_some_and(same) {
            return Err(StatusCode::FORBIDDEN);
        }
    }
    let key = text(headers, SEC_WEBSOCKET_KEY).filter(|key| !key.is_empty());
    let key = key.ok_or(StatusCode::BAD_REQUEST)?;
    Ok(derive_accept_key(key.as_bytes()))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case(wanted))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn answer(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
#[path = "stats_server_tests.rs"]
mod tests;
