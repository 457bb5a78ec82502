//! Reviews that are asked of one replica of the webhook, past the API server's own choice.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Request;
use http::header::CONTENT_TYPE;
use kube::Client;
use serde_json::{Value, json};

use crate::cluster::SYSTEM_NAMESPACE;

/// The patch by which a replica would complete a new Configuration that says nothing but its image.
///
/// # Errors
/// If the replica does not answer, or would change nothing.
pub async fn defaults(client: &Client, pod: &str) -> Result<String> {
    let resource =
        json!({"group": "serving.knative.dev", "version": "v1", "resource": "configurations"});
    let kind = json!({"group": "serving.knative.dev", "version": "v1", "kind": "Configuration"});
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "canary", "kind": kind, "resource": resource, "name": "canary", "namespace": "canary",
            "operation": "CREATE", "userInfo": {"username": "canary"}, "dryRun": true,
            "object": {
                "apiVersion": "serving.knative.dev/v1",
                "kind": "Configuration",
                "metadata": {"name": "canary", "namespace": "canary"},
                "spec": {"template": {"spec": {"containers": [{"image": "canary"}]}}},
            },
        },
    });
    let request = Request::post(format!(
        "/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods/https:{pod}:8443/proxy/defaulting"
    ))
    .header(CONTENT_TYPE, "application/json")
    .body(review.to_string().into_bytes())?;
    let answer: Value = client.request(request).await?;
    let patch = answer["response"]["patch"].as_str();
    let patch = BASE64_STANDARD.decode(patch.context("there is no patch")?)?;
    Ok(String::from_utf8(patch)?)
}
