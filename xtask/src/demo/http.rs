//! A small HTTP/1.1 client that speaks to one address under any host name: what a browser would do, without DNS.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Where all requests go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gateway {
    pub(super) address: SocketAddr,
}

/// One connection to the gateway; it carries one request at a time.
#[derive(Debug)]
pub(super) struct Connection {
    sender: http1::SendRequest<Empty<Bytes>>,
    /// Moves the bytes; ends with the connection.
    _driver: JoinSet<()>,
}

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// From sending the request to the last byte.
    pub(super) took: Duration,
}

impl Gateway {
    pub(super) async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address)
            .await
            .with_context(|| format!("cannot connect to the gateway at {}", self.address))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What goes wrong here, the one who waits for an answer hears as well.
            let _ = connection.await;
        });
        Ok(Connection {
            sender,
            _driver: driver,
        })
    }

    /// One request over a connection of its own.
    pub(super) async fn get(&self, host: &str, path: &str) -> Result<Answer> {
        self.connect().await?.get(host, path).await
    }
}

impl Connection {
    pub(super) async fn get(&mut self, host: &str, path: &str) -> Result<Answer> {
        let request = Request::get(path).header(HOST, host).body(Empty::new())?;
        let begun = Instant::now();
        self.sender
            .ready()
            .await
            .context("the connection is gone")?;
        let response = self
            .sender
            .send_request(request)
            .await
            .context("no answer")?;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .context("the answer broke off")?
            .to_bytes();
        Ok(Answer {
            status,
            body,
            took: begun.elapsed(),
        })
    }
}

impl Answer {
    /// The body as text, cut to a length that fits into a message.
    pub(super) fn excerpt(&self) -> String {
        String::from_utf8_lossy(&self.body)
            .trim()
            .chars()
            .take(160)
            .collect()
    }
}
