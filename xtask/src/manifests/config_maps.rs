//! The ConfigMaps that the system reads. Each documents its keys in `_example`, which nobody reads but users; the
//! checksum beside it lets the webhook catch those who edit the example instead of the data.

use std::collections::BTreeMap;

use ebb_core::config::Data;
use k8s_openapi::api::core::v1::ConfigMap;

use super::labels;
use super::settings::Settings;

/// Annotation that holds the checksum of the example.
const CHECKSUM: &str = "knative.dev/example-checksum";

/// What every example begins with.
const PREAMBLE: &str = "\
# This block shows every key with its default. It has no effect: to change a setting, copy
# its key to the level of _example, right below \"data\". A key right behind a # has no
# default that could be shown; what stands there is an example.

";

/// Name, component label, and the keys of the example.
const EXAMPLES: [(&str, &str, &str); 12] = [
    (
        "config-autoscaler",
        "autoscaler",
        include_str!("examples/config-autoscaler.yaml"),
    ),
    (
        "config-certmanager",
        "controller",
        include_str!("examples/config-certmanager.yaml"),
    ),
    (
        "config-defaults",
        "controller",
        include_str!("examples/config-defaults.yaml"),
    ),
    (
        "config-deployment",
        "controller",
        include_str!("examples/config-deployment.yaml"),
    ),
    (
        "config-domain",
        "controller",
        include_str!("examples/config-domain.yaml"),
    ),
    (
        "config-features",
        "controller",
        include_str!("examples/config-features.yaml"),
    ),
    (
        "config-gc",
        "controller",
        include_str!("examples/config-gc.yaml"),
    ),
    (
        "config-leader-election",
        "controller",
        include_str!("examples/config-leader-election.yaml"),
    ),
    (
        "config-logging",
        "logging",
        include_str!("examples/config-logging.yaml"),
    ),
    (
        "config-network",
        "networking",
        include_str!("examples/config-network.yaml"),
    ),
    (
        "config-observability",
        "observability",
        include_str!("examples/config-observability.yaml"),
    ),
    (
        "config-tracing",
        "tracing",
        include_str!("examples/config-tracing.yaml"),
    ),
];

/// All ConfigMaps.
pub(super) fn all(settings: &Settings) -> Vec<ConfigMap> {
    EXAMPLES
        .into_iter()
        .map(|(name, component, keys)| {
            let example = format!("{PREAMBLE}{keys}");
            let mut metadata = labels::namespaced(name, component);
            metadata.annotations = Some(labels::map([(
                CHECKSUM,
                &ebb_core::config::example::checksum(&example),
            )]));
            if name == "config-certmanager" {
                metadata.labels.get_or_insert_default().insert(
                    "networking.knative.dev/certificate-provider".to_owned(),
                    "cert-manager".to_owned(),
                );
            }
            let mut data = live(name, settings);
            data.insert("_example".to_owned(), example);
            ConfigMap {
                metadata,
                data: Some(data),
                ..Default::default()
            }
        })
        .collect()
}

/// What is inside the example of `name`: what a user gets who copies all of it. Empty if there is no such ConfigMap.
pub(crate) fn example(name: &str) -> Data {
    let example = EXAMPLES.iter().find(|(known, _, _)| *known == name);
    let keys = example.map_or("", |(_, _, keys)| keys);
    serde_yaml_ng::from_str::<Option<Data>>(keys)
        .expect("the examples are YAML, which a test proves")
        .unwrap_or_default()
}

/// The keys that an installation sets. All others are left to their defaults.
fn live(name: &str, settings: &Settings) -> BTreeMap<String, String> {
    match name {
        "config-deployment" => {
            labels::map([("queue-sidecar-image", &settings.image("queue-proxy"))])
        }
        "config-network" => labels::map([("ingress-class", &settings.ingress_class)]),
        "config-domain" => settings
            .domain
            .iter()
            .map(|domain| (domain.clone(), String::new()))
            .collect(),
        _ => BTreeMap::new(),
    }
}

#[cfg(test)]
#[path = "config_maps_tests.rs"]
mod tests;
