//! PodAutoscalers: from the decider's wish to replicas, endpoints and status.
//!
//! The first write of a pass is the one to `/scale`: a request may be waiting for it. Everything
//! else (Metric, ServerlessService, status) follows.

use std::sync::Arc;
use std::time::Duration;

use ebb_core::api::condition::State;
use ebb_core::api::meta::Conditioned as _;
use ebb_core::api::metric::Metric;
use ebb_core::api::pod_autoscaler::{PodAutoscaler, PodAutoscalerCond, PodAutoscalerStatus};
use ebb_core::api::serverless_service::ServerlessService;
use ebb_core::config;
use ebb_core::plan::pass;
use ebb_core::scale::kpa::{self, ActivatorPath, Bounds, Findings, Mode, Outcome};
use ebb_core::scale::kpa::{Situation, ZeroRules};
use ebb_core::scale::{self, BurstCapacity, Load};
use ebb_process::log::Chain;
use ebb_runtime::apply::Applier;
use ebb_runtime::config::Live;
use ebb_runtime::events::Recorder;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::status::StatusWriter;
use ebb_runtime::{Cache, Key};
use jiff::Timestamp;

use crate::activator_probe::ActivatorProbe;
use crate::collector::PodIndex;
use crate::metrics::Scalings;
use crate::ownership::Ownership;
use crate::scale_target::ScaleTargets;
use crate::scaler::{Scaler, View};

use super::children;

/// Activators of a revision about which nothing is known yet.
const FIRST_ACTIVATORS: u32 = 2;

/// How soon to look again for a scale target that is not there.
const MISSING_TARGET: Duration = Duration::from_secs(5);

/// Reconciles PodAutoscalers of our class.
#[derive(Debug)]
pub struct PodAutoscalers {
    /// All PodAutoscalers.
    pub autoscalers: Cache<PodAutoscaler>,
    /// Their ServerlessServices.
    pub services: Cache<ServerlessService>,
    /// Their Metrics.
    pub metrics: Cache<Metric>,
    /// Their pods.
    pub pods: PodIndex,
    /// What they scale.
    pub targets: ScaleTargets,
    /// `config-autoscaler`.
    pub config: Live<config::Autoscaler>,
    /// `config-deployment`.
    pub deployment: Live<config::Deployment>,
    /// Whose they are.
    pub ownership: Ownership,
    /// What they want.
    pub scaler: Scaler,
    /// Whether activators have their traffic.
    pub probe: ActivatorProbe,
    /// Writes their children.
    pub applier: Applier,
    /// Writes their status.
    pub status: StatusWriter,
    /// Counts what it writes.
    pub scalings: Scalings,
    /// Tells users why their revisions scale, and what went wrong.
    pub events: Recorder,
}

impl Reconcile for PodAutoscalers {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let ours =
            |autoscaler: &Arc<PodAutoscaler>| kpa::is_ours(autoscaler) && self.ownership.owns(key);
        let Some(autoscaler) = self.autoscalers.by_key(key).filter(ours) else {
            self.scaler.remove(key);
            return Ok(Action::Done);
        };
        if autoscaler.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let now = Timestamp::now();
        let mut status = pass::begin(&*autoscaler, now);
        let outcome = self.pass(key, &autoscaler, &mut status, now).await;
        // Also after an error: what was found out until then is true.
        self.status.write(&*autoscaler, &status).await?;
        outcome
    }

    fn failed(&self, key: &Key, error: &Error) {
        if let Some(autoscaler) = self.autoscalers.by_key(key) {
            let text = Chain(error).to_string();
            self.events.warning(&*autoscaler, "InternalError", text);
        }
    }
}

