//! The webhook is killed while much is applied.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::cluster::SYSTEM_NAMESPACE;
use ebb_e2e::wait::eventually;
use ebb_e2e::witness::Witness;
use ebb_e2e::writes::{Outcome, Write, Writer, Writes, apply};
use ebb_e2e::{Stage, play, processes};
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use crate::fixtures::{
    ROUND, WEBHOOK, in_round, is_stored, route, service, stored, user, without_pods,
};

/// 50 applies a second.
const PERIOD: Duration = Duration::from_millis(20);
/// Applies before and after: one second, three seconds.
const BEFORE: usize = 50;
const AFTER: usize = 150;
/// Services that are applied again and again. Every other valid object is a Route with a name of its own.
const SERVICES: usize = 4;
const KINDS: [&str; 2] = ["Service", "Route"];
/// How long a write that failed may take to get through afterwards.
const THROUGH_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn nothing_wrong_is_stored_while_the_webhook_is_killed() {
    play("outage", async |stage| {
        let client = &stage.cluster.client;
        without_pods(stage).await?;
        let user = user(client).await?;
        let witness = Witness::start(stage, &KINDS).await?;
        let mut writer = Writer::start(client, &stage.namespace, PERIOD, write);
        writer.send_more(BEFORE).await?;
        let back = kill_all(stage).await?;
        writer.send_more(AFTER).await?;
        let writes = writer.finish().await?;
        report(&writes, back);

        writes.nothing_wrong_stored()?;
        for outcome in &writes.0 {
            is_judged(outcome)?;
        }
        for lost in writes.lost() {
            let manifest = &lost.write.manifest;
            eventually("a lost write gets through", THROUGH_WITHIN, async || {
                Ok(apply(client, &stage.namespace, manifest).await.map(drop))
            })
            .await?;
        }

        let mut left = Vec::new();
        for kind in KINDS {
            left.extend(stage.api(kind).list(&ListParams::default()).await?.items);
        }
        left.retain(is_users);
        let names: BTreeSet<String> = left.iter().map(ResourceExt::name_any).collect();
        let valid = writes.0.iter().filter(|it| it.write.valid);
        let expected: BTreeSet<String> = valid.map(|it| name_of(&it.write.manifest)).collect();
        ensure!(
            names == expected,
            "there are {names:?}, and not {expected:?}"
        );
        // Not only at the end: no version was ever stored that admission has not completed.
        let versions = witness.finish(&left).await?;
        for object in versions.iter().filter(|it| is_users(it)).chain(&left) {
            is_completed(object, &user)?;
        }
        eprintln!(
            "{} versions of {} objects, all of them whole",
            versions.len(),
            left.len()
        );
        Ok(())
    })
    .await;
}

/// Kills every replica, and waits until all are back. Gives how long that took.
async fn kill_all(stage: &Stage) -> Result<Duration> {
    let client = &stage.cluster.client;
    let began = std::time::Instant::now();
    let mut killed = Vec::new();
    for pod in processes::pods(client, SYSTEM_NAMESPACE, WEBHOOK).await? {
        let status = processes::status(&pod, None)?;
        processes::kill(client, &pod, &status).await?;
        killed.push(status);
    }
    ensure!(!killed.is_empty(), "there is no webhook");
    processes::back(
        client,
        SYSTEM_NAMESPACE,
        WEBHOOK,
        None,
        killed.len(),
        &killed,
    )
    .await?;
    Ok(began.elapsed())
}

/// Two of five may not be stored.
fn write(number: usize) -> Write {
    let manifest = match number % 5 {
        0 | 1 => service(&format!("again-{}", number % SERVICES)),
        2 => route(&format!("once-{number}"), 100),
        3 => {
            let mut wrong = service(&format!("wrong-{number}"));
            wrong["spec"]["template"]["spec"]["containerConcurrency"] = json!(-1);
            wrong
        }
        _ => route(&format!("wrong-{number}"), 50),
    };
    Write {
        manifest: in_round(manifest, number),
        valid: number % 5 < 3,
    }
}

fn name_of(manifest: &Value) -> String {
    manifest["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Whoever was refused was refused for what he wrote, or because nobody could judge it.
fn is_judged(outcome: &Outcome) -> Result<()> {
    let reason = if outcome.write.valid {
        "the object has been modified"
    } else {
        "validation failed: "
    };
    ensure!(
        outcome.answer.is_ok() || outcome.unanswered() || outcome.refusal().contains(reason),
        "{} after {:?}: {}",
        outcome.write.manifest,
        outcome.at,
        outcome.refusal()
    );
    Ok(())
}

/// Whether an object was written by a user, and not by a controller for one.
fn is_users(object: &DynamicObject) -> bool {
    object.owner_references().is_empty()
}

/// Demands that an object holds what a user wrote and admission added, and nothing else.
fn is_completed(object: &DynamicObject, user: &str) -> Result<()> {
    let round = object
        .annotations()
        .get(ROUND)
        .context("nobody wrote this")?;
    let write = write(round.parse()?);
    ensure!(write.valid, "{} is stored", write.manifest);
    is_stored(object, &stored(&write.manifest, user))
}

fn report(writes: &Writes, back: Duration) {
    let unanswered = |valid| {
        writes
            .0
            .iter()
            .filter(|it| it.unanswered() && it.write.valid == valid)
            .count()
    };
    eprintln!(
        "{} applies in {:?}; no webhook answered {} valid and {} invalid ones, over {:?}; it was ready again after {back:?}",
        writes.0.len(),
        writes.0.iter().map(|it| it.at).max().unwrap_or_default(),
        unanswered(true),
        unanswered(false),
        writes.trouble(),
    );
}
