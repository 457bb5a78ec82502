//! `config-observability`.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::config::observability::{
    Metrics, MetricsProtocol, Profiling, REQUEST_LOG_TEMPLATE, TracingProtocol,
};
use crate::template::{Template, Value as Field};

#[test]
fn config_13_every_key_is_read() {
    let s = accepts::<Observability>(&[
        ("metrics-protocol", " grpc "),
        ("metrics-endpoint", "a:1"),
        ("metrics-export-interval", "1m"),
        ("request-metrics-protocol", "http/protobuf"),
        ("request-metrics-endpoint", "b:2"),
        ("request-metrics-export-interval", "2m"),
        ("tracing-protocol", "grpc"),
        ("tracing-endpoint", "c:3"),
        ("tracing-sampling-rate", "0.5"),
        ("runtime-profiling", "enabled"),
        ("runtime-export-interval", "0s"),
        ("logging.enable-var-log-collection", "true"),
        (
            "logging.revision-url-template",
            "http://logs/${REVISION_UID}",
        ),
        ("logging.enable-request-log", "true"),
        ("logging.request-log-template", "{{.Response.Code}}"),
        ("logging.enable-probe-request-log", "true"),
    ]);
    let metrics = |protocol, endpoint: &str, minutes: u64| Metrics {
        protocol,
        endpoint: endpoint.to_owned(),
        export_interval: Duration::from_secs(60 * minutes),
    };
    let want = Observability {
        metrics: metrics(MetricsProtocol::Grpc, "a:1", 1),
        request_metrics: metrics(MetricsProtocol::HttpProtobuf, "b:2", 2),
        tracing_protocol: TracingProtocol::Grpc,
        tracing_endpoint: "c:3".into(),
        tracing_sampling_rate: 0.5,
        runtime_profiling: Profiling::Enabled,
        runtime_export_interval: Duration::ZERO,
        enable_var_log_collection: true,
        revision_url_template: "http://logs/${REVISION_UID}".into(),
        enable_request_log: true,
        request_log_template: "{{.Response.Code}}".into(),
        enable_probe_request_log: true,
    };
    assert_eq!(s, want);
}

#[test]
fn config_13_keys_of_the_old_generation_are_ignored() {
    let s = accepts::<Observability>(&[
        ("metrics.backend-destination", "opencensus"),
        ("metrics.request-metrics-backend-destination", "x"),
        ("profiling.enable", "maybe"),
    ]);
    assert_eq!(s, Observability::default());
}

#[test]
fn config_13_protocol_and_endpoint_belong_together() {
    for kind in ["metrics", "request-metrics"] {
        let (protocol, endpoint) = (format!("{kind}-protocol"), format!("{kind}-endpoint"));
        for (entries, want) in [
            (
                &[(protocol.as_str(), "carrier-pigeon")][..],
                "unsupported protocol \"carrier-pigeon\"",
            ),
            (&[(&protocol, "")], "unsupported protocol \"\""),
            (&[(&protocol, "None")], "unsupported protocol \"None\""),
            (
                &[(&protocol, "grpc")],
                "endpoint should be set when protocol is \"grpc\"",
            ),
            (
                &[(&protocol, "http/protobuf"), (&endpoint, " ")],
                "endpoint should be set when protocol is \"http/protobuf\"",
            ),
            (
                &[(&endpoint, "x")],
                "endpoint should not be set when protocol is \"none\"",
            ),
        ] {
            refuses::<Observability>(entries, want);
        }
        for value in ["", ":9091", "localhost:9092"] {
            accepts::<Observability>(&[(&protocol, "prometheus"), (&endpoint, value)]);
        }
    }
    for (entries, want) in [
        (
            &[("tracing-protocol", "prometheus")][..],
            "unsupported protocol \"prometheus\"",
        ),
        (
            &[("tracing-protocol", "grpc")],
            "endpoint should be set for protocol \"grpc\"",
        ),
        (
            &[("tracing-protocol", "http/protobuf")],
            "endpoint should be set for protocol \"http/protobuf\"",
        ),
        (
            &[("tracing-endpoint", "x")],
            "endpoint should not be set when protocol is 'none'",
        ),
        (
            &[("tracing-protocol", "stdout"), ("tracing-endpoint", "x")],
            "endpoint should not be set when protocol is 'none'",
        ),
    ] {
        refuses::<Observability>(entries, want);
    }
    accepts::<Observability>(&[("tracing-protocol", "stdout")]);
}