impl PodAutoscalers {
    async fn pass(
        &self,
        key: &Key,
        autoscaler: &PodAutoscaler,
        status: &mut PodAutoscalerStatus,
        now: Timestamp,
    ) -> Result<Action, Error> {
        let service = self.services.by_key(key);
        let private = private_service(service.as_deref());
        let Some((service, private)) = service.as_ref().zip(private) else {
            return self
                .begin(autoscaler, service.as_deref(), status, now)
                .await;
        };
        let config = self.config.get();
        let view = self.scaler.ensure(autoscaler, &config, now);
        let bounds = Bounds::of(autoscaler, &config);
        let activity = kpa::activity(autoscaler, now);
        let ready = self.pods.count(key).ready;

        let target = &autoscaler.spec.scale_target_ref;
        let replicas = match self.targets.replicas(&key.namespace, target).await {
            Ok(replicas) => replicas,
            Err(error) if error.is_not_found() => {
                // It goes before its PodAutoscaler when a revision is deleted.
                tracing::debug!(error = %Chain(&error), "there is nothing to scale");
                return Ok(Action::After(MISSING_TARGET));
            }
            Err(error) => return Err(Error::transient(error)),
        };
        let situation = self.situation(autoscaler, service, &view, &config, replicas, now);
        let outcome = self.decide(key, autoscaler, situation).await;
        if let Some(replicas) = outcome.write {
            self.write_scale(key, autoscaler, &situation, &view, &outcome, replicas)
                .await?;
        }
        self.scaler.settled(key, outcome.want);

        status.metrics_service_name = private.to_owned();
        let windows = scale::windows(autoscaler, &config);
        let metric = kpa::metric(autoscaler, windows, view.rules.burst_capacity, private);
        let live = self.metrics.by_key(key);
        children::apply(
            &self.applier,
            autoscaler,
            &metric,
            live.as_deref(),
            status,
            now,
        )
        .await?;

        let mode = kpa::mode(
            outcome.want,
            view.spare_burst,
            activity,
            kpa::current_mode(service),
        );
        let activators = kpa::activators(&view.rules, ready);
        self.apply_service(autoscaler, Some(service), mode, activators, status, now)
            .await?;
        service_findings(service, status, now);

        let found = Findings {
            want: outcome.want,
            ready,
            bounds,
            activity,
        };
        kpa::mark(status, &found, now);
        Ok(outcome.recheck.map_or(Action::Done, Action::After))
    }

    /// The first pass: without a private Service there is nothing to scrape and nobody to serve.
    async fn begin(
        &self,
        autoscaler: &PodAutoscaler,
        service: Option<&ServerlessService>,
        status: &mut PodAutoscalerStatus,
        now: Timestamp,
    ) -> Result<Action, Error> {
        self.apply_service(
            autoscaler,
            service,
            Mode::Proxy,
            FIRST_ACTIVATORS,
            status,
            now,
        )
        .await?;
        let state = State::unknown("NotReady", "No Private Service Name");
        status
            .conditions
            .set(PodAutoscalerCond::SKSReady, state, now);
        let found = Findings {
            want: None,
            ready: 0,
            bounds: Bounds::of(autoscaler, &self.config.get()),
            activity: kpa::activity(autoscaler, now),
        };
        kpa::mark(status, &found, now);
        Ok(Action::Done)
    }

    async fn apply_service(
        &self,
        autoscaler: &PodAutoscaler,
        live: Option<&ServerlessService>,
        mode: Mode,
        activators: u32,
        status: &mut PodAutoscalerStatus,
        now: Timestamp,
    ) -> Result<(), Error> {
        let wanted = kpa::serverless_service(autoscaler, mode, activators);
        children::apply(&self.applier, autoscaler, &wanted, live, status, now).await
    }

    fn situation(
        &self,
        autoscaler: &PodAutoscaler,
        service: &ServerlessService,
        view: &View,
        config: &config::Autoscaler,
        replicas: u32,
        now: Timestamp,
    ) -> Situation {
        let deadline = self.deployment.get().progress_deadline;
        let conditions = autoscaler.status.as_ref().map(|status| &status.conditions);
        Situation {
            desired: view.desired,
            activity: kpa::activity(autoscaler, now),
            initialized: conditions.is_some_and(|conditions| {
                conditions.is_true(PodAutoscalerCond::ScaleTargetInitialized)
            }),
            reachable: view.rules.reachable,
            bounds: Bounds::of(autoscaler, config),
            replicas,
            zero: ZeroRules::of(autoscaler, config, deadline),
            proxied: kpa::current_mode(service) == Some(Mode::Proxy),
            proxied_since: kpa::proxied_since(service),
            path: match view.rules.burst_capacity {
                BurstCapacity::Unlimited => ActivatorPath::Permanent,
                BurstCapacity::None | BurstCapacity::Of(_) => ActivatorPath::Unknown,
            },
        }
    }

