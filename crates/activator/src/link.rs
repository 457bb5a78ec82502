//! The connection to the autoscaler: one WebSocket, for ever made anew.
//!
//! Its address comes from the API (the Service's cluster IP), not from DNS. The activator does its work without this
//! connection; only revisions at zero wait, since nobody else starts their pods.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use ebb_process::Stop;
use ebb_process::log::Chain;
use ebb_runtime::Cache;
use futures::{SinkExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::Service;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::metrics::LinkMetrics;

/// Name of the autoscaler's Service, and of the port of its stats server, which is 8080 in all installations known.
const SERVICE: &str = "autoscaler";
const PORT_NAME: &str = "http";
const PORT: u16 = 8080;
/// Connecting and shaking hands.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// A connection that was silent for this long is dead; pings see to it that a live one is not.
const SILENCE: Duration = Duration::from_secs(10);
const PING: Duration = Duration::from_millis(3330);
/// Delays between attempts. Upstream's grow to 14 s; a revision at zero waits for them, so ours end at one second.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LIMIT: Duration = Duration::from_secs(1);
const RETRY_FACTOR: f64 = 1.3;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the Service {SERVICE} has no cluster IP yet")]
    NoAddress,
    #[error("no connection within {HANDSHAKE:?}")]
    TimedOut,
    #[error("cannot connect to {address}")]
    Connect {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("WebSocket broke")]
    WebSocket(#[source] Box<tungstenite::Error>),
    #[error("closed by the autoscaler")]
    Closed,
    #[error("silent for {SILENCE:?}")]
    Silent,
}

/// Sends frames to the autoscaler.
#[derive(Debug)]
pub struct Link {
    services: Cache<Service>,
    namespace: String,
    host: String,
    frames: mpsc::Receiver<Vec<u8>>,
    metrics: LinkMetrics,
}

impl Link {
    /// A link to the autoscaler of `namespace`, whose Service is in `services`.
    pub fn new(
        services: Cache<Service>,
        namespace: &str,
        cluster_domain: &str,
        frames: mpsc::Receiver<Vec<u8>>,
        metrics: LinkMetrics,
    ) -> Self {
        let host = format!("{SERVICE}.{namespace}.svc.{cluster_domain}:{PORT}");
        Self {
            services,
            namespace: namespace.to_owned(),
            host,
            frames,
            metrics,
        }
    }

    /// Stays connected until a stop is asked for; give it to the supervisor. `connected` is called each time.
    ///
    /// # Errors
    /// None.
    pub async fn run(mut self, stop: Stop, connected: impl Fn() + Send) -> Result<(), Infallible> {
        tokio::select! {
            () = self.keep(connected) => {}
            () = stop.triggered() => {}
        }
        Ok(())
    }

    async fn keep(&mut self, connected: impl Fn()) {
        let mut delay = RETRY_FIRST;
        loop {
            match self.connect().await {
                Ok(socket) => {
                    tracing::info!(autoscaler = %self.host, "connected to the autoscaler");
                    self.metrics.connected();
                    delay = RETRY_FIRST;
                    // What was reported during the handshake is old by now.
                    while self.frames.try_recv().is_ok() {}
                    connected();
                    let error = self.talk(socket).await;
                    self.metrics.lost();
                    tracing::warn!(error = %Chain(&error), "connection to the autoscaler lost");
                }
                Err(error) => {
                    tracing::debug!(error = %Chain(&error), "no connection to the autoscaler")
                }
            }
            let jitter = 1.0 + rand::random::<f64>() / 2.0;
            self.discard_until(Instant::now() + delay.mul_f64(jitter))
                .await;
            delay = delay.mul_f64(RETRY_FACTOR).min(RETRY_LIMIT);
        }
    }

    /// What is reported while there is no connection is lost on purpose.
    async fn discard_until(&mut self, until: Instant) {
        loop {
            tokio::select! {
                Some(_) = self.frames.recv() => {}
                () = sleep_until(until) => return,
            }
        }
    }

    async fn connect(&self) -> Result<WebSocketStream<TcpStream>, Error> {
        let address = self.address().ok_or(Error::NoAddress)?;
        let connect = async {
            let stream = TcpStream::connect(address)
                .await
                .map_err(|source| Error::Connect { address, source })?;
            // A report must not wait for the next one to fill a packet.
            let _ = stream.set_nodelay(true);
            let url = format!("ws://{}", self.host);
            let (socket, _) = tokio_tungstenite::client_async(url, stream)
                .await
                .map_err(broken)?;
            Ok(socket)
        };
        timeout(HANDSHAKE, connect)
            .await
            .unwrap_or(Err(Error::TimedOut))
    }

    fn address(&self) -> Option<SocketAddr> {
        let service = self.services.get(&self.namespace, SERVICE)?;
        let spec = service.spec.as_ref()?;
        let ip = spec.cluster_ip.as_ref()?.parse().ok()?;
        let mut ports = spec.ports.iter().flatten();
        let stats = ports.find(|port| port.name.as_deref() == Some(PORT_NAME));
        let port = stats.and_then(|port| port.port.try_into().ok());
        Some(SocketAddr::new(ip, port.unwrap_or(PORT)))
    }

    /// Sends frames until the connection ends and tells why it did.
    async fn talk(&mut self, mut socket: WebSocketStream<TcpStream>) -> Error {
        let mut heard = Instant::now();
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let sent = tokio::select! {
                Some(frame) = self.frames.recv() => socket.send(Message::Binary(frame.into())).await,
                _ = pings.tick() => socket.send(Message::Ping(Default::default())).await,
                message = socket.next() => match message {
                    None | Some(Ok(Message::Close(_))) => return Error::Closed,
                    Some(Ok(_)) => {
                        heard = Instant::now();
                        Ok(())
                    }
                    Some(Err(error)) => Err(error),
                },
                () = sleep_until(heard + SILENCE) => return Error::Silent,
            };
            if let Err(error) = sent {
                return broken(error);
            }
        }
    }
}

