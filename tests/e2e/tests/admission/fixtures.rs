//! Objects as they are written, and as they have to be stored.

use anyhow::{Context as _, Result, bail, ensure};
use ebb_e2e::Stage;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use serde_json::{Value, json};

/// Selects the webhook's pods.
pub(crate) const WEBHOOK: &str = "app=webhook";
/// Counts the changes of an object that have no other meaning.
pub(crate) const ROUND: &str = "e2e.ebb/round";
/// An image that nobody pulls: there is no pod to run it.
const IMAGE: &str = "dev.local/ebb/unused:1";

/// Lets no pod into the stage's namespace: these tests are about what is stored.
pub(crate) async fn without_pods(stage: &Stage) -> Result<()> {
    let quota: ResourceQuota = serde_json::from_value(json!({
        "metadata": {"name": "no-pods"},
        "spec": {"hard": {"pods": "0"}},
    }))?;
    Api::namespaced(stage.cluster.client.clone(), &stage.namespace)
        .create(&PostParams::default(), &quota)
        .await?;
    Ok(())
}

/// The name of the user of a client, as the API server knows it.
pub(crate) async fn user(client: &Client) -> Result<String> {
    let review = Api::<SelfSubjectReview>::all(client.clone())
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await?;
    let user = review.status.and_then(|status| status.user_info?.username);
    user.context("the user has no name")
}

/// A Service as a user writes it.
pub(crate) fn service(name: &str) -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": [{"image": IMAGE}]}}},
    })
}

/// A Route as a user writes it.
pub(crate) fn route(name: &str, percent: i64) -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Route",
        "metadata": {"name": name},
        "spec": {"traffic": [{"revisionName": "nowhere-00001", "percent": percent}]},
    })
}

/// With a round in its annotations.
pub(crate) fn in_round(mut object: Value, round: usize) -> Value {
    object["metadata"]["annotations"][ROUND] = json!(round.to_string());
    object
}

/// The template's spec of [`service`] as it is stored.
pub(crate) fn stored_template_spec() -> Value {
    json!({
        "containerConcurrency": 0,
        "containers": [{
            "image": IMAGE,
            "name": "user-container",
            "readinessProbe": {"successThreshold": 1, "tcpSocket": {"port": 0}},
            "resources": {},
        }],
        "enableServiceLinks": false,
        "timeoutSeconds": 300,
    })
}

/// What admission has to make of `written`, which is a [`service`] or a [`route`].
pub(crate) fn stored(written: &Value, user: &str) -> Value {
    let mut stored = written.clone();
    for role in ["creator", "lastModifier"] {
        stored["metadata"]["annotations"][format!("serving.knative.dev/{role}")] = json!(user);
    }
    if written["kind"] == "Service" {
        stored["spec"]["template"] = json!({"metadata": {}, "spec": stored_template_spec()});
        stored["spec"]["traffic"] = json!([{"latestRevision": true, "percent": 100}]);
    } else {
        stored["spec"]["traffic"][0]["latestRevision"] = json!(false);
    }
    stored
}

/// Demands that an object is stored as `expected`, but for what the server and the controllers add.
pub(crate) fn is_stored(object: &DynamicObject, expected: &Value) -> Result<()> {
    let mut found = serde_json::to_value(object)?;
    if let Some(object) = found.as_object_mut() {
        object.remove("status");
    }
    if let Some(meta) = found["metadata"].as_object_mut() {
        meta.retain(|field, _| ["annotations", "labels", "name"].contains(&field.as_str()));
    }
    ensure!(found == *expected, "stored: {found}\nexpected: {expected}");
    Ok(())
}

/// What the API server says against creating an object.
pub(crate) async fn refused(
    stage: &Stage,
    manifest: &Value,
    parameters: &PostParams,
) -> Result<String> {
    let kind = manifest["kind"].as_str().unwrap_or_default();
    let object: DynamicObject = serde_json::from_value(manifest.clone())?;
    match stage.api(kind).create(parameters, &object).await {
        Err(kube::Error::Api(status)) => Ok(status.message),
        other => bail!("not refused: {other:?}"),
    }
}
