//! Puts the parts together, in the order in which they depend on each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ebb_core::config::{self, LeaderElection, Settings as _};
use ebb_process::metrics::{Exposition, Registry};
use ebb_process::{Stop, Supervisor, log};
use ebb_runtime::apply::Applier;
use ebb_runtime::config::{ConfigMaps, Live, once};
use ebb_runtime::events::Recorder;
use ebb_runtime::lease::{BadTiming, Elector, Leadership, Timing};
use ebb_runtime::reconcile::Controller;
use ebb_runtime::status::StatusWriter;
use ebb_runtime::{admin, logging};
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::activator_probe::ActivatorProbe;
use crate::caches::Caches;
use crate::collector::{self, Collector, PodIndex, Scraper};
use crate::intake::Intake;
use crate::metrics::{Revisions, Scalings, Scrapes};
use crate::ownership::{Ownership, bucket_name};
use crate::peers::{self, Peer};
use crate::reconcile::{self, Metrics, PodAutoscalers};
use crate::scale_target::ScaleTargets;
use crate::scaler::Scaler;
use crate::settings::Settings;
use crate::stats_server;

/// PodAutoscalers that are worked on at the same time. A pass waits for the API server most of its
/// time, and one for a request that waits must not stand behind those of a sweep.
const CONCURRENCY: usize = 64;

