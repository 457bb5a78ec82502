//! Step 2: fifty requests at a time for thirty seconds. Ten pods at most, ten requests each: the service must grow to
//! at least five pods, lose no request, and go back to zero.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use super::hello::milliseconds;
use super::load::{self, Plan, Progress};
use super::signals;
use super::stage::{self, Stage};

pub(super) const SERVICE: &str = "autoscale";

const WORKERS: usize = 50;
const DURATION: Duration = Duration::from_secs(30);
const PATH: &str = "/?sleep=100&prime=10000&bloat=5";

/// 50 requests in flight at 70 % of a target of 10 ask for 8 pods; the bounds leave room for windows that fill.
const FEWEST_PODS: usize = 5;
const MOST_PODS: usize = 10;

/// The stable window (60 s), the grace period (30 s), and what it takes to stop pods.
const ZERO_WITHIN: Duration = Duration::from_secs(180);

/// One second of the step.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Second {
    /// Seconds since the load began.
    pub(super) at: f64,
    pub(super) pods_ready: usize,
    pub(super) pods_wanted: Option<i64>,
    /// Concurrency as the autoscaler sees it, over the panic window.
    pub(super) concurrency: Option<f64>,
    pub(super) panicking: Option<bool>,
    pub(super) mode: Option<String>,
    pub(super) requests_per_second: f64,
    pub(super) failed: u64,
}

/// What the step showed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Findings {
    pub(super) requests: usize,
    pub(super) failed: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) most_pods: usize,
    /// From the end of the load to the last pod's end.
    pub(super) zero_after_s: f64,
    pub(super) seconds: Vec<Second>,
}

pub(super) async fn run(stage: &Stage) -> Result<Findings> {
    println!(
        "\n2  {WORKERS} requests at a time for {} s, target 10, at most {MOST_PODS} pods",
        DURATION.as_secs()
    );
    // The old spellings of the bounds, on purpose: manifests written years ago must keep working.
    let template = json!({
        "metadata": { "annotations": {
            "autoscaling.knative.dev/target": "10",
            "autoscaling.knative.dev/minScale": "0",
            "autoscaling.knative.dev/maxScale": "10",
        } },
        "spec": { "containers": [{ "image": stage.autoscale }] },
    });
    stage.apply(SERVICE, template, Value::Null).await?;
    let service = stage.ready(SERVICE).await?;
    let revision = latest_revision(&service.data)?;
    let plan = Plan {
        gateway: stage.gateway,
        host: stage::host(&service)?,
        path: PATH.to_owned(),
        workers: WORKERS,
        duration: DURATION,
    };

    println!("   second  pods         concurrency  state   path   requests/s  failed");
    let progress = Arc::new(Progress::default());
    let mut seconds = Vec::new();
    let begun = Instant::now();
    let outcome = {
        let generator = load::run(&plan, Arc::clone(&progress));
        let observer = observe(stage, &revision, &progress, begun, &mut seconds);
        tokio::select! {
            outcome = generator => outcome,
            never = observer => match never {},
        }
    };
    let most_pods = seconds
        .iter()
        .map(|second| second.pods_ready)
        .max()
        .unwrap_or(0);
    for (cause, count) in outcome.failures.iter().take(5) {
        println!("   failed {count} times: {cause}");
    }

    println!("   the load is over; waiting for zero pods");
    let ended = Instant::now();
    until_zero(stage, &revision, &progress, begun, &mut seconds).await?;
    let findings = Findings {
        requests: outcome.latencies.len(),
        failed: outcome.failed(),
        p50_ms: milliseconds(outcome.percentile(50.0)),
        p99_ms: milliseconds(outcome.percentile(99.0)),
        most_pods,
        zero_after_s: ended.elapsed().as_secs_f64(),
        seconds,
    };
    println!(
        "   {} requests, {} failed, p50 {} ms, p99 {} ms; {} pods at most; zero after {:.0} s",
        findings.requests,
        findings.failed,
        findings.p50_ms,
        findings.p99_ms,
        findings.most_pods,
        findings.zero_after_s
    );
    Ok(findings)
}

/// Complains about what missed its bound.
pub(super) fn judge(findings: &Findings) -> Result<()> {
    ensure!(
        findings.failed == 0,
        "{} requests failed under load",
        findings.failed
    );
    ensure!(
        (FEWEST_PODS..=MOST_PODS).contains(&findings.most_pods),
        "the load brought {} pods, not {FEWEST_PODS} to {MOST_PODS}",
        findings.most_pods
    );
    Ok(())
}

/// Name of the revision that a service serves.
pub(super) fn latest_revision(service: &Value) -> Result<String> {
    let name = service["status"]["latestReadyRevisionName"].as_str();
    Ok(name
        .context("the service is ready but names no revision")?
        .to_owned())
}

/// Prints and records a line each second, for as long as it is polled.
async fn observe(
    stage: &Stage,
    revision: &str,
    progress: &Progress,
    begun: Instant,
    seconds: &mut Vec<Second>,
) -> std::convert::Infallible {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let (mut last, mut last_answered) = (Instant::now(), progress.read().0);
    loop {
        ticks.tick().await;
        let view = signals::view(stage, revision).await;
        let (answered, failed) = progress.read();
        let now = Instant::now();
        let second = Second {
            at: now.duration_since(begun).as_secs_f64(),
            pods_ready: stage.pods.ready(SERVICE),
            pods_wanted: view.wanted,
            concurrency: view.gauges.panic.or(view.gauges.stable),
            panicking: view.gauges.is_panicking,
            mode: view.mode,
            requests_per_second: (answered - last_answered) as f64
                / now.duration_since(last).as_secs_f64(),
            failed,
        };
        (last, last_answered) = (now, answered);
        println!("{}", line(&second));
        seconds.push(second);
    }
}

fn line(second: &Second) -> String {
    let unknown = || "-".to_owned();
    let bar = "#".repeat(second.pods_ready.min(MOST_PODS));
    format!(
        "   {:>5.0}s  {:<10} {:>1}/{:<2} {:>8}  {:<6}  {:<5} {:>10.0}  {:>6}",
        second.at,
        bar,
        second.pods_ready,
        second
            .pods_wanted
            .map_or_else(unknown, |wanted| wanted.to_string()),
        second
            .concurrency
            .map_or_else(unknown, |concurrency| format!("{concurrency:.1}")),
        second
            .panicking
            .map_or_else(unknown, |panics| if panics { "panic" } else { "stable" }
                .to_owned()),
        second.mode.clone().unwrap_or_else(unknown),
        second.requests_per_second,
        second.failed,
    )
}

async fn until_zero(
    stage: &Stage,
    revision: &str,
    progress: &Progress,
    begun: Instant,
    seconds: &mut Vec<Second>,
) -> Result<()> {
    let gone = async {
        // The load's last pods may not even be counted yet, so zero means: none at all, not even terminating.
        while stage.pods.all(SERVICE) > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = gone => Ok(()),
        never = observe(stage, revision, progress, begun, seconds) => match never {},
        () = tokio::time::sleep(ZERO_WITHIN) => bail!(
            "{} pods are still there {} s after the load; see `kubectl -n {} get podautoscaler {revision} -o yaml`",
            stage.pods.all(SERVICE),
            ZERO_WITHIN.as_secs(),
            stage::NAMESPACE,
        ),
    }
}
