//! The shipped ConfigMaps, held against the parsers that read them.

use std::collections::BTreeSet;
use std::fmt::Debug;

use ebb_core::config::{self, Data};

use super::*;

/// The shipped map.
fn shipped(name: &str) -> ConfigMap {
    all(&Settings::release())
        .into_iter()
        .find(|map| map.metadata.name.as_deref() == Some(name))
        .unwrap()
}

/// The text of the shipped example.
fn text(name: &str) -> String {
    shipped(name).data.unwrap()["_example"].clone()
}

/// The entries of an example; every value must be a text, as the API server asks.
fn entries(yaml: &str) -> Data {
    let tree: Option<BTreeMap<String, serde_yaml_ng::Value>> =
        serde_yaml_ng::from_str(yaml).unwrap();
    tree.unwrap_or_default()
        .into_iter()
        .map(|(key, value)| {
            let text = value
                .as_str()
                .unwrap_or_else(|| panic!("{key} is no text: {value:?}"));
            (key, text.to_owned())
        })
        .collect()
}

/// What a user gets who copies all of the example.
fn example(name: &str) -> Data {
    entries(&text(name))
}

/// The same with the keys in force that are shown behind a `#`.
fn uncommented(name: &str) -> Data {
    let text = text(name);
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        // Prose has one blank behind the sign; the lines below a key have two or more.
        Some(key) if !key.starts_with(' ') || key.starts_with("  ") => key,
        _ => line,
    });
    entries(&lines.collect::<Vec<_>>().join("\n"))
}

fn parse<S: config::Settings>(data: &Data) -> S {
    S::parse(data).unwrap_or_else(|errors| panic!("{}: {errors}", S::NAME))
}

fn shows_the_defaults<S: config::Settings + Debug + PartialEq>() {
    assert_eq!(parse::<S>(&example(S::NAME)), S::default(), "{}", S::NAME);
}

#[test]
fn examples_show_the_defaults() {
    shows_the_defaults::<config::Autoscaler>();
    shows_the_defaults::<config::CertManager>();
    shows_the_defaults::<config::Defaults>();
    shows_the_defaults::<config::Domain>();
    shows_the_defaults::<config::Features>();
    shows_the_defaults::<config::Gc>();
    shows_the_defaults::<config::LeaderElection>();
    shows_the_defaults::<config::Logging>();
    shows_the_defaults::<config::Network>();
    shows_the_defaults::<config::Observability>();

    // The one key without a default is what the installation sets.
    let image = shipped("config-deployment").data.unwrap()["queue-sidecar-image"].clone();
    let mut deployment = example("config-deployment");
    deployment.insert("queue-sidecar-image".to_owned(), image.clone());
    let defaults = config::Deployment {
        queue_sidecar_image: image,
        ..Default::default()
    };
    assert_eq!(parse::<config::Deployment>(&deployment), defaults);
    assert!(example("config-tracing").is_empty());
}

/// Whether upstream only still accepts the key.
fn is_legacy(name: &str, key: &str) -> bool {
    name != "config-certmanager"
        && (key.contains(char::is_uppercase)
            || ["ingress.class", "certificate.class"].contains(&key))
}

fn shows_every_key_once<S: config::Settings>() {
    let shown = uncommented(S::NAME);
    // What is behind a # can be used as it stands.
    parse::<S>(&shown);
    let known: BTreeSet<String> = S::keys()
        .into_iter()
        .filter(|key| !is_legacy(S::NAME, key))
        .collect();
    let pattern = |key: &String| {
        let family = known
            .iter()
            .filter_map(|known| known.strip_suffix('*'))
            .find(|prefix| key.starts_with(prefix));
        family.map_or_else(|| key.clone(), |prefix| format!("{prefix}*"))
    };
    let patterns: BTreeSet<String> = shown.keys().map(pattern).collect();
    assert_eq!(patterns, known, "{}", S::NAME);
    let text = text(S::NAME);
    for key in shown.keys() {
        let lines = text
            .lines()
            .filter(|line| {
                let line = line.strip_prefix('#').unwrap_or(line);
                line.strip_prefix(key.as_str())
                    .is_some_and(|rest| rest.starts_with(':'))
            })
            .count();
        assert_eq!(lines, 1, "{} shows {key}", S::NAME);
    }
}

#[test]
fn examples_show_every_key_of_the_parsers_once_and_no_other() {
    shows_every_key_once::<config::Autoscaler>();
    shows_every_key_once::<config::CertManager>();
    shows_every_key_once::<config::Defaults>();
    shows_every_key_once::<config::Deployment>();
    shows_every_key_once::<config::Domain>();
    shows_every_key_once::<config::Features>();
    shows_every_key_once::<config::Gc>();
    shows_every_key_once::<config::LeaderElection>();
    shows_every_key_once::<config::Logging>();
    shows_every_key_once::<config::Network>();
    shows_every_key_once::<config::Observability>();
}

#[test]
fn the_example_of_logging_changes_no_level() {
    let shown = parse::<config::Logging>(&uncommented("config-logging"));
    let default = config::Logging::default();
    for component in ["controller", "webhook", "gateway", "something-else"] {
        assert_eq!(shown.level_of(component), default.level_of(component));
    }
}

#[test]
fn config_1_1_labels_and_live_keys() {
    for (name, component) in [
        ("config-autoscaler", "autoscaler"),
        ("config-certmanager", "controller"),
        ("config-defaults", "controller"),
        ("config-deployment", "controller"),
        ("config-domain", "controller"),
        ("config-features", "controller"),
        ("config-gc", "controller"),
        ("config-leader-election", "controller"),
        ("config-logging", "logging"),
        ("config-network", "networking"),
        ("config-observability", "observability"),
        ("config-tracing", "tracing"),
    ] {
        let ConfigMap { metadata, data, .. } = shipped(name);
        let labels = metadata.labels.unwrap();
        assert_eq!(metadata.namespace.as_deref(), Some("knative-serving"));
        assert_eq!(labels["app.kubernetes.io/name"], "knative-serving");
        assert!(labels.contains_key("app.kubernetes.io/version"), "{name}");
        assert_eq!(labels["app.kubernetes.io/component"], component, "{name}");
        let provider = labels.get("networking.knative.dev/certificate-provider");
        let is_cert_manager = name == "config-certmanager";
        assert_eq!(
            provider.is_some_and(|p| p == "cert-manager"),
            is_cert_manager
        );
        let data = data.unwrap();
        let live: Vec<&str> = data
            .keys()
            .map(String::as_str)
            .filter(|key| *key != "_example")
            .collect();
        let want: &[&str] = match name {
            "config-deployment" => &["queue-sidecar-image"],
            // Upstream leaves this one to the networking layer that is installed.
            "config-network" => &["ingress-class"],
            _ => &[],
        };
        assert_eq!(live, want, "{name}");
    }
}

#[test]
fn the_webhook_would_accept_every_config_map_of_ours() {
    for map in all(&Settings::release()) {
        let (name, data) = (map.metadata.name.unwrap(), map.data.unwrap());
        config::check(&name, &data).unwrap();
        let annotations = map.metadata.annotations.unwrap();
        config::example::check(&data, &annotations).unwrap();
        assert_eq!(
            annotations[CHECKSUM],
            config::example::checksum(&data["_example"]),
            "{name}"
        );
    }
}
