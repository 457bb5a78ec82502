//! Completes the webhook configurations that the installation brought.
//!
//! Touched are the rules, the authority, the path, the selector of namespaces, how often defaults
//! may be asked for, and the owner. All else is left as it is, and an object that is right already is
//! not written.

use ebb_core::admission::{Hook, hook};
use ebb_runtime::cache::Cache;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::{Key, request};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::Client;

use crate::rotation;

/// The configuration of a webhook.
pub(super) fn key(hook: Hook) -> Key {
    Key::new("", hook.name())
}

pub(super) struct Configurations {
    pub(super) hook: Hook,
    pub(super) client: Client,
    pub(super) secrets: Cache<Secret>,
    pub(super) secret: Key,
    pub(super) mutating: Cache<MutatingWebhookConfiguration>,
    pub(super) validating: Cache<ValidatingWebhookConfiguration>,
    pub(super) owner: Option<OwnerReference>,
}

/// The configuration has no webhook of the right name that points at a Service.
#[derive(Debug, thiserror::Error)]
#[error("missing service reference for webhook: {0}")]
struct NoService(&'static str);

impl Reconcile for Configurations {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        if key.name != self.hook.name() {
            return Ok(Action::Done);
        }
        let secret = self.secrets.by_key(&self.secret);
        // Without an authority there is nothing to complete yet; the Secret's change brings us back.
        let Some(authorities) = secret.as_deref().and_then(rotation::authorities) else {
            return Ok(Action::Done);
        };
        if self.hook == Hook::Defaulting {
            let Some(live) = self.mutating.by_key(key) else {
                return Ok(Action::Done);
            };
            let wanted = self
                .complete_mutating(&live, &authorities)
                .map_err(Error::permanent)?;
            if wanted != *live {
                request::replace(&self.client, &wanted).await?;
                tracing::info!(configuration = key.name, "webhook configuration completed");
            }
        } else {
            let Some(live) = self.validating.by_key(key) else {
                return Ok(Action::Done);
            };
            let wanted = self
                .complete_validating(&live, &authorities)
                .map_err(Error::permanent)?;
            if wanted != *live {
                request::replace(&self.client, &wanted).await?;
                tracing::info!(configuration = key.name, "webhook configuration completed");
            }
        }
        Ok(Action::Done)
    }
}

impl Configurations {
    fn complete_mutating(
        &self,
        live: &MutatingWebhookConfiguration,
        authorities: &ByteString,
    ) -> Result<MutatingWebhookConfiguration, NoService> {
        let mut wanted = live.clone();
        self.own(&mut wanted.metadata);
        let name = self.hook.name();
        for webhook in wanted
            .webhooks
            .iter_mut()
            .flatten()
            .filter(|webhook| webhook.name == name)
        {
            webhook.rules = Some(self.hook.rules());
            webhook.reinvocation_policy = Some(hook::REINVOCATION.to_owned());
            self.exclude_marked_namespaces(&mut webhook.namespace_selector);
            self.point(&mut webhook.client_config, authorities)?;
        }
        Ok(wanted)
    }

    fn complete_validating(
        &self,
        live: &ValidatingWebhookConfiguration,
        authorities: &ByteString,
    ) -> Result<ValidatingWebhookConfiguration, NoService> {
        let mut wanted = live.clone();
        self.own(&mut wanted.metadata);
        let name = self.hook.name();
        for webhook in wanted
            .webhooks
            .iter_mut()
            .flatten()
            .filter(|webhook| webhook.name == name)
        {
            webhook.rules = Some(self.hook.rules());
            self.exclude_marked_namespaces(&mut webhook.namespace_selector);
            self.point(&mut webhook.client_config, authorities)?;
        }
        Ok(wanted)
    }

    /// Says where to call and whom to trust.
    fn point(
        &self,
        client: &mut WebhookClientConfig,
        authorities: &ByteString,
    ) -> Result<(), NoService> {
        let service = client.service.as_mut().ok_or(NoService(self.hook.name()))?;
        service.path = Some(self.hook.path().to_owned());
        client.ca_bundle = Some(authorities.clone());
        Ok(())
    }

    /// Namespaces with the mark are not seen. What others select by stays, unless it has our domain
    /// in its key.
    fn exclude_marked_namespaces(&self, selector: &mut Option<LabelSelector>) {
        let Some(unmarked) = self.hook.namespaces() else {
            return;
        };
        let selector = selector.get_or_insert_default();
        let expressions = selector.match_expressions.get_or_insert_default();
        expressions.retain(|expression| !expression.key.contains("knative.dev"));
        expressions.push(unmarked);
    }

    fn own(&self, meta: &mut ObjectMeta) {
        if let Some(owner) = &self.owner {
            meta.owner_references = Some(vec![owner.clone()]);
        }
    }
}

/// What the entries of a configuration trust that have the hook's name; empty when it is not there.
pub(super) fn bundles(
    hook: Hook,
    mutating: &Cache<MutatingWebhookConfiguration>,
    validating: &Cache<ValidatingWebhookConfiguration>,
) -> Vec<Option<ByteString>> {
    let (key, name) = (key(hook), hook.name());
    if hook == Hook::Defaulting {
        let live = mutating.by_key(&key);
        let webhooks = live.iter().flat_map(|live| live.webhooks.iter().flatten());
        return webhooks
            .filter(|w| w.name == name)
            .map(|w| w.client_config.ca_bundle.clone())
            .collect();
    }
    let live = validating.by_key(&key);
    let webhooks = live.iter().flat_map(|live| live.webhooks.iter().flatten());
    webhooks
        .filter(|w| w.name == name)
        .map(|w| w.client_config.ca_bundle.clone())
        .collect()
}

#[cfg(test)]
mod tests;
