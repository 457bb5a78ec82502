//! Names that the API server completes.

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::{Stage, play};
use kube::ResourceExt as _;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::fixtures::{self, is_stored, refused, route, service, stored, user, without_pods};

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn objects_get_names_from_a_prefix() {
    play("generate-name", async |stage| {
        without_pods(stage).await?;
        let user = user(&stage.cluster.client).await?;
        for written in [service(""), route("", 100)] {
            let object = create(stage, &unnamed(written.clone())).await?;
            let mut expected = stored(&written, &user);
            expected["metadata"]["name"] = json!(object.name_any());
            is_stored(&object, &expected)?;
        }
        let spec = fixtures::stored_template_spec();
        for (kind, version, spec) in [
            ("Configuration", "serving.knative.dev/v1", json!({"template": {"spec": spec}})),
            ("Revision", "serving.knative.dev/v1", spec.clone()),
            (
                "PodAutoscaler",
                "autoscaling.internal.knative.dev/v1alpha1",
                json!({
                    "protocolType": "http1",
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"},
                }),
            ),
        ] {
            let written = json!({"apiVersion": version, "kind": kind, "metadata": {}, "spec": spec});
            create(stage, &unnamed(written)).await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn nobody_can_guess_the_name_of_a_revision_whose_parent_has_a_prefix() {
    play("generate-byo", async |stage| {
        let mut written = unnamed(service(""));
        // It begins as the parent's name will, but the API server completes that before anybody is asked.
        written["spec"]["template"]["metadata"]["name"] = json!("made-up-mine");
        let said = refused(stage, &written, &PostParams::default()).await?;
        ensure!(
            said.starts_with(
                "admission webhook \"validation.webhook.serving.knative.dev\" denied the request: \
                 validation failed: invalid value: \"made-up-mine\" must have prefix \"made-up-"
            ) && said.ends_with("-\": spec.template.metadata.name"),
            "{said}"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn a_domain_is_never_made_up() {
    play("generate-domain", async |stage| {
        let written = unnamed(json!({
            "apiVersion": "serving.knative.dev/v1beta1",
            "kind": "DomainMapping",
            "metadata": {},
            "spec": {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "none"}},
        }));
        let said = refused(stage, &written, &PostParams::default()).await?;
        ensure!(
            said.contains("must not set the field(s): metadata.generateName"),
            "{said}"
        );
        Ok(())
    })
    .await;
}

/// With a prefix instead of a name.
fn unnamed(mut object: Value) -> Value {
    object["metadata"] = json!({"generateName": "made-up-"});
    object
}

/// Creates an object, which must get a name.
async fn create(stage: &Stage, manifest: &Value) -> Result<DynamicObject> {
    let kind = manifest["kind"].as_str().unwrap_or_default();
    let object = serde_json::from_value(manifest.clone())?;
    let object = stage
        .api(kind)
        .create(&PostParams::default(), &object)
        .await
        .with_context(|| kind.to_owned())?;
    let name = object.name_any();
    ensure!(
        name.starts_with("made-up-") && name != "made-up-",
        "{kind} is called {name:?}"
    );
    Ok(object)
}
