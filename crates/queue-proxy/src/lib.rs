//! The sidecar in front of a user container: limits and counts its requests,
//! answers for its readiness, and keeps it alive until its requests have ended.
//!
//! It talks to one address, 127.0.0.1, and to nobody in the cluster. What it
//! knows it is told by its environment ([`settings`]).
//!
//! | port | who calls | what |
//! |---|---|---|
//! | 8012 or 8013 | gateway, activator, kubelet | requests and probes ([`proxy`](self)) |
//! | 8022 | kubelet | preStop hook of the user containers |
//! | 9090 | autoscaler | statistics |
//! | 9091 | Prometheus | metrics, where they are asked for |

mod admin;
mod forwarded;
mod metrics;
mod port;
mod proxy;
pub mod readiness;
pub mod settings;
mod statistics;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ebb_net::drain::Drainer;
use ebb_net::server::{self, Limits, Server};
use ebb_net::stats::RequestStats;
use ebb_process::metrics::{Exposition, Registry};
use ebb_process::supervisor::{Failure, Supervisor};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::port::Port;
pub use crate::settings::Settings;

/// Without an ordinary request for this long, a draining pod is out of every
/// rotation.
const QUIET_PERIOD: Duration = Duration::from_secs(30);

/// What upgraded connections get after everything else has ended.
const UPGRADED_GRACE: Duration = Duration::from_secs(60);

/// The kubelet ends a pod long before this; the drain itself has no limit.
const NO_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Why the process cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port cannot be had.
    #[error("cannot listen on port {port}")]
    Listen {
        /// Which.
        port: u16,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A server died.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// The listening sockets of a queue-proxy.
#[derive(Debug)]
pub struct Sockets {
    requests: TcpListener,
    admin: TcpListener,
    statistics: TcpListener,
    metrics: Option<TcpListener>,
}

/// Where a queue-proxy listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Requests.
    pub requests: SocketAddr,
    /// Drain hook.
    pub admin: SocketAddr,
    /// Statistics.
    pub statistics: SocketAddr,
    /// Prometheus metrics, if they are served.
    pub metrics: Option<SocketAddr>,
}

// === impl Sockets ===

impl Sockets {
    /// Takes all ports, so that a missing one is known before anything runs. A
    /// port of 0 takes any, which is for tests.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let open = |port| server::listen(port).map_err(|source| Error::Listen { port, source });
        let ports = settings.ports;
        let wanted = settings.observability.request_metrics.is_prometheus();
        Ok(Self {
            requests: open(ports.requests)?,
            admin: open(ports.admin)?,
            statistics: open(ports.statistics)?,
            metrics: wanted.then(|| open(ports.metrics)).transpose()?,
        })
    }

    /// Where they listen.
    ///
    /// # Errors
    /// Those of the system call.
    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            requests: self.requests.local_addr()?,
            admin: self.admin.local_addr()?,
            statistics: self.statistics.local_addr()?,
            metrics: self
                .metrics
                .as_ref()
                .map(TcpListener::local_addr)
                .transpose()?,
        })
    }
}

/// Serves until the supervisor's stop is triggered, and then until the pod has
/// been left alone: probes fail at once, requests are served while they come,
/// and 30 s after the last one the servers close.
///
/// # Errors
/// [`Error::Failed`] when a server dies.
pub async fn run(
    settings: &Settings,
    sockets: Sockets,
    supervisor: Supervisor,
) -> Result<(), Error> {
    warn_of_what_is_missing(settings);
    let stop = supervisor.stop();
    let stats = Arc::new(RequestStats::new());
    let drainer = Arc::new(Drainer::new(QUIET_PERIOD));
    let statistics = Arc::new(statistics::Statistics::new(&settings.pod));
    let mut registry = Registry::default();
    let measured = sockets.metrics.is_some();
    let metrics = measured.then(|| metrics::Metrics::register(&mut registry, settings));
    let proxy = proxy::Proxy::new(settings, Arc::clone(&stats), Arc::clone(&drainer), metrics);

    // Triggered once the drain is over: from then on the servers close.
    let quiet = CancellationToken::new();
    let closing = || quiet.clone().cancelled_owned();
    let serve = |name, listener, port| {
        let server = Server::new(Arc::new(port), &Limits::default());
        supervisor.spawn(name, server.run(listener, closing()));
    };
    serve("requests", sockets.requests, Port::Requests(proxy));
    let hook = admin::DrainHook::new(Arc::clone(&drainer), stop.clone());
    serve("admin", sockets.admin, Port::Admin(hook));
    let reporter = Arc::clone(&statistics).run(Arc::clone(&stats), closing());
    supervisor.spawn("reporter", reporter);
    serve(
        "statistics",
        sockets.statistics,
        Port::Statistics(statistics),
    );
    if let Some(listener) = sockets.metrics {
        serve(
            "metrics",
            listener,
            Port::Metrics(Exposition::new(registry)),
        );
    }
    supervisor.background("drain", async move {
        stop.triggered().await;
        drainer.drain().await;
        tracing::info!("no requests for {QUIET_PERIOD:?}, closing");
        quiet.cancel();
    });
    tracing::info!(
        port = settings.ports.requests,
        user_port = settings.user_port,
        "serving"
    );
    supervisor.run(NO_LIMIT).await?;
    wait_for_upgraded(&stats).await;
    Ok(())
}

/// Connections that left HTTP belong to no server; their requests still count.
async fn wait_for_upgraded(stats: &RequestStats) {
    const LOOK: Duration = Duration::from_millis(100);
    let gone = async {
        while stats.in_flight() > 0 {
            sleep(LOOK).await;
        }
    };
    if timeout(UPGRADED_GRACE, gone).await.is_err() {
        tracing::warn!(left = stats.in_flight(), "ending with open connections");
    }
}

fn warn_of_what_is_missing(settings: &Settings) {
    let observability = &settings.observability;
    if observability.enable_request_log {
        tracing::warn!("request logs are not supported yet");
    }
    if observability.request_metrics.is_unsupported() {
        let protocol = &observability.request_metrics.protocol;
        tracing::warn!(%protocol, "request metrics are not pushed yet; only prometheus is supported");
    }
}
