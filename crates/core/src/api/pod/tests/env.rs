//! Rules about the environment of containers.

use super::{INIT, check, container, hinted, init, sidecar, stock};

#[test]
fn api_7_2_environment() {
    for name in ["PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"] {
        stock(
            &container(&format!("env: [{{name: A}}, {{name: {name}, value: x}}]")),
            &format!(
                "\"{name}\" is a reserved environment variable: spec.containers[0].env[1].name"
            ),
        );
    }
    stock(
        &container("env: [{value: x}]"),
        "missing field(s): spec.containers[0].env[0].name",
    );
    stock(
        &container("env: [{name: K_OTHER}, {name: port, value: x}]"),
        "",
    );
}

#[test]
fn api_7_2_only_the_serving_container_is_told_a_port() {
    let env = "env: [{name: PORT, value: x}, {name: K_SERVICE}]";
    stock(
        &sidecar(env),
        "\"K_SERVICE\" is a reserved environment variable: spec.containers[1].env[1].name",
    );
    check(
        &[INIT],
        &init(env),
        "\"K_SERVICE\" is a reserved environment variable: spec.containers[0].env[1].name",
    );
}

#[test]
fn api_7_2_environment_from_elsewhere() {
    let from = |source: &str| container(&format!("env: [{{name: A, valueFrom: {{{source}}}}}]"));
    for source in [
        "configMapKeyRef: {name: a, key: b}",
        "secretKeyRef: {name: a, key: b, optional: true}",
    ] {
        stock(&from(source), "");
    }
    let key = "kubernetes.podspec-fieldref";
    for (name, source) in [
        ("fieldRef", "fieldRef: {fieldPath: metadata.name}"),
        (
            "resourceFieldRef",
            "resourceFieldRef: {resource: limits.cpu}",
        ),
    ] {
        let text = format!("must not set the field(s): spec.containers[0].env[0].valueFrom.{name}");
        stock(&from(source), &hinted(&text, key));
        for word in ["Enabled", "Allowed"] {
            check(&[(key, word)], &from(source), "");
        }
    }
    stock(
        &from("fileKeyRef: {key: a, path: b, volumeName: c}"),
        "must not set the field(s): spec.containers[0].env[0].valueFrom.fileKeyRef",
    );
}

#[test]
fn api_7_2_environment_from_exactly_one_place() {
    let from = |list: &str| container(&format!("envFrom: [{list}]"));
    stock(
        &from("{configMapRef: {name: a}}, {prefix: p, secretRef: {name: b}}"),
        "",
    );
    let names = "spec.containers[0].envFrom.configMapRef, spec.containers[0].envFrom.secretRef";
    stock(
        &from("{prefix: x}"),
        &format!("expected exactly one, got neither: {names}"),
    );
    stock(
        &from("{configMapRef: {name: a}, secretRef: {name: b}}"),
        &format!("expected exactly one, got both: {names}"),
    );
}

#[test]
fn api_16_2_a_later_source_stands_before_what_was_found_earlier() {
    let from = |list: &str| container(&format!("envFrom: [{list}]"));
    for (list, at) in [
        ("{prefix: x}, {secretRef: {name: b}}", "secretRef[1]"),
        ("{prefix: x}, {configMapRef: {name: b}}", "configMapRef[1]"),
        (
            "{prefix: x}, {configMapRef: {name: b}}, {secretRef: {name: b}}",
            "secretRef[2].configMapRef[1]",
        ),
    ] {
        let at = format!("spec.containers[0].envFrom.{at}");
        stock(
            &from(list),
            &format!("expected exactly one, got neither: {at}.configMapRef, {at}.secretRef"),
        );
    }
}
