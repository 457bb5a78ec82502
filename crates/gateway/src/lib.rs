//! The gateway: takes requests from the world and the cluster and forwards them to pods, as Ingress objects say.
//!
//! ```text
//! Ingress, Service, EndpointSlice, Secret ──► programmer ──► routing table, backends ──► proxy ◄── requests
//!                                                 │
//!                                              ledger ── every replica tells what it serves
//!                                                 │
//!                                   status (one replica): Ready when all of them serve it
//! ```
//!
//! It does not decide where traffic should go, it does not time requests out, and it does not repeat what a backend
//! may have seen.

pub mod backend;
pub mod certificates;
pub mod class;
pub mod directory;
pub mod ledger;
pub mod listeners;
pub mod metrics;
pub mod objects;
pub mod programmer;
pub mod proxy;
pub mod replicas;
pub mod settings;
pub mod status;

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ebb_core::routing::table::{Door, Table};
use ebb_net::client::{self, Backoff};
use ebb_process::Supervisor;
use ebb_process::metrics::{Exposition, Registry};
use ebb_runtime::admin::{self, Readiness};
use ebb_runtime::lease::{self, Elector, Timing};
use ebb_runtime::reconcile::Controller;
use ebb_runtime::status::StatusWriter;
use ebb_runtime::{Key, reconcile};
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::certificates::Certificates;
use crate::directory::Directory;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::objects::{Inbox, Objects};
use crate::programmer::Programmer;
use crate::proxy::{Proxy, Routes};
use crate::replicas::{Follower, News, Replicas};
use crate::settings::{PRIVATE_SERVICE, PUBLIC_SERVICE, Ports, Settings};
use crate::status::{EntryPoints, Reconciler};

/// Who writes status is settled quickly: while nobody does, no new Ingress becomes Ready.
const ELECTION: Timing = Timing {
    lease: Duration::from_secs(15),
    renew: Duration::from_secs(10),
    retry: Duration::from_secs(2),
};

/// A pod that does not answer for a second is given up for another one.
const CONNECT: Backoff = Backoff {
    first: Duration::from_millis(50),
    factor: 1.4,
    retries: 5,
    pause: Duration::from_millis(45),
};

/// Status writes at once; each is one short call of the API server.
const STATUS_WRITERS: usize = 16;

/// All ports, bound before anything else begins, so that a taken one ends the process at once.
#[derive(Debug)]
pub struct Listeners {
    http: TcpListener,
    https: TcpListener,
    internal: TcpListener,
    admin: TcpListener,
    metrics: TcpListener,
}

impl Listeners {
    /// Binds the ports.
    ///
    /// # Errors
    /// When one cannot be bound; the message names it.
    pub async fn bind(ports: &Ports) -> std::io::Result<Self> {
        let bind = |port| admin::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
        Ok(Self {
            http: bind(ports.http).await?,
            https: bind(ports.https).await?,
            internal: bind(ports.internal).await?,
            admin: bind(ports.admin).await?,
            metrics: bind(ports.metrics).await?,
        })
    }

    /// The numbers that were bound, which differ from those asked for where that was 0.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn ports(&self) -> std::io::Result<Ports> {
        let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
        Ok(Ports {
            http: port(&self.http)?,
            https: port(&self.https)?,
            internal: port(&self.internal)?,
            admin: port(&self.admin)?,
            metrics: port(&self.metrics)?,
        })
    }
}

