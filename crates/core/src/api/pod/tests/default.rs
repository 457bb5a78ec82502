//! What containers are filled in with.

use std::sync::Arc;

use serde_json::{Value, json};

use super::defaults;
use crate::admission::testing::{filled, policy};
use crate::admission::{Policy, Verb};
use crate::api::service::Service;
use crate::config::Settings as _;

fn stock(spec: &str) -> Value {
    defaults(&Policy::default(), spec)
}

/// A cluster with this `config-defaults`.
fn configured<const N: usize>(entries: [(&str, &str); N]) -> Policy {
    Policy {
        defaults: Arc::new(
            crate::config::Defaults::parse(&crate::config::test::data(entries)).unwrap(),
        ),
        ..Policy::default()
    }
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|c| c["name"].as_str().unwrap()).collect()
}

#[test]
fn api_6_4_5_containers_get_names() {
    for (containers, init, want, want_init) in [
        ("{image: i}", "", &["user-container"][..], &[][..]),
        ("{image: i, name: mine}", "", &["mine"], &[]),
        (
            "{image: i}",
            "{image: i}",
            &["user-container"],
            &["init-container"],
        ),
        (
            "{image: i}, {image: i}",
            "{image: i}, {image: i}",
            &["user-container-0", "user-container-1"],
            &["init-container-0", "init-container-1"],
        ),
        // A list of several is numbered even if only one has no name.
        (
            "{image: i, name: a}, {image: i}",
            "",
            &["a", "user-container-0"],
            &[],
        ),
        // Names that users wrote are avoided, wherever they stand; the count goes on.
        (
            "{image: i}, {image: i, name: user-container-0}, {image: i}",
            "",
            &["user-container-1", "user-container-0", "user-container-2"],
            &[],
        ),
        (
            "{image: i}",
            "{image: i, name: user-container}",
            &["user-container-0"],
            &["user-container"],
        ),
        (
            "{image: i, name: init-container}",
            "{image: i}",
            &["init-container"],
            &["init-container-0"],
        ),
        (
            "{image: i}, {image: i, name: init-container-0}",
            "{image: i}, {image: i, name: user-container-0}, {image: i}",
            &["user-container-1", "init-container-0"],
            &["init-container-1", "user-container-0", "init-container-2"],
        ),
    ] {
        let got = stock(&format!(
            "{{containers: [{containers}], initContainers: [{init}]}}"
        ));
        assert_eq!(names(&got["containers"]), want, "{containers} / {init}");
        assert_eq!(
            names(&got["initContainers"]),
            want_init,
            "{containers} / {init}"
        );
    }
}

#[test]
fn api_6_4_5_names_are_templates_over_the_parent() {
    let policy = configured([
        ("container-name-template", "{{.Name}}-main"),
        ("init-container-name-template", "{{.Namespace}}-first"),
    ]);
    let spec = "{metadata: {name: shop, namespace: demo}, spec: {template: {metadata: {labels: {a: b}}, \
                spec: {containers: [{image: i}], initContainers: [{image: i}]}}}}";
    let got =
        filled::<Service>(spec, None, &policy, Verb::Create)["spec"]["template"]["spec"].clone();
    assert_eq!(names(&got["containers"]), ["shop-main"]);
    assert_eq!(names(&got["initContainers"]), ["demo-first"]);
}

#[test]
fn api_6_4_5_long_names_are_shortened_as_those_of_children() {
    let long = "a".repeat(63);
    let policy = configured([("container-name-template", &long)]);
    let got = defaults(&policy, "{containers: [{image: i}, {image: i}]}");
    let want: Vec<_> = ["-0", "-1"]
        .map(|n| crate::names::child::name(&long, n))
        .to_vec();
    assert_eq!(names(&got["containers"]), want);
    assert!(want.iter().all(|name| name.len() <= 63));
}

#[test]
fn api_6_4_6_configured_resources_are_defaults() {
    let policy = configured([
        ("revision-cpu-request", "100m"),
        ("revision-memory-request", "1024Mi"),
        ("revision-ephemeral-storage-request", "1G"),
        ("revision-cpu-limit", "1000m"),
        ("revision-memory-limit", "1Gi"),
        ("revision-ephemeral-storage-limit", "2G"),
    ]);
    let got = defaults(
        &policy,
        "{containers: [{image: i, resources: {requests: {cpu: 1, example.com/x: 1}, limits: {memory: 0}}}, {image: j}], \
         initContainers: [{image: k}]}",
    );
    assert_eq!(
        got["containers"][0]["resources"],
        json!({
            "requests": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1G", "example.com/x": "1"},
            "limits": {"cpu": "1", "memory": "0", "ephemeral-storage": "2G"},
        })
    );
    assert_eq!(
        got["containers"][1]["resources"],
        json!({
            "requests": {"cpu": "100m", "memory": "1Gi", "ephemeral-storage": "1G"},
            "limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "2G"},
        })
    );
    assert_eq!(got["initContainers"][0]["resources"], json!({}));

    let some = defaults(
        &configured([("revision-memory-limit", "1Gi")]),
        "{containers: [{image: i}]}",
    );
    assert_eq!(
        some["containers"][0]["resources"],
        json!({"limits": {"memory": "1Gi"}})
    );
    assert_eq!(
        stock("{containers: [{image: i}]}")["containers"][0]["resources"],
        json!({})
    );
}

