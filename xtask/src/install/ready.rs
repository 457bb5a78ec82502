//! Waiting for an installation, and giving up with a reason.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use serde_json::json;

use super::kinds::resource;
use super::{told, why_not_ready};
use crate::manifests::{NAMESPACE, Object};
use crate::progress::Step;

/// How often the cluster is asked.
const POLL_EVERY: Duration = Duration::from_millis(250);
/// How long the API server may take to serve a new kind.
const SERVED_WITHIN: Duration = Duration::from_secs(30);

/// Waits until the API server serves all of `definitions`.
pub(super) async fn definitions(client: &Client, definitions: &[Object]) -> Result<()> {
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    let deadline = Instant::now() + SERVED_WITHIN;
    for definition in definitions {
        loop {
            let served = api
                .get(definition.name())
                .await
                .is_ok_and(|found| is_established(&found));
            if served {
                break;
            }
            if Instant::now() > deadline {
                bail!(
                    "the API server does not serve {} after {} s; see `kubectl describe crd {}`",
                    definition.name(),
                    SERVED_WITHIN.as_secs(),
                    definition.name()
                );
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }
    Ok(())
}

fn is_established(definition: &CustomResourceDefinition) -> bool {
    definition
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
}

/// Waits until every Deployment among `objects` runs what was applied, with all replicas.
pub(super) async fn deployments(
    client: &Client,
    objects: &[Object],
    limit: Duration,
) -> Result<()> {
    let api = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
    let mut waiting: Vec<&str> = objects
        .iter()
        .filter(|object| object.kind() == "Deployment")
        .map(Object::name)
        .collect();
    let begun = Instant::now();
    let step = Step::begin("wait for the programs");
    loop {
        let mut still = Vec::new();
        for name in waiting {
            let deployment = api
                .get(name)
                .await
                .with_context(|| format!("cannot read Deployment {name}"))?;
            if !is_complete(&deployment) {
                still.push(name);
            }
        }
        waiting = still;
        if waiting.is_empty() {
            step.done();
            return Ok(());
        }
        if begun.elapsed() > limit {
            bail!(
                "not ready after {} s: {}\n{}",
                limit.as_secs(),
                waiting.join(", "),
                why_not_ready(client, NAMESPACE, &waiting).await
            );
        }
        step.note(waiting.join(", "));
        tokio::time::sleep(POLL_EVERY).await;
    }
}

fn is_complete(deployment: &Deployment) -> bool {
    let (Some(spec), Some(status)) = (&deployment.spec, &deployment.status) else {
        return false;
    };
    let wanted = spec.replicas.unwrap_or(1);
    status.observed_generation >= deployment.metadata.generation
        && status.updated_replicas.unwrap_or(0) == wanted
        && status.ready_replicas.unwrap_or(0) == wanted
        && status.replicas.unwrap_or(0) == wanted
}

/// Waits until the API server, through our webhooks, would accept a service.
pub(super) async fn admission(client: &Client, limit: Duration) -> Result<()> {
    let api = Api::<DynamicObject>::namespaced_with(
        client.clone(),
        "default",
        &resource("serving.knative.dev", "v1", "Service"),
    );
    let service: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": { "name": "ebb-installation-check" },
        "spec": { "template": { "spec": { "containers": [{ "image": "dev.local/none:v1" }] } } },
    }))
    .context("the trial service is no object")?;
    let trial = PostParams {
        dry_run: true,
        ..Default::default()
    };
    let deadline = Instant::now() + limit;
    loop {
        match api.create(&trial, &service).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline || is_refusal(&error) => {
                bail!(
                    "a plain service is not admitted: {}\nsee `kubectl -n {NAMESPACE} logs -l app=webhook`",
                    told(&error)
                );
            }
            Err(_) => tokio::time::sleep(POLL_EVERY).await,
        }
    }
}

/// Whether a webhook answered, and answered no. Everything else is for lack of a webhook, and passes.
fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.message.contains("denied the request"))
}
