//! A dry run of a Service on the server's side tries its pod as well.

use anyhow::{Result, ensure};
use ebb_e2e::{Stage, play};
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::fixtures::{refused, service};

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn a_dry_run_tells_what_would_keep_the_pod_away() {
    play("dry-run", async |stage| {
        let mut written = service("haunted");
        written["spec"]["template"]["spec"]["serviceAccountName"] = json!("nobody");
        pod_is_refused(stage, &written).await?;
        // That is no reason not to store it: the account may come later.
        let object: DynamicObject = serde_json::from_value(written.clone())?;
        stage
            .api("Service")
            .create(&PostParams::default(), &object)
            .await?;

        let template = written["spec"]["template"].take();
        let configuration = json!({
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Configuration",
            "metadata": {"name": "alone"},
            "spec": {"template": template},
        });
        pod_is_refused(stage, &configuration).await
    })
    .await;
}

async fn pod_is_refused(stage: &Stage, manifest: &Value) -> Result<()> {
    let said = refused(stage, manifest, &dry_run()).await?;
    // The API server completes the pod's name before it says so.
    let start = "admission webhook \"validation.webhook.serving.knative.dev\" denied the request: \
                 validation callback failed: dry run failed with pods \"dry-run-validation";
    let end = format!(
        "\" is forbidden: error looking up service account {}/nobody: \
         serviceaccount \"nobody\" not found: spec.template",
        stage.namespace
    );
    ensure!(said.starts_with(start) && said.ends_with(&end), "{said}");
    Ok(())
}

fn dry_run() -> PostParams {
    PostParams {
        dry_run: true,
        ..PostParams::default()
    }
}
