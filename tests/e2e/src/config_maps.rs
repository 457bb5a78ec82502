//! Our own ConfigMaps: changed for a while, and put back.

use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::SYSTEM_NAMESPACE;
use crate::wait::contained;

/// Labels by which the webhook knows a ConfigMap as ours.
const LABELS: [&str; 2] = ["app.kubernetes.io/name", "app.kubernetes.io/component"];

/// How long one may stay changed. Shorter than a test may take, whose end would leave it as it is.
const CHANGED_WITHIN: Duration = Duration::from_secs(240);

/// A ConfigMap that is changed for a while.
pub struct Borrowed {
    client: Client,
    name: &'static str,
    before: ConfigMap,
}

impl std::fmt::Debug for Borrowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Borrowed")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Borrowed {
    /// Lets `change` play with a ConfigMap, and puts it back as it was, also if that failed, panicked or took too long.
    ///
    /// # Errors
    /// If `change` fails, or the API server refuses what was there before.
    pub async fn play(
        client: &Client,
        name: &'static str,
        change: impl AsyncFnOnce(&Self) -> Result<()>,
    ) -> Result<()> {
        let before = maps(client)
            .get(name)
            .await
            .with_context(|| name.to_owned())?;
        let borrowed = Self {
            client: client.clone(),
            name,
            before,
        };
        let played = contained(CHANGED_WITHIN, change(&borrowed)).await;
        let restored = borrowed.restore().await;
        played.and(restored)
    }

    /// Takes away the labels by which the webhook knows it: what is written from now on is not judged.
    ///
    /// # Errors
    /// If the API server refuses.
    pub async fn hide(&self) -> Result<()> {
        let none: Value = LABELS
            .map(|label| (label.to_owned(), Value::Null))
            .into_iter()
            .collect();
        self.patch(json!({"metadata": {"labels": none}})).await
    }

    /// Sets a key.
    ///
    /// # Errors
    /// If the API server or the webhook refuses.
    pub async fn set(&self, key: &str, value: &str) -> Result<()> {
        self.patch(json!({"data": {key: value}})).await
    }

    async fn restore(&self) -> Result<()> {
        let now = maps(&self.client).get(self.name).await?;
        // Keys that were not there go.
        let mut data: serde_json::Map<String, Value> = now
            .data
            .unwrap_or_default()
            .into_keys()
            .map(|key| (key, Value::Null))
            .collect();
        for (key, value) in self.before.data.iter().flatten() {
            data.insert(key.clone(), json!(value));
        }
        let labels = &self.before.metadata.labels;
        self.patch(json!({"metadata": {"labels": labels}, "data": data}))
            .await
            .with_context(|| format!("{} stays changed", self.name))
    }

    async fn patch(&self, change: Value) -> Result<()> {
        maps(&self.client)
            .patch(self.name, &PatchParams::default(), &Patch::Merge(change))
            .await?;
        Ok(())
    }
}

/// What was told about a ConfigMap that was not taken over: who says so, and what.
///
/// # Errors
/// If the API server does not answer.
pub async fn rejections(client: &Client, name: &str) -> Result<Vec<(String, String)>> {
    let about = format!(
        "involvedObject.kind=ConfigMap,involvedObject.name={name},reason=ConfigurationRejected"
    );
    let events = Api::<Event>::namespaced(client.clone(), SYSTEM_NAMESPACE)
        .list(&ListParams::default().fields(&about))
        .await?;
    Ok(events
        .into_iter()
        .map(|event| {
            let source = event.source.and_then(|source| source.component);
            (
                source.unwrap_or_default(),
                event.message.unwrap_or_default(),
            )
        })
        .collect())
}

/// A metric of a pod in the system namespace, by its name and labels as they are printed; `None` while there is none.
///
/// # Errors
/// If the pod does not answer.
pub async fn metric(client: &Client, pod: &str, series: &str) -> Result<Option<f64>> {
    let path = format!("/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods/{pod}:9090/proxy/metrics");
    let text = client
        .request_text(http::Request::get(path).body(Vec::new())?)
        .await?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    Ok(value)
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), SYSTEM_NAMESPACE)
}
