//! Each of our processes is killed once, while requests keep coming: what does that cost?
//!
//! A figure, not yet a verdict: the requests that failed are counted and printed. What is demanded is that
//! everything works again afterwards.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::cluster::SYSTEM_NAMESPACE;
use ebb_e2e::prober::{Pace, Prober};
use ebb_e2e::service::{host, revision};
use ebb_e2e::wait::eventually;
use ebb_e2e::{Ksvc, Stage, play};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams};

/// 20 requests a second.
const PERIOD: Duration = Duration::from_millis(50);
/// Requests before and after: two seconds, ten seconds.
const BEFORE: usize = 40;
const AFTER: usize = 200;
/// How long a process may take to be back.
const BACK_WITHIN: Duration = Duration::from_secs(120);

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
    let (pod, status) = victim.find(stage).await?;
    let pods = Api::<Pod>::namespaced(stage.cluster.client.clone(), &victim.namespace);
    if !kill_process(&status)? {
        // The node is out of reach. A pod deleted without grace ends in the same way, but comes back elsewhere.
        let at_once = DeleteParams::default().grace_period(0);
        pods.delete(&pod, &at_once).await?;
    }
    eventually(&format!("{name} is back"), BACK_WITHIN, async || {
        let now = victim.find(stage).await;
        Ok(match now {
            Ok((_, now)) if now.ready && now.container_id != status.container_id => Ok(()),
            Ok((pod, now)) => Err(format!("{pod}: ready {}, {:?}", now.ready, now.state)),
            Err(error) => Err(format!("{error:#}")),
        })
    })
    .await?;
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

impl Victim {
    async fn find(&self, stage: &Stage) -> Result<(String, ContainerStatus)> {
        let pods = Api::<Pod>::namespaced(stage.cluster.client.clone(), &self.namespace)
            .list(&ListParams::default().labels(&self.selector))
            .await?;
        let pod = pods
            .items
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .min_by_key(ResourceExt::name_any)
            .with_context(|| format!("no pod has {}", self.selector))?;
        let name = pod.name_any();
        let statuses = pod
            .status
            .and_then(|status| status.container_statuses)
            .unwrap_or_default();
        let status = statuses
            .into_iter()
            .find(|status| self.container.is_none_or(|wanted| wanted == status.name))
            .with_context(|| format!("pod {name} has no such container"))?;
        Ok((name, status))
    }
}

/// Kills the process of a container that runs on this machine. False if it does not, or may not be touched.
fn kill_process(status: &ContainerStatus) -> Result<bool> {
    let id = status.container_id.as_deref().unwrap_or_default();
    let id = id.rsplit('/').next().unwrap_or_default();
    ensure!(!id.is_empty(), "container {} does not run", status.name);
    let Some(process) = fs::read_dir("/proc")?.flatten().find(|entry| {
        fs::read_to_string(entry.path().join("cgroup")).is_ok_and(|groups| groups.contains(id))
    }) else {
        return Ok(false);
    };
    let killed = Command::new("kill")
        .arg("-9")
        .arg(process.file_name())
        .status()
        .context("cannot run kill")?;
    Ok(killed.success())
}
