//! Puts the parts together, in the order in which they depend on each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ebb_core::config::{self, Settings as _};
use ebb_core::names::labels;
use ebb_core::scale::Pod;
use ebb_process::metrics::{Exposition, Registry};
use ebb_process::{Supervisor, log};
use ebb_runtime::apply::Applier;
use ebb_runtime::cache::Options;
use ebb_runtime::config::ConfigMaps;
use ebb_runtime::events::Recorder;
use ebb_runtime::lease::{Elector, Timing};
use ebb_runtime::reconcile::Controller;
use ebb_runtime::status::StatusWriter;
use ebb_runtime::{Cache, Key, admin, logging};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use tokio::sync::{mpsc, watch};

use crate::activator_probe::ActivatorProbe;
use crate::collector::{Collector, PodIndex, Scraper};
use crate::intake::Intake;
use crate::metrics::{Revisions, Scalings, Scrapes};
use crate::ownership::{BUCKET_PREFIX, Ownership, bucket_name};
use crate::peers::{self, Peer};
use crate::reconcile::{self, Metrics, PodAutoscalers};
use crate::scale_target::{Deployment, ScaleTargets};
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
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let stats = admin::bind(SocketAddr::new(any, settings.stats_port)).await?;
    let metrics_port = admin::bind(SocketAddr::new(any, settings.metrics_port)).await?;
    let profiling = admin::bind(SocketAddr::new(any, settings.profiling_port)).await?;
    let mut registry = Registry::default();
    let namespace = settings.system_namespace.as_str();

    let events = Recorder::start(supervisor, client.clone(), reconcile::POD_AUTOSCALER);
    let config_metrics = ebb_runtime::config::Metrics::register(&mut registry);
    let maps = ConfigMaps::start(
        supervisor,
        client.clone(),
        namespace,
        events.clone(),
        config_metrics,
    )
    .await;
    logging::follow(
        supervisor,
        &maps,
        &settings.config_logging,
        "autoscaler",
        log,
    )?;
    let config = maps.require(config::Autoscaler::NAME, config::Autoscaler::parse)?;
    let deployment = maps.require(config::Deployment::NAME, config::Deployment::parse)?;
    let election = maps.or_default(
        &settings.config_leader_election,
        config::LeaderElection::parse,
    )?;

    let children = Options {
        keep_manager: Some(reconcile::POD_AUTOSCALER),
        ..Options::default()
    };
    let of_revisions = Options {
        labels: Some(labels::REVISION_UID),
        ..Options::default()
    };
    let autoscalers = Cache::start(supervisor, Api::all(client.clone()), Options::default());
    let services = Cache::start(supervisor, Api::all(client.clone()), children);
    let metric_objects = Cache::start(supervisor, Api::all(client.clone()), children);
    let pod_objects: Cache<Pod> = Cache::start(supervisor, Api::all(client.clone()), of_revisions);
    let deployments: Cache<Deployment> =
        Cache::start(supervisor, Api::all(client.clone()), of_revisions);
    let leases: Cache<Lease> = Cache::start(
        supervisor,
        Api::namespaced(client.clone(), namespace),
        Options::default(),
    );
    let pods = PodIndex::new(&pod_objects);
    let targets = ScaleTargets::new(client.clone(), deployments.clone());

    let scrapes = Scrapes::register(&mut registry);
    let collector = Collector::new(metric_objects.clone(), Scraper::new(pods.clone()), scrapes);
    let scaler = Scaler::new(
        collector.clone(),
        pods.clone(),
        autoscalers.clone(),
        targets.clone(),
        config.clone(),
    );
    registry.register_collector(Box::new(Revisions {
        scaler: scaler.clone(),
        autoscalers: autoscalers.clone(),
        pods: pods.clone(),
    }));

    let election = election.get();
    let timing = Timing {
        lease: election.lease_duration,
        renew: election.renew_deadline,
        retry: election.retry_period,
    };
    let mut electors = Vec::new();
    let mut buckets = Vec::new();
    let given_up = given_up(&leases);
    for bucket in 0..election.buckets {
        let name = bucket_name(bucket, election.buckets);
        let identity = settings.identity();
        let (elector, leadership) =
            Elector::new(client.clone(), namespace, &name, &identity, timing);
        electors.push(elector.look_on(given_up.clone()));
        buckets.push((name, leadership));
    }
    let names: Vec<String> = buckets.iter().map(|(name, _)| name.clone()).collect();
    let (ownership, leadership) = Ownership::new(buckets);

    let status = StatusWriter::new(client.clone());
    let work_queues = ebb_runtime::reconcile::Metrics::register(&mut registry);
    let metric_controller = Controller::new(
        reconcile::METRIC,
        Metrics {
            metrics: metric_objects.clone(),
            ownership: ownership.clone(),
            collector: collector.clone(),
            status: status.clone(),
            events: events.named(reconcile::METRIC),
        },
        &metric_objects,
    )
    .sweep_on(ownership.subscribe())
    .metrics(work_queues.clone());
    collector.report_to(metric_controller.queue());
    let autoscaler_controller = Controller::new(
        reconcile::POD_AUTOSCALER,
        PodAutoscalers {
            autoscalers: autoscalers.clone(),
            services: services.clone(),
            metrics: metric_objects.clone(),
            pods,
            targets,
            config: config.clone(),
            deployment: deployment.clone(),
            ownership: ownership.clone(),
            scaler: scaler.clone(),
            probe: ActivatorProbe::new(client.clone(), &settings.cluster_domain),
            applier: Applier::new(client.clone(), reconcile::POD_AUTOSCALER),
            status,
            scalings: Scalings::register(&mut registry),
            events,
        },
        &autoscalers,
    )
    .watch(&services, reconcile::owner)
    .watch(&metric_objects, reconcile::owner)
    .watch(&pod_objects, crate::collector::revision)
    .sweep_on(config.subscribe())
    .sweep_on(deployment.subscribe())
    .sweep_on(ownership.subscribe())
    .concurrency(CONCURRENCY)
    .metrics(work_queues);
    scaler.report_to(autoscaler_controller.queue());

    let (senders, receivers): (Vec<_>, Vec<_>) =
        names.iter().map(|_| mpsc::channel(peers::QUEUE)).unzip();
    let intake = Intake::new(
        ownership.clone(),
        collector.clone(),
        scaler.clone(),
        senders,
    );

    autoscalers.ready().await;
    services.ready().await;
    metric_objects.ready().await;
    pod_objects.ready().await;
    deployments.ready().await;
    leases.ready().await;

    let stop = supervisor.stop();
    for elector in electors {
        supervisor.spawn("lease", elector.run(stop.clone()));
    }
    for (bucket, queue) in names.into_iter().zip(receivers) {
        let peer = Peer {
            bucket,
            namespace: namespace.to_owned(),
            leases: leases.clone(),
            port: settings.stats_port,
        };
        let run = peer.run(queue, ownership.clone(), intake.clone(), stop.clone());
        supervisor.spawn("peer", run);
    }
    let (forgetful_collector, forgetful_scaler) = (collector.clone(), scaler.clone());
    let forget = move |ownership: &Ownership| {
        forgetful_collector.retain(|key| ownership.owns(key));
        forgetful_scaler.retain(|key| ownership.owns(key));
    };
    supervisor.spawn("ownership", ownership.clone().run(forget, stop.clone()));
    supervisor.spawn(
        reconcile::POD_AUTOSCALER,
        autoscaler_controller.run(leadership.clone(), stop.clone()),
    );
    supervisor.spawn(
        reconcile::METRIC,
        metric_controller.run(leadership, stop.clone()),
    );
    supervisor.spawn("scrapes", collector.run(stop.clone()));
    supervisor.spawn("decisions", scaler.run(stop.clone()));
    let exposition = admin::metrics(Exposition::new(registry));
    supervisor.spawn(
        "metrics",
        admin::serve(metrics_port, exposition, stop.clone()),
    );
    supervisor.spawn(
        "profiling",
        admin::serve(profiling, admin::profiling(), stop.clone()),
    );
    supervisor.spawn("stats", stats_server::run(stats, ownership, intake, stop));
    Ok(())
}

/// A number that grows whenever a bucket's Lease has no holder any more: the replica that leads when
/// another one is replaced should be there for the next request from zero, not ten seconds later.
fn given_up(leases: &Cache<Lease>) -> watch::Receiver<u64> {
    let (version, receiver) = watch::channel(0);
    leases.observe(move |change| {
        let lease = change.latest();
        let is_bucket = Key::of(&**lease).name.starts_with(BUCKET_PREFIX);
        let holder = change
            .after()
            .and_then(|lease| lease.spec.as_ref()?.holder_identity.as_ref());
        if is_bucket && holder.is_none_or(String::is_empty) {
            version.send_modify(|version| *version += 1);
        }
    });
    receiver
}
