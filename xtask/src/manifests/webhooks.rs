//! Admission webhooks: the configurations that the webhook program completes at run time.
//!
//! They are strict from the start: until the program has put its certificate authority into them, the API server
//! refuses to write any object of ours. Better that than objects without defaults. Our own ConfigMaps are the one
//! exception, since the program needs them to start: their configuration comes without rules.
//!
//! All else is here as the program would write it, so that it adds what only it can know: the authority, and the
//! namespace as owner. Whoever compares a cluster with these manifests finds nothing that they say differently.

use ebb_core::admission::{Hook, hook};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference,
    ValidatingWebhook, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::labels;
use super::settings::NAMESPACE;

/// Name of the configuration that guards our ConfigMaps.
pub(crate) const CONFIG_VALIDATION: &str = Hook::Config.name();

const COMPONENT: &str = "webhook";
const TIMEOUT_SECONDS: i32 = 10;

/// The Secret that the webhook keeps its certificate in; it fills it, but would not make it.
pub(super) fn certificate_secret() -> Secret {
    Secret {
        metadata: labels::namespaced("webhook-certs", COMPONENT),
        ..Default::default()
    }
}

pub(super) fn defaulting() -> MutatingWebhookConfiguration {
    let hook = Hook::Defaulting;
    MutatingWebhookConfiguration {
        metadata: labels::cluster_wide(hook.name(), COMPONENT),
        webhooks: Some(vec![MutatingWebhook {
            name: hook.name().to_owned(),
            admission_review_versions: review_versions(),
            client_config: client(hook),
            failure_policy: Some("Fail".to_owned()),
            namespace_selector: namespaces(hook),
            reinvocation_policy: Some(hook::REINVOCATION.to_owned()),
            rules: Some(hook.rules()),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(TIMEOUT_SECONDS),
            ..Default::default()
        }]),
    }
}

pub(super) fn validation() -> ValidatingWebhookConfiguration {
    let hook = Hook::Validation;
    validating(hook, Some(hook.rules()), None)
}

pub(super) fn config_validation() -> ValidatingWebhookConfiguration {
    let one_of = |key: &str, values: &[&str]| LabelSelectorRequirement {
        key: key.to_owned(),
        operator: "In".to_owned(),
        values: Some(values.iter().map(|&value| value.to_owned()).collect()),
    };
    let ours = LabelSelector {
        match_expressions: Some(vec![
            one_of("app.kubernetes.io/name", &["knative-serving"]),
            one_of(
                "app.kubernetes.io/component",
                &[
                    "autoscaler",
                    "controller",
                    "logging",
                    "networking",
                    "observability",
                    "tracing",
                    "net-certmanager",
                ],
            ),
        ]),
        ..Default::default()
    };
    validating(Hook::Config, None, Some(ours))
}

fn validating(
    hook: Hook,
    rules: Option<Vec<RuleWithOperations>>,
    object_selector: Option<LabelSelector>,
) -> ValidatingWebhookConfiguration {
    ValidatingWebhookConfiguration {
        metadata: labels::cluster_wide(hook.name(), COMPONENT),
        webhooks: Some(vec![ValidatingWebhook {
            name: hook.name().to_owned(),
            admission_review_versions: review_versions(),
            client_config: client(hook),
            failure_policy: Some("Fail".to_owned()),
            namespace_selector: namespaces(hook),
            object_selector,
            rules,
            side_effects: "None".to_owned(),
            timeout_seconds: Some(TIMEOUT_SECONDS),
            ..Default::default()
        }]),
    }
}

fn review_versions() -> Vec<String> {
    vec!["v1".to_owned(), "v1beta1".to_owned()]
}

fn client(hook: Hook) -> WebhookClientConfig {
    WebhookClientConfig {
        service: Some(ServiceReference {
            name: "webhook".to_owned(),
            namespace: NAMESPACE.to_owned(),
            path: Some(hook.path().to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn namespaces(hook: Hook) -> Option<LabelSelector> {
    hook.namespaces().map(|unmarked| LabelSelector {
        match_expressions: Some(vec![unmarked]),
        ..Default::default()
    })
}
