//! What every ready replica of the gateway serves, as the one knows it that writes status.
//!
//! Replicas are the ready addresses of the internal Service. The ledger of each is followed over one connection each;
//! every line that arrives is a reason to look at that Ingress again. So the last replica's change is known here
//! within a round trip, without asking again and again.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ebb_net::client::{self, Upstream};
use ebb_process::Stop;
use ebb_process::log::Chain;
use ebb_runtime::lease::Leadership;
use ebb_runtime::queue::Queue;
use ebb_runtime::{Cache, Key};
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::ledger::{Entry, PATH, Version};
use crate::objects::service_of;

/// Pause before a replica is asked again that could not be followed. It is ready, so it will answer soon.
const RETRY: Duration = Duration::from_millis(100);

/// What they serve. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Replicas(Arc<Mutex<HashMap<IpAddr, Replica>>>);

#[derive(Debug, Default)]
struct Replica {
    /// Whether its whole ledger has been read.
    complete: bool,
    serving: HashMap<Key, Version>,
}

/// Follows the replicas while leading.
#[derive(Debug)]
pub struct Follower {
    replicas: Replicas,
    slices: Cache<EndpointSlice>,
    service: Key,
    port: u16,
    changed: Arc<Notify>,
    news: News,
}

/// Who hears of changes.
#[derive(Clone, Debug)]
pub struct News {
    /// Gets each Ingress of which a replica told something new.
    pub queue: Queue,
    /// Counts up when all Ingresses may be concerned: replicas came or went.
    pub sweep: watch::Sender<u64>,
}

/// The connection to one replica.
struct Link {
    replicas: Replicas,
    address: IpAddr,
    upstream: Arc<Upstream>,
    news: News,
}

