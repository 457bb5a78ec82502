//! Defaults and rules of Ingress, by example.

use super::Ingress;
use crate::admission::testing::{created, refuses};

#[test]
fn ingresses() {
    let check = |spec: &str, want: &str| {
        refuses::<Ingress>(
            &format!("{{metadata: {{name: a, namespace: demo}}, spec: {spec}}}"),
            want,
        )
    };
    let split = "serviceNamespace: demo, serviceName: s, servicePort: 80";
    check("{}", "missing field(s): spec");
    check(
        "{httpOption: x}",
        "invalid value: x: spec.httpOption\nmissing field(s): spec.rules",
    );
    check(
        "{rules: [{hosts: [a]}]}",
        "missing field(s): spec.rules[0].http",
    );
    check(
        "{rules: [{http: {paths: []}}]}",
        "missing field(s): spec.rules[0].http.paths",
    );
    check(
        "{rules: [{http: {paths: [{path: /a}]}}]}",
        "missing field(s): spec.rules[0].http.paths[0].splits",
    );
    check(
        &format!("{{rules: [{{http: {{paths: [{{splits: [{{{split}, percent: 90}}]}}]}}}}]}}"),
        "traffic split percentage must total to 100, but was 90: spec.rules[0].http.paths[0].splits",
    );
    check(
        &format!("{{rules: [{{http: {{paths: [{{splits: [{{{split}, percent: 101}}]}}]}}}}]}}"),
        "invalid value: 101: spec.rules[0].http.paths[0].splits[0].percent",
    );
    check(
        "{rules: [{http: {paths: [{splits: [{serviceNamespace: other, serviceName: s, servicePort: 80}]}]}}]}",
        "service namespace must match ingress namespace: spec.rules[0].http.paths[0].splits[0].serviceNamespace",
    );
    check(
        &format!(
            "{{tls: [{{hosts: [a]}}], rules: [{{http: {{paths: [{{splits: [{{{split}}}]}}]}}}}]}}"
        ),
        "missing field(s): spec.tls[0].secretName, spec.tls[0].secretNamespace",
    );
    check(
        &format!("{{rules: [{{http: {{paths: [{{splits: [{{{split}}}]}}]}}}}]}}"),
        "",
    );
}

#[test]
fn visibility_and_a_lone_share_are_filled_in() {
    let got = created::<Ingress>(
        "{metadata: {name: a}, spec: {rules: [{}, {visibility: ClusterLocal, http: {paths: [{splits: [{serviceName: s}]}]}}]}}",
    );
    assert_eq!(got["spec"]["rules"][0]["visibility"], "ExternalIP");
    assert_eq!(got["spec"]["rules"][1]["visibility"], "ClusterLocal");
    assert_eq!(
        got["spec"]["rules"][1]["http"]["paths"][0]["splits"][0]["percent"],
        100
    );
}
