//! Revision collector: deletes Revisions that nobody needs.

use ebb_core::plan::gc::plan;
use ebb_process::log::Chain;
use ebb_runtime::Key;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use jiff::Timestamp;

use crate::caches::{Caches, path};
use crate::live::Config;
use crate::writer::Writer;

#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) caches: Caches,
    pub(crate) config: Config,
    pub(crate) writer: Writer,
}

impl Reconcile for Reconciler {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let Some(configuration) = self.caches.configurations.by_key(key) else {
            return Ok(Action::Done);
        };
        if configuration.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let revisions = self
            .caches
            .revisions_by_configuration
            .get(&path(&key.namespace, &key.name));
        for name in plan(
            &configuration,
            &revisions,
            &self.config.gc.get(),
            Timestamp::now(),
        ) {
            let Some(revision) = self.caches.revisions.get(&key.namespace, &name) else {
                continue;
            };
            // One that cannot be deleted does not hold up the others; the next event tries again.
            match self.writer.delete(&*revision).await {
                Ok(()) => {
                    tracing::info!(revision = %name, "deleted a revision that no route needs")
                }
                Err(error) => {
                    tracing::error!(revision = %name, error = %Chain(&error), "cannot delete revision")
                }
            }
        }
        Ok(Action::Done)
    }

    fn failed(&self, key: &Key, error: &Error) {
        self.writer
            .report(self.caches.configurations.by_key(key), error);
    }
}