/// Why a replica is not followed any more.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot ask")]
    Request(#[from] client::Error),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("broke off")]
    Body(#[from] ebb_net::body::Error),
    #[error("sent what is no entry")]
    Line(#[from] serde_json::Error),
    #[error("ended")]
    End,
}

impl Replicas {
    /// Whether there are replicas and all of them serve this version.
    pub fn all_serve(&self, key: &Key, version: &Version) -> bool {
        let replicas = self.0.lock();
        let serves =
            |replica: &Replica| replica.complete && replica.serving.get(key) == Some(version);
        !replicas.is_empty() && replicas.values().all(serves)
    }

    fn keep(&self, addresses: &BTreeSet<IpAddr>) {
        let mut replicas = self.0.lock();
        replicas.retain(|address, _| addresses.contains(address));
        for address in addresses {
            replicas.entry(*address).or_default();
        }
    }

    fn update(&self, address: IpAddr, change: impl FnOnce(&mut Replica)) {
        // One that is not ready any more may still talk.
        if let Some(replica) = self.0.lock().get_mut(&address) {
            change(replica);
        }
    }
}

// === impl Follower ===

impl Follower {
    /// Will follow the ledgers on `port` of the ready addresses of `service`.
    pub fn new(
        replicas: Replicas,
        slices: Cache<EndpointSlice>,
        service: Key,
        port: u16,
        news: News,
    ) -> Self {
        let changed = Arc::new(Notify::new());
        let (wake, ours) = (changed.clone(), service.clone());
        slices.observe(move |change| {
            if service_of(change.latest()).as_ref() == Some(&ours) {
                wake.notify_one();
            }
        });
        Self {
            replicas,
            slices,
            service,
            port,
            changed,
            news,
        }
    }

    /// Follows whenever this replica leads, until `stop`.
    ///
    /// # Errors
    /// None: a replica that does not answer is asked again until it is not ready any more.
    pub async fn run(self, mut leadership: Leadership, stop: Stop) -> Result<(), Infallible> {
        loop {
            tokio::select! {
                () = leadership.gained() => {}
                () = stop.triggered() => return Ok(()),
            }
            tokio::select! {
                () = self.follow_all() => {}
                () = leadership.lost() => self.replicas.0.lock().clear(),
                () = stop.triggered() => return Ok(()),
            }
        }
    }

    async fn follow_all(&self) {
        // Dropped, and with it all that it follows, when leadership ends.
        let mut tasks = JoinSet::new();
        let mut following = HashMap::new();
        loop {
            let addresses = self.addresses();
            self.replicas.keep(&addresses);
            following.retain(|address, task: &mut tokio::task::AbortHandle| {
                let stays = addresses.contains(address);
                if !stays {
                    task.abort();
                }
                stays
            });
            for address in addresses {
                following
                    .entry(address)
                    .or_insert_with(|| tasks.spawn(self.link(address).keep_up()));
            }
            // With one replica less, something may be served by all that are left.
            self.news.sweep();
            self.changed.notified().await;
            while tasks.try_join_next().is_some() {}
        }
    }

    fn addresses(&self) -> BTreeSet<IpAddr> {
        let slices = self
            .slices
            .filter(|slice| service_of(slice).as_ref() == Some(&self.service));
        let endpoints = slices.iter().flat_map(|slice| &slice.endpoints);
        let ready = endpoints.filter(|endpoint| {
            endpoint
                .conditions
                .as_ref()
                .and_then(|conditions| conditions.ready)
                .unwrap_or(true)
        });
        ready
            .flat_map(|endpoint| &endpoint.addresses)
            .filter_map(|text| text.parse().ok())
            .collect()
    }

    fn link(&self, address: IpAddr) -> Link {
        let upstream = Upstream::new(
            SocketAddr::new(address, self.port),
            client::Settings::default(),
        );
        Link {
            replicas: self.replicas.clone(),
            address,
            upstream,
            news: self.news.clone(),
        }
    }
}

impl News {
    fn sweep(&self) {
        self.sweep.send_modify(|version| *version += 1);
    }
}

// === impl Link ===

impl Link {
    /// Reads the replica's ledger for as long as it is ready.
    async fn keep_up(self) {
        loop {
            let Err(error) = self.read().await;
            tracing::debug!(address = %self.address, error = %Chain(&error), "replica not followed");
            self.replicas
                .update(self.address, |replica| *replica = Replica::default());
            sleep(RETRY).await;
        }
    }

    /// Reads until something goes wrong.
    async fn read(&self) -> Result<Infallible, Error> {
        let request = Request::get(PATH)
            .header(HOST, self.upstream.address().to_string())
            .body(())
            .expect("path and address make a request");
        let response = self.upstream.probe(request).await?;
        if response.status() != StatusCode::OK {
            return Err(Error::Status(response.status()));
        }
        let mut body = response.into_body();
        let mut unread = BytesMut::new();
        while let Some(frame) = body.frame().await {
            unread.extend_from_slice(frame?.data_ref().map(|data| &data[..]).unwrap_or_default());
            while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                self.take(&unread.split_to(end + 1)[..end])?;
            }
        }
        Err(Error::End)
    }

    fn take(&self, line: &[u8]) -> Result<(), serde_json::Error> {
        if line.is_empty() {
            self.replicas
                .update(self.address, |replica| replica.complete = true);
            self.news.sweep();
            return Ok(());
        }
        let Entry {
            namespace,
            name,
            version,
        } = serde_json::from_slice(line)?;
        let key = Key::new(namespace, name);
        self.replicas.update(self.address, |replica| {
            match version {
                Some(version) => replica.serving.insert(key.clone(), version),
                None => replica.serving.remove(&key),
            };
        });
        self.news.queue.add(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;
    use crate::ledger::{Ledger, Standing};

    fn version(generation: i64) -> Version {
        Version {
            uid: "u".into(),
            generation,
            hash: "h".into(),
        }
    }

    fn slice(addresses: &[&str]) -> EndpointSlice {
        let endpoints: Vec<_> = addresses
            .iter()
            .map(|ip| json!({ "addresses": [ip] }))
            .collect();
        let slice = json!({
            "metadata": {
                "namespace": "ns", "name": "replicas", "labels": { "kubernetes.io/service-name": "gateway" },
                "resourceVersion": addresses.join(","),
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
        });
        serde_json::from_value(slice).unwrap()
    }

    /// Waits until `all_serve` says what is expected.
    async fn settles(replicas: &Replicas, version: &Version, expected: bool) {
        let key = Key::new("ns", "i");
        let search = async {
            while replicas.all_serve(&key, version) != expected {
                sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), search)
            .await
            .expect("agreement in time");
    }

    #[tokio::test]
    async fn all_replicas_serve_what_the_last_one_has_told() {
        let stop = Stop::new();
        let ledgers = [Ledger::default(), Ledger::default()];
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let second = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
        let mut tasks = JoinSet::new();
        for (listener, ledger) in [first, second].into_iter().zip(&ledgers) {
            let router = ledger.router(stop.clone());
            let stop = stop.clone();
            tasks.spawn(async move {
                ebb_runtime::admin::serve(listener, router, stop)
                    .await
                    .unwrap()
            });
        }
        let slices = Cache::of([slice(&["127.0.0.1", "127.0.0.2"])]);
        let replicas = Replicas::default();
        let news = News {
            queue: Queue::new(),
            sweep: watch::Sender::new(0),
        };
        let service = Key::new("ns", "gateway");
        let follower = Follower::new(
            replicas.clone(),
            slices.clone(),
            service,
            port,
            news.clone(),
        );
        let (lead, leadership) = Leadership::channel();
        let following = follower.run(leadership, stop.clone());
        tasks.spawn(async move { following.await.unwrap() });

        let key = Key::new("ns", "i");
        lead.send_replace(true);
        ledgers[0].record(&key, Some(Standing::Serving(version(1))));
        assert_eq!(news.queue.next().await.0, key);
        assert!(!replicas.all_serve(&key, &version(1)));
        ledgers[1].record(&key, Some(Standing::Serving(version(1))));
        settles(&replicas, &version(1), true).await;
        // The next generation: nobody, one, and the other one leaves.
        ledgers[0].record(&key, Some(Standing::Waiting));
        settles(&replicas, &version(1), false).await;
        ledgers[0].record(&key, Some(Standing::Serving(version(2))));
        assert!(!replicas.all_serve(&key, &version(2)));
        slices.insert(slice(&["127.0.0.1"]));
        settles(&replicas, &version(2), true).await;
        lead.send_replace(false);
        settles(&replicas, &version(2), false).await;

        stop.trigger();
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }
}