#[test]
fn config_13_ranges() {
    for (key, value, want) in [
        (
            "tracing-sampling-rate",
            "1.5",
            "sampling rate 1.500000 should be less than or equal to one",
        ),
        (
            "tracing-sampling-rate",
            "-0.1",
            "sampling rate -0.100000 should be greater or equal to zero",
        ),
        (
            "metrics-export-interval",
            "-1s",
            "export interval \"-1s\" should be greater than zero",
        ),
        (
            "request-metrics-export-interval",
            "-90s",
            "export interval \"-1m30s\" should be greater than zero",
        ),
        (
            "runtime-export-interval",
            "-1s",
            "export interval \"-1s\" should be greater than zero",
        ),
        (
            "runtime-profiling",
            "Enabled",
            "unsupported profile setting \"Enabled\"",
        ),
        (
            "tracing-sampling-rate",
            "half",
            "failed to parse \"tracing-sampling-rate\": strconv.ParseFloat: parsing \"half\": invalid syntax",
        ),
    ] {
        refuses::<Observability>(&[(key, value)], want);
    }
    for rate in ["0", "1"] {
        accepts::<Observability>(&[("tracing-sampling-rate", rate)]);
    }
}

#[test]
fn config_13_a_request_log_needs_a_shape() {
    let (enable, shape) = ("logging.enable-request-log", "logging.request-log-template");
    refuses::<Observability>(
        &[(enable, "true"), (shape, " ")],
        "\"logging.enable-request-log\" was set to true, but no \"logging.request-log-template\" was specified",
    );
    accepts::<Observability>(&[(enable, "true")]);
    accepts::<Observability>(&[(shape, "")]);
    let errors = Observability::parse(&data([(shape, "{{.Request")])).unwrap_err();
    assert!(errors.to_string().contains(shape));
}

#[test]
fn config_13_the_built_in_request_log_is_a_line_of_json() {
    let line = Template::parse(REQUEST_LOG_TEMPLATE)
        .unwrap()
        .render(&Field::record([
            (
                "Request",
                Field::record([
                    ("Method", "GET".into()),
                    ("RequestURI", "/a?b=\"c\"".into()),
                    ("ContentLength", Field::Int(7)),
                    ("UserAgent", "curl".into()),
                    ("RemoteAddr", "10.0.0.1:5".into()),
                    ("Referer", "".into()),
                    ("Proto", "HTTP/1.1".into()),
                ]),
            ),
            (
                "Response",
                Field::record([
                    ("Code", Field::Int(200)),
                    ("Size", Field::Int(12)),
                    ("Latency", Field::Float(0.25)),
                ]),
            ),
            ("Revision", Field::record([("PodIP", "10.0.0.2".into())])),
            ("TraceID", "abc".into()),
        ]))
        .unwrap();
    assert_eq!(
        line,
        "{\"httpRequest\": {\"requestMethod\": \"GET\", \"requestUrl\": \"/a?b\\u003D\\\"c\\\"\", \"requestSize\": \"7\", \
         \"status\": 200, \"responseSize\": \"12\", \"userAgent\": \"curl\", \"remoteIp\": \"10.0.0.1:5\", \
         \"serverIp\": \"10.0.0.2\", \"referer\": \"\", \"latency\": \"0.25s\", \"protocol\": \"HTTP/1.1\"}, \
         \"traceId\": \"abc\"}"
    );
    assert!(serde_json::from_str::<Value>(&line).is_ok());
}

#[test]
fn config_13_queue_proxy_gets_what_says_something() {
    let tree = |s: &Observability| serde_json::from_str::<Value>(&s.to_json()).unwrap();
    let s = Observability {
        request_log_template: String::new(),
        ..Observability::default()
    };
    assert_eq!(
        tree(&s),
        json!({
            "tracing": {"protocol": "none"},
            "metrics": {"protocol": "none"},
            "runtime": {"profiling": "disabled", "exportInterval": 15_000_000_000_u64},
            "requestMetrics": {"protocol": "none"},
        })
    );
    let s = accepts::<Observability>(&[
        ("request-metrics-protocol", "grpc"),
        ("request-metrics-endpoint", "otel:4317"),
        ("request-metrics-export-interval", "1500ms"),
        ("runtime-export-interval", "0s"),
        ("tracing-protocol", "stdout"),
        ("tracing-sampling-rate", "0.1"),
        ("logging.enable-var-log-collection", "true"),
        ("logging.revision-url-template", "u"),
        ("logging.enable-request-log", "true"),
        ("logging.request-log-template", "t"),
        ("logging.enable-probe-request-log", "true"),
    ]);
    assert_eq!(
        tree(&s),
        json!({
            "tracing": {"protocol": "stdout", "samplingRate": 0.1},
            "metrics": {"protocol": "none"},
            "runtime": {"profiling": "disabled"},
            "requestMetrics": {"protocol": "grpc", "endpoint": "otel:4317", "exportInterval": 1_500_000_000},
            "EnableVarLogCollection": true,
            "LoggingURLTemplate": "u",
            "enableRequestLog": true,
            "requestLogTemplate": "t",
            "enableProbeRequestLog": true,
        })
    );
}
