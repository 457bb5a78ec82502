//! What Kubernetes itself takes: the time from creating a bare pod of the same image to its first good answer.
//!
//! Nothing of ours is in the way here: no controller, no sidecar, no gateway. The pod is called through the API
//! server as soon as the API knows its address, which is the earliest that any client can know where to call.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

use super::stage::NAMESPACE;

const PORT: u16 = 8080;
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// How often a pod that does not answer yet is asked; it bounds the error of the measurement.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Creates a pod of `image`, waits for its first answer and removes it.
pub(super) async fn bare_pod(client: &Client, image: &str, number: usize) -> Result<Duration> {
    let name = format!("bare-{number}");
    let pod: Pod = serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name },
        "spec": {
            "containers": [{ "name": "app", "image": image, "ports": [{ "containerPort": PORT }] }],
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 0,
        },
    }))
    .context("the bare pod is no pod")?;
    let pods = Api::<Pod>::namespaced(client.clone(), NAMESPACE);
    let begun = Instant::now();
    pods.create(&PostParams::default(), &pod)
        .await
        .with_context(|| format!("cannot create pod {name}"))?;
    let took = first_answer(client, &name, begun).await;
    pods.delete(&name, &DeleteParams::default().grace_period(0))
        .await?;
    took
}

async fn first_answer(client: &Client, name: &str, begun: Instant) -> Result<Duration> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}:{PORT}/proxy/healthz");
    loop {
        if client
            .request_text(http::Request::get(&path).body(Vec::new())?)
            .await
            .is_ok()
        {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > ANSWER_WITHIN {
            bail!(
                "a bare pod does not answer after {} s; see `kubectl -n {NAMESPACE} describe pod {name}`",
                ANSWER_WITHIN.as_secs()
            );
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