/// Why the autoscaler cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port is taken.
    #[error(transparent)]
    Bind(#[from] std::io::Error),
    /// A ConfigMap is missing or bad.
    #[error(transparent)]
    Config(#[from] ebb_runtime::config::Error),
    /// Leader election would not work.
    #[error("the times of leader election cannot work")]
    Timing(#[from] BadTiming),
}

/// Starts everything under `supervisor`. Returns once the caches are warm and stats are taken.
///
/// # Errors
/// When a port is taken or a ConfigMap is missing or bad.
pub async fn start(
    supervisor: &Supervisor,
    client: Client,
    settings: &Settings,
    log: log::Handle,
) -> Result<(), Error> {
    let listeners = Listeners::bind(settings).await?;
    let mut registry = Registry::default();
    let events = Recorder::start(supervisor, client.clone(), reconcile::POD_AUTOSCALER);
    let configs =
        Configs::start(supervisor, &client, settings, &events, &mut registry, log).await?;
    let caches = Caches::start(supervisor, &client, &settings.system_namespace);
    let stop = supervisor.stop();

    let pods = PodIndex::new(&caches.pods);
    let targets = ScaleTargets::new(client.clone(), caches.deployments.clone());
    let scrapes = Scrapes::register(&mut registry);
    let collector = Collector::new(caches.metrics.clone(), Scraper::new(pods.clone()), scrapes);
    let scaler = Scaler::new(
        collector.clone(),
        pods.clone(),
        caches.autoscalers.clone(),
        targets.clone(),
        configs.autoscaler.clone(),
    );
    registry.register_collector(Box::new(Revisions {
        scaler: scaler.clone(),
        autoscalers: caches.autoscalers.clone(),
        pods: pods.clone(),
    }));

    let election = Election::new(&client, settings, &configs.election, &caches)?;
    let ownership = election.ownership.clone();
    let status = StatusWriter::new(client.clone());
    let work_queues = ebb_runtime::reconcile::Metrics::register(&mut registry);
    let metrics = Metrics {
        metrics: caches.metrics.clone(),
        ownership: ownership.clone(),
        collector: collector.clone(),
        status: status.clone(),
        events: events.named(reconcile::METRIC),
    };
    let metrics = Controller::new(reconcile::METRIC, metrics, &caches.metrics)
        .sweep_on(ownership.subscribe())
        .metrics(work_queues.clone());
    collector.report_to(metrics.queue());
    let autoscalers = PodAutoscalers {
        autoscalers: caches.autoscalers.clone(),
        services: caches.services.clone(),
        metrics: caches.metrics.clone(),
        pods,
        targets,
        config: configs.autoscaler.clone(),
        deployment: configs.deployment.clone(),
        ownership: ownership.clone(),
        scaler: scaler.clone(),
        probe: ActivatorProbe::new(client.clone(), &settings.cluster_domain),
        applier: Applier::new(client, reconcile::POD_AUTOSCALER),
        status,
        scalings: Scalings::register(&mut registry),
        events,
    };
    let autoscalers = Controller::new(reconcile::POD_AUTOSCALER, autoscalers, &caches.autoscalers)
        .watch(&caches.services, reconcile::owner)
        .watch(&caches.metrics, reconcile::owner)
        .watch(&caches.pods, collector::revision)
        .sweep_on(configs.autoscaler.subscribe())
        .sweep_on(configs.deployment.subscribe())
        .sweep_on(ownership.subscribe())
        .concurrency(CONCURRENCY)
        .metrics(work_queues);
    scaler.report_to(autoscalers.queue());

    caches.ready().await;
    let leadership = election.leadership.clone();
    let intake = election.run(supervisor, settings, &caches, &collector, &scaler);
    supervisor.spawn(
        reconcile::POD_AUTOSCALER,
        autoscalers.run(leadership.clone(), stop.clone()),
    );
    supervisor.spawn(reconcile::METRIC, metrics.run(leadership, stop.clone()));
    supervisor.spawn("scrapes", collector.run(stop.clone()));
    supervisor.spawn("decisions", scaler.run(stop.clone()));
    listeners.serve(supervisor, registry, ownership, intake, stop);
    Ok(())
}

/// The ports of the process, bound before anything else has begun.
struct Listeners {
    stats: TcpListener,
    metrics: TcpListener,
    profiling: TcpListener,
}

impl Listeners {
    async fn bind(settings: &Settings) -> std::io::Result<Self> {
        let any = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        Ok(Self {
            stats: admin::bind(any(settings.stats_port)).await?,
            metrics: admin::bind(any(settings.metrics_port)).await?,
            profiling: admin::bind(any(settings.profiling_port)).await?,
        })
    }

    fn serve(
        self,
        supervisor: &Supervisor,
        registry: Registry,
        ownership: Ownership,
        intake: Intake,
        stop: Stop,
    ) {
        let metrics = admin::metrics(Exposition::new(registry));
        supervisor.spawn("metrics", admin::serve(self.metrics, metrics, stop.clone()));
        let profiling = admin::profiling();
        supervisor.spawn(
            "profiling",
            admin::serve(self.profiling, profiling, stop.clone()),
        );
        supervisor.spawn(
            "stats",
            stats_server::run(self.stats, ownership, intake, stop),
        );
    }
}

/// The ConfigMaps that the process reads.
struct Configs {
    autoscaler: Live<config::Autoscaler>,
    deployment: Live<config::Deployment>,
    election: LeaderElection,
}

impl Configs {
    async fn start(
        supervisor: &Supervisor,
        client: &Client,
        settings: &Settings,
        events: &Recorder,
        registry: &mut Registry,
        log: log::Handle,
    ) -> Result<Self, ebb_runtime::config::Error> {
        let namespace = &settings.system_namespace;
        let metrics = ebb_runtime::config::Metrics::register(registry);
        let maps = ConfigMaps::start(
            supervisor,
            client.clone(),
            namespace,
            events.clone(),
            metrics,
        )
        .await;
        logging::require(
            supervisor,
            &maps,
            &settings.config_logging,
            "autoscaler",
            log,
        )?;
        // What the process does not act upon yet must still be there and good, as upstream asks.
        maps.require(config::Network::NAME, config::Network::parse)?;
        let name = &settings.config_observability;
        maps.require(name, config::Observability::parse)?;
        let name = &settings.config_leader_election;
        let election = once(client, namespace, name, LeaderElection::parse).await?;
        Ok(Self {
            autoscaler: maps.require(config::Autoscaler::NAME, config::Autoscaler::parse)?,
            deployment: maps.require(config::Deployment::NAME, config::Deployment::parse)?,
            election,
        })
    }
}

/// The elections for all buckets.
struct Election {
    names: Vec<String>,
    electors: Vec<Elector>,
    ownership: Ownership,
    /// Lasts while any bucket is ours.
    leadership: Leadership,
}

impl Election {
    fn new(
        client: &Client,
        settings: &Settings,
        config: &LeaderElection,
        caches: &Caches,
    ) -> Result<Self, BadTiming> {
        let timing = Timing::try_from(config)?;
        let identity = settings.identity();
        let given_up = caches.given_up_buckets();
        let names: Vec<String> = (0..config.buckets)
            .map(|bucket| bucket_name(bucket, config.buckets))
            .collect();
        let campaign = |name: &String| {
            let (elector, leadership) = Elector::new(
                client.clone(),
                &settings.system_namespace,
                name,
                &identity,
                timing,
            );
            (
                elector.look_on(given_up.clone()),
                (name.clone(), leadership),
            )
        };
        let (electors, buckets) = names.iter().map(campaign).unzip();
        let (ownership, leadership) = Ownership::new(buckets);
        Ok(Self {
            names,
            electors,
            ownership,
            leadership,
        })
    }

    /// Campaigns, forgets what is lost, and forwards what belongs to others. Returns where stats
    /// come in.
    fn run(
        self,
        supervisor: &Supervisor,
        settings: &Settings,
        caches: &Caches,
        collector: &Collector,
        scaler: &Scaler,
    ) -> Intake {
        let stop = supervisor.stop();
        let ownership = self.ownership;
        for elector in self.electors {
            supervisor.spawn("lease", elector.run(stop.clone()));
        }
        let (senders, receivers): (Vec<_>, Vec<_>) = self
            .names
            .iter()
            .map(|_| mpsc::channel(peers::QUEUE))
            .unzip();
        let intake = Intake::new(
            ownership.clone(),
            collector.clone(),
            scaler.clone(),
            senders,
        );
        for (bucket, queue) in self.names.into_iter().zip(receivers) {
            let peer = Peer {
                bucket,
                namespace: settings.system_namespace.clone(),
                leases: caches.leases.clone(),
                port: settings.stats_port,
            };
            let run = peer.run(queue, ownership.clone(), intake.clone(), stop.clone());
            supervisor.spawn("peer", run);
        }
        let (collector, scaler) = (collector.clone(), scaler.clone());
        let forget = move |ownership: &Ownership| {
            collector.retain(|key| ownership.owns(key));
            scaler.retain(|key| ownership.owns(key));
        };
        supervisor.spawn("ownership", ownership.run(forget, stop));
        intake
    }
}
