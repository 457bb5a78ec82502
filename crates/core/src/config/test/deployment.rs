//! `config-deployment`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::*;
use crate::config::deployment::Affinity;

const IMAGE: (&str, &str) = ("queue-sidecar-image", "registry.example/queue:1");

#[test]
fn config_6_only_the_image_is_mandatory() {
    let want = Deployment {
        queue_sidecar_image: IMAGE.1.into(),
        ..Deployment::default()
    };
    assert_eq!(accepts::<Deployment>(&[IMAGE]), want);
    for entries in [&[][..], &[("queue-sidecar-image", " ")]] {
        refuses::<Deployment>(entries, "queue-sidecar-image cannot be empty or unset");
    }
    assert_eq!(
        want.queue_sidecar_cpu_request,
        Some(Quantity("25m".to_owned()))
    );
}

#[test]
fn config_6_every_key_is_read_in_both_spellings_and_the_new_one_wins() {
    let pairs = [
        ("queueSidecarImage", "queue-sidecar-image", "old", "new"),
        (
            "registriesSkippingTagResolving",
            "registries-skipping-tag-resolving",
            "old",
            "new",
        ),
        (
            "digestResolutionTimeout",
            "digest-resolution-timeout",
            "1s",
            "2s",
        ),
        ("progressDeadline", "progress-deadline", "1s", "2s"),
        (
            "queueSidecarCPURequest",
            "queue-sidecar-cpu-request",
            "1",
            "2",
        ),
        ("queueSidecarCPULimit", "queue-sidecar-cpu-limit", "1", "2"),
        (
            "queueSidecarMemoryRequest",
            "queue-sidecar-memory-request",
            "1",
            "2",
        ),
        (
            "queueSidecarMemoryLimit",
            "queue-sidecar-memory-limit",
            "1",
            "2",
        ),
        (
            "queueSidecarEphemeralStorageRequest",
            "queue-sidecar-ephemeral-storage-request",
            "1",
            "2",
        ),
        (
            "queueSidecarEphemeralStorageLimit",
            "queue-sidecar-ephemeral-storage-limit",
            "1",
            "2",
        ),
    ];
    let expected = |image: &str, seconds, quantity: &str| {
        let quantity = Some(Quantity(quantity.to_owned()));
        Deployment {
            queue_sidecar_image: image.to_owned(),
            registries_skipping_tag_resolving: [image.to_owned()].into(),
            digest_resolution_timeout: Duration::from_secs(seconds),
            progress_deadline: Duration::from_secs(seconds),
            queue_sidecar_cpu_request: quantity.clone(),
            queue_sidecar_cpu_limit: quantity.clone(),
            queue_sidecar_memory_request: quantity.clone(),
            queue_sidecar_memory_limit: quantity.clone(),
            queue_sidecar_ephemeral_storage_request: quantity.clone(),
            queue_sidecar_ephemeral_storage_limit: quantity,
            ..Deployment::default()
        }
    };
    let mut entries: Vec<(&str, &str)> = pairs.map(|(old, _, value, _)| (old, value)).into();
    assert_eq!(accepts::<Deployment>(&entries), expected("old", 1, "1"));
    entries.extend(pairs.map(|(_, new, _, value)| (new, value)));
    assert_eq!(accepts::<Deployment>(&entries), expected("new", 2, "2"));
}