/// Starts everything that serves `objects` under `supervisor`. Returns at once; requests are answered from then on, and
/// readiness follows when the table is loaded.
pub fn start(
    supervisor: &Supervisor,
    client: &Client,
    objects: Objects,
    settings: &Settings,
    listeners: Listeners,
) {
    let stop = supervisor.stop();
    let resolv_conf =
        std::fs::read_to_string(ebb_runtime::cluster::RESOLV_CONF).unwrap_or_default();
    let cluster_domain =
        ebb_runtime::cluster::domain(settings.cluster_domain.as_deref(), &resolv_conf);

    let mut registry = Registry::default();
    let metrics = Metrics::register(registry.sub_registry_with_prefix("ebb_gateway"));
    let queue_metrics = reconcile::Metrics::register(&mut registry);
    let exposition = Exposition::new(registry);

    let routes: Arc<Routes> = Arc::new(Routes::from_pointee(Table::default()));
    let ledger = Ledger::default();
    let certificates = Certificates::default();
    let by_name = certificates.by_name();

    let readiness = Readiness::new(stop.clone());
    let loaded = readiness.waits_for("the routing table");
    let directory = Directory::new(
        objects.clone(),
        cluster_domain.clone(),
        client::Settings {
            backoff: CONNECT,
            ..client::Settings::default()
        },
    );
    let programmer = Programmer::new(
        objects.clone(),
        directory,
        certificates,
        routes.clone(),
        ledger.clone(),
    );
    let replicas = Replicas::default();
    let status = Controller::new(
        "ingress-controller",
        Reconciler::new(
            objects.ingresses.clone(),
            ledger.clone(),
            replicas.clone(),
            StatusWriter::new(client.clone()),
            entry_points(&settings.system_namespace, &cluster_domain),
        ),
        &objects.ingresses,
    );
    let sweep = watch::Sender::new(0);
    let status = status
        .sweep_on(sweep.subscribe())
        .concurrency(STATUS_WRITERS)
        .metrics(queue_metrics);
    let follower = Follower::new(
        replicas,
        objects.slices.clone(),
        Key::new(&settings.system_namespace, PRIVATE_SERVICE),
        settings.ports.admin,
        News {
            queue: status.queue(),
            sweep,
        },
    );
    let identity = lease::identity(&settings.pod_name, settings.pod_uid.as_deref());
    let lease_name = lease::name("ebb-gateway", "ingress", 0, 1);
    let (elector, leadership) = Elector::new(
        client.clone(),
        &settings.system_namespace,
        &lease_name,
        &identity,
        ELECTION,
    );

    supervisor.spawn("programmer", {
        let (objects, stop) = (objects.clone(), stop.clone());
        async move {
            tokio::select! {
                () = objects.ready() => {}
                () = stop.triggered() => return Ok::<_, std::convert::Infallible>(()),
            }
            let inbox = Inbox::default();
            objects.report_to(&inbox);
            programmer.run(inbox, || loaded.set(true), stop).await;
            Ok(())
        }
    });
    supervisor.spawn("status", status.run(leadership.clone(), stop.clone()));
    supervisor.spawn("replicas", follower.run(leadership, stop.clone()));
    supervisor.spawn("lease", elector.run(stop.clone()));

    let public = Arc::new(Proxy::new(Door::Public, routes.clone(), metrics.clone()));
    let private = Arc::new(Proxy::new(Door::Private, routes, metrics));
    supervisor.spawn(
        "http",
        listeners::plain(listeners.http, public.clone(), stop.clone()),
    );
    supervisor.spawn(
        "https",
        listeners::secure(listeners.https, by_name, public, stop.clone()),
    );
    supervisor.spawn(
        "internal http",
        listeners::plain(listeners.internal, private, stop.clone()),
    );
    let admin_router = admin::health(readiness).merge(ledger.router(stop.clone()));
    supervisor.spawn(
        "admin",
        admin::serve(listeners.admin, admin_router, stop.clone()),
    );
    supervisor.spawn(
        "metrics",
        admin::serve(listeners.metrics, admin::metrics(exposition), stop),
    );
}

fn entry_points(namespace: &str, cluster_domain: &str) -> EntryPoints {
    let name = |service| format!("{service}.{namespace}.svc.{cluster_domain}");
    EntryPoints {
        public: name(PUBLIC_SERVICE),
        private: name(PRIVATE_SERVICE),
    }
}
