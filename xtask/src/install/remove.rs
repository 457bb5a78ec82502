//! Taking an installation away, in the order in which nothing can get stuck.
//!
//! Webhook configurations go first, since without a webhook behind them they would refuse the rest. Users' objects go
//! while the controllers still run, since these remove their finalizers. What then remains is freed by hand.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PropagationPolicy,
};
use kube::core::ApiResource;
use kube::{Client, ResourceExt as _};
use serde_json::json;

use super::api_of;
use super::apply::is_missing;
use super::kinds::resource;
use crate::manifests::{self, NAMESPACE, Object, Settings};
use crate::progress::Step;

/// How long the controllers get to finish with users' objects before finalizers are taken off by force.
const CONTROLLERS_MAY_TAKE: Duration = Duration::from_secs(20);
/// How long the API server may take to remove what was deleted.
const GONE_WITHIN: Duration = Duration::from_secs(120);
/// How long our programs get to end. Requests that take longer are cut off: there is nothing left to route them.
const POD_GRACE_SECONDS: u32 = 5;
const POLL_EVERY: Duration = Duration::from_millis(250);

/// Removes everything that `install` applied, and every object of our kinds in any namespace.
pub(crate) async fn remove(client: &Client) -> Result<()> {
    let objects = manifests::objects(&Settings::release());
    let (webhooks, others): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|object| object.kind().ends_with("WebhookConfiguration"));
    let step = Step::begin("remove webhook configurations");
    for webhook in &webhooks {
        delete(client, webhook).await?;
    }
    step.done();

    let definitions = manifests::crds();
    let step = Step::begin(format!("remove all objects of {} kinds", definitions.len()));
    remove_instances(client, &definitions, &step).await?;
    for definition in &definitions {
        delete(client, definition).await?;
    }
    step.done();

    let step = Step::begin("remove the programs and what they need");
    let others: Vec<_> = others
        .into_iter()
        .filter(|object| !is_instance(object))
        .collect();
    let (namespaces, inside): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|object| object.kind() == "Namespace");
    // Backwards: the programs go before what they need.
    for object in inside.iter().rev() {
        delete(client, object).await?;
    }
    remove_pods(client).await?;
    for namespace in &namespaces {
        delete(client, namespace).await?;
    }
    for object in definitions.iter().chain(&inside).chain(&namespaces) {
        wait_until_gone(client, object).await?;
    }
    step.done_with("nothing of Ebb is left");
    Ok(())
}

/// Removes what is left of our pods. The namespace goes only after them: if it finds pods that may take ten minutes to
/// end, as those in the path of requests may, its controller looks again after half of that time.
async fn remove_pods(client: &Client) -> Result<()> {
    let pods = Api::<Pod>::namespaced(client.clone(), NAMESPACE);
    let soon = DeleteParams::default().grace_period(POD_GRACE_SECONDS);
    let everything = ListParams::default();
    let deadline = Instant::now() + GONE_WITHIN;
    loop {
        pods.delete_collection(&soon, &everything)
            .await
            .context("cannot delete our pods")?;
        if pods
            .list_metadata(&everything)
            .await
            .context("cannot list our pods")?
            .items
            .is_empty()
        {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("pods of ours do not end; see `kubectl -n {NAMESPACE} get pods`");
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// Whether `object` is of one of our own kinds: it goes with its definition.
fn is_instance(object: &Object) -> bool {
    object.api_version().contains("knative.dev/")
}

async fn delete(client: &Client, object: &Object) -> Result<()> {
    let background = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        ..Default::default()
    };
    match api_of(client, object)
        .delete(object.name(), &background)
        .await
    {
        Err(error) if !is_missing(&error) => {
            Err(error).with_context(|| format!("cannot delete {} {}", object.kind(), object.name()))
        }
        _ => Ok(()),
    }
}

async fn wait_until_gone(client: &Client, object: &Object) -> Result<()> {
    let api = api_of(client, object);
    let deadline = Instant::now() + GONE_WITHIN;
    while api
        .get_metadata_opt(object.name())
        .await
        .with_context(|| format!("cannot read {} {}", object.kind(), object.name()))?
        .is_some()
    {
        if Instant::now() > deadline {
            bail!(
                "{} {} was deleted but is still there",
                object.kind(),
                object.name()
            );
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(())
}

/// Deletes every object of the defined kinds and frees those whose finalizers nobody removes.
async fn remove_instances(client: &Client, definitions: &[Object], step: &Step) -> Result<()> {
    let kinds: Vec<ApiResource> = definitions.iter().map(defined_resource).collect();
    let patience = Instant::now() + CONTROLLERS_MAY_TAKE;
    loop {
        let mut left = 0_usize;
        for kind in &kinds {
            for object in instances(client, kind).await? {
                left += 1;
                // In every round: controllers may have made children in the meantime.
                delete_instance(client, kind, &object).await?;
                if Instant::now() > patience {
                    release_instance(client, kind, &object).await?;
                }
            }
        }
        if left == 0 {
            return Ok(());
        }
        step.note(format!("{left} left"));
        if Instant::now() > patience + GONE_WITHIN {
            bail!("{left} objects of our kinds do not go away");
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// The resource that a CustomResourceDefinition defines.
fn defined_resource(definition: &Object) -> ApiResource {
    let spec = &definition.value()["spec"];
    let text = |pointer: &str| {
        spec.pointer(pointer)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
    };
    ApiResource {
        plural: text("/names/plural").to_owned(),
        ..resource(
            text("/group"),
            text("/versions/0/name"),
            text("/names/kind"),
        )
    }
}

/// All objects of one kind; none if the kind is not served.
async fn instances(client: &Client, kind: &ApiResource) -> Result<Vec<DynamicObject>> {
    let api = Api::<DynamicObject>::all_with(client.clone(), kind);
    match api.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot list {}", kind.plural)),
    }
}

/// Deletes `object`, unless that was done before.
async fn delete_instance(
    client: &Client,
    kind: &ApiResource,
    object: &DynamicObject,
) -> Result<()> {
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let name = object.name_any();
    match api(client, kind, object)
        .delete(&name, &DeleteParams::background())
        .await
    {
        Err(error) if !is_missing(&error) => {
            Err(error).with_context(|| format!("cannot delete {} {name}", kind.kind))
        }
        _ => Ok(()),
    }
}

/// Takes the finalizers off `object`, so that it can go although nobody answers for it.
async fn release_instance(
    client: &Client,
    kind: &ApiResource,
    object: &DynamicObject,
) -> Result<()> {
    if object.finalizers().is_empty() {
        return Ok(());
    }
    let name = object.name_any();
    let none = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    match api(client, kind, object)
        .patch(&name, &PatchParams::default(), &none)
        .await
    {
        Err(error) if !is_missing(&error) => Err(error)
            .with_context(|| format!("cannot free {} {name} of its finalizers", kind.kind)),
        _ => Ok(()),
    }
}

fn api(client: &Client, kind: &ApiResource, object: &DynamicObject) -> Api<DynamicObject> {
    match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, kind),
        None => Api::all_with(client.clone(), kind),
    }
}
