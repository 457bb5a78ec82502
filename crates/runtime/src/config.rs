//! Live configuration from ConfigMaps.
//!
//! One watch covers the ConfigMaps of the system namespace. Each map that a process reads becomes a [`Live`] value:
//! readers take an `Arc` of the current snapshot and keep it for one request or one reconcile. A bad update keeps the
//! last good value; it is logged once, counted, and told by an Event on the ConfigMap, however many follow the map. A
//! map that is deleted leaves its last value in force, as upstream does. Nothing ever restarts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ebb_process::Supervisor;
use ebb_process::metrics::Registry;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use crate::cache::Options;
use crate::events::Recorder;
use crate::{Cache, Key, request};

type Data = BTreeMap<String, String>;

/// A ConfigMap that a process cannot start without.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there.
    #[error("ConfigMap {0:?} does not exist")]
    Missing(String),
    /// Its first value is no good. A later bad value is no error.
    #[error("ConfigMap {name:?} cannot be used: {problems}")]
    Bad {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problems: String,
    },
    /// The API server did not say what is in it.
    #[error("cannot read ConfigMap {name:?}")]
    Unreadable {
        /// Its name.
        name: String,
        /// What the API server said.
        source: kube::Error,
    },
}

/// Reads the map `name` once, for settings that hold until the process ends. Without it the default holds.
///
/// # Errors
/// When it is there and bad, or when the API server does not answer.
pub async fn once<T: Default, E: fmt::Display>(
    client: &Client,
    namespace: &str,
    name: &str,
    parse: impl Fn(&Data) -> Result<T, E>,
) -> Result<T, Error> {
    let map: Option<ConfigMap> = request::get(client, &Key::new(namespace, name))
        .await
        .map_err(|source| Error::Unreadable {
            name: name.to_owned(),
            source,
        })?;
    match map {
        Some(map) => first(name, &map.data.unwrap_or_default(), parse),
        None => Ok(T::default()),
    }
}

fn first<T, E: fmt::Display>(
    name: &str,
    data: &Data,
    parse: impl Fn(&Data) -> Result<T, E>,
) -> Result<T, Error> {
    parse(data).map_err(|problems| Error::Bad {
        name: name.to_owned(),
        problems: problems.to_string(),
    })
}

/// A value that follows a ConfigMap. Cheap to clone.
pub struct Live<T> {
    value: Arc<ArcSwap<T>>,
    version: watch::Receiver<u64>,
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            version: self.version.clone(),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live")
            .field(&self.value.load_full())
            .finish()
    }
}

impl<T> Live<T> {
    /// A value that never changes: for tests.
    pub fn fixed(value: T) -> Self {
        Self {
            value: Arc::new(ArcSwap::from_pointee(value)),
            version: watch::channel(0).1,
        }
    }

    /// The current snapshot.
    pub fn get(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// A number that grows with every change of the value.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.clone()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    name: String,
}

/// How configuration fares. `Default` gives unregistered metrics.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    rejected: Family<Labels, Counter>,
    valid: Family<Labels, Gauge>,
}

impl Metrics {
    /// Registers `ebb_config_*`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("ebb_config");
        registry.register(
            "rejected",
            "Updates of a ConfigMap that were not taken over",
            metrics.rejected.clone(),
        );
        registry.register(
            "valid",
            "Whether the current ConfigMap is the one in force",
            metrics.valid.clone(),
        );
        metrics
    }
}

/// The ConfigMaps of the system namespace.
#[derive(Clone, Debug)]
pub struct ConfigMaps {
    cache: Cache<ConfigMap>,
    namespace: String,
    events: Recorder,
    metrics: Metrics,
    /// What was complained about, by the name of the map.
    refused: Arc<Mutex<BTreeMap<String, Data>>>,
}

impl ConfigMaps {
    /// Starts the watch and waits for its first list.
    pub async fn start(
        supervisor: &Supervisor,
        client: Client,
        namespace: &str,
        events: Recorder,
        metrics: Metrics,
    ) -> Self {
        Self::start_labelled(supervisor, client, namespace, None, events, metrics).await
    }

