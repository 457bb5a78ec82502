//! Labeler: marks the Revisions and Configurations that a Route leads to.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_core::api::configuration::Configuration;
use ebb_core::api::revision::Revision;
use ebb_core::api::route::Route;
use ebb_core::meta;
use ebb_core::names::ROUTE_FINALIZER;
use ebb_core::plan::labeler::{Finalizer, Patch as Planned, Plan, Seen, plan};
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::{Key, request};
use jiff::Timestamp;
use kube::Resource;
use serde::de::DeserializeOwned;

use crate::caches::{Caches, path};
use crate::writer::Writer;

#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) caches: Caches,
    pub(crate) writer: Writer,
}

#[derive(Debug, thiserror::Error)]
enum NotPatched {
    #[error("failed to add route annotation to Namespace={namespace} Name={name:?}")]
    Added {
        namespace: String,
        name: String,
        source: kube::Error,
    },
    #[error("failed to remove route annotation to {kind} {name:?}")]
    Removed {
        kind: String,
        name: String,
        source: kube::Error,
    },
}

impl Reconciler {
    /// What carries the Route's name already, and what the Route names now.
    fn observe(&self, key: &Key, route: &Route) -> Seen {
        let namespace = key.namespace.as_str();
        let marked = path(namespace, &key.name);
        let mut revisions = by_name(self.caches.revisions_by_route.get(&marked));
        let mut configurations = by_name(self.caches.configurations_by_route.get(&marked));
        let served = route.status.iter().flat_map(|status| &status.traffic);
        for target in served.chain(&route.spec.traffic) {
            let mut configuration = target.configuration_name.clone();
            if let Some(revision) = self.caches.revisions.get(namespace, &target.revision_name) {
                configuration = meta::controller_of(&revision.metadata)
                    .map(|o| o.name.clone())
                    .unwrap_or_default();
                revisions.insert(target.revision_name.clone(), revision);
            }
            let Some(found) = self.caches.configurations.get(namespace, &configuration) else {
                continue;
            };
            let newest = found
                .status
                .as_ref()
                .map(|status| status.latest_created_revision_name.clone());
            if let Some(revision) =
                newest.and_then(|newest| self.caches.revisions.get(namespace, &newest))
            {
                revisions.insert(meta::name(&revision.metadata).to_owned(), revision);
            }
            configurations.insert(configuration, found);
        }
        Seen {
            configurations: configurations.into_values().collect(),
            revisions: revisions.into_values().collect(),
        }
    }

    async fn patch<K>(&self, namespace: &str, planned: &Planned) -> Result<(), Error>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        let key = Key::new(namespace, planned.name.clone());
        let source = match self.writer.merge::<K>(&key, &planned.body).await {
            Ok(()) => return Ok(()),
            // What is gone has no mark to take away.
            Err(error) if request::is_not_found(&error) && !planned.adds => return Ok(()),
            Err(error) if request::is_conflict(&error) => return Err(error.into()),
            Err(error) => error,
        };
        let name = planned.name.clone();
        Err(Error::transient(if planned.adds {
            NotPatched::Added {
                namespace: namespace.to_owned(),
                name,
                source,
            }
        } else {
            NotPatched::Removed {
                kind: K::kind(&()).into_owned(),
                name,
                source,
            }
        }))
    }

    async fn write(&self, route: &Route, plan: &Plan) -> Result<(), Error> {
        let namespace = meta::namespace(&route.metadata);
        if plan.finalizer == Finalizer::Add {
            self.writer
                .set_finalizer(route, ROUTE_FINALIZER, true)
                .await?;
        }
        for patch in &plan.revisions {
            self.patch::<Revision>(namespace, patch).await?;
        }
        for patch in &plan.configurations {
            self.patch::<Configuration>(namespace, patch).await?;
        }
        if plan.finalizer == Finalizer::Drop {
            self.writer
                .set_finalizer(route, ROUTE_FINALIZER, false)
                .await?;
        }
        Ok(())
    }
}

fn by_name<K: Resource>(objects: Vec<Arc<K>>) -> BTreeMap<String, Arc<K>> {
    objects
        .into_iter()
        .map(|object| (object.meta().name.clone().unwrap_or_default(), object))
        .collect()
}

impl Reconcile for Reconciler {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let Some(route) = self.caches.routes.by_key(key) else {
            return Ok(Action::Done);
        };
        let plan = plan(&route, &self.observe(key, &route), Timestamp::now());
        self.write(&route, &plan).await.map(|()| Action::Done)
    }

    fn failed(&self, key: &Key, error: &Error) {
        self.writer.report(self.caches.routes.by_key(key), error);
    }
}
