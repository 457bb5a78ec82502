//! Completes the webhook configurations that the installation brought.
//!
//! Touched are the rules, the authority, the path, the selector of namespaces, how often defaults
//! may be asked for, and the owner. All else is left as it is, and an object that is right already is
//! not written.

use ebb_core::names::labels::WEBHOOK_EXCLUDE;
use ebb_runtime::cache::Cache;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::{Key, request};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, RuleWithOperations, ValidatingWebhookConfiguration,
    WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector, LabelSelectorRequirement, ObjectMeta, OwnerReference,
};
use kube::Client;

use crate::rotation;

/// One of the three webhooks; the configuration has the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    /// Fills in objects.
    Defaulting,
    /// Judges objects.
    Validation,
    /// Judges ConfigMaps.
    Config,
}

impl Hook {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Defaulting => "webhook.serving.knative.dev",
            Self::Validation => "validation.webhook.serving.knative.dev",
            Self::Config => "config.webhook.serving.knative.dev",
        }
    }

    pub(super) fn key(self) -> Key {
        Key::new("", self.name())
    }

    fn path(self) -> &'static str {
        match self {
            Self::Defaulting => "/defaulting",
            Self::Validation => "/resource-validation",
            Self::Config => "/config-validation",
        }
    }

    fn rules(self) -> Vec<RuleWithOperations> {
        let operations: &[&str] = match self {
            Self::Defaulting | Self::Config => &["CREATE", "UPDATE"],
            Self::Validation => &["CREATE", "UPDATE", "DELETE"],
        };
        if self == Self::Config {
            let rule = rule("", "v1", &["configmaps/*"], operations);
            return vec![RuleWithOperations {
                scope: Some("Namespaced".to_owned()),
                ..rule
            }];
        }
        ADMITTED
            .iter()
            .map(|(group, version, plural)| {
                let status = format!("{plural}/status");
                let rule = rule(group, version, &[plural, &status], operations);
                // What the API server would fill in.
                RuleWithOperations {
                    scope: Some("*".to_owned()),
                    ..rule
                }
            })
            .collect()
    }
}

/// Group, version and plural of the kinds that are admitted, sorted.
const ADMITTED: [(&str, &str, &str); 10] = [
    ("autoscaling.internal.knative.dev", "v1alpha1", "metrics"),
    (
        "autoscaling.internal.knative.dev",
        "v1alpha1",
        "podautoscalers",
    ),
    (
        "networking.internal.knative.dev",
        "v1alpha1",
        "certificates",
    ),
    ("networking.internal.knative.dev", "v1alpha1", "ingresses"),
    (
        "networking.internal.knative.dev",
        "v1alpha1",
        "serverlessservices",
    ),
    ("serving.knative.dev", "v1", "configurations"),
    ("serving.knative.dev", "v1", "revisions"),
    ("serving.knative.dev", "v1", "routes"),
    ("serving.knative.dev", "v1", "services"),
    ("serving.knative.dev", "v1beta1", "domainmappings"),
];

fn rule(group: &str, version: &str, resources: &[&str], operations: &[&str]) -> RuleWithOperations {
    let texts = |list: &[&str]| Some(list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
    RuleWithOperations {
        api_groups: texts(&[group]),
        api_versions: texts(&[version]),
        operations: texts(operations),
        resources: texts(resources),
        scope: None,
    }
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
            webhook.reinvocation_policy = Some("IfNeeded".to_owned());
            exclude_marked_namespaces(&mut webhook.namespace_selector);
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
            if self.hook == Hook::Validation {
                exclude_marked_namespaces(&mut webhook.namespace_selector);
            }
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
    let (key, name) = (hook.key(), hook.name());
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

/// Namespaces with the mark are not seen. What others select by stays, unless it has our domain in
/// its key.
fn exclude_marked_namespaces(selector: &mut Option<LabelSelector>) {
    let selector = selector.get_or_insert_default();
    let expressions = selector.match_expressions.get_or_insert_default();
    expressions.retain(|expression| !expression.key.contains("knative.dev"));
    expressions.push(LabelSelectorRequirement {
        key: WEBHOOK_EXCLUDE.to_owned(),
        operator: "DoesNotExist".to_owned(),
        values: None,
    });
}

#[cfg(test)]
mod tests;
