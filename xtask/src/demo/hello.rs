//! Step 1: a plain service, ready in a moment; the first request after Ready is answered.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::stage::{self, Stage};

/// What the step showed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Findings {
    pub(super) url: String,
    /// From applying the service to Ready=True.
    pub(super) ready_ms: f64,
    /// The first request after that.
    pub(super) first_answer_ms: f64,
}

pub(super) async fn run(stage: &Stage) -> Result<Findings> {
    println!("\n1  a plain service");
    let begun = Instant::now();
    stage
        .apply(
            "hello",
            json!({ "spec": { "containers": [{ "image": stage.hello }] } }),
            Value::Null,
        )
        .await?;
    let service = stage.ready("hello").await?;
    let ready = begun.elapsed();

    // One shot: Ready is a promise.
    let answer = stage.gateway.get(&stage::host(&service)?, "/").await?;
    let url = stage::url(&service)?.to_owned();
    ensure!(
        answer.status.is_success(),
        "the first request after Ready was answered with {}: {}",
        answer.status,
        answer.excerpt()
    );
    println!("   {url} is ready after {} ms", ready.as_millis());
    println!(
        "   first request: {} in {} ms: {}",
        answer.status,
        answer.took.as_millis(),
        answer.excerpt()
    );
    Ok(Findings {
        url,
        ready_ms: milliseconds(ready),
        first_answer_ms: milliseconds(answer.took),
    })
}

/// A duration as reports give it.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
