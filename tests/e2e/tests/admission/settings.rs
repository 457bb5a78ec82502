//! ConfigMaps that change while everything runs.
//!
//! A bad one never gets past the webhook; so it is hidden from it first. Then every program that reads it has to keep
//! what it had, and say so.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::cluster::SYSTEM_NAMESPACE;
use ebb_e2e::config_maps::{Borrowed, metric, rejections};
use ebb_e2e::service::host;
use ebb_e2e::wait::eventually;
use ebb_e2e::{Ksvc, Stage, play, processes};
use kube::ResourceExt as _;
use kube::api::{DynamicObject, PostParams};
use serde_json::json;

use crate::fixtures::{service, without_pods};

/// How long a change may take to be in force.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn the_webhook_keeps_its_defaults_until_there_are_better_ones() {
    play("defaults", async |stage| {
        let client = &stage.cluster.client;
        without_pods(stage).await?;
        Borrowed::play(client, "config-defaults", async |map| {
            let reader = Reader::of(stage, "webhook", map).await?;
            map.hide().await?;
            map.set("revision-timeout-seconds", "soon").await?;
            reader.rejects("soon").await?;
            ensure!(timeout(stage, "before").await? == json!(300));
            map.set("revision-timeout-seconds", "299").await?;
            reader.accepts().await?;
            ensure!(timeout(stage, "after").await? == json!(299));
            reader.has_not_restarted().await
        })
        .await
    })
    .await;
}

