//! Revision: writes the Deployment, the PodAutoscaler and the image cache entries.

use ebb_core::api::revision::Revision;
use ebb_core::meta;
use ebb_core::names::child;
use ebb_core::plan::revision::{HandOver, Plan, Seen, plan};
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::{Key, request};
use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::caches::{Caches, path};
use crate::live::Config;
use crate::writer::{Called, Writer, first_error, manager};

#[derive(Debug)]
pub(crate) struct Reconciler {
    pub(crate) caches: Caches,
    pub(crate) config: Config,
    pub(crate) writer: Writer,
}

impl Reconciler {
    fn observe(&self, key: &Key, revision: &Revision) -> Seen {
        let images = self
            .caches
            .images_by_revision
            .get(&path(&key.namespace, &key.name));
        Seen {
            deployment: self
                .caches
                .deployments
                .get(&key.namespace, &child::deployment(&key.name)),
            pods: self
                .caches
                .pods_by_revision
                .get(meta::uid(&revision.metadata)),
            pod_autoscaler: self.caches.pod_autoscalers.by_key(key),
            images: images
                .iter()
                .map(|image| meta::name(&image.metadata).to_owned())
                .collect(),
        }
    }

    /// Nothing here waits for anything else, so all of it is sent at once.
    async fn write(&self, revision: &Revision, plan: &Plan, seen: &Seen) -> Result<(), Error> {
        let deployment = async {
            let Some(write) = &plan.deployment else {
                return Ok(());
            };
            if let Some(hand_over) = plan.hand_over {
                self.hand_over(&Key::of(write.object()), hand_over).await?;
            }
            self.writer
                .child(
                    revision,
                    write,
                    seen.deployment.as_deref(),
                    Called::Silently,
                )
                .await
        };
        let pod_autoscaler = async {
            let Some(write) = &plan.pod_autoscaler else {
                return Ok(());
            };
            self.writer
                .child(
                    revision,
                    write,
                    seen.pod_autoscaler.as_deref(),
                    Called::Silently,
                )
                .await
        };
        let images = join_all(
            plan.images
                .iter()
                .map(|image| self.writer.apply(image, None)),
        );
        let (deployment, pod_autoscaler, images) = tokio::join!(deployment, pod_autoscaler, images);
        first_error([deployment, pod_autoscaler].into_iter().chain(images))
    }

    /// Lets another field manager own the replicas; a conflict means that the autoscaler does already.
    async fn hand_over(
        &self,
        deployment: &Key,
        HandOver { replicas }: HandOver,
    ) -> Result<(), Error> {
        let body = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": deployment.name, "namespace": deployment.namespace},
            "spec": {"replicas": replicas},
        });
        let params = PatchParams::apply(manager::REVISION_REPLICAS);
        let body = Patch::Apply(body);
        let client = &self.writer.client;
        match request::patch::<Deployment, Deployment>(client, deployment, None, &params, &body)
            .await
        {
            Err(error) if !request::is_conflict(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Reconcile for Reconciler {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let Some(revision) = self.caches.revisions.by_key(key) else {
            return Ok(Action::Done);
        };
        if revision.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let seen = self.observe(key, &revision);
        let config = self.config.snapshot();
        let plan = plan(&revision, &seen, &config.of_revisions(), Timestamp::now());
        let outcome = self.write(&revision, &plan, &seen).await;
        self.writer.notes(&*revision, plan.notes);
        self.writer
            .finish(&*revision, &plan.status, outcome, plan.failure)
            .await
    }

    fn failed(&self, key: &Key, error: &Error) {
        self.writer.report(self.caches.revisions.by_key(key), error);
    }
}