#[test]
fn config_6_keys_with_one_spelling_are_read() {
    let s = accepts::<Deployment>(&[
        IMAGE,
        ("queue-sidecar-token-audiences", "a, b,,"),
        ("queue-sidecar-rootca", "ca"),
        ("queue-sidecar-tls-min-version", "1.2"),
        ("queue-sidecar-tls-max-version", "anything"),
        ("queue-sidecar-tls-cipher-suites", "x,y"),
        ("queue-sidecar-tls-curve-preferences", "X25519"),
        ("default-affinity-type", "none"),
        ("pod-is-always-schedulable", "true"),
    ]);
    let want = Deployment {
        queue_sidecar_image: IMAGE.1.into(),
        queue_sidecar_token_audiences: ["a", "b"].map(str::to_owned).into(),
        queue_sidecar_rootca: "ca".into(),
        queue_sidecar_tls_min_version: "1.2".into(),
        queue_sidecar_tls_max_version: "anything".into(),
        queue_sidecar_tls_cipher_suites: "x,y".into(),
        queue_sidecar_tls_curve_preferences: "X25519".into(),
        default_affinity_type: Affinity::None,
        pod_is_always_schedulable: true,
        ..Deployment::default()
    };
    assert_eq!(s, want);
    let s = accepts::<Deployment>(&[IMAGE, ("queue-sidecar-token-audiences", "")]);
    assert_eq!(s.queue_sidecar_token_audiences, BTreeSet::new());
}

#[test]
fn config_6_bad_values_are_refused() {
    for (key, value, want) in [
        (
            "progress-deadline",
            "0s",
            "progress-deadline cannot be a non-positive duration, was 0s",
        ),
        (
            "progress-deadline",
            "1.5s",
            "progress-deadline must be rounded to a whole second, was: 1.5s",
        ),
        (
            "digest-resolution-timeout",
            "-1s",
            "digest-resolution-timeout cannot be a non-positive duration, was -1s",
        ),
        (
            "default-affinity-type",
            "None",
            "unsupported default-affinity-type value: \"None\"",
        ),
        (
            "runtime-class-name",
            "a: {selector: {\"-\": x}}",
            "runtime-class-name a selector invalid: name part must consist of alphanumeric characters, '-', '_' or '.', \
             and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex \
             used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        ),
    ] {
        refuses::<Deployment>(&[IMAGE, (key, value)], want);
    }
    for name in ["Bad_Name", "\"\""] {
        let text = format!("{name}: {{}}");
        let errors = Deployment::parse(&data([IMAGE, ("runtime-class-name", &text)])).unwrap_err();
        let message = &errors.problems()[0].message;
        let name = name.trim_matches('"');
        let want = format!("runtime-class-name {name} selector not valid DNSSubdomain: [");
        assert!(
            message.starts_with(&want) && message.ends_with(']'),
            "{message}"
        );
    }
    for text in [
        "[kata]",
        "kata: {selector: [x]}",
        "kata: {selector: {a: 1}}",
        "{",
    ] {
        let errors = Deployment::parse(&data([IMAGE, ("runtime-class-name", text)])).unwrap_err();
        let message = &errors.problems()[0].message;
        let want = "runtime-class-name cannot be parsed, please check the format: ";
        assert!(message.starts_with(want), "{message}");
    }
}

#[test]
fn config_6_the_most_specific_runtime_class_wins_and_ties_go_by_name() {
    let labels = |entries: &[(&str, &str)]| map(entries);
    let s = accepts::<Deployment>(&[
        IMAGE,
        (
            "runtime-class-name",
            "kata: {}\ngvisor:\n  selector: {sandbox: strict}\n",
        ),
    ]);
    let strict = labels(&[("sandbox", "strict")]);
    assert_eq!(s.runtime_class_for(&strict), Some("gvisor"));
    assert_eq!(s.runtime_class_for(&BTreeMap::new()), Some("kata"));

    let s = accepts::<Deployment>(&[
        IMAGE,
        (
            "runtime-class-name",
            "b: {selector: {x: y}}\na: {selector: {x: y}}\nc: {selector: {x: y, z: z}}\nd: {selector: }\n",
        ),
    ]);
    assert_eq!(s.runtime_class_for(&labels(&[("x", "y")])), Some("a"));
    let both = labels(&[("x", "y"), ("z", "z")]);
    assert_eq!(s.runtime_class_for(&both), Some("c"));
    assert_eq!(s.runtime_class_for(&labels(&[])), Some("d"));
    assert_eq!(Deployment::default().runtime_class_for(&both), None);
}