#[test]
fn api_6_4_6_readiness_probes() {
    let probe = |fields: &str| {
        stock(&format!("{{containers: [{{image: i, {fields}}}]}}"))["containers"][0]["readinessProbe"].clone()
    };
    for (written, want) in [
        ("", json!({"successThreshold": 1, "tcpSocket": {"port": 0}})),
        (
            "readinessProbe: {}",
            json!({"successThreshold": 1, "tcpSocket": {"port": 0}}),
        ),
        (
            "readinessProbe: {successThreshold: 2, initialDelaySeconds: 3}",
            json!({"successThreshold": 2, "initialDelaySeconds": 3, "tcpSocket": {"port": 0}}),
        ),
        (
            "readinessProbe: {httpGet: {path: /}}",
            json!({"successThreshold": 1, "httpGet": {"path": "/", "port": 0}}),
        ),
        (
            "readinessProbe: {periodSeconds: 5, exec: {command: [a]}}",
            json!({"periodSeconds": 5, "failureThreshold": 3, "timeoutSeconds": 1, "successThreshold": 1, "exec": {"command": ["a"]}}),
        ),
        (
            "readinessProbe: {periodSeconds: 5, failureThreshold: 7, timeoutSeconds: 2, grpc: {port: 1, service: s}}",
            json!({"periodSeconds": 5, "failureThreshold": 7, "timeoutSeconds": 2, "successThreshold": 1, "grpc": {"port": 1, "service": "s"}}),
        ),
        // A period of 0 asks for several probes a second; it gets no times.
        (
            "readinessProbe: {periodSeconds: 0, tcpSocket: {port: 9}}",
            json!({"successThreshold": 1, "tcpSocket": {"port": 9}}),
        ),
    ] {
        assert_eq!(probe(written), want, "{written}");
    }
}

#[test]
fn api_6_4_6_only_the_serving_container_gets_a_probe() {
    let got = stock(
        "{containers: [{image: i, ports: [{containerPort: 80}]}, {image: i}, {image: i, readinessProbe: {periodSeconds: 5, grpc: {port: 1}}}, \
          {image: i, readinessProbe: {}}], initContainers: [{image: i}]}",
    );
    let probe = |i: usize| got["containers"][i].get("readinessProbe").cloned();
    assert_eq!(
        probe(0),
        Some(json!({"successThreshold": 1, "tcpSocket": {"port": 0}}))
    );
    assert_eq!(probe(1), None);
    assert_eq!(
        probe(2),
        Some(
            json!({"periodSeconds": 5, "failureThreshold": 3, "timeoutSeconds": 1, "successThreshold": 1, "grpc": {"port": 1, "service": ""}})
        )
    );
    assert_eq!(probe(3), Some(json!({"successThreshold": 1})));
    assert_eq!(got["initContainers"][0].get("readinessProbe"), None);
}

#[test]
fn api_6_4_6_grpc_probes_name_a_service() {
    let got = stock(
        "{containers: [{image: i, livenessProbe: {grpc: {port: 1}}, startupProbe: {grpc: {port: 2}}, readinessProbe: {grpc: {port: 3}}}], \
          initContainers: [{image: i, livenessProbe: {grpc: {port: 1}}}]}",
    );
    for (probe, port) in [
        ("livenessProbe", 1),
        ("startupProbe", 2),
        ("readinessProbe", 3),
    ] {
        assert_eq!(
            got["containers"][0][probe]["grpc"],
            json!({"port": port, "service": ""})
        );
    }
    assert_eq!(
        got["initContainers"][0]["livenessProbe"]["grpc"],
        json!({"port": 1})
    );
}

