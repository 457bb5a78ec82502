//! DomainMapping: writes the claim and the Ingress, and gives the claim back.

use ebb_core::api::domain_mapping::{DomainMapping, Reference};
use ebb_core::names::{DOMAIN_MAPPING_FINALIZER, child};
use ebb_core::plan::domain_mapping::{Plan, Seen, plan, released};
use ebb_process::log::Chain;
use ebb_runtime::Key;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use jiff::Timestamp;
use kube::api::{Api, DynamicObject, GroupVersionKind};
use kube::discovery;

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
    async fn observe(&self, key: &Key, mapping: &DomainMapping) -> Seen {
        Seen {
            claim: self.caches.domain_claims.get("", &key.name),
            ingress: self
                .caches
                .ingresses
                .get(&key.namespace, &child::ingress(&key.name)),
            address: self.resolve(&key.namespace, &mapping.spec.ref_).await,
        }
    }

    /// The URL of what is referred to. Our own kinds and Services come from the caches, others are asked for.
    async fn resolve(&self, namespace: &str, to: &Reference) -> Result<String, String> {
        let missing = |cause: String| {
            Err(format!(
                "resolving reference: failed to get object {namespace}/{}: {cause}",
                to.name
            ))
        };
        let (group, _) = to
            .api_version
            .split_once('/')
            .unwrap_or(("", &to.api_version));
        let url = match (group, to.kind.as_str()) {
            ("", "Service") => {
                return match self.caches.kube_services.get(namespace, &to.name) {
                    Some(_) => Ok(format!(
                        "http://{}.{namespace}.svc.{}",
                        to.name, self.config.cluster_domain
                    )),
                    None => missing(format!("services {:?} not found", to.name)),
                };
            }
            ("serving.knative.dev", "Service") => {
                let Some(service) = self.caches.services.get(namespace, &to.name) else {
                    return missing(format!(
                        "services.serving.knative.dev {:?} not found",
                        to.name
                    ));
                };
                service
                    .status
                    .as_ref()
                    .and_then(|status| status.address.as_ref()?.url.clone())
            }
            ("serving.knative.dev", "Route") => {
                let Some(route) = self.caches.routes.get(namespace, &to.name) else {
                    return missing(format!(
                        "routes.serving.knative.dev {:?} not found",
                        to.name
                    ));
                };
                route
                    .status
                    .as_ref()
                    .and_then(|status| status.address.as_ref()?.url.clone())
            }
            _ => match self.addressable(namespace, to).await {
                Ok(object) => object
                    .data
                    .pointer("/status/address/url")
                    .and_then(|url| url.as_str())
                    .map(str::to_owned),
                Err(error) => return missing(Chain(&error).to_string()),
            },
        };
        url.filter(|url| !url.is_empty()).ok_or_else(|| {
            format!(
                "resolving reference: address not set for {} {namespace}/{}",
                to.kind, to.name
            )
        })
    }

    async fn addressable(&self, namespace: &str, to: &Reference) -> kube::Result<DynamicObject> {
        let (group, version) = to
            .api_version
            .split_once('/')
            .unwrap_or(("", &to.api_version));
        let kind = GroupVersionKind::gvk(group, version, &to.kind);
        let (resource, _) = discovery::pinned_kind(&self.writer.client, &kind).await?;
        Api::namespaced_with(self.writer.client.clone(), namespace, &resource)
            .get(&to.name)
            .await
    }

    /// The claim first: without it the name may be somebody else's.
    async fn write(&self, mapping: &DomainMapping, plan: &Plan, seen: &Seen) -> Result<(), Error> {
        if let Some(claim) = &plan.claim {
            self.writer.create(claim).await?;
        }
        if let Some(write) = &plan.ingress {
            self.writer
                .child(
                    mapping,
                    write,
                    seen.ingress.as_deref(),
                    Called::ByKind("Ingress"),
                )
                .await?;
        }
        Ok(())
    }

    async fn finalize(&self, key: &Key, mapping: &DomainMapping) -> Result<Action, Error> {
        if has_finalizer(mapping) {
            let claim = self.caches.domain_claims.get("", &key.name);
            if let Some(claim) = released(mapping, claim.as_deref(), &self.config.network.get()) {
                self.writer.delete(claim).await?;
            }
            self.writer
                .set_finalizer(mapping, DOMAIN_MAPPING_FINALIZER, false)
                .await?;
        }
        Ok(Action::Done)
    }
}

fn has_finalizer(mapping: &DomainMapping) -> bool {
    mapping
        .metadata
        .finalizers
        .iter()
        .flatten()
        .any(|finalizer| finalizer == DOMAIN_MAPPING_FINALIZER)
}

impl Reconcile for Reconciler {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let Some(mapping) = self.caches.domain_mappings.by_key(key) else {
            return Ok(Action::Done);
        };
        if mapping.metadata.deletion_timestamp.is_some() {
            return self.finalize(key, &mapping).await;
        }
        if !has_finalizer(&mapping) {
            self.writer
                .set_finalizer(&*mapping, DOMAIN_MAPPING_FINALIZER, true)
                .await?;
        }
        let seen = self.observe(key, &mapping).await;
        let network = self.config.network.get();
        let plan = plan(
            &mapping,
            &seen,
            &network,
            &self.config.cluster_domain,
            Timestamp::now(),
        );
        let outcome = self.write(&mapping, &plan, &seen).await;
        self.writer
            .finish(&*mapping, &plan.status, outcome, plan.failure)
            .await
    }

    fn failed(&self, key: &Key, error: &Error) {
        self.writer
            .report(self.caches.domain_mappings.by_key(key), error);
    }
}
