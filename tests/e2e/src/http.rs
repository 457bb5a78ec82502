//! A client that speaks to the gateway under any host name, without DNS.
//!
//! Every request has a connection of its own unless a [`Connection`] is kept. Nothing is ever sent twice: what the
//! gateway does not answer well is a failure.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderMap};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long any single answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Body of a request.
pub type Body = BoxBody<Bytes, std::convert::Infallible>;

/// Where all requests go.
#[derive(Debug, Clone, Copy)]
pub struct Gateway {
    /// Its public address.
    pub address: SocketAddr,
}

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, to the end.
    pub body: Bytes,
}

/// An HTTP/1.1 connection that carries one request after the other.
#[derive(Debug)]
pub struct Connection {
    sender: http1::SendRequest<Body>,
    /// Moves the bytes; ends with the connection.
    _driver: JoinSet<()>,
}

/// An HTTP/2 connection in plain text, begun without asking.
#[derive(Debug)]
pub struct H2Connection {
    sender: http2::SendRequest<Body>,
    _driver: JoinSet<()>,
}

impl Gateway {
    /// Asks for `path` of `host`, once.
    ///
    /// # Errors
    /// If there is no complete answer in time; its status does not matter.
    pub async fn get(&self, host: &str, path: &str) -> Result<Answer> {
        self.connect().await?.get(host, path).await
    }

    /// As [`Gateway::get`], and the answer must be 200.
    ///
    /// # Errors
    /// If there is no answer, or another.
    pub async fn ok(&self, host: &str, path: &str) -> Result<Answer> {
        let answer = self.get(host, path).await?;
        ensure!(
            answer.status == StatusCode::OK,
            "{host}{path} answered {}: {}",
            answer.status,
            answer.text()
        );
        Ok(answer)
    }

    /// Opens a connection for HTTP/1.1.
    ///
    /// # Errors
    /// If nobody listens.
    pub async fn connect(&self) -> Result<Connection> {
        let (sender, connection) = http1::handshake(TokioIo::new(self.dial().await?)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Whoever waits for an answer hears of the trouble as well.
            let _ = connection.with_upgrades().await;
        });
        Ok(Connection {
            sender,
            _driver: driver,
        })
    }

    /// Opens a connection for HTTP/2.
    ///
    /// # Errors
    /// If nobody listens or the other side does not know HTTP/2.
    pub async fn connect_h2(&self) -> Result<H2Connection> {
        let io = TokioIo::new(self.dial().await?);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            let _ = connection.await;
        });
        Ok(H2Connection {
            sender,
            _driver: driver,
        })
    }

    /// Opens a WebSocket at `path` of `host`.
    ///
    /// # Errors
    /// If the upgrade is refused.
    pub async fn websocket(&self, host: &str, path: &str) -> Result<WebSocketStream<TcpStream>> {
        let url = format!("ws://{host}{path}");
        let (socket, _) =
            tokio::time::timeout(ANSWER_WITHIN, client_async(url, self.dial().await?))
                .await
                .context("no answer to the upgrade")?
                .context("the upgrade was refused")?;
        Ok(socket)
    }

    async fn dial(&self) -> Result<TcpStream> {
        let stream = tokio::time::timeout(ANSWER_WITHIN, TcpStream::connect(self.address))
            .await
            .context("the gateway does not take connections")?
            .with_context(|| format!("cannot connect to the gateway at {}", self.address))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Connection {
    /// Asks for `path` of `host`, once.
    ///
    /// # Errors
    /// If there is no complete answer in time.
    pub async fn get(&mut self, host: &str, path: &str) -> Result<Answer> {
        let request = Request::get(path)
            .header(HOST, host)
            .body(Empty::new().boxed())?;
        let exchange = async {
            self.sender.ready().await?;
            complete(self.sender.send_request(request).await?).await
        };
        tokio::time::timeout(ANSWER_WITHIN, exchange)
            .await
            .with_context(|| format!("no answer within {} s", ANSWER_WITHIN.as_secs()))?
    }
}

impl H2Connection {
    /// Sends a request; its body and that of the answer may go on at the same time.
    ///
    /// # Errors
    /// If no head of an answer comes in time.
    pub async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>> {
        self.sender.ready().await?;
        let answer = tokio::time::timeout(ANSWER_WITHIN, self.sender.send_request(request))
            .await
            .context("no answer in time")??;
        Ok(answer)
    }
}

impl Answer {
    /// A header that the sample applications set: which revision answered.
    #[must_use]
    pub fn revision(&self) -> &str {
        self.header("x-revision")
    }

    /// The value of a header; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body, cut to what fits into a message.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body)
            .trim()
            .chars()
            .take(200)
            .collect()
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// If it is none.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }
}

async fn complete(response: Response<Incoming>) -> Result<Answer> {
    let (head, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .context("the answer broke off")?
        .to_bytes();
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
    })
}