#[test]
fn api_6_4_6_service_links() {
    let links = |entries: [(&str, &str); 1], spec: &str| {
        defaults(&configured(entries), spec)
            .get("enableServiceLinks")
            .cloned()
    };
    let key = "enable-service-links";
    let plain = "{containers: [{image: i}]}";
    for (text, want) in [
        ("true", Some(json!(true))),
        ("FALSE", Some(json!(false))),
        ("default", None),
    ] {
        assert_eq!(links([(key, text)], plain), want, "{text}");
    }
    let written = "{enableServiceLinks: true, containers: [{image: i}]}";
    assert_eq!(links([(key, "false")], written), Some(json!(true)));
    assert_eq!(stock(plain)["enableServiceLinks"], false);
}

#[test]
fn api_6_4_6_mounts_are_read_only_unless_the_volume_can_be_written() {
    for (volume, want) in [
        ("secret: {secretName: s}", Some(true)),
        ("configMap: {name: c}", Some(true)),
        ("projected: {}", Some(true)),
        ("hostPath: {path: /x}", Some(true)),
        ("csi: {driver: d}", Some(true)),
        ("image: {reference: r}", Some(true)),
        ("emptyDir: {}", None),
        ("persistentVolumeClaim: {claimName: c}", None),
        ("ephemeral: {}", None),
    ] {
        for written in ["", ", readOnly: false"] {
            let got = stock(&format!(
                "{{containers: [{{image: i, volumeMounts: [{{name: v, mountPath: /v{written}}}]}}], \
                  initContainers: [{{image: i, volumeMounts: [{{name: v, mountPath: /v{written}}}]}}], volumes: [{{name: v, {volume}}}]}}"
            ));
            let read_only = |list: &str| got[list][0]["volumeMounts"][0]["readOnly"].as_bool();
            assert_eq!(read_only("containers"), want, "{volume}");
            assert_eq!(read_only("initContainers"), None, "{volume}");
        }
    }
    let got = stock("{containers: [{image: i, volumeMounts: [{name: none, mountPath: /v}]}]}");
    assert_eq!(got["containers"][0]["volumeMounts"][0]["readOnly"], true);
}

/// The security contexts of a container and an init container.
fn secured(mode: &str, pod: &str, container: &str) -> [Value; 2] {
    let spec = format!(
        "{{{pod} containers: [{{image: i, {container}}}], initContainers: [{{image: i, {container}}}]}}"
    );
    let got = defaults(&policy(&[("secure-pod-defaults", mode)]), &spec);
    ["containers", "initContainers"].map(|list| got[list][0]["securityContext"].clone())
}

#[test]
fn api_6_4_7_secure_defaults_fill_what_is_unset() {
    let check = |mode: &str, pod: &str, container: &str, want: Value| {
        assert_eq!(
            secured(mode, pod, container),
            [want.clone(), want],
            "{mode} {pod} {container}"
        );
    };
    let bounded = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    let with = |field: &str, value: Value| {
        let mut context = bounded.clone();
        context[field] = value;
        context
    };
    check("Disabled", "", "", Value::Null);
    check("Allowed", "", "", Value::Null);
    check("AllowRootBounded", "", "", bounded.clone());
    check("Enabled", "", "", with("runAsNonRoot", json!(true)));
    // What users write stays.
    check(
        "Enabled",
        "",
        "securityContext: {runAsNonRoot: false, allowPrivilegeEscalation: true, seccompProfile: {type: Unconfined}, capabilities: {add: [CHOWN]}}",
        json!({
            "runAsNonRoot": false,
            "allowPrivilegeEscalation": true,
            "seccompProfile": {"type": "Unconfined"},
            "capabilities": {"add": ["CHOWN"]},
        }),
    );
    check(
        "AllowRootBounded",
        "",
        "securityContext: {capabilities: {}}",
        with("capabilities", json!({})),
    );
    check(
        "AllowRootBounded",
        "",
        "securityContext: {seccompProfile: {}}",
        bounded.clone(),
    );
    // The pod's own counts as set.
    check(
        "Enabled",
        "securityContext: {runAsNonRoot: false, seccompProfile: {type: Unconfined}},",
        "",
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}),
    );
    check(
        "AllowRootBounded",
        "securityContext: {runAsNonRoot: false, seccompProfile: {}},",
        "",
        bounded.clone(),
    );
}

#[test]
fn api_6_4_7_low_ports_can_be_bound() {
    for (port, is_low) in [
        ("{containerPort: 80}", true),
        ("{containerPort: 1023}", true),
        ("{containerPort: 1024}", false),
        ("{name: h2c}", true),
    ] {
        let want = if is_low {
            json!({"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]})
        } else {
            json!({"drop": ["ALL"]})
        };
        for context in secured("AllowRootBounded", "", &format!("ports: [{port}]")) {
            assert_eq!(context["capabilities"], want, "{port}");
        }
    }
}
