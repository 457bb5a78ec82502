//! Rules about containers.

use k8s_openapi::api::core::v1::PodSpec;

use super::{INIT, check, container, init, sidecar, stock};
use crate::admission::testing::read;
use crate::api::pod::validate;
use crate::config::Features;

#[test]
fn api_7_2_containers() {
    for fields in [
        "imagePullPolicy: Whatever",
        "command: [a], args: [b], workingDir: /w",
        "terminationMessagePath: /t, terminationMessagePolicy: File",
        "terminationMessagePolicy: FallbackToLogsOnError",
        "terminationMessagePolicy: ''",
        "resources: {limits: {cpu: 1}, requests: {memory: 1Gi}}",
        "stdin: false, tty: false, stdinOnce: false",
    ] {
        stock(&container(fields), "");
    }
    for (fields, want) in [
        (
            "name: queue-proxy",
            "\"queue-proxy\" is a reserved container name: spec.containers[0].name",
        ),
        (
            "terminationMessagePolicy: x",
            "invalid value: x: spec.containers[0].terminationMessagePolicy",
        ),
        (
            "resources: {claims: [{name: x}]}",
            "must not set the field(s): spec.containers[0].resources.claims",
        ),
    ] {
        stock(&container(fields), want);
    }
}

#[test]
fn api_7_2_other_fields_are_never_allowed() {
    for fields in [
        "lifecycle: {}",
        "stdin: true",
        "stdinOnce: true",
        "tty: true",
        "volumeDevices: [{name: a, devicePath: /a}]",
        "resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}]",
        "restartPolicy: Always",
        "restartPolicyRules: [{action: Restart}]",
    ] {
        let (name, _) = fields.split_once(':').unwrap();
        let want = format!("must not set the field(s): spec.containers[0].{name}");
        stock(&container(fields), &want);
    }
    stock(
        &container("tty: true, stdin: true"),
        "must not set the field(s): spec.containers[0].stdin, spec.containers[0].tty",
    );
}

#[test]
fn api_7_2_images() {
    stock(
        "{containers: [{name: a}]}",
        "missing field(s): spec.containers[0].image",
    );
    stock(
        "{containers: [{image: ''}]}",
        "missing field(s): spec.containers[0].image",
    );
    for image in ["shop", "me/shop:1.2", "registry.example:5000/a/b:v_1"] {
        stock(&format!("{{containers: [{{image: '{image}'}}]}}"), "");
    }
    for image in ["a b", "Shop", "shop@sha256:00"] {
        stock(
            &format!("{{containers: [{{image: '{image}'}}]}}"),
            &format!(
                "Failed to parse image reference: spec.containers[0].image\n\
                 image: \"{image}\", error: could not parse reference: {image}"
            ),
        );
    }
}

#[test]
fn api_7_2_an_empty_container_is_missing() {
    // Defaulting names a container; where it is left out, only resources are written.
    let judge = |spec: &str| {
        validate(&read::<PodSpec>(spec), &Features::default())
            .part()
            .0
    };
    for empty in ["{}", "{resources: {}}", "{name: ''}"] {
        let text = judge(&format!("{{containers: [{empty}]}}")).to_string();
        assert_eq!(text, "missing field(s): containers[0]", "{empty}");
    }
    for other in [
        "{name: a}",
        "{resources: {limits: {cpu: 1}}}",
        "{args: [a]}",
    ] {
        let text = judge(&format!("{{containers: [{other}]}}")).to_string();
        assert_eq!(text, "missing field(s): containers[0].image", "{other}");
    }
}

#[test]
fn quantities_that_cannot_be_read_are_found() {
    let suffix = "unable to parse quantity's suffix";
    let malformed = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    let lots = "resources: {limits: {cpu: lots}, requests: {memory: 1Kx}}";
    for (features, spec) in [(vec![], container(lots)), (vec![INIT], init(lots))] {
        let at = "spec.containers[0].resources";
        check(
            &features,
            &spec,
            &format!(
                "invalid value: 1Kx: {at}.requests.memory\n{malformed}\n\
                 invalid value: lots: {at}.limits.cpu\n{malformed}"
            ),
        );
    }
    stock(
        &sidecar("resources: {limits: {example.com/device: 1mm}}"),
        &format!(
            "invalid value: 1mm: spec.containers[1].resources.limits.example.com/device\n{suffix}"
        ),
    );
    check(
        &[("kubernetes.podspec-fieldref", "Enabled")],
        &container(
            "env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1mm}}}]",
        ),
        &format!(
            "invalid value: 1mm: spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor\n{suffix}"
        ),
    );
}
