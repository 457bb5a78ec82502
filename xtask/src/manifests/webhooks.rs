//! Admission webhooks: the configurations that the webhook program completes at run time.
//!
//! They are strict from the start: until the program has put its certificate authority into them, the API server
//! refuses to write any object of ours. Better that than objects without defaults. Our own ConfigMaps are the one
//! exception, since the program needs them to start: their configuration comes without rules.

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference,
    ValidatingWebhook, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::labels;
use super::settings::NAMESPACE;

/// Sets defaults on our kinds.
const DEFAULTING: &str = "webhook.serving.knative.dev";
/// Validates our kinds.
const VALIDATION: &str = "validation.webhook.serving.knative.dev";
/// Validates our ConfigMaps.
pub(crate) const CONFIG_VALIDATION: &str = "config.webhook.serving.knative.dev";

const COMPONENT: &str = "webhook";
const TIMEOUT_SECONDS: i32 = 10;

/// Groups and plurals that are admitted by the webhook, before it narrows them to versions and adds subresources.
const ADMITTED: [(&str, &[&str]); 3] = [
    (
        "autoscaling.internal.knative.dev",
        &["metrics", "podautoscalers"],
    ),
    (
        "networking.internal.knative.dev",
        &["certificates", "ingresses", "serverlessservices"],
    ),
    (
        "serving.knative.dev",
        &[
            "configurations",
            "domainmappings",
            "domainmappings/status",
            "revisions",
            "routes",
            "services",
        ],
    ),
];

/// The Secret that the webhook keeps its certificate in; it fills it, but would not make it.
pub(super) fn certificate_secret() -> Secret {
    Secret {
        metadata: labels::namespaced("webhook-certs", COMPONENT),
        ..Default::default()
    }
}

pub(super) fn defaulting() -> MutatingWebhookConfiguration {
    MutatingWebhookConfiguration {
        metadata: labels::cluster_wide(DEFAULTING, COMPONENT),
        webhooks: Some(vec![MutatingWebhook {
            name: DEFAULTING.to_owned(),
            admission_review_versions: review_versions(),
            client_config: client(),
            failure_policy: Some("Fail".to_owned()),
            rules: Some(rules(&["CREATE", "UPDATE"])),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(TIMEOUT_SECONDS),
            ..Default::default()
        }]),
    }
}

pub(super) fn validation() -> ValidatingWebhookConfiguration {
    validating(
        VALIDATION,
        Some(rules(&["CREATE", "UPDATE", "DELETE"])),
        None,
    )
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
    validating(CONFIG_VALIDATION, None, Some(ours))
}

fn validating(
    name: &str,
    rules: Option<Vec<RuleWithOperations>>,
    object_selector: Option<LabelSelector>,
) -> ValidatingWebhookConfiguration {
    ValidatingWebhookConfiguration {
        metadata: labels::cluster_wide(name, COMPONENT),
        webhooks: Some(vec![ValidatingWebhook {
            name: name.to_owned(),
            admission_review_versions: review_versions(),
            client_config: client(),
            failure_policy: Some("Fail".to_owned()),
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

fn client() -> WebhookClientConfig {
    WebhookClientConfig {
        service: Some(ServiceReference {
            name: "webhook".to_owned(),
            namespace: NAMESPACE.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn rules(operations: &[&str]) -> Vec<RuleWithOperations> {
    let strings = |items: &[&str]| {
        Some(
            items
                .iter()
                .map(|&item| item.to_owned())
                .collect::<Vec<_>>(),
        )
    };
    ADMITTED
        .into_iter()
        .map(|(group, plurals)| RuleWithOperations {
            api_groups: strings(&[group]),
            api_versions: strings(&["*"]),
            operations: strings(operations),
            resources: strings(plurals),
            ..Default::default()
        })
        .collect()
}
