//! The ConfigMaps that the system reads. Each documents its keys in `_example`, which nobody reads but users; the
//! checksum beside it lets the webhook catch those who edit the example instead of the data.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use super::labels;
use super::settings::Settings;

/// Annotation that holds the checksum of the example.
const CHECKSUM: &str = "knative.dev/example-checksum";

/// What every example begins with.
const PREAMBLE: &str = "\
# This block shows every key with its default. It has no effect: to change a setting, copy
# its key to the level of _example, right below \"data\".

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
mod tests {
    use std::fmt::Debug;

    use ebb_core::config::{self, Data, Settings as _};

    use super::*;

    /// What is inside the example of `name`: what a user gets who copies all of it.
    fn example(name: &str) -> Data {
        let (_, _, keys) = EXAMPLES
            .iter()
            .find(|(known, _, _)| *known == name)
            .unwrap();
        serde_yaml_ng::from_str::<Option<Data>>(keys)
            .unwrap()
            .unwrap_or_default()
    }

    fn shows_the_defaults<S: config::Settings + Debug + PartialEq>() {
        assert_eq!(
            S::parse(&example(S::NAME)).unwrap(),
            S::default(),
            "{}",
            S::NAME
        );
    }

    #[test]
    fn examples_show_the_defaults() {
        shows_the_defaults::<config::Autoscaler>();
        shows_the_defaults::<config::CertManager>();
        shows_the_defaults::<config::Defaults>();
        shows_the_defaults::<config::Features>();
        shows_the_defaults::<config::Gc>();
        shows_the_defaults::<config::LeaderElection>();
        shows_the_defaults::<config::Observability>();
    }

    #[test]
    fn examples_that_cannot_be_all_defaults_say_what_differs() {
        let network = config::Network::parse(&example("config-network")).unwrap();
        let ingress_class = Settings::release().ingress_class;
        assert_eq!(
            network,
            config::Network {
                ingress_class,
                ..Default::default()
            }
        );

        let deployment = config::Deployment::parse(&example("config-deployment")).unwrap();
        let queue_sidecar_image = deployment.queue_sidecar_image.clone();
        assert_eq!(
            deployment,
            config::Deployment {
                queue_sidecar_image,
                ..Default::default()
            }
        );

        assert!(config::Domain::parse(&example("config-domain")).is_ok());
        assert!(config::Logging::parse(&example("config-logging")).is_ok());
    }

    #[test]
    fn the_webhook_would_accept_every_config_map_of_ours() {
        for map in all(&Settings::release()) {
            let (name, data) = (map.metadata.name.unwrap(), map.data.unwrap());
            config::check(&name, &data).unwrap();
            let annotations = map.metadata.annotations.unwrap();
            assert_eq!(
                annotations[CHECKSUM],
                config::example::checksum(&data["_example"]),
                "{name}"
            );
        }
    }
}
