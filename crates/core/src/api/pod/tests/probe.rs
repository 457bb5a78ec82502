//! Rules about probes.

use super::{INIT, check, container, hinted, init, sidecar, stock};

#[test]
fn api_7_3_one_handler() {
    for probe in ["livenessProbe", "startupProbe"] {
        let with = |fields: &str| container(&format!("{probe}: {{{fields}}}"));
        let at = format!("spec.containers[0].{probe}");
        for handler in [
            "httpGet: {host: h, path: /, scheme: HTTPS, httpHeaders: [{name: a, value: b}], port: 1}",
            "tcpSocket: {host: h, port: 1}",
            "exec: {command: [a]}",
            "grpc: {port: 1, service: s}",
        ] {
            stock(&with(handler), "");
        }
        stock(
            &with("periodSeconds: 1"),
            &format!(
                "expected exactly one, got neither: {at}.exec, {at}.grpc, {at}.httpGet, {at}.tcpSocket"
            ),
        );
        stock(
            &with("exec: {command: [a]}, grpc: {port: 1}"),
            &format!("expected exactly one, got both: {at}.exec, {at}.gRPC"),
        );
        // Its times are not looked at.
        stock(&with("exec: {}, periodSeconds: -1, timeoutSeconds: -1"), "");
    }
}

#[test]
fn api_7_3_a_named_port_is_the_serving_one() {
    let check = |ports: &str, port: &str, want: &str| {
        for handler in ["httpGet", "tcpSocket"] {
            let probe = format!("livenessProbe: {{{handler}: {{port: {port}}}}}");
            let at = format!("spec.containers[0].livenessProbe.{handler}.port");
            let want = match want {
                "" => String::new(),
                value => {
                    format!("invalid value: {value}: {at}\nProbe port must match container port")
                }
            };
            stock(&container(&format!("ports: [{ports}], {probe}")), &want);
        }
    };
    check("", "http", "");
    check("", "''", "");
    check("", "99", "");
    check("", "foo", "foo");
    check("", "'8080'", "8080");
    check("{containerPort: 80}", "http", "");
    check("{containerPort: 80}", "user-port", "user-port");
    check("{containerPort: 80, name: h2c}", "h2c", "");
    check("{containerPort: 80, name: h2c}", "http", "http");
}

#[test]
fn api_16_2_a_later_handler_stands_before_what_was_found_earlier() {
    let at = "spec.containers[0].livenessProbe";
    let why = "Probe port must match container port";
    let both = |names: &str| format!("expected exactly one, got both: {names}");
    stock(
        &container("livenessProbe: {httpGet: {port: foo}, tcpSocket: {port: bar}}"),
        &format!(
            "{}\ninvalid value: bar: {at}.tcpSocket.port\n{why}\ninvalid value: foo: {at}.tcpSocket.httpGet.port\n{why}",
            both(&format!("{at}.httpGet, {at}.tcpSocket"))
        ),
    );
    stock(
        &container("livenessProbe: {httpGet: {port: foo}, exec: {}, grpc: {port: 1}}"),
        &format!(
            "{}\ninvalid value: foo: {at}.gRPC.exec.httpGet.port\n{why}",
            both(&format!("{at}.exec, {at}.gRPC, {at}.httpGet"))
        ),
    );
}

#[test]
fn api_7_3_readiness_timing() {
    let probe = |fields: &str| container(&format!("readinessProbe: {{{fields}}}"));
    let at = "spec.containers[0].readinessProbe";
    for good in [
        "",
        "periodSeconds: 1",
        "initialDelaySeconds: 3, successThreshold: 2",
    ] {
        stock(&probe(good), "");
    }
    for (fields, want) in [
        (
            "periodSeconds: -1",
            format!("expected 0 <= -1 <= 2147483647: {at}.periodSeconds"),
        ),
        (
            "initialDelaySeconds: -2",
            format!("expected 0 <= -2 <= 2147483647: {at}.initialDelaySeconds"),
        ),
        (
            "successThreshold: -1",
            format!("expected 1 <= -1 <= 2147483647: {at}.successThreshold"),
        ),
        (
            "failureThreshold: 2, timeoutSeconds: 2",
            format!(
                "failureThreshold is disallowed when periodSeconds is zero: {at}.failureThreshold\n\
                 timeoutSeconds is disallowed when periodSeconds is zero: {at}.timeoutSeconds"
            ),
        ),
        (
            "periodSeconds: 1, timeoutSeconds: -1, failureThreshold: -1",
            format!("expected 1 <= -1 <= 2147483647: {at}.failureThreshold, {at}.timeoutSeconds"),
        ),
    ] {
        stock(&probe(fields), &want);
    }
}

#[test]
fn api_16_20_a_grace_period_of_a_probe_passes() {
    stock(
        &container("livenessProbe: {exec: {}, terminationGracePeriodSeconds: 3}"),
        "",
    );
}

#[test]
fn api_7_3_sidecars_are_not_probed() {
    let key = "multi-container-probing";
    let at = "spec.containers[1]";
    for (probe, want) in [
        (
            "livenessProbe: {periodSeconds: 5, tcpSocket: {port: 80}}",
            format!("{at}.livenessProbe, {at}.livenessProbe.periodSeconds"),
        ),
        (
            "startupProbe: {exec: {}, terminationGracePeriodSeconds: 0}",
            format!("{at}.startupProbe, {at}.startupProbe.terminationGracePeriodSeconds"),
        ),
        // Defaulting has set the threshold.
        (
            "readinessProbe: {exec: {command: [a]}}",
            format!("{at}.readinessProbe, {at}.readinessProbe.successThreshold"),
        ),
        (
            "readinessProbe: {}",
            format!("{at}.readinessProbe.successThreshold"),
        ),
    ] {
        let text = format!("must not set the field(s): {want}");
        for word in ["Disabled", "Allowed"] {
            check(&[(key, word)], &sidecar(probe), &hinted(&text, key));
        }
    }
    stock(&sidecar("livenessProbe: {}"), "");
}

#[test]
fn api_7_3_probed_sidecars_say_which_port() {
    let on = [("multi-container-probing", "Enabled")];
    for good in [
        "livenessProbe: {tcpSocket: {port: 80}}",
        "livenessProbe: {httpGet: {port: any-name}}",
        "startupProbe: {exec: {}}",
        "livenessProbe: {grpc: {}}",
    ] {
        check(&on, &sidecar(good), "");
    }
    let at = "spec.containers[1].livenessProbe";
    for (handler, port, value) in [
        ("tcpSocket", "", "0"),
        ("httpGet", "", "0"),
        ("httpGet", "port: 0", "0"),
        ("httpGet", "port: ''", ""),
    ] {
        check(
            &on,
            &sidecar(&format!("livenessProbe: {{{handler}: {{{port}}}}}")),
            &format!("invalid value: {value}: {at}.{handler}.port\nProbe port must be specified"),
        );
    }
    check(
        &on,
        &sidecar("readinessProbe: {exec: {}, timeoutSeconds: 1}"),
        "timeoutSeconds is disallowed when periodSeconds is zero: spec.containers[1].readinessProbe.timeoutSeconds",
    );
}

#[test]
fn api_7_3_init_containers_are_not_probed() {
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        check(
            &[INIT],
            &init(&format!("{probe}: {{exec: {{command: [a]}}}}")),
            &format!("field not allowed in an init container: spec.containers[0].{probe}"),
        );
    }
    check(
        &[INIT],
        &init("lifecycle: {}"),
        "field not allowed in an init container: spec.containers[0].lifecycle\n\
         must not set the field(s): spec.containers[0].lifecycle",
    );
}
