//! Configuration: creates Revisions.

use ebb_core::api::configuration::Configuration;
use ebb_core::api::revision::Revision;
use ebb_core::meta;
use ebb_core::plan::configuration::{Seen, creation_failed, plan};
use ebb_process::log::Chain;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::{Key, apply, request};
use jiff::Timestamp;

use crate::caches::{Caches, path};
use crate::live::Config;
use crate::writer::{Called, Writer};

#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) caches: Caches,
    pub(crate) config: Config,
    pub(crate) writer: Writer,
}

/// The text is what users find in the Event.
#[derive(Debug, thiserror::Error)]
#[error("failed to create Revision")]
struct NotCreated(#[source] apply::Error);

/// What became of a creation.
enum Created {
    Yes,
    /// It exists and is ours: the cache had not seen it yet.
    Before,
}

impl Reconciler {
    fn observe(&self, key: &Key, configuration: &Configuration) -> Seen {
        let named = configuration
            .spec
            .template
            .metadata
            .name
            .as_deref()
            .filter(|name| !name.is_empty());
        Seen {
            revisions: self
                .caches
                .revisions_by_configuration
                .get(&path(&key.namespace, &key.name)),
            named: named.and_then(|name| self.caches.revisions.get(&key.namespace, name)),
        }
    }

    async fn create(
        &self,
        configuration: &Configuration,
        wanted: &Revision,
    ) -> Result<Created, apply::Error> {
        let error = match self.writer.create(wanted).await {
            Ok(_) => return Ok(Created::Yes),
            Err(error) => error,
        };
        if !is_taken(&error) {
            return Err(error);
        }
        match request::get::<Revision>(&self.writer.client, &Key::of(wanted)).await {
            Ok(Some(live)) if meta::is_controlled_by(&live.metadata, &configuration.metadata) => {
                Ok(Created::Before)
            }
            _ => Err(error),
        }
    }
}

fn is_taken(error: &apply::Error) -> bool {
    matches!(error.cause(), kube::Error::Api(status) if status.reason == "AlreadyExists")
}

impl Reconcile for Reconciler {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let Some(configuration) = self.caches.configurations.by_key(key) else {
            return Ok(Action::Done);
        };
        if configuration.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let now = Timestamp::now();
        let complete = self.config.snapshot().with_defaults(&*configuration)?;
        let mut plan = plan(&complete, &self.observe(key, &complete), now);
        let mut outcome = Ok(());
        if let Some(wanted) = &plan.create {
            let created = self.create(&configuration, wanted).await;
            if let Err(error) = &created
                && !is_taken(error)
            {
                plan.status =
                    creation_failed(&configuration, &Chain(error.cause()).to_string(), now);
            }
            // A name that is taken is told by the error alone.
            let told = match &created {
                Ok(created) => Some(Ok(matches!(created, Created::Yes))),
                Err(error) if is_taken(error) => None,
                Err(error) => Some(Err(error as _)),
            };
            if let Some(told) = told {
                let name = meta::name(&wanted.metadata);
                self.writer
                    .tell_creation(&*configuration, name, Called::ByKind("Revision"), told);
            }
            outcome = created
                .map(drop)
                .map_err(|error| Error::transient(NotCreated(error)));
        }
        self.writer.notes(&*configuration, plan.notes);
        self.writer
            .finish(&*configuration, &plan.status, outcome, None)
            .await
    }

    fn failed(&self, key: &Key, error: &Error) {
        self.writer
            .report(self.caches.configurations.by_key(key), error);
    }
}