fn broken(error: tungstenite::Error) -> Error {
    Error::WebSocket(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;
    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;
    use tokio_tungstenite::accept_async;

    use super::*;

    /// The next connection to the autoscaler.
    async fn accept(autoscaler: &TcpListener) -> WebSocketStream<TcpStream> {
        let (stream, _) = autoscaler.accept().await.unwrap();
        accept_async(stream).await.unwrap()
    }

    async fn frame<S>(socket: &mut WebSocketStream<S>) -> Vec<u8>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            if let Message::Binary(bytes) = socket.next().await.unwrap().unwrap() {
                return bytes.to_vec();
            }
        }
    }

    #[tokio::test]
    async fn a_lost_connection_is_made_anew_and_old_reports_are_not_sent_late() {
        let autoscaler = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = autoscaler.local_addr().unwrap().port();
        let service = json!({
            "metadata": {"name": "autoscaler", "namespace": "ns"},
            "spec": {"clusterIP": "127.0.0.1", "ports": [{"name": "http", "port": port}]},
        });
        let services = Cache::of([serde_json::from_value(service).unwrap()]);
        let (frames, outgoing) = mpsc::channel(8);
        let link = Link::new(
            services,
            "ns",
            "cluster.local",
            outgoing,
            LinkMetrics::default(),
        );
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let mut tasks = JoinSet::new();
        tasks.spawn(link.run(Stop::new(), move || {
            counted.fetch_add(1, Ordering::SeqCst);
        }));

        let mut first = accept(&autoscaler).await;
        while connections.load(Ordering::SeqCst) < 1 {
            tokio::task::yield_now().await;
        }
        frames.send(b"one".to_vec()).await.unwrap();
        assert_eq!(frame(&mut first).await, b"one");
        first.close(None).await.unwrap();
        drop(first);
        let mut second = autoscaler.accept().await.unwrap().0;
        // The link is in the middle of its handshake and cannot send.
        frames.send(b"late".to_vec()).await.unwrap();
        let mut second = accept_async(&mut second).await.unwrap();
        while connections.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        frames.send(b"two".to_vec()).await.unwrap();
        assert_eq!(frame(&mut second).await, b"two");
        tasks.shutdown().await;
    }
}
