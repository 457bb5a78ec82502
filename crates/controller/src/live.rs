//! The ConfigMaps that reconcilers follow, and the snapshot that one reconcile works with.

use ebb_core::admission::{Context, Defaults, Policy, Verb};
use ebb_core::config::{
    self, Autoscaler, Defaults as DefaultSettings, Deployment, Domain, Features, Gc, Logging,
    Network, Observability, Settings as _,
};
use ebb_core::plan::{revision, route};
use ebb_runtime::config::{ConfigMaps, Error, Live};
use ebb_runtime::reconcile::Error as ReconcileError;
use std::sync::Arc;

use crate::settings::Settings;

/// Live settings. All of them must exist when the process starts.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) autoscaler: Live<Autoscaler>,
    pub(crate) defaults: Live<DefaultSettings>,
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
    /// The defaults of an installation, which never change.
    #[cfg(test)]
    pub(crate) fn fixed() -> Self {
        let deployment = Deployment {
            queue_sidecar_image: "dev.local/queue-proxy:1".into(),
            ..Deployment::default()
        };
        Self {
            autoscaler: Live::fixed(Autoscaler::default()),
            defaults: Live::fixed(DefaultSettings::default()),
            deployment: Live::fixed(deployment),
            domain: Live::fixed(Domain::default()),
            features: Live::fixed(Features::default()),
            gc: Live::fixed(Gc::default()),
            logging: Live::fixed(Logging::default()),
            network: Live::fixed(Network::default()),
            observability: Live::fixed(Observability::default()),
            system_namespace: "knative-serving".into(),
            cluster_domain: "cluster.local".into(),
        }
    }

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
            defaults: live(maps, DefaultSettings::NAME)?,
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

    /// The settings as they are now, for one reconcile. What changes meanwhile is for the next.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            autoscaler: self.autoscaler.get(),
            defaults: self.defaults.get(),
            deployment: self.deployment.get(),
            domain: self.domain.get(),
            features: self.features.get(),
            logging: self.logging.get(),
            network: self.network.get(),
            observability: self.observability.get(),
            system_namespace: self.system_namespace.clone(),
            cluster_domain: self.cluster_domain.clone(),
        }
    }
}

/// What one reconcile works with from its first step to its last.
#[derive(Debug)]
pub(crate) struct Snapshot {
    autoscaler: Arc<Autoscaler>,
    defaults: Arc<DefaultSettings>,
    deployment: Arc<Deployment>,
    domain: Arc<Domain>,
    features: Arc<Features>,
    logging: Arc<Logging>,
    network: Arc<Network>,
    observability: Arc<Observability>,
    system_namespace: Arc<str>,
    cluster_domain: Arc<str>,
}

impl Snapshot {
    /// The object with what its author left out, as admission fills it in. Admission has done so already, unless the
    /// object is older than the webhook or than a default.
    pub(crate) fn with_defaults<K: Defaults + Clone>(
        &self,
        object: &K,
    ) -> Result<K, ReconcileError> {
        let policy = Policy {
            autoscaler: self.autoscaler.clone(),
            defaults: self.defaults.clone(),
            features: self.features.clone(),
            cluster_domain: self.cluster_domain.to_string(),
        };
        let mut complete = object.clone();
        complete
            .set_defaults(
                None,
                &Context {
                    policy: &policy,
                    verb: Verb::Update,
                    user: "",
                },
            )
            .map_err(ReconcileError::permanent)?;
        Ok(complete)
    }

    /// What Revisions are planned with.
    pub(crate) fn of_revisions(&self) -> revision::Config<'_> {
        revision::Config {
            autoscaler: &self.autoscaler,
            defaults: &self.defaults,
            deployment: &self.deployment,
            features: &self.features,
            logging: &self.logging,
            network: &self.network,
            observability: &self.observability,
            system_namespace: &self.system_namespace,
        }
    }

    /// What Routes are planned with.
    pub(crate) fn of_routes(&self) -> route::Config<'_> {
        route::Config {
            domain: &self.domain,
            features: &self.features,
            network: &self.network,
            cluster_domain: &self.cluster_domain,
        }
    }
}
