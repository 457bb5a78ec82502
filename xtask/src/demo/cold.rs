//! Step 3: five requests, each to a service at zero pods, beside what a bare pod takes on the same node.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::floor;
use super::hello::milliseconds;
use super::load::percentile;
use super::phases::{self, Phases};
use super::scale::{SERVICE, latest_revision};
use super::stage::{self, NAMESPACE, Stage};
use crate::progress::Step;

const ROUNDS: usize = 5;

/// How long a service without load may take to lose its last pod. The windows are six seconds here; most of the rest
/// is for the pod to drain.
const ZERO_WITHIN: Duration = Duration::from_secs(120);

/// A cold start that takes longer than this is a fault, whatever the machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What the step showed; times in milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Findings {
    pub(super) cold_starts: Vec<Phases>,
    pub(super) cold_median_ms: f64,
    /// From creating a bare pod of the same image to its first answer.
    pub(super) floor_ms: Vec<f64>,
    pub(super) floor_median_ms: f64,
}

pub(super) async fn run(stage: &Stage) -> Result<Findings> {
    println!("\n3  {ROUNDS} requests, each from zero");
    // With windows of six seconds the service is back at zero soon enough to do it five times.
    let template = json!({
        "metadata": { "annotations": {
            "autoscaling.knative.dev/target": "10",
            "autoscaling.knative.dev/minScale": "0",
            "autoscaling.knative.dev/maxScale": "10",
            "autoscaling.knative.dev/window": "6s",
        } },
        "spec": { "containers": [{ "image": stage.autoscale }] },
    });
    stage.apply(SERVICE, template, Value::Null).await?;
    let service = stage.ready(SERVICE).await?;
    let host = stage::host(&service)?;
    let revision = latest_revision(&service.data)?;

    println!(
        "   answer  bare pod    of the answer: activator  decision  pod made  address  probed  (ms since the request)"
    );
    let (mut cold_starts, mut floors) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        until_zero(stage).await?;
        let phases = cold_start(stage, &host, &revision).await?;
        // Side by side, so that whatever else the machine does hits both.
        let floor = floor::bare_pod(&stage.client, &stage.autoscale, number).await?;
        println!("{}", line(&phases, milliseconds(floor)));
        cold_starts.push(phases);
        floors.push(floor);
    }
    let findings = Findings {
        cold_median_ms: median(cold_starts.iter().map(|phases| phases.answered)),
        cold_starts,
        floor_median_ms: median(floors.iter().copied().map(milliseconds)),
        floor_ms: floors.into_iter().map(milliseconds).collect(),
    };
    println!(
        "   median {} ms; a bare pod of that image takes {} ms; so {:.0} ms are ours",
        findings.cold_median_ms,
        findings.floor_median_ms,
        findings.cold_median_ms - findings.floor_median_ms
    );
    Ok(findings)
}

/// Complains about what missed its bound.
pub(super) fn judge(findings: &Findings) -> Result<()> {
    let slowest = findings
        .cold_starts
        .iter()
        .map(|phases| phases.answered)
        .fold(0.0, f64::max);
    ensure!(
        slowest <= milliseconds(ANSWER_WITHIN),
        "a request from zero took {slowest} ms, more than {} s",
        ANSWER_WITHIN.as_secs()
    );
    Ok(())
}

async fn cold_start(stage: &Stage, host: &str, revision: &str) -> Result<Phases> {
    let sent = SystemTime::now();
    let begun = Instant::now();
    let answer = stage
        .gateway
        .get(host, "/")
        .await
        .context("a request from zero got no answer")?;
    let took = begun.elapsed();
    ensure!(
        answer.status.is_success(),
        "a request from zero was answered with {} after {} ms: {}",
        answer.status,
        took.as_millis(),
        answer.excerpt()
    );
    // The pod may have answered before the API shows its address.
    let life = loop {
        match stage.pods.newest(SERVICE) {
            Some(life)
                if life.addressed.is_none() && begun.elapsed() < took + Duration::from_secs(5) =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            life => break life,
        }
    };
    Ok(phases::of(&stage.client, revision, sent, took, life.as_ref()).await)
}

fn line(phases: &Phases, floor_ms: f64) -> String {
    let at =
        |milestone: Option<f64>| milestone.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
    format!(
        "   {:>6.0}  {floor_ms:>8.0}  {:>25}  {:>8}  {:>8}  {:>7}  {:>6}",
        phases.answered,
        at(phases.activator),
        at(phases.decision),
        at(phases.pod_created),
        at(phases.pod_addressed),
        at(phases.probed),
    )
}

async fn until_zero(stage: &Stage) -> Result<()> {
    let step = Step::begin("back to zero pods");
    let deadline = Instant::now() + ZERO_WITHIN;
    while stage.pods.all(SERVICE) > 0 {
        if Instant::now() > deadline {
            bail!(
                "{} pods of {SERVICE} are still there after {} s without a request; see \
                 `kubectl -n {NAMESPACE} get podautoscaler,pods`",
                stage.pods.all(SERVICE),
                ZERO_WITHIN.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    step.done();
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<Duration> = values
        .filter_map(|value| Duration::try_from_secs_f64(value / 1000.0).ok())
        .collect();
    sorted.sort_unstable();
    milliseconds(percentile(&sorted, 50.0))
}
