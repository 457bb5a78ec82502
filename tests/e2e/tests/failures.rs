//! Services that cannot work: all four kinds say so, and why.

use std::time::Instant;

use anyhow::{Result, ensure};
use ebb_e2e::service::condition;
use ebb_e2e::{Ksvc, Stage, play};
use serde_json::json;

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn an_image_that_does_not_exist_fails_the_service() {
    play("no-image", async |stage| {
        let service = Ksvc::new("missing", "dev.local/ebb/nobody-built-this:1");
        everything_false(stage, &service).await?;
        let revision = stage.get("Revision", "missing-00001").await?;
        let said = condition(&revision, "Ready")["message"].to_string();
        ensure!(said.contains("nobody-built-this"), "{said}");
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn a_container_that_exits_fails_the_service() {
    play("exit", async |stage| {
        let service = Ksvc::new("broken", &stage.cluster.autoscale)
            .env("FAIL_READINESS", "true")
            .env("EXIT_AFTER_MS", "1000")
            .env("EXIT_CODE", "5")
            .container("readinessProbe", json!({"httpGet": {"path": "/healthz"}}));
        everything_false(stage, &service).await?;
        let revision = stage.get("Revision", "broken-00001").await?;
        let healthy = condition(&revision, "ContainerHealthy");
        ensure!(healthy["reason"] == "ExitCode5", "{healthy}");
        Ok(())
    })
    .await;
}

/// Waits until Service, Configuration, Revision and Route all are not ready, each with reason and message.
async fn everything_false(stage: &Stage, service: &Ksvc) -> Result<()> {
    let began = Instant::now();
    let name = stage
        .apply(service)
        .await?
        .metadata
        .name
        .unwrap_or_default();
    let revision = format!("{name}-00001");
    for (kind, name) in [
        ("Revision", revision.as_str()),
        ("Configuration", name.as_str()),
        ("Route", name.as_str()),
        ("Service", name.as_str()),
    ] {
        let object = stage.settled(kind, name, "Ready", "False", Some(1)).await?;
        let ready = condition(&object, "Ready");
        for member in ["reason", "message"] {
            let text = ready[member].as_str().unwrap_or_default();
            ensure!(!text.is_empty(), "{kind} {name} has no {member}: {ready}");
        }
        eprintln!(
            "{kind} {name} failed after {:?}: {}",
            began.elapsed(),
            ready["message"]
        );
    }
    Ok(())
}
