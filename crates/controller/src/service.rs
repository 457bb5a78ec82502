//! Service: writes the Configuration and the Route.

use ebb_core::api::service::Service;
use ebb_core::plan::service::{Plan, Seen, plan};
use ebb_runtime::Key;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use jiff::Timestamp;

use crate::caches::Caches;
use crate::live::Config;
use crate::writer::{Called, Writer};

#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) caches: Caches,
    pub(crate) config: Config,
    pub(crate) writer: Writer,
}

impl Reconciler {
    fn observe(&self, key: &Key, service: &Service) -> Seen {
        let named = service
            .spec
            .template
            .metadata
            .name
            .as_deref()
            .filter(|name| !name.is_empty());
        Seen {
            configuration: self.caches.configurations.by_key(key),
            route: self.caches.routes.by_key(key),
            named_revision: named.and_then(|name| self.caches.revisions.get(&key.namespace, name)),
        }
    }

    /// The Configuration first: a Route that finds none says so to the user.
    async fn write(&self, service: &Service, plan: &Plan, seen: &Seen) -> Result<(), Error> {
        if let Some(write) = &plan.configuration {
            self.writer
                .child(
                    service,
                    write,
                    seen.configuration.as_deref(),
                    Called::Named("Configuration"),
                )
                .await?;
        }
        if let Some(write) = &plan.route {
            self.writer
                .child(
                    service,
                    write,
                    seen.route.as_deref(),
                    Called::Named("Route"),
                )
                .await?;
        }
        Ok(())
    }
}

impl Reconcile for Reconciler {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let Some(service) = self.caches.services.by_key(key) else {
            return Ok(Action::Done);
        };
        if service.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let complete = self.config.snapshot().with_defaults(&*service)?;
        let seen = self.observe(key, &complete);
        let plan = plan(&complete, &seen, Timestamp::now());
        let outcome = self.write(&service, &plan, &seen).await;
        self.writer
            .finish(&*service, &plan.status, outcome, plan.failure)
            .await
    }

    fn failed(&self, key: &Key, error: &Error) {
        self.writer.report(self.caches.services.by_key(key), error);
    }
}