    /// The same for the ConfigMaps that carry a label of this key; others count as missing.
    pub async fn start_labelled(
        supervisor: &Supervisor,
        client: Client,
        namespace: &str,
        label: Option<&str>,
        events: Recorder,
        metrics: Metrics,
    ) -> Self {
        let options = Options {
            labels: label.filter(|label| !label.is_empty()),
            ..Options::default()
        };
        let cache = Cache::start(supervisor, Api::namespaced(client, namespace), options);
        cache.ready().await;
        Self::new(cache, namespace, events, metrics)
    }

    /// The ConfigMaps of `namespace` in `cache`, which must be ready.
    pub fn new(
        cache: Cache<ConfigMap>,
        namespace: &str,
        events: Recorder,
        metrics: Metrics,
    ) -> Self {
        Self {
            cache,
            namespace: namespace.to_owned(),
            events,
            metrics,
            refused: Arc::default(),
        }
    }

    /// Follows the map `name`, which must exist and be good now.
    ///
    /// # Errors
    /// When it is missing or bad.
    pub fn require<T, E>(
        &self,
        name: &str,
        parse: impl Fn(&Data) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Live<T>, Error>
    where
        T: Send + Sync + 'static,
        E: fmt::Display + 'static,
    {
        let map = self
            .cache
            .get(&self.namespace, name)
            .ok_or_else(|| Error::Missing(name.to_owned()))?;
        let first = first(name, &map.data.clone().unwrap_or_default(), &parse)?;
        Ok(self.follow(name, first, Some(map), parse))
    }

    /// Follows the map `name`; without it the default holds until it appears.
    ///
    /// # Errors
    /// When it is there and bad.
    pub fn or_default<T, E>(
        &self,
        name: &str,
        parse: impl Fn(&Data) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Live<T>, Error>
    where
        T: Default + Send + Sync + 'static,
        E: fmt::Display + 'static,
    {
        if self.cache.get(&self.namespace, name).is_some() {
            return self.require(name, parse);
        }
        Ok(self.follow(name, T::default(), None, parse))
    }

    /// Follows the map `name`, whose value is `first` as long as it is as `seen`.
    fn follow<T, E>(
        &self,
        name: &str,
        first: T,
        seen: Option<Arc<ConfigMap>>,
        parse: impl Fn(&Data) -> Result<T, E> + Send + Sync + 'static,
    ) -> Live<T>
    where
        T: Send + Sync + 'static,
        E: fmt::Display + 'static,
    {
        let value = Arc::new(ArcSwap::from_pointee(first));
        let (version, versions) = watch::channel(0);
        let labels = Labels {
            name: name.to_owned(),
        };
        let Metrics { rejected, valid } = self.metrics.clone();
        valid.get_or_create(&labels).set(1);
        let (events, namespace) = (self.events.clone(), self.namespace.clone());
        let (target, refused) = (value.clone(), self.refused.clone());
        self.cache.observe(move |change| {
            let Some(map) = change.after() else { return };
            let meta = &map.metadata;
            if meta.name.as_deref() != Some(labels.name.as_str())
                || meta.namespace.as_deref() != Some(namespace.as_str())
                || seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, map))
            {
                return;
            }
            let data = map.data.clone().unwrap_or_default();
            let mut refused = refused.lock();
            match parse(&data) {
                // Also when only its labels changed: upstream takes it over again, and so wakes the reconcilers.
                Ok(next) => {
                    target.store(Arc::new(next));
                    version.send_modify(|version| *version += 1);
                    tracing::info!(config = %labels.name, "configuration taken over");
                    // Another reader of the same map may find fault with another part of it.
                    if refused.get(&labels.name) != Some(&data) {
                        refused.remove(&labels.name);
                        valid.get_or_create(&labels).set(1);
                    }
                }
                Err(_) if refused.get(&labels.name) == Some(&data) => {}
                Err(problems) => {
                    rejected.get_or_create(&labels).inc();
                    valid.get_or_create(&labels).set(0);
                    tracing::error!(config = %labels.name, %problems, "configuration is bad; the last good one stays in force");
                    events.warning(
                        &**map,
                        "ConfigurationRejected",
                        format!("The last good value stays in force: {problems}"),
                    );
                    refused.insert(labels.name.clone(), data);
                }
            }
        });
        Live {
            value,
            version: versions,
        }
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
