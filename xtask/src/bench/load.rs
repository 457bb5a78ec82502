//! The load: connections that send the same bytes again as soon as the answer is
//! complete.
//!
//! The generator shares the machine with what it measures, so it does as little
//! as possible: it never parses more of an answer than status and length.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::body_of;

/// How much load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) connections: usize,
    pub(super) duration: Duration,
}

/// Where it goes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) host: String,
    /// Further header lines, each with its end.
    pub(super) headers: String,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) elapsed: Duration,
    /// Of every request, sorted.
    pub(super) latencies: Vec<Duration>,
}

impl Load {
    /// Sends for the whole duration.
    ///
    /// # Errors
    /// Any answer that is not 200 and any connection that breaks: what fails is not
    /// measured.
    pub(super) async fn run(&self, target: &Target) -> Result<Outcome> {
        let begin = Instant::now();
        let end = begin + self.duration;
        let workers = (0..self.connections).map(|_| work(target, end));
        let mut latencies = try_join_all(workers).await?.concat();
        latencies.sort_unstable();
        Ok(Outcome {
            elapsed: begin.elapsed(),
            latencies,
        })
    }
}

impl Target {
    /// Whether one request is answered with 200 now or within a second.
    pub(super) async fn answers(&self) -> bool {
        let exchange = async { Connection::open(self).await?.exchange().await };
        matches!(timeout(Duration::from_secs(1), exchange).await, Ok(Ok(())))
    }
}

async fn work(target: &Target, end: Instant) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(target).await?;
    let mut latencies = Vec::with_capacity(1 << 16);
    loop {
        let begin = Instant::now();
        if begin >= end {
            return Ok(latencies);
        }
        connection.exchange().await?;
        latencies.push(begin.elapsed());
    }
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(target: &Target) -> Result<Self> {
        let Target {
            address,
            host,
            headers,
        } = target;
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ebb-bench\r\nAccept: */*\r\n{headers}\r\n"
        );
        Ok(Self {
            stream,
            request: request.into_bytes(),
            answer: Vec::with_capacity(4096),
        })
    }

    async fn exchange(&mut self) -> Result<()> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            if body_of(&self.answer)?.is_some() {
                return Ok(());
            }
        }
    }
}
