//! A replica of the webhook that is on its way out answers whoever still calls, and must not judge by old settings.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::cluster::SYSTEM_NAMESPACE;
use ebb_e2e::config_maps::Borrowed;
use ebb_e2e::wait::eventually;
use ebb_e2e::{play, processes, review};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams};

use crate::fixtures::WEBHOOK;

/// How long a change may take to be in force.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(60);
/// A timeout that nobody else gives, in seconds.
const TIMEOUT: &str = "297";

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn a_replica_that_leaves_takes_new_settings_over() {
    play("leaving", async |stage| {
        let client = &stage.cluster.client;
        let before = processes::pods(client, SYSTEM_NAMESPACE, WEBHOOK).await?;
        let name = before.first().context("there is no webhook")?.name_any();
        let pods = Api::<Pod>::namespaced(client.clone(), SYSTEM_NAMESPACE);
        pods.delete(&name, &DeleteParams::default()).await?;
        let leaves = async || -> Result<()> {
            let pod = pods.get_opt(&name).await?;
            let pod = pod.with_context(|| format!("{name} has gone already"))?;
            ensure!(
                pod.metadata.deletion_timestamp.is_some(),
                "{name} does not leave"
            );
            Ok(())
        };

        Borrowed::play(client, "config-defaults", async |map| {
            map.set("revision-timeout-seconds", TIMEOUT).await?;
            eventually("it takes a timeout over", IN_FORCE_WITHIN, async || {
                let patch = review::defaults(client, &name).await?;
                let taken =
                    format!(r#""path":"/spec/template/spec/timeoutSeconds","value":{TIMEOUT}"#);
                Ok(if patch.contains(&taken) {
                    Ok(())
                } else {
                    Err(patch)
                })
            })
            .await?;
            leaves().await
        })
        .await?;
        processes::back(client, SYSTEM_NAMESPACE, WEBHOOK, None, before.len(), &[]).await
    })
    .await;
}
