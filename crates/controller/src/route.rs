//! Route: writes the Ingress and the placeholder Services.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ebb_core::api::configuration::Configuration;
use ebb_core::api::revision::Revision;
use ebb_core::api::route::Route;
use ebb_core::meta;
use ebb_core::names::{child, labels};
use ebb_core::plan::route::{self, Plan, Seen, host_names, plan};
use ebb_core::traffic::Referents;
use ebb_runtime::cache::{Cache, Object};
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::{Key, request};
use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service as KubeService;

use crate::caches::{Caches, path};
use crate::live::Config;
use crate::writer::{Called, Writer, first_error};

#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) caches: Caches,
    pub(crate) config: Config,
    pub(crate) writer: Writer,
}

impl Reconciler {
    async fn observe(
        &self,
        key: &Key,
        route: &Route,
        config: &route::Config<'_>,
    ) -> Result<Seen, Error> {
        let namespace = key.namespace.as_str();
        let mut services: BTreeMap<String, Arc<KubeService>> = BTreeMap::new();
        let names = host_names(route, config);
        let named = names
            .iter()
            .filter_map(|name| self.caches.kube_services.get(namespace, name));
        let labelled = self
            .caches
            .kube_services_by_route
            .get(&path(namespace, &key.name));
        for service in named.chain(labelled) {
            services.insert(meta::name(&service.metadata).to_owned(), service);
        }
        let slices = self
            .caches
            .placeholder_slices_by_route
            .get(&path(namespace, &key.name));
        let slices = slices
            .into_iter()
            .map(|slice| (meta::name(&slice.metadata).to_owned(), slice))
            .collect();
        Ok(Seen {
            referents: self.referents(namespace, route).await?,
            ingress: self
                .caches
                .ingresses
                .get(namespace, &child::ingress(&key.name)),
            services,
            slices,
        })
    }

    /// Everything that the Route names, and what that leads to.
    async fn referents(&self, namespace: &str, route: &Route) -> Result<Referents, Error> {
        let mut seen = Referents::default();
        for target in &route.spec.traffic {
            let mut configuration = target.configuration_name.clone();
            let mut revision = target.revision_name.clone();
            if revision.is_empty() {
                let Some(found) = self
                    .find(&self.caches.configurations, namespace, &configuration)
                    .await?
                else {
                    continue;
                };
                revision = latest_ready(&found).to_owned();
                seen.configurations.insert(configuration.clone(), found);
            }
            if revision.is_empty() {
                continue;
            }
            let Some(found) = self
                .find::<Revision>(&self.caches.revisions, namespace, &revision)
                .await?
            else {
                continue;
            };
            if let Some(label) = meta::label(&found.metadata, labels::CONFIGURATION) {
                configuration = label.to_owned();
            }
            seen.revisions.insert(revision, found);
            if !configuration.is_empty() && !seen.configurations.contains_key(&configuration) {
                let found = self
                    .find(&self.caches.configurations, namespace, &configuration)
                    .await?;
                seen.configurations
                    .extend(found.map(|found| (configuration, found)));
            }
        }
        Ok(seen)
    }

    /// What the cache does not hold may just not have reached it: watches of different kinds are not in step, and
    /// "not found" is a failure that the user gets to see.
    async fn find<K: Object>(
        &self,
        cache: &Cache<K>,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<K>>, Error> {
        if let Some(found) = cache.get(namespace, name) {
            return Ok(Some(found));
        }
        Ok(
            request::get(&self.writer.client, &Key::new(namespace, name))
                .await?
                .map(Arc::new),
        )
    }

    async fn write(&self, route: &Route, plan: &Plan, seen: &Seen) -> Result<(), Error> {
        let placeholder = Called::Named("placeholder service");
        let services = join_all(plan.services.iter().map(|write| {
            let live = seen.services.get(meta::name(&write.object().metadata));
            self.writer
                .child(route, write, live.map(AsRef::as_ref), placeholder)
        }));
        let replaced = join_all(plan.replaced_services.iter().map(|wanted| async {
            if let Some(live) = seen.services.get(meta::name(&wanted.metadata)) {
                self.writer.delete(&**live).await?;
            }
            self.writer.apply(wanted, None).await
        }));
        let obsolete = join_all(
            plan.obsolete_services
                .iter()
                .filter_map(|name| seen.services.get(name))
                .map(|live| self.writer.delete(&**live)),
        );
        let slices = join_all(plan.slices.iter().map(|write| {
            let live = seen.slices.get(meta::name(&write.object().metadata));
            self.writer
                .child(route, write, live.map(AsRef::as_ref), Called::Silently)
        }));
        let old_slices = join_all(
            plan.obsolete_slices
                .iter()
                .filter_map(|name| seen.slices.get(name))
                .map(|live| self.writer.delete(&**live)),
        );
        let ingress = async {
            let Some(write) = &plan.ingress else {
                return Ok(());
            };
            self.writer
                .child(
                    route,
                    write,
                    seen.ingress.as_deref(),
                    Called::ByKind("Ingress"),
                )
                .await
        };
        let (services, replaced, obsolete, slices, old_slices, ingress) =
            tokio::join!(services, replaced, obsolete, slices, old_slices, ingress);
        first_error(
            [ingress]
                .into_iter()
                .chain(services)
                .chain(replaced)
                .chain(obsolete)
                .chain(slices)
                .chain(old_slices),
        )
    }
}

fn latest_ready(configuration: &Configuration) -> &str {
    configuration
        .status
        .as_ref()
        .map(|status| status.latest_ready_revision_name.as_str())
        .unwrap_or_default()
}

impl Reconcile for Reconciler {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let Some(route) = self.caches.routes.by_key(key) else {
            return Ok(Action::Done);
        };
        if route.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let settings = self.config.snapshot();
        let config = settings.of_routes();
        let complete = settings.with_defaults(&*route)?;
        let seen = self.observe(key, &complete, &config).await?;
        let now = Timestamp::now();
        let plan = plan(&complete, &seen, &config, now);
        let outcome = self.write(&route, &plan, &seen).await;
        self.writer.notes(&*route, plan.notes);
        let wake = plan.wake;
        let done = self
            .writer
            .finish(&*route, &plan.status, outcome, plan.failure)
            .await?;
        Ok(
            match wake.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default()) {
                Some(delay) => Action::After(delay),
                None => done,
            },
        )
    }

    fn failed(&self, key: &Key, error: &Error) {
        self.writer.report(self.caches.routes.by_key(key), error);
    }
}
