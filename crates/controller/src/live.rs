//! The ConfigMaps that reconcilers follow, and the snapshot that one reconcile works with.

use ebb_core::config::{
    self, Autoscaler, Defaults, Deployment, Domain, Features, Gc, Logging, Network, Observability,
    Settings as _,
};
use ebb_core::plan::{revision, route};
use ebb_runtime::config::{ConfigMaps, Error, Live};
use std::sync::Arc;

use crate::settings::Settings;

/// Live settings. All of them must exist when the process starts.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) autoscaler: Live<Autoscaler>,
    pub(crate) defaults: Live<Defaults>,
    pub(crate) deployment: Live<Deployment>,
    pub(crate) domain: Live<Domain>,
    pub(crate) features: Live<Features>,
    pub(crate) gc: Live<Gc>,
    pub(crate) logging: Live<Logging>,
    pub(crate) network: Live<Network>,
    pub(crate) observability: Live<Observability>,
    pub(crate) system_namespace: Arc<str>,
    pub(crate) cluster_domain: Arc<str>,
}

impl Config {
    pub(crate) fn follow(
        maps: &ConfigMaps,
        settings: &Settings,
        cluster_domain: &str,
    ) -> Result<Self, Error> {
        fn live<S: config::Settings + Send + Sync + 'static>(
            maps: &ConfigMaps,
            name: &str,
        ) -> Result<Live<S>, Error> {
            maps.require(name, S::parse)
        }
        Ok(Self {
            autoscaler: live(maps, Autoscaler::NAME)?,
            defaults: live(maps, Defaults::NAME)?,
            deployment: live(maps, Deployment::NAME)?,
            domain: live(maps, Domain::NAME)?,
            features: live(maps, Features::NAME)?,
            gc: live(maps, Gc::NAME)?,
            logging: live(maps, &settings.config_logging_name)?,
            network: live(maps, Network::NAME)?,
            observability: live(maps, &settings.config_observability_name)?,
            system_namespace: settings.system_namespace.as_str().into(),
            cluster_domain: cluster_domain.into(),
        })
    }

    /// What Revisions are planned with.
    pub(crate) fn of_revisions<T>(&self, with: impl FnOnce(&revision::Config<'_>) -> T) -> T {
        with(&revision::Config {
            autoscaler: &self.autoscaler.get(),
            defaults: &self.defaults.get(),
            deployment: &self.deployment.get(),
            features: &self.features.get(),
            logging: &self.logging.get(),
            network: &self.network.get(),
            observability: &self.observability.get(),
            system_namespace: &self.system_namespace,
        })
    }

    /// What Routes are planned with.
    pub(crate) fn of_routes<T>(&self, with: impl FnOnce(&route::Config<'_>) -> T) -> T {
        with(&route::Config {
            domain: &self.domain.get(),
            features: &self.features.get(),
            network: &self.network.get(),
            cluster_domain: &self.cluster_domain,
        })
    }
}
