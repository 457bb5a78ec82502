//! From zero and back, and who stands between a request and its pod.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::cluster::SYSTEM_NAMESPACE;
use ebb_e2e::service::{host, revision};
use ebb_e2e::wait::eventually;
use ebb_e2e::{Ksvc, Stage, play};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, ListParams};
use tokio::task::JoinSet;

/// The shortest window there is, so that nobody waits for a minute.
const WINDOW: &str = "6s";
/// How long the way of requests may take to change once its reason is there.
const SWITCHED_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn twenty_requests_at_once_wake_a_service_and_all_are_answered() {
    play("from-zero", async |stage| {
        let service = stage
            .deploy(&Ksvc::new("sleeper", &stage.cluster.autoscale).scaling("window", WINDOW))
            .await?;
        let host = host(&service)?;
        stage.at_zero(&revision(&service)?).await?;

        let began = Instant::now();
        let gateway = stage.cluster.gateway;
        let requests = (0..20).map(|_| gateway.ok(&host, "/?sleep=100"));
        try_join_all(requests).await?;
        eprintln!(
            "20 requests to zero were answered within {:?}",
            began.elapsed()
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn load_scales_up_to_the_maximum_and_silence_to_zero() {
    play("max-scale", async |stage| {
        let service = stage
            .deploy(
                &Ksvc::new("busy", &stage.cluster.autoscale)
                    .scaling("target", 2)
                    .scaling("max-scale", 3)
                    .scaling("window", WINDOW),
            )
            .await?;
        let (host, revision) = (host(&service)?, revision(&service)?);

        // 20 at once, where two pods' worth is 4: more than the maximum would be wanted.
        let mut load = JoinSet::new();
        for _ in 0..20 {
            let (gateway, host) = (stage.cluster.gateway, host.clone());
            load.spawn(async move {
                loop {
                    if let Err(error) = gateway.ok(&host, "/?sleep=200").await {
                        return error;
                    }
                }
            });
        }
        let mut most = 0;
        let scaled = eventually("three pods are ready", SWITCHED_WITHIN, async || {
            let pods = stage.pods(&revision).await?;
            most = most.max(pods.len());
            let ready = pods.iter().filter(|pod| is_ready(pod)).count();
            Ok(if ready == 3 {
                Ok(())
            } else {
                Err(format!("{ready} ready of {}", pods.len()))
            })
        });
        tokio::select! {
            scaled = scaled => scaled?,
            Some(failed) = load.join_next() => anyhow::bail!("a request failed: {:#}", failed?),
        }
        ensure!(most <= 3, "there were {most} pods");
        drop(load);
        stage.at_zero(&revision).await
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn the_activator_stays_in_the_way_when_the_burst_capacity_is_unlimited() {
    play("burst-unlimited", async |stage| {
        let service = stage
            .deploy(
                &Ksvc::new("behind", &stage.cluster.hello)
                    .scaling("target-burst-capacity", -1)
                    .scaling("min-scale", 1),
            )
            .await?;
        let revision = revision(&service)?;
        let activators = addresses_of(stage, SYSTEM_NAMESPACE, "app=activator").await?;
        way(stage, &revision, "Proxy", &activators).await?;
        stage.cluster.gateway.ok(&host(&service)?, "/").await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn the_activator_leaves_the_way_when_no_burst_capacity_is_asked_for() {
    play("burst-none", async |stage| {
        let service = stage
            .deploy(
                &Ksvc::new("direct", &stage.cluster.hello)
                    .scaling("target-burst-capacity", 0)
                    .scaling("min-scale", 1),
            )
            .await?;
        let revision = revision(&service)?;
        let selector = format!("serving.knative.dev/revision={revision}");
        let pods = addresses_of(stage, &stage.namespace, &selector).await?;
        way(stage, &revision, "Serve", &pods).await?;
        stage.cluster.gateway.ok(&host(&service)?, "/").await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb: cargo xtask test e2e"]
async fn a_container_that_takes_one_request_never_gets_two() {
    play("one", async |stage| {
        let service = stage
            .deploy(
                &Ksvc::new("single", &stage.cluster.autoscale)
                    .spec("containerConcurrency", 1.into())
                    .scaling("min-scale", 1)
                    .scaling("max-scale", 1),
            )
            .await?;
        let (gateway, host) = (stage.cluster.gateway, host(&service)?);
        // Five clients, each with 30 requests.
        let clients = (0..5).map(async |_| -> Result<()> {
            for _ in 0..30 {
                gateway.ok(&host, "/?sleep=30").await?;
            }
            Ok(())
        });
        try_join_all(clients).await?;
        let seen = gateway.ok(&host, "/peak").await?.json()?;
        ensure!(seen["peak"] == 1, "the container saw {seen}");
        ensure!(seen["total"].as_u64() >= Some(150), "{seen}");
        Ok(())
    })
    .await;
}

/// Waits until a revision's ServerlessService has `mode` and its public Service leads to `wanted`, or a part of it.
async fn way(stage: &Stage, revision: &str, mode: &str, wanted: &BTreeSet<String>) -> Result<()> {
    ensure!(!wanted.is_empty(), "there is nobody to lead to");
    eventually(
        &format!("{revision} is in mode {mode}"),
        SWITCHED_WITHIN,
        async || {
            let seen = stage.mode(revision).await?;
            let slices =
                Api::<EndpointSlice>::namespaced(stage.cluster.client.clone(), &stage.namespace)
                    .list(
                        &ListParams::default()
                            .labels(&format!("kubernetes.io/service-name={revision}")),
                    )
                    .await?;
            let led: BTreeSet<String> = slices
                .into_iter()
                .flat_map(|slice| slice.endpoints)
                .flat_map(|endpoint| endpoint.addresses)
                .collect();
            Ok(
                if seen == mode && !led.is_empty() && led.is_subset(wanted) {
                    Ok(())
                } else {
                    Err(format!(
                        "mode {seen}, leads to {led:?} instead of {wanted:?}"
                    ))
                },
            )
        },
    )
    .await
}

async fn addresses_of(stage: &Stage, namespace: &str, selector: &str) -> Result<BTreeSet<String>> {
    let pods = Api::<Pod>::namespaced(stage.cluster.client.clone(), namespace)
        .list(&ListParams::default().labels(selector))
        .await?;
    pods.into_iter()
        .map(|pod| {
            pod.status
                .and_then(|status| status.pod_ip)
                .context("a pod has no address")
        })
        .collect()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|conditions| {
        conditions
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    })
}
