//! Sends on what belongs to another replica.
//!
//! Each bucket has a queue and a task of its own, so that one replica that does not answer holds up
//! nobody else. The holder's address stands in its Lease. A connection is made when there is
//! something to send and kept until the holder changes.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ebb_core::stat::{WireStatMessage, WireStatMessages};
use ebb_process::Stop;
use ebb_runtime::Cache;
use futures::{SinkExt as _, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::intake::Intake;
use crate::ownership::Ownership;

/// Stats that may wait for their owner: some seconds of a busy cluster.
pub const QUEUE: usize = 1000;
/// Stats in one frame.
const BATCH: usize = 100;
/// How long a connection to another replica may take, in each of its two steps.
const CONNECT: Duration = Duration::from_millis(500);
/// Pause after a failure, and how many of them a batch survives. After 15 s its stats are of no
/// use: the owner has decided without them.
const RETRY: Duration = Duration::from_millis(500);
const RETRIES: u32 = 30;
/// A sign of life is asked for this often, and must come within this time.
const PING: Duration = Duration::from_millis(3333);
const PONG: Duration = Duration::from_secs(10);

/// Where the stats of one bucket go while it is not ours.
#[derive(Debug)]
pub struct Peer {
    /// The bucket's name, which is its Lease's.
    pub bucket: String,
    /// The system namespace.
    pub namespace: String,
    /// The Leases of the system namespace.
    pub leases: Cache<Lease>,
    /// The port that replicas listen on.
    pub port: u16,
}

type Socket = WebSocketStream<TcpStream>;

struct Connection {
    holder: IpAddr,
    socket: Socket,
    heard: Instant,
}

impl Peer {
    /// Forwards until a stop is asked for; give it to the supervisor. What turns out to be ours by
    /// the time it is sent goes to `intake`.
    ///
    /// # Errors
    /// None: what cannot be delivered is dropped.
    pub async fn run(
        self,
        mut queue: mpsc::Receiver<WireStatMessage>,
        ownership: Ownership,
        intake: Intake,
        stop: Stop,
    ) -> Result<(), Infallible> {
        let forward = async {
            let mut connection = None;
            let mut ping = interval(PING);
            ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut batch = Vec::with_capacity(BATCH);
            loop {
                tokio::select! {
                    received = queue.recv_many(&mut batch, BATCH) => {
                        if received == 0 {
                            // Nobody is left who could send; the process is on its way out.
                            std::future::pending::<()>().await;
                        }
                        let frame = WireStatMessages { messages: std::mem::take(&mut batch) };
                        if ownership.position(&self.bucket).is_some_and(|at| ownership.leads(at)) {
                            connection = None;
                            intake.accept(frame, Timestamp::now());
                        } else {
                            self.deliver(&mut connection, frame).await;
                        }
                    }
                    () = listen(&mut connection) => {}
                    _ = ping.tick(), if connection.is_some() => keep_alive(&mut connection).await,
                }
            }
        };
        tokio::select! {
            () = forward => {}
            () = stop.triggered() => {}
        }
        Ok(())
    }

    async fn deliver(&self, connection: &mut Option<Connection>, frame: WireStatMessages) {
        let stats = frame.messages.len();
        let bytes = bytes::Bytes::from(frame.encode_to_vec());
        for _ in 0..RETRIES {
            if let Err(error) = self.send(connection, bytes.clone()).await {
                *connection = None;
                tracing::debug!(bucket = %self.bucket, %error, "stats not forwarded yet");
                sleep(RETRY).await;
                continue;
            }
            return;
        }
        tracing::warn!(bucket = %self.bucket, stats, "stats dropped: their owner cannot be reached");
    }

    async fn send(
        &self,
        connection: &mut Option<Connection>,
        bytes: bytes::Bytes,
    ) -> Result<(), Error> {
        let holder = self.holder().ok_or(Error::NoHolder)?;
        let open = match connection.take().filter(|open| open.holder == holder) {
            Some(open) => open,
            None => Connection {
                holder,
                socket: self.connect(holder).await?,
                heard: Instant::now(),
            },
        };
        let open = connection.insert(open);
        Ok(open.socket.send(Message::Binary(bytes)).await?)
    }

    async fn connect(&self, holder: IpAddr) -> Result<Socket, Error> {
        let address = SocketAddr::new(holder, self.port);
        let stream = timeout(CONNECT, TcpStream::connect(address)).await;
        let stream = stream
            .map_err(|_| Error::Timeout)?
            .map_err(Error::Connect)?;
        // Frames are small and urgent.
        let _ = stream.set_nodelay(true);
        let handshake = client_async(format!("ws://{address}/"), stream);
        let (socket, _) = timeout(CONNECT, handshake)
            .await
            .map_err(|_| Error::Timeout)??;
        Ok(socket)
    }

    /// The address in the identity of the bucket's holder.
    fn holder(&self) -> Option<IpAddr> {
        let lease = self.leases.get(&self.namespace, &self.bucket)?;
        address(lease.spec.as_ref()?.holder_identity.as_deref()?)
    }
}

/// `<pod>_<address>`; what does not look like it belongs to nobody we can reach.
fn address(identity: &str) -> Option<IpAddr> {
    identity.split_once('_')?.1.parse().ok()
}

/// Reads what the other side sends: nothing but pongs, until it ends.
async fn listen(connection: &mut Option<Connection>) {
    let Some(open) = connection else {
        return std::future::pending().await;
    };
    match open.socket.next().await {
        Some(Ok(Message::Close(_)) | Err(_)) | None => *connection = None,
        Some(Ok(_)) => open.heard = Instant::now(),
    }
}

async fn keep_alive(connection: &mut Option<Connection>) {
    let Some(open) = connection else { return };
    let silent = open.heard.elapsed() > PONG;
    if silent
        || open
            .socket
            .send(Message::Ping(bytes::Bytes::new()))
            .await
            .is_err()
    {
        *connection = None;
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("nobody holds the bucket")]
    NoHolder,
    #[error("no answer within {CONNECT:?}")]
    Timeout,
    #[error("cannot connect")]
    Connect(#[source] std::io::Error),
    #[error("WebSocket failed")]
    Socket(#[from] tungstenite::Error),
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;
    use crate::stats_server;
    use crate::test_util::{Bench, World, frame};

    #[tokio::test]
    async fn a_stat_reaches_its_owner_by_way_of_another_replica() {
        let owner = Bench::new(&World::at_zero());
        let other = Bench::new(&World::at_zero());
        other.leads.send_replace(false);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lease = serde_json::from_value(json!({
            "metadata": { "name": "autoscaler-bucket-00-of-01", "namespace": "system" },
            "spec": { "holderIdentity": "autoscaler-2_127.0.0.1" },
        }));
        let peer = Peer {
            bucket: "autoscaler-bucket-00-of-01".into(),
            namespace: "system".into(),
            leases: Cache::of([lease.unwrap()]),
            port,
        };
        let stop = Stop::new();
        let mut tasks = JoinSet::new();
        let (ownership, intake) = (owner.ownership.clone(), owner.intake.clone());
        tasks.spawn(stats_server::run(listener, ownership, intake, stop.clone()));
        let (ownership, intake) = (other.ownership.clone(), other.intake.clone());
        let forwarding = peer.run(other.elsewhere, ownership, intake, stop.clone());
        tasks.spawn(async move {
            forwarding.await.unwrap();
            Ok(())
        });

        other.intake.accept(frame(1.0), Timestamp::now());
        let (woken, _) = owner.queue.next().await;
        assert_eq!(woken, crate::test_util::key());
        assert_eq!(other.queue.depth(), 0);
        stop.trigger();
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap().unwrap();
        }
    }

    #[test]
    fn the_address_follows_the_first_underscore() {
        assert_eq!(address("autoscaler-1_10.0.0.7"), Some([10, 0, 0, 7].into()));
        assert_eq!(address("autoscaler-1_fd00::7"), "fd00::7".parse().ok());
        assert_eq!(address("autoscaler-1"), None);
        assert_eq!(address("pod_0d1e-uuid"), None);
    }
}
