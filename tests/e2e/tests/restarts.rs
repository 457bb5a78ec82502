//! Each of our processes is killed once, while requests keep coming: what does that cost?
//!
//! A figure, not yet a verdict: the requests that failed are counted and printed. What is demanded is that
//! everything works again afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::cluster::SYSTEM_NAMESPACE;
use ebb_e2e::prober::{Pace, Prober};
use ebb_e2e::service::{host, revision};
use ebb_e2e::{Ksvc, Stage, play, processes};

/// 20 requests a second.
const PERIOD: Duration = Duration::from_millis(50);
/// Requests before and after: two seconds, ten seconds.
const BEFORE: usize = 40;
const AFTER: usize = 200;

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn the_cost_of_killing_each_process_is_known() {
    play("restarts", async |stage| {
        // The activator is in the way, so that every one of them could cost something.
        let service = stage
            .deploy(
                &Ksvc::new("steady", &stage.cluster.hello)
                    .scaling("target-burst-capacity", -1)
                    .scaling("min-scale", 1),
            )
            .await?;
        let (host, revision) = (host(&service)?, revision(&service)?);
        eprintln!(
            "{:<16}{:>8}{:>8}{:>12}{:>10}",
            "killed", "sent", "failed", "trouble", "back"
        );
        for program in [
            "controller",
            "webhook",
            "autoscaler",
            "activator",
            "gateway",
        ] {
            let victim = Victim {
                namespace: SYSTEM_NAMESPACE.to_owned(),
                selector: format!("app={program}"),
                container: None,
            };
            kill_under_load(stage, &host, program, &victim).await?;
        }
        let victim = Victim {
            namespace: stage.namespace.clone(),
            selector: format!("serving.knative.dev/revision={revision}"),
            container: Some("queue-proxy"),
        };
        kill_under_load(stage, &host, "queue-proxy", &victim).await?;

        // All of them still do their work.
        let service = stage
            .deploy(&Ksvc::new("steady", &stage.cluster.hello).env("TARGET", "again"))
            .await?;
        let answer = stage
            .cluster
            .gateway
            .ok(&self::host(&service)?, "/")
            .await?;
        ensure!(answer.text() == "Hello again!", "{}", answer.text());
        Ok(())
    })
    .await;
}

/// A process to kill: one container of the first pod that fits.
struct Victim {
    namespace: String,
    selector: String,
    /// The only one if not named.
    container: Option<&'static str>,
}

async fn kill_under_load(stage: &Stage, host: &str, name: &str, victim: &Victim) -> Result<()> {
    let mut prober = Prober::start(stage.cluster.gateway, host, "/", Pace::Every(PERIOD));
    prober.send_more(BEFORE).await?;

    let killed = Instant::now();
    let client = &stage.cluster.client;
    let (namespace, selector) = (&victim.namespace, &victim.selector);
    let pods = processes::pods(client, namespace, selector).await?;
    let pod = pods.first();
    let pod = pod.with_context(|| format!("no pod has {selector}"))?;
    let status = processes::status(pod, victim.container)?;
    processes::kill(client, pod, &status).await?;
    let (container, replicas) = (victim.container, pods.len());
    processes::back(client, namespace, selector, container, replicas, &[status]).await?;
    let back = killed.elapsed();
    prober.send_more(AFTER).await?;

    let tally = prober.finish().await?;
    eprintln!(
        "{name:<16}{:>8}{:>8}{:>10} ms{:>7.1} s",
        tally.sent,
        tally.failures.len(),
        tally.trouble().as_millis(),
        back.as_secs_f64()
    );
    for failure in tally.failures.iter().take(3) {
        eprintln!("    after {:?}: {}", failure.at, failure.cause);
    }
    stage.cluster.gateway.ok(host, "/").await?;
    Ok(())
}
