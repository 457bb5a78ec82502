//! Step 4: two revisions of one service share its requests half and half.

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::stage::{self, Stage};

const SERVICE: &str = "split";
const REQUESTS: usize = 200;

/// A fair coin falls below a quarter in 200 throws less than once in 10^12 times.
const LEAST_SHARE: f64 = 0.25;

/// What the step showed.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Findings {
    pub(super) blue: usize,
    pub(super) green: usize,
    pub(super) failed: usize,
}

pub(super) async fn run(stage: &Stage) -> Result<Findings> {
    println!("\n4  {REQUESTS} requests, split between two revisions");
    stage
        .apply(SERVICE, template(stage, "blue"), Value::Null)
        .await?;
    stage.ready(SERVICE).await?;
    let half_and_half = json!([
        { "revisionName": "split-blue", "percent": 50 },
        { "revisionName": "split-green", "percent": 50 },
    ]);
    stage
        .apply(SERVICE, template(stage, "green"), half_and_half)
        .await?;
    let service = stage.ready(SERVICE).await?;
    let host = stage::host(&service)?;

    let mut findings = Findings::default();
    let mut connection = stage.gateway.connect().await?;
    for _ in 0..REQUESTS {
        match connection.get(&host, "/").await {
            Ok(answer) if answer.status.is_success() && answer.excerpt().contains("blue") => {
                findings.blue += 1
            }
            Ok(answer) if answer.status.is_success() && answer.excerpt().contains("green") => {
                findings.green += 1
            }
            Ok(answer) => {
                println!("   failed: {}: {}", answer.status, answer.excerpt());
                findings.failed += 1;
            }
            Err(error) => {
                println!("   failed: {error:#}");
                findings.failed += 1;
                connection = stage.gateway.connect().await?;
            }
        }
    }
    println!(
        "   blue {}, green {}, failed {}",
        findings.blue, findings.green, findings.failed
    );
    Ok(findings)
}

/// Complains about what missed its bound.
pub(super) fn judge(findings: &Findings) -> Result<()> {
    ensure!(
        findings.failed == 0,
        "{} of {REQUESTS} requests to the split service failed",
        findings.failed
    );
    let least = findings.blue.min(findings.green);
    ensure!(
        least as f64 >= LEAST_SHARE * REQUESTS as f64,
        "one of two revisions got only {least} of {REQUESTS} requests"
    );
    Ok(())
}

fn template(stage: &Stage, colour: &str) -> Value {
    json!({
        "metadata": { "name": format!("{SERVICE}-{colour}") },
        "spec": { "containers": [{
            "image": stage.hello,
            "env": [{ "name": "TARGET", "value": colour }],
        }] },
    })
}
