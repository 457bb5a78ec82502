//! The webhook's certificate changes while objects are written.
//!
//! A rotation begins when less than a day is left. To get there without a break the tests bring a certificate of
//! their own in, the way the webhook does it: trusted first, shown then.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::certificates::{
    Authority, CA_CERT, Data, NEXT, PREVIOUS_CA, SERVER_CERT, certificate, configurations, keep,
    kept, shown, touch, trusts,
};
use ebb_e2e::cluster::SYSTEM_NAMESPACE;
use ebb_e2e::config_maps::Borrowed;
use ebb_e2e::wait::eventually;
use ebb_e2e::writes::{Write, Writer};
use ebb_e2e::{Stage, play, processes};
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::json;

use crate::fixtures::{WEBHOOK, in_round};

/// 25 writes a second.
const PERIOD: Duration = Duration::from_millis(40);
/// Two seconds of writes: by then the API server has read what was written before them.
const SETTLE: usize = 50;
/// Objects that are written again and again: more than are ever written at once, since two writes of one object are
/// each other's conflict.
const OBJECTS: usize = 256;
/// A certificate is renewed when it is valid for no longer than this.
const RENEWAL: Duration = Duration::from_secs(24 * 3600);
/// How much longer the certificate lasts that the tests bring in.
const MARGIN: Duration = Duration::from_secs(4);
/// How long any step of a rotation may take. The longest is the wait for all API servers, ten seconds.
const STEP_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn a_rotation_fails_no_write_and_changes_only_whom_is_trusted() {
    play("rotation", async |stage| {
        let client = &stage.cluster.client;
        let before = configurations(client).await?;
        let mut writer = writer(stage);
        bring_in_one_that_expires(client, &mut writer).await?;
        let announced = rotation_begins(client).await?;
        rotation_ends(client, &announced).await?;
        only_the_last_is_trusted(client, &mut writer).await?;
        let writes = writer.finish().await?;
        eprintln!(
            "{} writes through two changes of the certificate",
            writes.0.len()
        );
        writes.nothing_lost()?;

        let after = configurations(client).await?;
        for (name, (configuration, bundle)) in &before {
            let (now, trusted) = &after[name];
            ensure!(
                now == configuration,
                "{name} became {now}\nand was {configuration}"
            );
            ensure!(trusted != bundle, "{name} trusts whom it trusted before");
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn a_certificate_that_was_taken_away_is_made_anew() {
    play("no-certificate", async |stage| {
        let client = &stage.cluster.client;
        let before = kept(client).await?;
        let mut writer = writer(stage);
        writer.send_more(SETTLE).await?;
        let began = Instant::now();
        keep(client, &Data::new()).await?;
        let made = eventually("a certificate is made", STEP_WITHIN, async || {
            let now = kept(client).await?;
            Ok(if now.contains_key(SERVER_CERT) {
                Ok(now)
            } else {
                Err("none".to_owned())
            })
        })
        .await?;
        ensure!(
            made[CA_CERT] != before[CA_CERT],
            "the authority is the old one"
        );
        all_show(client, &made).await?;
        all_trust(client, &made[CA_CERT]).await?;
        let took = began.elapsed();

        writer.send_more(SETTLE).await?;
        let settled = writer.now();
        writer.send_more(SETTLE).await?;
        let writes = writer.finish().await?;
        // There is nothing to overlap with, so some may fail; nobody is left behind.
        eprintln!(
            "a new certificate after {took:?}; {} of {} writes failed, over {:?}",
            writes.lost().count(),
            writes.0.len(),
            writes.trouble()
        );
        for lost in writes.lost() {
            ensure!(
                lost.unanswered() && lost.at < settled,
                "after {:?}: {}",
                lost.at,
                lost.refusal()
            );
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn another_replica_ends_the_rotation_that_its_leader_began() {
    play("replicas", async |stage| {
        let client = &stage.cluster.client;
        // A leader that dies is waited for as long as its lease lasts. Read at the start: all replicas are new.
        Borrowed::play(client, "config-leader-election", async |election| {
            election.set("lease-duration", "6s").await?;
            election.set("renew-deadline", "4s").await?;
            election.set("retry-period", "1s").await?;
            let before = roll_out(client, 3, Some("three")).await?;
            let played = lose_the_leader(stage).await;
            let restored = roll_out(client, before, None).await;
            played.and(restored.map(drop))
        })
        .await
    })
    .await;
}

async fn lose_the_leader(stage: &Stage) -> Result<()> {
    let client = &stage.cluster.client;
    let mut writer = writer(stage);
    let first = bring_in_one_that_expires(client, &mut writer).await?;
    let announced = rotation_begins(client).await?;
    let leader = leader(client).await?;
    let pods = processes::pods(client, SYSTEM_NAMESPACE, WEBHOOK).await?;
    let pod = pods.iter().find(|pod| pod.name_any() == leader);
    let pod = pod.with_context(|| format!("the leader {leader} is no pod"))?;
    processes::kill(client, pod, &processes::status(pod, None)?).await?;
    processes::remove(client, pod).await?;
    let killed = writer.now();
    ensure!(
        kept(client).await?[SERVER_CERT] == first[SERVER_CERT],
        "the rotation was over before"
    );

    rotation_ends(client, &announced).await?;
    let took = writer.now() - killed;
    ensure!(
        self::leader(client).await? != leader,
        "{leader} leads from its grave"
    );
    let recovered = writer.now();
    only_the_last_is_trusted(client, &mut writer).await?;
    let writes = writer.finish().await?;
    eprintln!(
        "the leader was killed; after {took:?} {} replicas show the next certificate; \
         {} of {} writes failed meanwhile, over {:?}",
        processes::pods(client, SYSTEM_NAMESPACE, WEBHOOK)
            .await?
            .len(),
        writes.lost().count(),
        writes.0.len(),
        writes.trouble()
    );
    for lost in writes.lost() {
        // Those that the dead replica had in hand, and those that came before the API server knew of its death.
        ensure!(
            lost.unanswered()
                && (killed.saturating_sub(Duration::from_secs(1))..recovered).contains(&lost.at),
            "after {:?}, the leader was killed after {killed:?}: {}",
            lost.at,
            lost.refusal()
        );
    }
    Ok(())
}

/// Writes valid objects, the same ones again and again. They are of a kind and class that no controller looks at.
fn writer(stage: &Stage) -> Writer {
    Writer::start(&stage.cluster.client, &stage.namespace, PERIOD, |number| {
        let manifest = json!({
            "apiVersion": "networking.internal.knative.dev/v1alpha1",
            "kind": "Certificate",
            "metadata": {
                "name": format!("steady-{}", number % OBJECTS),
                "annotations": {"networking.knative.dev/certificate.class": "nobody"},
            },
            "spec": {"dnsNames": ["steady.example.org"], "secretName": "none"},
        });
        Write {
            manifest: in_round(manifest, number),
            valid: true,
        }
    })
}

/// Makes all replicas show a certificate of ours that has to be renewed in a moment, without a break.
async fn bring_in_one_that_expires(client: &Client, writer: &mut Writer) -> Result<Data> {
    writer.send_more(SETTLE).await?;
    let authority = Authority::new()?;
    let mut both = kept(client).await?;
    let old = both[CA_CERT].clone();
    let next = authority.certificate(2 * RENEWAL)?.into_iter();
    both.extend(next.map(|(key, value)| (format!("{NEXT}{key}"), value)));
    keep(client, &both).await?;
    all_trust(client, &both[&format!("{NEXT}{CA_CERT}")]).await?;
    writer.send_more(SETTLE).await?;

    let expiring = authority.certificate(RENEWAL + MARGIN)?;
    // Certificates know whole seconds, and hold to the end of the last one.
    let renewal = Instant::now() + MARGIN + Duration::from_secs(1);
    let mut current = expiring.clone();
    current.insert(PREVIOUS_CA.to_owned(), old);
    keep(client, &current).await?;
    all_show(client, &expiring).await?;
    eventually(
        "the certificate has to be renewed",
        STEP_WITHIN,
        async || {
            let left = renewal.saturating_duration_since(Instant::now());
            Ok(if left.is_zero() {
                Ok(())
            } else {
                Err(format!("{left:?}"))
            })
        },
    )
    .await?;
    Ok(expiring)
}

/// Makes the leader look, and gives the certificate that it announces, under the keys of the current one.
async fn rotation_begins(client: &Client) -> Result<Data> {
    touch(client).await?;
    eventually(
        "the next certificate is announced",
        STEP_WITHIN,
        async || {
            let now = kept(client).await?;
            let next: Data = now
                .into_iter()
                .filter_map(|(key, value)| Some((key.strip_prefix(NEXT)?.to_owned(), value)))
                .collect();
            Ok(if next.contains_key(SERVER_CERT) {
                Ok(next)
            } else {
                Err("none".to_owned())
            })
        },
    )
    .await
}

/// Waits until the announced certificate is the current one, and all replicas show it.
async fn rotation_ends(client: &Client, announced: &Data) -> Result<()> {
    eventually(
        "the next certificate is the current one",
        STEP_WITHIN,
        async || {
            let now = kept(client).await?;
            let is_current = announced
                .iter()
                .all(|(key, value)| now.get(key) == Some(value));
            Ok(if is_current {
                Ok(())
            } else {
                Err("it is not".to_owned())
            })
        },
    )
    .await?;
    all_show(client, announced).await
}

/// Takes the last authority away, as the webhook does ten minutes later. What is written from now on was judged over
/// a connection that the new authority vouches for.
async fn only_the_last_is_trusted(client: &Client, writer: &mut Writer) -> Result<()> {
    let mut current = kept(client).await?;
    current
        .remove(PREVIOUS_CA)
        .context("the last authority has gone already")?;
    keep(client, &current).await?;
    let authority = &current[CA_CERT];
    eventually("nobody else is trusted", STEP_WITHIN, async || {
        let other = configurations(client)
            .await?
            .into_iter()
            .find(|(_, (_, bundle))| bundle != authority);
        Ok(other.map_or(Ok(()), |(name, _)| Err(format!("{name} trusts another"))))
    })
    .await?;
    all_show(client, &current).await?;
    writer.send_more(SETTLE).await
}

/// Waits until every configuration trusts an authority.
async fn all_trust(client: &Client, authority: &ByteString) -> Result<()> {
    eventually(
        "all configurations trust an authority",
        STEP_WITHIN,
        async || {
            let mut all = configurations(client).await?.into_iter();
            let other = all.find(|(_, (_, bundle))| !trusts(bundle, authority));
            Ok(other.map_or(Ok(()), |(name, _)| Err(format!("{name} does not"))))
        },
    )
    .await
}

/// Waits until every replica shows a certificate to whom trusts its authority only.
async fn all_show(client: &Client, data: &Data) -> Result<()> {
    let expected = certificate(data)?;
    eventually("all replicas show a certificate", STEP_WITHIN, async || {
        for pod in processes::pods(client, SYSTEM_NAMESPACE, WEBHOOK).await? {
            let pod = pod.name_any();
            match shown(client, &pod, &data[CA_CERT]).await {
                Ok(found) if found == expected => {}
                Ok(_) => return Ok(Err(format!("{pod} shows another"))),
                Err(error) => return Ok(Err(format!("{error:#}"))),
            }
        }
        Ok(Ok(()))
    })
    .await
}

/// The pod that keeps the certificate.
async fn leader(client: &Client) -> Result<String> {
    let lease = Api::<Lease>::namespaced(client.clone(), SYSTEM_NAMESPACE)
        .get("webhook.webhookcertificates.00-of-01")
        .await?;
    let holder = lease
        .spec
        .and_then(|spec| spec.holder_identity)
        .unwrap_or_default();
    let (pod, _) = holder
        .split_once('_')
        .context("nobody keeps the certificate")?;
    Ok(pod.to_owned())
}

/// Replaces all replicas by so many new ones, and waits until they are ready. Gives how many there were.
async fn roll_out(client: &Client, replicas: i32, mark: Option<&str>) -> Result<i32> {
    let deployments = Api::<Deployment>::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let before = deployments
        .get("webhook")
        .await?
        .spec
        .and_then(|spec| spec.replicas);
    let change = json!({"spec": {
        "replicas": replicas,
        "template": {"metadata": {"annotations": {"e2e.ebb/rollout": mark}}},
    }});
    let changed = deployments
        .patch("webhook", &PatchParams::default(), &Patch::Merge(change))
        .await?;
    eventually("the webhook is rolled out", STEP_WITHIN, async || {
        let status = deployments.get("webhook").await?.status.unwrap_or_default();
        let seen = status.observed_generation >= changed.metadata.generation;
        let counts = [
            status.replicas,
            status.updated_replicas,
            status.ready_replicas,
        ];
        Ok(if seen && counts == [Some(replicas); 3] {
            Ok(())
        } else {
            Err(format!("{counts:?}"))
        })
    })
    .await?;
    Ok(before.unwrap_or(1))
}