    /// Plans, and asks for the activators in between if that matters.
    async fn decide(
        &self,
        key: &Key,
        autoscaler: &PodAutoscaler,
        mut situation: Situation,
    ) -> Outcome {
        if let Some(outcome) = kpa::plan(&situation, Timestamp::now()) {
            return outcome;
        }
        let protocol = &autoscaler.spec.protocol_type;
        situation.path = match self.probe.ask(key, protocol).await {
            Ok(()) => ActivatorPath::Answers,
            Err(error) => {
                tracing::debug!(error = %Chain(&error), "activators are not in the path yet");
                ActivatorPath::Silent
            }
        };
        kpa::plan(&situation, Timestamp::now()).expect("the path is known now")
    }

    async fn write_scale(
        &self,
        key: &Key,
        autoscaler: &PodAutoscaler,
        before: &Situation,
        view: &View,
        outcome: &Outcome,
        replicas: u32,
    ) -> Result<(), Error> {
        let reason = match outcome.why {
            kpa::Why::Decider => view.why,
            why => why.label(),
        };
        // `cargo xtask demo` reads these two lines.
        tracing::info!(
            "knative.dev/key" = %key,
            from = before.replicas,
            to = replicas,
            reason,
            stable = view.load.stable,
            panic = view.load.panic,
            target = view.rules.target,
            panics = view.panics,
            "scaling"
        );
        let sent = Timestamp::now();
        let target = &autoscaler.spec.scale_target_ref;
        let written = self.targets.write(&key.namespace, target, replicas).await;
        written.map_err(Error::transient)?;
        self.scalings.count(reason);
        self.events.normal(
            autoscaler,
            "Scaled",
            explain(before.replicas, replicas, reason, view),
        );
        if let (0, Some(woken)) = (before.replicas, view.woken) {
            tracing::info!(
                "knative.dev/key" = %key,
                to = replicas,
                stat_ms = woken.as_millisecond(),
                write_ms = sent.as_millisecond(),
                written_ms = Timestamp::now().as_millisecond(),
                "scale from zero"
            );
        }
        Ok(())
    }
}

/// What `kubectl describe` shows: the numbers that a reader needs to agree.
fn explain(from: u32, to: u32, reason: &str, view: &View) -> String {
    let Load { stable, panic } = view.load;
    let unit = match view.rules.metric {
        scale::Metric::Concurrency => "requests in flight",
        scale::Metric::Rps => "requests per second",
    };
    let target = view.rules.target;
    format!(
        "Scaled from {from} to {to} ({reason}): {stable:.1} {unit} over the stable window, \
         {panic:.1} over the panic window, {target:.1} wanted for each pod"
    )
}

/// The name of the private Service, once there is one.
fn private_service(service: Option<&ServerlessService>) -> Option<&str> {
    let name = service?.status.as_ref()?.private_service_name.as_str();
    Some(name).filter(|name| !name.is_empty())
}

/// Takes over what the ServerlessService says about itself.
fn service_findings(service: &ServerlessService, status: &mut PodAutoscalerStatus, now: Timestamp) {
    let Some(seen) = &service.status else { return };
    status.service_name.clone_from(&seen.service_name);
    let state = if service.is_ready() {
        State::True
    } else {
        let ready = seen.conditions.ready();
        let message = ready.map(|ready| ready.message.clone()).unwrap_or_default();
        State::unknown("NotReady", message)
    };
    status
        .conditions
        .set(PodAutoscalerCond::SKSReady, state, now);
}

#[cfg(test)]
#[path = "pod_autoscaler_tests.rs"]
mod tests;
