//! Namespace: writes wildcard Certificates.

use ebb_core::meta;
use ebb_core::plan::namespace_certificate::{Plan, plan};
use ebb_process::log::Chain;
use ebb_runtime::Key;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use k8s_openapi::api::core::v1::Namespace;

use crate::caches::Caches;
use crate::live::Config;
use crate::writer::Writer;

#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) caches: Caches,
    pub(crate) config: Config,
    pub(crate) writer: Writer,
}

/// A domain template that makes no wildcard name.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct BadTemplate(String);

impl Reconciler {
    async fn write(&self, namespace: &Namespace, plan: Plan) -> Result<(), Error> {
        let existing = self
            .caches
            .wildcard_certificates_by_namespace
            .get(meta::name(&namespace.metadata));
        let live = |name: &str| existing.iter().find(|c| meta::name(&c.metadata) == name);
        for write in &plan.certificates {
            let wanted = write.object();
            let id = format!(
                "{}/{}",
                meta::namespace(&wanted.metadata),
                meta::name(&wanted.metadata)
            );
            let known = live(meta::name(&wanted.metadata));
            let outcome = self.writer.apply(wanted, known.map(AsRef::as_ref)).await;
            self.tell(namespace, write.is_create(), &id, outcome.as_ref().err());
            outcome?;
        }
        for certificate in plan.obsolete.iter().filter_map(|name| live(name)) {
            let id = format!(
                "{}/{}",
                meta::namespace(&certificate.metadata),
                meta::name(&certificate.metadata)
            );
            self.writer.delete(&**certificate).await?;
            self.writer.normal(
                namespace,
                "Deleted",
                format!("Deleted Knative Certificate {id}"),
            );
        }
        match plan.failure {
            Some(text) => Err(Error::permanent(BadTemplate(text))),
            None => Ok(()),
        }
    }

    fn tell(&self, namespace: &Namespace, is_create: bool, id: &str, error: Option<&Error>) {
        match (is_create, error) {
            (true, None) => self.writer.normal(
                namespace,
                "Created",
                format!("Created Knative Certificate {id}"),
            ),
            (false, None) => {
                self.writer.normal(
                    namespace,
                    "Updated",
                    format!("Updated Spec for Knative Certificate {id}"),
                );
            }
            (true, Some(error)) => {
                let text = format!(
                    "Failed to create Knative Certificate {id}: {}",
                    Chain(error)
                );
                self.writer.warning(namespace, "CreationFailed", text);
            }
            (false, Some(error)) => {
                let text = format!(
                    "Failed to update Knative Certificate {id}: {}",
                    Chain(error)
                );
                self.writer.warning(namespace, "UpdateFailed", text);
            }
        }
    }
}

impl Reconcile for Reconciler {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let Some(namespace) = self.caches.namespaces.by_key(key) else {
            return Ok(Action::Done);
        };
        if namespace.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let existing = self
            .caches
            .wildcard_certificates_by_namespace
            .get(&key.name);
        let plan = plan(
            &namespace,
            &existing,
            &self.config.network.get(),
            &self.config.domain.get(),
        );
        self.write(&namespace, plan).await.map(|()| Action::Done)
    }

    fn failed(&self, key: &Key, error: &Error) {
        self.writer
            .report(self.caches.namespaces.by_key(key), error);
    }
}
