//! ServerlessService: writes the two Services and the slices of the public one.

use ebb_core::api::serverless_service::ServerlessService;
use ebb_core::meta;
use ebb_core::names::child;
use ebb_core::plan::serverless_service::{Plan, Seen, plan};
use ebb_runtime::Key;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use futures::future::join_all;
use jiff::Timestamp;

use crate::caches::{Caches, path};
use crate::writer::{Called, Writer, first_error};

#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) caches: Caches,
    pub(crate) writer: Writer,
}

impl Reconciler {
    fn observe(&self, key: &Key, sks: &ServerlessService) -> Seen {
        let namespace = key.namespace.as_str();
        let private = child::private_service(&key.name);
        let target = sks.spec.object_ref.name.as_deref().unwrap_or_default();
        let selector = self
            .caches
            .deployments
            .get(namespace, target)
            .and_then(|deployment| {
                deployment
                    .spec
                    .as_ref()
                    .map(|spec| spec.selector.match_labels.clone().unwrap_or_default())
            });
        Seen {
            selector,
            public_service: self.caches.kube_services.by_key(key),
            private_slices: self
                .caches
                .slices_by_service
                .get(&path(namespace, &private)),
            private_service: self.caches.kube_services.get(namespace, &private),
            public_slices: self
                .caches
                .slices_by_service
                .get(&path(namespace, &key.name)),
            activator_slices: self.caches.activator_slices.list(),
        }
    }

    async fn write(&self, sks: &ServerlessService, plan: &Plan, seen: &Seen) -> Result<(), Error> {
        let private = async {
            let Some(write) = &plan.private_service else {
                return Ok(());
            };
            self.writer
                .child(
                    sks,
                    write,
                    seen.private_service.as_deref(),
                    Called::Silently,
                )
                .await
        };
        let public = async {
            let Some(write) = &plan.public_service else {
                return Ok(());
            };
            self.writer
                .child(sks, write, seen.public_service.as_deref(), Called::Silently)
                .await
        };
        let slice = |name: &str| {
            seen.public_slices
                .iter()
                .find(|slice| meta::name(&slice.metadata) == name)
        };
        let slices = join_all(plan.slices.iter().map(|write| {
            let live = slice(meta::name(&write.object().metadata));
            self.writer
                .child(sks, write, live.map(AsRef::as_ref), Called::Silently)
        }));
        let (private, public, slices) = tokio::join!(private, public, slices);
        first_error([private, public].into_iter().chain(slices))?;
        // Only now: the addresses that stay are written.
        let obsolete = plan.obsolete_slices.iter().filter_map(|name| slice(name));
        first_error(join_all(obsolete.map(|slice| self.writer.delete(&**slice))).await)
    }
}

impl Reconcile for Reconciler {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let Some(sks) = self.caches.serverless_services.by_key(key) else {
            return Ok(Action::Done);
        };
        if sks.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let seen = self.observe(key, &sks);
        let plan = plan(&sks, &seen, Timestamp::now());
        let outcome = self.write(&sks, &plan, &seen).await;
        self.writer
            .finish(&*sks, &plan.status, outcome, plan.failure)
            .await
    }

    fn failed(&self, key: &Key, error: &Error) {
        self.writer
            .report(self.caches.serverless_services.by_key(key), error);
    }
}