/// The timeout that a new Service is given.
async fn timeout(stage: &Stage, name: &str) -> Result<serde_json::Value> {
    let object: DynamicObject = serde_json::from_value(service(name))?;
    let stored = stage
        .api("Service")
        .create(&PostParams::default(), &object)
        .await?;
    Ok(stored.data["spec"]["template"]["spec"]["timeoutSeconds"].clone())
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn the_controller_keeps_its_domains_until_there_are_better_ones() {
    play("domains", async |stage| {
        let client = &stage.cluster.client;
        let mut written = service("moves");
        written["metadata"]["labels"] = json!({"e2e": stage.namespace});
        let object: DynamicObject = serde_json::from_value(written)?;
        without_pods(stage).await?;
        stage
            .api("Service")
            .create(&PostParams::default(), &object)
            .await?;
        let before = url(stage, |_| true).await?;
        Borrowed::play(client, "config-domain", async |map| {
            let reader = Reader::of(stage, "controller", map).await?;
            map.hide().await?;
            map.set("moved.example.org", "selector: [").await?;
            reader.rejects("moved.example.org").await?;
            let selector = format!("selector:\n  e2e: {}\n", stage.namespace);
            map.set("moved.example.org", &selector).await?;
            reader.accepts().await?;
            let moved = url(stage, |host| host.ends_with(".moved.example.org")).await?;
            eprintln!("{before} became {moved}");
            reader.has_not_restarted().await
        })
        .await?;
        // Back where it was, without anybody asking for it.
        url(stage, |host| host == before).await.map(drop)
    })
    .await;
}

/// Waits until the Route's host is as wanted.
async fn url(stage: &Stage, wanted: impl Fn(&str) -> bool) -> Result<String> {
    eventually("the Route has a host", IN_FORCE_WITHIN, async || {
        let route = stage.api("Route").get_opt("moves").await?;
        let host = route
            .as_ref()
            .and_then(|route| host(route).ok())
            .unwrap_or_default();
        Ok(if !host.is_empty() && wanted(&host) {
            Ok(host)
        } else {
            Err(host)
        })
    })
    .await
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn the_autoscaler_keeps_its_scale_until_there_is_a_better_one() {
    play("min-scale", async |stage| {
        let client = &stage.cluster.client;
        stage
            .deploy(&Ksvc::new("grows", &stage.cluster.hello))
            .await?;
        Borrowed::play(client, "config-autoscaler", async |map| {
            let reader = Reader::of(stage, "autoscaler", map).await?;
            map.hide().await?;
            map.set("min-scale", "two").await?;
            reader.rejects("two").await?;
            ensure!(
                stage.pods("grows-00001").await?.len() <= 1,
                "a bad value scales"
            );
            map.set("min-scale", "2").await?;
            reader.accepts().await?;
            eventually("there are two pods", IN_FORCE_WITHIN, async || {
                let pods = stage.pods("grows-00001").await?.len();
                Ok(if pods == 2 {
                    Ok(())
                } else {
                    Err(format!("{pods}"))
                })
            })
            .await?;
            reader.has_not_restarted().await
        })
        .await
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn every_program_keeps_its_log_level_until_there_is_a_better_one() {
    play("log-levels", async |stage| {
        let client = &stage.cluster.client;
        let programs = ["webhook", "controller", "autoscaler", "activator"];
        Borrowed::play(client, "config-logging", async |map| {
            map.hide().await?;
            for program in programs {
                let reader = Reader::of(stage, program, map).await?;
                let key = format!("loglevel.{program}");
                map.set(&key, "shouting").await?;
                reader.rejects("shouting").await?;
                map.set(&key, "info").await?;
                reader.accepts().await?;
                reader.has_not_restarted().await?;
            }
            Ok(())
        })
        .await
    })
    .await;
}

/// A program that reads a ConfigMap: its first replica.
struct Reader<'a> {
    stage: &'a Stage,
    program: &'a str,
    map: &'a Borrowed,
    pod: String,
    container: Option<String>,
    rejected: f64,
}

impl<'a> Reader<'a> {
    async fn of(stage: &'a Stage, program: &'a str, map: &'a Borrowed) -> Result<Self> {
        let client = &stage.cluster.client;
        let pods = processes::pods(client, SYSTEM_NAMESPACE, &format!("app={program}")).await?;
        let pod = pods
            .first()
            .with_context(|| format!("there is no {program}"))?;
        let mut reader = Self {
            stage,
            program,
            map,
            pod: pod.name_any(),
            container: processes::status(pod, None)?.container_id,
            rejected: 0.0,
        };
        reader.rejected = reader.metric("rejected_total").await?.unwrap_or_default();
        Ok(reader)
    }

    /// Waits until the program has seen a bad value: it counts it, and says so on the ConfigMap, where it names `what`.
    async fn rejects(&self, what: &str) -> Result<()> {
        let (program, name) = (self.program, self.map.name());
        eventually(
            &format!("{program} counts a bad {name}"),
            IN_FORCE_WITHIN,
            async || {
                let rejected = self.metric("rejected_total").await?.unwrap_or_default();
                let valid = self.metric("valid").await?;
                let is_told = rejected > self.rejected && valid == Some(0.0);
                Ok(if is_told {
                    Ok(())
                } else {
                    Err(format!("rejected {rejected}, valid {valid:?}"))
                })
            },
        )
        .await?;
        let client = &self.stage.cluster.client;
        let component = match program {
            "autoscaler" => "podautoscaler-controller",
            other => other,
        };
        let said = eventually(
            &format!("{program} tells of a bad {name}"),
            IN_FORCE_WITHIN,
            async || {
                let told = rejections(client, name).await?;
                let found = told
                    .iter()
                    .find(|(by, said)| by == component && said.contains(what));
                Ok(found
                    .map(|(_, said)| said.clone())
                    .ok_or_else(|| format!("{told:?}")))
            },
        )
        .await?;
        eprintln!("{program}: {said}");
        Ok(())
    }

    /// Waits until the program has taken a good value over.
    async fn accepts(&self) -> Result<()> {
        let what = format!("{} takes {} over", self.program, self.map.name());
        eventually(&what, IN_FORCE_WITHIN, async || {
            let valid = self.metric("valid").await?;
            Ok(if valid == Some(1.0) {
                Ok(())
            } else {
                Err(format!("valid {valid:?}"))
            })
        })
        .await
    }

    async fn has_not_restarted(&self) -> Result<()> {
        let selector = format!("app={}", self.program);
        let pods = processes::pods(&self.stage.cluster.client, SYSTEM_NAMESPACE, &selector).await?;
        let pod = pods.iter().find(|pod| pod.name_any() == self.pod);
        let now = processes::status(pod.with_context(|| format!("{} has gone", self.pod))?, None)?;
        ensure!(
            now.container_id == self.container,
            "{} has restarted",
            self.pod
        );
        Ok(())
    }

    /// A metric of the ConfigMap.
    async fn metric(&self, name: &str) -> Result<Option<f64>> {
        let series = format!("ebb_config_{name}{{name=\"{}\"}}", self.map.name());
        metric(&self.stage.cluster.client, &self.pod, &series).await
    }
}
