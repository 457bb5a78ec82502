//! Settings in force for a set, and put back afterwards.
//!
//! The webhook reads ConfigMaps from one watch, in the order in which they change. So a name for containers that nobody
//! else uses is written last: a replica that gives it has read everything before it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::cluster::SYSTEM_NAMESPACE;
use crate::review;
use crate::wait::eventually;

/// Where the name of containers is set.
const DEFAULTS: &str = "config-defaults";
const NAME_TEMPLATE: &str = "container-name-template";
/// How long the webhook may take to read a change.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// ConfigMap name → data.
pub(super) type Data = BTreeMap<String, BTreeMap<String, String>>;

/// The settings of the cluster.
pub(super) struct Settings {
    client: Client,
    /// What was there before, for every key ever touched.
    before: BTreeMap<(String, String), Option<String>>,
    current: Data,
    /// How often something was changed.
    changes: usize,
}

impl Settings {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            before: BTreeMap::new(),
            current: Data::new(),
            changes: 0,
        }
    }

    /// Puts `wanted` in force, and everything else as it was.
    pub(super) async fn put(&mut self, wanted: &Data) -> Result<()> {
        if *wanted == self.current {
            return Ok(());
        }
        let maps: BTreeSet<_> = self.current.keys().chain(wanted.keys()).cloned().collect();
        let mut changes = Vec::new();
        for map in maps {
            let data = self.change(&map, wanted.get(&map)).await?;
            changes.push((map, data));
        }
        self.remember(DEFAULTS, [NAME_TEMPLATE]).await?;
        let key = (DEFAULTS.to_owned(), NAME_TEMPLATE.to_owned());
        let last = wanted
            .get(DEFAULTS)
            .and_then(|data| data.get(NAME_TEMPLATE))
            .or(self.before[&key].as_ref());
        let last = json!({ NAME_TEMPLATE: last });

        self.changes += 1;
        let marker = format!("corpus-{}", self.changes);
        // Until all of it is done, each of these may have to be taken back.
        for (map, data) in wanted {
            let current = self.current.entry(map.clone()).or_default();
            current.extend(data.clone());
        }
        let current = self.current.entry(DEFAULTS.to_owned()).or_default();
        current.insert(NAME_TEMPLATE.to_owned(), marker.clone());

        for (map, data) in changes {
            self.write(&map, &data).await?;
        }
        self.write(DEFAULTS, &json!({ NAME_TEMPLATE: marker }))
            .await?;
        self.read(&marker, true).await?;
        self.write(DEFAULTS, &last).await?;
        self.read(&marker, false).await?;
        self.current.clone_from(wanted);
        Ok(())
    }

    /// What has to be written so that `map` holds `wanted`.
    async fn change(
        &mut self,
        map: &str,
        wanted: Option<&BTreeMap<String, String>>,
    ) -> Result<Value> {
        let none = BTreeMap::new();
        let wanted = wanted.unwrap_or(&none);
        self.remember(map, wanted.keys().map(String::as_str))
            .await?;
        let current = self.current.get(map).unwrap_or(&none);
        let keys: BTreeSet<_> = current.keys().chain(wanted.keys()).collect();
        Ok(keys
            .into_iter()
            .map(|key| {
                let before = &self.before[&(map.to_owned(), key.clone())];
                (key.clone(), json!(wanted.get(key).or(before.as_ref())))
            })
            .collect::<serde_json::Map<_, _>>()
            .into())
    }

    async fn remember(&mut self, map: &str, keys: impl IntoIterator<Item = &str>) -> Result<()> {
        let found = self.maps().get(map).await?.data.unwrap_or_default();
        for key in keys {
            self.before
                .entry((map.to_owned(), key.to_owned()))
                .or_insert_with(|| found.get(key).cloned());
        }
        Ok(())
    }

    async fn write(&self, map: &str, data: &Value) -> Result<()> {
        self.maps()
            .patch(
                map,
                &PatchParams::default(),
                &Patch::Merge(json!({ "data": data })),
            )
            .await
            .with_context(|| format!("cannot set {data} in {map}"))?;
        Ok(())
    }

    fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE)
    }

    /// Waits until every replica of the webhook names containers like that, or none does.
    async fn read(&self, marker: &str, wanted: bool) -> Result<()> {
        let what = format!("the webhook names containers {marker}: {wanted}");
        eventually(&what, READ_WITHIN, async || {
            let pods = Api::<Pod>::namespaced(self.client.clone(), SYSTEM_NAMESPACE)
                .list(&ListParams::default().labels("app=webhook"))
                .await?;
            ensure!(!pods.items.is_empty(), "there is no webhook");
            for pod in pods {
                let name = pod.name_any();
                let patch = match review::defaults(&self.client, &name).await {
                    Ok(patch) => patch,
                    Err(error) => return Ok(Err(format!("{name}: {error:#}"))),
                };
                if patch.contains(marker) != wanted {
                    return Ok(Err(format!("{name} still answers {patch}")));
                }
            }
            Ok(Ok(()))
        })
        .await
    }
}
