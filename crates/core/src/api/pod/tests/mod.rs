//! Defaults and rules of a pod by example: as part of a Revision, with paths below `spec`.

mod container;
mod default;
mod env;
mod fields;
mod hints;
mod mount;
mod normal;
mod port;
mod probe;
mod security;
mod several;
mod volume;

use serde_json::Value;

use crate::admission::testing::{filled, judge, policy};
use crate::admission::{Policy, Verb};
use crate::api::revision::Revision;

/// What a new Revision with this spec is refused with under this `config-features`.
fn refusal(features: &[(&str, &str)], spec: &str) -> String {
    let yaml = format!("{{metadata: {{name: a}}, spec: {spec}}}");
    let (errors, _) = judge::<Revision>(&yaml, None, &policy(features), Verb::Create).part();
    errors.to_string()
}

#[track_caller]
fn check(features: &[(&str, &str)], spec: &str, want: &str) {
    assert_eq!(refusal(features, spec), want, "{spec}");
}

/// As [`check`] under stock flags.
#[track_caller]
fn stock(spec: &str, want: &str) {
    check(&[], spec, want);
}

/// The text of a refusal that names the flag that would help.
fn hinted(text: &str, key: &str) -> String {
    format!("{text}\nto allow this, set {key} to \"enabled\" in ConfigMap config-features")
}

/// A spec with this container.
fn container(fields: &str) -> String {
    format!("{{containers: [{{image: shop, {fields}}}]}}")
}

/// A spec with a serving container and this sidecar.
fn sidecar(fields: &str) -> String {
    format!(
        "{{containers: [{{image: shop, ports: [{{containerPort: 80}}]}}, {{image: side, {fields}}}]}}"
    )
}

/// A spec with a container called `main` and this init container.
fn init(fields: &str) -> String {
    format!(
        "{{containers: [{{image: shop, name: main}}], initContainers: [{{image: init, {fields}}}]}}"
    )
}

/// The flag that init containers need.
const INIT: (&str, &str) = ("kubernetes.podspec-init-containers", "Enabled");

/// The spec of a new Revision with its defaults filled in.
fn defaults(policy: &Policy, spec: &str) -> Value {
    let yaml = format!("{{metadata: {{name: shop}}, spec: {spec}}}");
    filled::<Revision>(&yaml, None, policy, Verb::Create)["spec"].clone()
}
