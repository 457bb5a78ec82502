//! The admission webhooks: what they are called, and what the API server sends to each.
//!
//! The installation's manifests and the webhook program both say this of the same objects. They take
//! it from here, so that neither ever changes what the other wrote.

use k8s_openapi::api::admissionregistration::v1::RuleWithOperations;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

use crate::names::labels::WEBHOOK_EXCLUDE;

/// One of the three webhooks; its configuration has the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Fills in objects.
    Defaulting,
    /// Judges objects.
    Validation,
    /// Judges ConfigMaps.
    Config,
}

/// How often defaults may be asked for: again, if somebody else changes an object after us.
pub const REINVOCATION: &str = "IfNeeded";

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

impl Hook {
    /// The name of the configuration, and of the webhook in it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Defaulting => "webhook.serving.knative.dev",
            Self::Validation => "validation.webhook.serving.knative.dev",
            Self::Config => "config.webhook.serving.knative.dev",
        }
    }

    /// The path that the API server asks.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Defaulting => "/defaulting",
            Self::Validation => "/resource-validation",
            Self::Config => "/config-validation",
        }
    }

    /// What the API server asks about, in the form in which it stores it.
    #[must_use]
    pub fn rules(self) -> Vec<RuleWithOperations> {
        let operations: &[&str] = match self {
            Self::Defaulting | Self::Config => &["CREATE", "UPDATE"],
            Self::Validation => &["CREATE", "UPDATE", "DELETE"],
        };
        if self == Self::Config {
            return vec![rule("", "v1", &["configmaps/*"], operations, "Namespaced")];
        }
        ADMITTED
            .iter()
            .map(|(group, version, plural)| {
                let status = format!("{plural}/status");
                rule(group, version, &[plural, &status], operations, "*")
            })
            .collect()
    }

    /// What a namespace must fulfil for its objects to be seen; nothing for ConfigMaps.
    #[must_use]
    pub fn namespaces(self) -> Option<LabelSelectorRequirement> {
        (self != Self::Config).then(|| LabelSelectorRequirement {
            key: WEBHOOK_EXCLUDE.to_owned(),
            operator: "DoesNotExist".to_owned(),
            values: None,
        })
    }
}

fn rule(
    group: &str,
    version: &str,
    resources: &[&str],
    operations: &[&str],
    scope: &str,
) -> RuleWithOperations {
    let texts = |list: &[&str]| Some(list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
    RuleWithOperations {
        api_groups: texts(&[group]),
        api_versions: texts(&[version]),
        operations: texts(operations),
        resources: texts(resources),
        scope: Some(scope.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn webhook_3_rules_name_each_kind_with_its_status() {
        let rules = serde_json::to_value(Hook::Validation.rules()).unwrap();
        assert_eq!(rules.as_array().unwrap().len(), 10);
        assert_eq!(
            rules[8],
            json!({
                "apiGroups": ["serving.knative.dev"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE", "DELETE"],
                "resources": ["services", "services/status"], "scope": "*",
            })
        );
        let config = serde_json::to_value(Hook::Config.rules()).unwrap();
        assert_eq!(
            config,
            json!([{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                "resources": ["configmaps/*"], "scope": "Namespaced",
            }])
        );
    }

    #[test]
    fn webhook_3_all_kinds_are_admitted_but_images_and_claims() {
        let admitted: BTreeSet<String> = ADMITTED
            .iter()
            .map(|(group, version, plural)| format!("{plural}.{version}.{group}"))
            .chain([
                "images.v1alpha1.caching.internal.knative.dev".to_owned(),
                "clusterdomainclaims.v1alpha1.networking.internal.knative.dev".to_owned(),
            ])
            .collect();
        let defined = crate::crd::all()
            .into_iter()
            .map(|definition| {
                let spec = definition.spec;
                format!(
                    "{}.{}.{}",
                    spec.names.plural, spec.versions[0].name, spec.group
                )
            })
            .collect();
        assert_eq!(admitted, defined);
    }

    #[test]
    fn the_rules_stand_in_the_order_of_their_groups_and_kinds() {
        assert!(ADMITTED.is_sorted());
    }
}
