//! An activator with pods on loopback, and what the two are told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ebb_activator::director::{Caches, Director, Options};
use ebb_activator::handler::Activator;
use ebb_activator::metrics::Metrics;
use ebb_activator::prober::Pace;
use ebb_activator::report::Reporter;
use ebb_activator::revision::Revisions;
use ebb_net::drain::Drainer;
use ebb_net::server::{Handler, Limits, Peer, Server};
use ebb_process::Stop;
use ebb_runtime::Cache;
use ebb_runtime::admin::Readiness;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long anything may take that has to come.
pub(crate) const SOON: Duration = Duration::from_secs(10);

type Body = BoxBody<Bytes, std::convert::Infallible>;
type Client = hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>;

/// What a pod does and has seen.
#[derive(Default)]
pub(crate) struct App {
    pub(crate) unready: AtomicBool,
    pub(crate) running: AtomicUsize,
    pub(crate) most: AtomicUsize,
    pub(crate) served: AtomicUsize,
    /// While set, requests wait for `go`.
    pub(crate) slow: AtomicBool,
    pub(crate) go: Notify,
}

impl Handler for App {
    type Body = Body;

    async fn handle(&self, request: Request<Incoming>, _: &Peer) -> Response<Body> {
        if request.headers().contains_key("k-network-probe") {
            let unready = self.unready.load(Ordering::SeqCst);
            let status = if unready {
                StatusCode::SERVICE_UNAVAILABLE
            } else {
                StatusCode::OK
            };
            let mut response = Response::new(Full::from("queue").boxed());
            *response.status_mut() = status;
            return response;
        }
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        if self.slow.load(Ordering::SeqCst) {
            self.go.notified().await;
        }
        tokio::task::yield_now().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.served.fetch_add(1, Ordering::SeqCst);
        if request.uri().path() == "/stream" {
            // The head goes out, the end does not.
            let first = futures::stream::iter([Ok(Frame::data(Bytes::from_static(b"begin")))]);
            let endless = futures::StreamExt::chain(first, futures::stream::pending());
            return Response::new(BodyExt::boxed(StreamBody::new(endless)));
        }
        let head: Vec<String> = request
            .headers()
            .iter()
            .map(|(n, v)| format!("{n}: {v:?}"))
            .collect();
        Response::new(Full::from(head.join("\n")).boxed())
    }
}

/// An activator and what it is told.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) caches: Caches,
    pub(crate) frames: mpsc::Receiver<Vec<u8>>,
    pub(crate) stop: Stop,
    pub(crate) tasks: JoinSet<()>,
    pub(crate) client: Client,
    pub(crate) pods: Vec<(SocketAddr, bool)>,
    pub(crate) version: u64,
    pub(crate) revisions: Arc<Revisions>,
}

impl World {
    pub(crate) async fn empty() -> Self {
        let caches = Caches {
            revisions: Cache::detached(),
            pods: Cache::detached(),
            slices: Cache::detached(),
        };
        let pace = Pace {
            patience: Duration::from_secs(30),
            late: Duration::from_millis(200),
        };
        let own_ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let options = Options {
            own_ip,
            idle_connections: 10,
            pace,
        };
        let director = Director::new(caches.clone(), options, Metrics::default());
        let revisions = director.revisions();
        let (reporter, frames) = Reporter::new("activator-1");
        let stop = Stop::new();
        let readiness = Readiness::new(stop.clone());
        let drainer = Arc::new(Drainer::new(Duration::from_secs(1)));
        let (synced, known) = watch::channel(false);
        let handler = Activator {
            revisions: Arc::clone(&revisions),
            synced: known,
            reporter,
            readiness,
            drainer,
            cluster_domain: "cluster.local".into(),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        let server = Server::new(Arc::new(handler), &Limits::default());
        tasks.spawn(async move { server.run(listener, std::future::pending()).await.unwrap() });
        let ends = stop.clone();
        tasks.spawn(async move {
            let Ok(()) = director.run(ends, synced).await;
        });
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        Self {
            address,
            caches,
            frames,
            stop,
            tasks,
            client,
            pods: Vec::new(),
            version: 0,
            revisions,
        }
    }

    /// An activator that knows a revision `rev` of this concurrency.
    pub(crate) async fn start(concurrency: u32) -> Self {
        let world = Self::empty().await;
        world.list(concurrency);
        let known = || world.revisions.get("ns", "rev").is_some();
        until("the revision", known).await;
        world
    }

    /// Answers the first list of every kind: there is one revision.
    pub(crate) fn list(&self, concurrency: u32) {
        let revision = json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
            "metadata": {"name": "rev", "namespace": "ns", "uid": "1", "resourceVersion": "1"},
            "spec": {"containers": [{"image": "x"}], "containerConcurrency": concurrency, "timeoutSeconds": 3},
        });
        self.caches
            .revisions
            .replace([serde_json::from_value(revision).unwrap()]);
        self.caches.pods.replace([]);
        self.caches.slices.replace([]);
    }

    /// Starts a pod and tells the activator of it.
    pub(crate) async fn add_pod(&mut self, app: &Arc<App>) -> SocketAddr {
        // Each pod has an IP of its own.
        let ip = Ipv4Addr::new(127, 0, 1, self.pods.len() as u8 + 1);
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(Arc::clone(app), &Limits::default());
        self.tasks
            .spawn(async move { server.run(listener, std::future::pending()).await.unwrap() });
        self.announce(address);
        address
    }

    pub(crate) fn announce(&mut self, address: SocketAddr) {
        self.pods.push((address, false));
        self.publish();
    }

    /// Says that a pod terminates.
    pub(crate) fn retire(&mut self, address: SocketAddr) {
        for (known, leaving) in &mut self.pods {
            *leaving |= *known == address;
        }
        self.publish();
    }

    /// Writes a slice for each pod, as each has its own port.
    pub(crate) fn publish(&mut self) {
        self.version += 1;
        for (address, leaving) in &self.pods {
            let slice = json!({
                "metadata": {
                    "name": format!("rev-private-{}", address.port()), "namespace": "ns",
                    "resourceVersion": self.version.to_string(),
                    "labels": {
                        "networking.internal.knative.dev/serverlessservice": "rev",
                        "networking.internal.knative.dev/serviceType": "Private",
                    },
                },
                "addressType": "IPv4",
                "ports": [{"name": "http", "port": address.port()}],
                "endpoints": [{"addresses": [address.ip()], "conditions": {"ready": false, "terminating": leaving}}],
            });
            self.caches
                .slices
                .insert(serde_json::from_value(slice).unwrap());
        }
    }

    pub(crate) fn request(
        &self,
        revision: &str,
        path: &str,
        more: &[(&str, &str)],
    ) -> Request<Full<Bytes>> {
        let mut request = Request::get(format!("http://{}{path}", self.address))
            .header("host", "hello.example.com")
            .header("knative-serving-namespace", "ns")
            .header("knative-serving-revision", revision);
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        request.body(Full::default()).unwrap()
    }

    pub(crate) async fn get_as(
        &self,
        revision: &str,
        path: &str,
        more: &[(&str, &str)],
    ) -> (u16, String) {
        let response = self
            .client
            .request(self.request(revision, path, more))
            .await
            .unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    pub(crate) async fn get(&self) -> (u16, String) {
        self.get_as("rev", "/", &[]).await
    }

    /// Ends everything, so that no task outlives its test.
    pub(crate) async fn end(mut self) {
        self.stop.trigger();
        self.tasks.shutdown().await;
    }
}

pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let poll = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, poll)
        .await
        .unwrap_or_else(|_| panic!("{what} does not come"));
}
