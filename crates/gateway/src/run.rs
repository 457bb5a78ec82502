//! Puts the gateway together and runs it.
//!
//! There are two ends. `leaving` is the wish to go: the replica is not ready any more and gives up its lease, but goes
//! on serving, with a table that goes on following the objects. When the last request is over everything stops.

use std::convert::Infallible;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ebb_core::routing::table::{Door, Table};
use ebb_net::client::{self, Backoff};
use ebb_process::metrics::{Exposition, Registry};
use ebb_process::{Stop, Supervisor};
use ebb_runtime::admin::{self, Readiness};
use ebb_runtime::lease::{self, Elector, Leadership, Timing};
use ebb_runtime::reconcile::{self, Controller};
use ebb_runtime::status::StatusWriter;
use ebb_runtime::{Key, cluster};
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::certificates::Certificates;
use crate::directory::Directory;
use crate::ledger::Ledger;
use crate::listeners;
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

/// Starts everything that serves `objects`; the caller then runs the supervisor. Returns at once: requests are answered
/// from then on, and readiness follows when the table is loaded.
pub fn start(
    supervisor: &Supervisor,
    client: &Client,
    objects: Objects,
    settings: &Settings,
    listeners: Listeners,
    leaving: Stop,
) {
    let stop = supervisor.stop();
    let mut registry = Registry::default();
    let metrics = Metrics::register(registry.sub_registry_with_prefix("ebb_gateway"));
    let queue_metrics = reconcile::Metrics::register(&mut registry);
    let cluster_domain = cluster::detect(settings.cluster_domain.as_deref());

    let routes: Arc<Routes> = Arc::new(Routes::from_pointee(Table::default()));
    let ledger = Ledger::default();
    let certificates = Certificates::default();
    let by_name = certificates.by_name();
    let connections = client::Settings {
        backoff: CONNECT,
        ..client::Settings::default()
    };
    let directory = Directory::new(objects.clone(), cluster_domain.clone(), connections);
    let programmer = Programmer::new(
        objects.clone(),
        directory,
        certificates,
        routes.clone(),
        ledger.clone(),
    );
    let readiness = Readiness::new(leaving.clone());
    let ready = readiness.waits_for("the routing table");
    let (load, loaded) = watch::channel(false);
    supervisor.spawn("programmer", {
        let (objects, stop) = (objects.clone(), stop.clone());
        async move {
            tokio::select! {
                () = objects.ready() => {}
                () = stop.triggered() => return Ok::<_, Infallible>(()),
            }
            let inbox = Inbox::default();
            objects.report_to(&inbox);
            let tell = || {
                load.send_replace(true);
                ready.set(true);
            };
            programmer.run(inbox, tell, stop).await;
            Ok(())
        }
    });

    let identity = lease::identity(&settings.pod_name, settings.pod_uid.as_deref());
    let lease_name = lease::name("ebb-gateway", "ingress", 0, 1);
    let (elector, leadership) = Elector::new(
        client.clone(),
        &settings.system_namespace,
        &lease_name,
        &identity,
        ELECTION,
    );
    supervisor.spawn("lease", stop.clone().after(elector.run(leaving.clone())));
    let judge = Judge {
        client,
        objects: &objects,
        ledger: &ledger,
        settings,
        cluster_domain: &cluster_domain,
    };
    judge.start(supervisor, leadership, &leaving, queue_metrics);

    let proxy = |door| {
        Arc::new(Proxy::new(
            door,
            routes.clone(),
            loaded.clone(),
            metrics.clone(),
        ))
    };
    let (public, private) = (proxy(Door::Public), proxy(Door::Private));
    let Listeners {
        http,
        https,
        internal,
        admin,
        metrics,
    } = listeners;
    let requests = listeners::Requests {
        http,
        https,
        internal,
        by_name,
        public,
        private,
    };
    supervisor.spawn("requests", requests.serve(leaving, stop.clone()));
    let probes = admin::health(readiness).merge(ledger.router(stop.clone()));
    supervisor.spawn("admin port", admin::serve(admin, probes, stop.clone()));
    let exposition = admin::metrics(Exposition::new(registry));
    supervisor.spawn("metrics port", admin::serve(metrics, exposition, stop));
}

/// What the writer of status needs.
struct Judge<'a> {
    client: &'a Client,
    objects: &'a Objects,
    ledger: &'a Ledger,
    settings: &'a Settings,
    cluster_domain: &'a str,
}

impl Judge<'_> {
    fn start(
        self,
        supervisor: &Supervisor,
        leadership: Leadership,
        leaving: &Stop,
        metrics: reconcile::Metrics,
    ) {
        let Self {
            client,
            objects,
            ledger,
            settings,
            cluster_domain,
        } = self;
        let replicas = Replicas::default();
        let name = |service| {
            format!(
                "{service}.{}.svc.{cluster_domain}",
                settings.system_namespace
            )
        };
        let reconciler = Reconciler::new(
            objects.ingresses.clone(),
            ledger.clone(),
            replicas.clone(),
            StatusWriter::new(client.clone()),
            EntryPoints {
                public: name(PUBLIC_SERVICE),
                private: name(PRIVATE_SERVICE),
            },
        );
        let sweep = watch::Sender::new(0);
        let controller = Controller::new("ingress-controller", reconciler, &objects.ingresses)
            .sweep_on(sweep.subscribe())
            .concurrency(STATUS_WRITERS)
            .metrics(metrics);
        let follower = Follower::new(
            replicas,
            objects.slices.clone(),
            Key::new(&settings.system_namespace, PRIVATE_SERVICE),
            settings.ports.admin,
            News {
                queue: controller.queue(),
                sweep,
            },
        );
        let stop = supervisor.stop();
        let status = controller.run(leadership.clone(), leaving.clone());
        supervisor.spawn("status", stop.clone().after(status));
        supervisor.spawn(
            "replicas",
            stop.after(follower.run(leadership, leaving.clone())),
        );
    }
}
