//! Live configuration from ConfigMaps.
//!
//! One watch covers the ConfigMaps of the system namespace. Each map that a process reads becomes a [`Live`] value:
//! readers take an `Arc` of the current snapshot and keep it for one request or one reconcile. A bad update keeps the
//! last good value; it is logged once, counted, and told by an Event on the ConfigMap. Nothing ever restarts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ebb_process::Supervisor;
use ebb_process::metrics::Registry;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

use crate::Cache;
use crate::cache::Options;
use crate::events::Recorder;

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
        let cache = Cache::start(
            supervisor,
            Api::namespaced(client, namespace),
            Options::default(),
        );
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
        }
    }

    /// Follows the map `name`, which must exist and be good now.
    ///
    /// # Errors
    /// When it is missing or bad.
    pub fn require<T, E>(
        &self,
        name: &str,
        parse: impl Fn(&BTreeMap<String, String>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Live<T>, Error>
    where
        T: Send + Sync + 'static,
        E: fmt::Display + 'static,
    {
        let map = self
            .cache
            .get(&self.namespace, name)
            .ok_or_else(|| Error::Missing(name.to_owned()))?;
        let data = map.data.clone().unwrap_or_default();
        let first = parse(&data).map_err(|problems| Error::Bad {
            name: name.to_owned(),
            problems: problems.to_string(),
        })?;
        Ok(self.follow(name, first, data, parse))
    }

    /// Follows the map `name`; without it the default holds, also when it appears or vanishes later.
    ///
    /// # Errors
    /// When it is there and bad.
    pub fn or_default<T, E>(
        &self,
        name: &str,
        parse: impl Fn(&BTreeMap<String, String>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Live<T>, Error>
    where
        T: Default + Send + Sync + 'static,
        E: fmt::Display + 'static,
    {
        if self.cache.get(&self.namespace, name).is_some() {
            return self.require(name, parse);
        }
        Ok(self.follow(name, T::default(), BTreeMap::new(), parse))
    }

    fn follow<T, E>(
        &self,
        name: &str,
        first: T,
        seen: BTreeMap<String, String>,
        parse: impl Fn(&BTreeMap<String, String>) -> Result<T, E> + Send + Sync + 'static,
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
        let (events, namespace, target) =
            (self.events.clone(), self.namespace.clone(), value.clone());
        let seen = parking_lot::Mutex::new(seen);
        self.cache.observe(move |change| {
            // A map that is deleted leaves its last value in force, as upstream does.
            let Some(map) = change.after() else { return };
            let meta = &map.metadata;
            if meta.name.as_deref() != Some(labels.name.as_str()) || meta.namespace.as_deref() != Some(namespace.as_str()) {
                return;
            }
            let data = map.data.clone().unwrap_or_default();
            if *seen.lock() == data {
                return;
            }
            match parse(&data) {
                Ok(next) => {
                    target.store(Arc::new(next));
                    valid.get_or_create(&labels).set(1);
                    version.send_modify(|version| *version += 1);
                    tracing::info!(config = %labels.name, "configuration changed");
                }
                Err(problems) => {
                    rejected.get_or_create(&labels).inc();
                    valid.get_or_create(&labels).set(0);
                    tracing::error!(config = %labels.name, %problems, "configuration is bad; the last good one stays in force");
                    events.warning(&**map, "ConfigurationRejected", format!("The last good value stays in force: {problems}"));
                }
            }
            *seen.lock() = data;
        });
        Live {
            value,
            version: versions,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::ParseIntError;

    use super::*;

    fn parse(data: &BTreeMap<String, String>) -> Result<u32, ParseIntError> {
        data.get("n").map_or(Ok(0), |n| n.parse())
    }

    fn map(version: &str, n: &str) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.name = Some("config-x".into());
        map.metadata.namespace = Some("knative-serving".into());
        map.metadata.resource_version = Some(version.into());
        map.data = Some(BTreeMap::from([("n".to_owned(), n.to_owned())]));
        map
    }

    fn maps(cache: &Cache<ConfigMap>) -> ConfigMaps {
        ConfigMaps::new(
            cache.clone(),
            "knative-serving",
            Recorder::silent(),
            Metrics::default(),
        )
    }

    #[test]
    fn a_bad_update_keeps_the_last_good_value() {
        let cache = Cache::of([map("1", "4")]);
        let live = maps(&cache).require("config-x", parse).unwrap();
        assert_eq!(*live.get(), 4);
        cache.insert(map("2", "many"));
        assert_eq!(*live.get(), 4);
        assert!(!live.subscribe().has_changed().unwrap());
        cache.insert(map("3", "5"));
        assert_eq!(*live.get(), 5);
        assert!(live.subscribe().has_changed().unwrap());
    }

    #[test]
    fn a_bad_first_value_and_a_missing_map_are_errors() {
        let cache = Cache::of([map("1", "many")]);
        assert!(matches!(
            maps(&cache).require("config-x", parse),
            Err(Error::Bad { .. })
        ));
        assert!(matches!(
            maps(&cache).or_default("config-x", parse),
            Err(Error::Bad { .. })
        ));
        assert!(matches!(
            maps(&cache).require("config-y", parse),
            Err(Error::Missing(_))
        ));
    }

    #[test]
    fn an_optional_map_may_come_later() {
        let cache = Cache::of([]);
        let live = maps(&cache).or_default("config-x", parse).unwrap();
        assert_eq!(*live.get(), 0);
        cache.insert(map("1", "7"));
        assert_eq!(*live.get(), 7);
    }
}
