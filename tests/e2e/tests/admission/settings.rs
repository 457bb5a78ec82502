//! ConfigMaps that change while everything runs.
//!
//! A bad one never gets past the webhook; so it is hidden from it first. Then every program that reads it has to keep
//! what it had, and say so. A value is bad twice: before there is a good one, and after, when what was good last has
//! to hold and not the default. The second time also shows when the ConfigMap that is put back has been read.

use anyhow::{Result, ensure};
use ebb_e2e::config_maps::Borrowed;
use ebb_e2e::service::host;
use ebb_e2e::wait::eventually;
use ebb_e2e::{Ksvc, Stage, play};
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::fixtures::{service, without_pods};
use crate::reader::{IN_FORCE_WITHIN, Reader};

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn the_webhook_keeps_its_defaults_until_there_are_better_ones() {
    play("defaults", async |stage| {
        without_pods(stage).await?;
        let key = "revision-timeout-seconds";
        let mut reader = Reader::of(stage, "webhook", "config-defaults").await?;
        Borrowed::play(&stage.cluster.client, reader.map, async |map| {
            map.hide().await?;
            let soon = odd(stage, "soon");
            map.set(key, &soon).await?;
            reader.rejects(&soon).await?;
            ensure!(timeout(stage, "before").await? == json!(300));
            map.set(key, "299").await?;
            reader.accepts().await?;
            ensure!(timeout(stage, "after").await? == json!(299));
            let late = odd(stage, "late");
            map.set(key, &late).await?;
            reader.rejects(&late).await?;
            ensure!(timeout(stage, "still").await? == json!(299));
            Ok(())
        })
        .await?;
        reader.accepts().await?;
        ensure!(timeout(stage, "restored").await? == json!(300));
        reader.has_not_restarted().await
    })
    .await;
}

/// The timeout that a new Service is given.
async fn timeout(stage: &Stage, name: &str) -> Result<Value> {
    let stored = create(stage, service(name)).await?;
    Ok(stored.data["spec"]["template"]["spec"]["timeoutSeconds"].clone())
}

async fn create(stage: &Stage, service: Value) -> Result<DynamicObject> {
    let object: DynamicObject = serde_json::from_value(service)?;
    let services = stage.api("Service");
    Ok(services.create(&PostParams::default(), &object).await?)
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn the_controller_keeps_its_domains_until_there_are_better_ones() {
    play("domains", async |stage| {
        without_pods(stage).await?;
        let before = new_host(stage, "moves", |_| true).await?;
        let domain = format!("{}.example.org", stage.namespace);
        let is_moved = |host: &str| host.ends_with(&format!(".{domain}"));
        let mut reader = Reader::of(stage, "controller", "config-domain").await?;
        Borrowed::play(&stage.cluster.client, reader.map, async |map| {
            map.hide().await?;
            map.set(&domain, "selector: [").await?;
            reader.rejects(&domain).await?;
            new_host(stage, "stays", |host| !is_moved(host)).await?;
            let selector = format!("selector:\n  e2e: {}\n", stage.namespace);
            map.set(&domain, &selector).await?;
            reader.accepts().await?;
            let moved = route_host(stage, "moves", is_moved).await?;
            eprintln!("{before} became {moved}");
            let other = odd(stage, "other");
            map.set(&other, "selector: [").await?;
            reader.rejects(&other).await?;
            new_host(stage, "follows", is_moved).await.map(drop)
        })
        .await?;
        reader.accepts().await?;
        // Back where it was, without anybody asking for it.
        route_host(stage, "moves", |host| host == before).await?;
        reader.has_not_restarted().await
    })
    .await;
}

/// Creates a Service whose Route the tests' domain selects, and gives the host that it gets, which must be as wanted.
async fn new_host(stage: &Stage, name: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let mut written = service(name);
    written["metadata"]["labels"] = json!({"e2e": stage.namespace});
    create(stage, written).await?;
    let host = route_host(stage, name, |_| true).await?;
    ensure!(wanted(&host), "{name} is at {host}");
    Ok(host)
}

/// Waits until a Route's host is as wanted.
async fn route_host(stage: &Stage, name: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let what = format!("Route {name} has a host");
    eventually(&what, IN_FORCE_WITHIN, async || {
        let route = stage.api("Route").get_opt(name).await?;
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
        let key = "min-scale";
        let mut reader = Reader::of(stage, "autoscaler", "config-autoscaler").await?;
        let grows = Ksvc::new("grows", &stage.cluster.hello);
        stage.deploy(&grows).await?;
        Borrowed::play(&stage.cluster.client, reader.map, async |map| {
            map.hide().await?;
            let two = odd(stage, "two");
            map.set(key, &two).await?;
            reader.rejects(&two).await?;
            map.set(key, "2").await?;
            reader.accepts().await?;
            two_pods(stage, "grows-00001").await?;
            let one = odd(stage, "one");
            map.set(key, &one).await?;
            reader.rejects(&one).await?;
            let follows = Ksvc::new("follows", &stage.cluster.hello);
            stage.deploy(&follows).await?;
            two_pods(stage, "follows-00001").await
        })
        .await?;
        reader.accepts().await?;
        reader.has_not_restarted().await
    })
    .await;
}

async fn two_pods(stage: &Stage, revision: &str) -> Result<()> {
    let what = format!("{revision} has two pods");
    eventually(&what, IN_FORCE_WITHIN, async || {
        let pods = stage.pods(revision).await?.len();
        Ok(if pods == 2 {
            Ok(())
        } else {
            Err(format!("{pods}"))
        })
    })
    .await
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn every_program_tells_of_a_bad_log_level_and_goes_on() {
    play("log-levels", async |stage| {
        let name = "config-logging";
        let programs = ["webhook", "controller", "autoscaler", "activator"];
        let mut readers = Vec::new();
        for program in programs {
            readers.push(Reader::of(stage, program, name).await?);
        }
        Borrowed::play(&stage.cluster.client, name, async |map| {
            map.hide().await?;
            // All of them judge the levels of all.
            for program in programs {
                let (key, loud) = (format!("loglevel.{program}"), odd(stage, program));
                map.set(&key, &loud).await?;
                for reader in &mut readers {
                    reader.rejects(&loud).await?;
                }
                map.set(&key, "info").await?;
                for reader in &readers {
                    reader.accepts().await?;
                }
            }
            Ok(())
        })
        .await?;
        for reader in &readers {
            reader.has_not_restarted().await?;
        }
        Ok(())
    })
    .await;
}

/// A value that is no setting, and that no other run has used: what is told of it cannot be mistaken for theirs.
fn odd(stage: &Stage, word: &str) -> String {
    format!("{word}-{}", stage.namespace)
}
