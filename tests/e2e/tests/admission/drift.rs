//! What a GitOps tool sees of the webhook configurations, which the webhook completes while it runs.

use anyhow::{Context as _, Result, ensure};
use ebb_e2e::certificates::configurations;
use ebb_e2e::kubectl::Kubectl;
use ebb_e2e::play;
use serde_json::{Value, json};

/// The manifests as users apply them.
const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/ebb.yaml");
/// What stands between two of them.
const SEPARATOR: &str = "\n---\n";
/// The name under which a tool other than the installation applies them.
const TOOL: &str = "--field-manager=e2e-gitops";

#[tokio::test]
#[ignore = "needs a cluster with Ebb to itself: cargo xtask test e2e"]
async fn the_manifests_say_nothing_that_the_webhook_changes() {
    play("drift", async |stage| {
        let kubectl = Kubectl::new(&stage.namespace)?;
        let client = &stage.cluster.client;
        let manifests = manifests()?;
        let before = configurations(client).await?;
        for way in [
            &["diff", "-f", "-"][..],
            &["diff", "--server-side", TOOL, "-f", "-"],
        ] {
            let ran = kubectl.run(way, &manifests).await?;
            ensure!(
                ran.status.success() && ran.output.is_empty(),
                "kubectl {}: {}\n{}",
                way.join(" "),
                ran.errors,
                ran.output
            );
        }
        // Whoever applies them without force meets no conflict, and changes nothing; nor does who lets go of them.
        for (what, text) in [
            ("applied again", &manifests),
            ("let go", &names(&manifests)?),
        ] {
            let apply = ["apply", "--server-side", TOOL, "-f", "-"];
            let ran = kubectl.run(&apply, text).await?;
            ensure!(ran.status.success(), "{what}: {}", ran.errors);
            ensure!(
                configurations(client).await? == before,
                "{what}, they changed"
            );
        }
        Ok(())
    })
    .await;
}

/// The webhook configurations among the manifests.
fn manifests() -> Result<String> {
    let text = std::fs::read_to_string(MANIFESTS).context(MANIFESTS)?;
    let mut chosen = Vec::new();
    for document in text.split(SEPARATOR) {
        let object: Value = serde_yaml_ng::from_str(document)?;
        if object["kind"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("WebhookConfiguration"))
        {
            chosen.push(document);
        }
    }
    ensure!(chosen.len() == 3, "{} webhook configurations", chosen.len());
    Ok(chosen.join(SEPARATOR))
}

/// The same objects with nothing in them: who applies that owns none of their fields any more.
fn names(manifests: &str) -> Result<String> {
    let bare = manifests.split(SEPARATOR).map(|document| {
        let object: Value = serde_yaml_ng::from_str(document)?;
        let bare = json!({
            "apiVersion": object["apiVersion"],
            "kind": object["kind"],
            "metadata": {"name": object["metadata"]["name"]},
        });
        Ok(bare.to_string())
    });
    Ok(bare.collect::<Result<Vec<_>>>()?.join(SEPARATOR))
}
