//! `config-observability`: metrics, traces, profiles and request logs.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::{Data, Errors, Reader, Settings};
use crate::go;
use crate::template::Template;

/// The request log that is written unless another shape is asked for.
pub const REQUEST_LOG_TEMPLATE: &str = concat!(
    r#"{"httpRequest": {"requestMethod": "{{.Request.Method}}", "requestUrl": "{{js .Request.RequestURI}}", "#,
    r#""requestSize": "{{.Request.ContentLength}}", "status": {{.Response.Code}}, "responseSize": "{{.Response.Size}}", "#,
    r#""userAgent": "{{js .Request.UserAgent}}", "remoteIp": "{{js .Request.RemoteAddr}}", "serverIp": "{{.Revision.PodIP}}", "#,
    r#""referer": "{{js .Request.Referer}}", "latency": "{{.Response.Latency}}s", "protocol": "{{.Request.Proto}}"}, "#,
    r#""traceId": "{{.TraceID}}"}"#,
);

/// The settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Observability {
    /// Metrics of the system's programs.
    pub metrics: Metrics,
    /// Metrics of requests, from queue-proxy.
    pub request_metrics: Metrics,
    /// Where traces go.
    pub tracing_protocol: TracingProtocol,
    /// The address they go to.
    pub tracing_endpoint: String,
    /// The share of requests that is traced, 0 to 1.
    pub tracing_sampling_rate: f64,
    /// Whether profiles can be taken.
    pub runtime_profiling: Profiling,
    /// How often runtime metrics are read.
    pub runtime_export_interval: Duration,
    /// Whether user containers get a volume at `/var/log`.
    pub enable_var_log_collection: bool,
    /// `status.logUrl` of revisions, with `${REVISION_UID}` to be filled in.
    pub revision_url_template: String,
    /// Whether requests are logged.
    pub enable_request_log: bool,
    /// The shape of such a line.
    pub request_log_template: String,
    /// Whether queue-proxy logs probes as well.
    pub enable_probe_request_log: bool,
}

/// Where metrics go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// How they leave the process.
    pub protocol: MetricsProtocol,
    /// The address they go to, or the one to listen on.
    pub endpoint: String,
    /// How often they are pushed; zero for the exporter's own default.
    pub export_interval: Duration,
}

/// How metrics leave the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsProtocol {
    /// Not at all.
    #[default]
    None,
    /// They are scraped.
    Prometheus,
    /// OTLP over HTTP.
    HttpProtobuf,
    /// OTLP over gRPC.
    Grpc,
}

/// How traces leave the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TracingProtocol {
    /// Not at all.
    #[default]
    None,
    /// To standard output.
    Stdout,
    /// OTLP over HTTP.
    HttpProtobuf,
    /// OTLP over gRPC.
    Grpc,
}

/// Whether profiles can be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profiling {
    /// They can.
    Enabled,
    /// They cannot.
    #[default]
    Disabled,
}

impl Default for Observability {
    fn default() -> Self {
        Self {
            metrics: Metrics::default(),
            request_metrics: Metrics::default(),
            tracing_protocol: TracingProtocol::None,
            tracing_endpoint: String::new(),
            tracing_sampling_rate: 0.0,
            runtime_profiling: Profiling::Disabled,
            runtime_export_interval: Duration::from_secs(15),
            enable_var_log_collection: false,
            revision_url_template: String::new(),
            enable_request_log: false,
            request_log_template: REQUEST_LOG_TEMPLATE.to_owned(),
            enable_probe_request_log: false,
        }
    }
}

impl MetricsProtocol {
    /// The word in the ConfigMap.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Prometheus => "prometheus",
            Self::HttpProtobuf => "http/protobuf",
            Self::Grpc => "grpc",
        }
    }
}

impl TracingProtocol {
    /// The word in the ConfigMap.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Stdout => "stdout",
            Self::HttpProtobuf => "http/protobuf",
            Self::Grpc => "grpc",
        }
    }
}

impl Profiling {
    /// Whether profiles can be taken.
    #[must_use]
    pub fn is_enabled(self) -> bool {
        self == Self::Enabled
    }

    /// The word in the ConfigMap.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

impl Observability {
    /// The form in which queue-proxy gets the settings: four objects that are always there, and
    /// nothing that is empty or zero. Intervals are nanoseconds.
    #[must_use]
    pub fn to_json(&self) -> String {
        let metrics = |m: &Metrics| {
            full([
                ("protocol", m.protocol.as_str().into()),
                ("endpoint", m.endpoint.clone().into()),
                ("exportInterval", nanos(m.export_interval)),
            ])
        };
        let mut all = Map::new();
        all.insert(
            "tracing".into(),
            full([
                ("protocol", self.tracing_protocol.as_str().into()),
                ("endpoint", self.tracing_endpoint.clone().into()),
                ("samplingRate", json!(self.tracing_sampling_rate)),
            ]),
        );
        all.insert("metrics".into(), metrics(&self.metrics));
        all.insert(
            "runtime".into(),
            full([
                ("profiling", self.runtime_profiling.as_str().into()),
                ("exportInterval", nanos(self.runtime_export_interval)),
            ]),
        );
        all.insert("requestMetrics".into(), metrics(&self.request_metrics));
        if let Value::Object(rest) = full([
            (
                "EnableVarLogCollection",
                self.enable_var_log_collection.into(),
            ),
            (
                "LoggingURLTemplate",
                self.revision_url_template.clone().into(),
            ),
            ("enableRequestLog", self.enable_request_log.into()),
            (
                "requestLogTemplate",
                self.request_log_template.clone().into(),
            ),
            (
                "enableProbeRequestLog",
                self.enable_probe_request_log.into(),
            ),
        ]) {
            all.extend(rest);
        }
        Value::Object(all).to_string()
    }
}

/// An object of the members that say something.
fn full<const N: usize>(members: [(&str, Value); N]) -> Value {
    let says_something = |value: &Value| match value {
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        _ => true,
    };
    members
        .into_iter()
        .filter(|(_, value)| says_something(value))
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn nanos(interval: Duration) -> Value {
    u64::try_from(interval.as_nanos())
        .unwrap_or(u64::MAX)
        .into()
}

impl Settings for Observability {
    const NAME: &'static str = "config-observability";

    fn parse(data: &Data) -> Result<Self, Errors> {
        let mut r = Reader::new(data);
        let mut s = Self {
            metrics: metrics(
                &mut r,
                [
                    "metrics-protocol",
                    "metrics-endpoint",
                    "metrics-export-interval",
                ],
            ),
            request_metrics: metrics(
                &mut r,
                [
                    "request-metrics-protocol",
                    "request-metrics-endpoint",
                    "request-metrics-export-interval",
                ],
            ),
            ..Self::default()
        };
        tracing(&mut r, &mut s);
        s.runtime_profiling = match r.raw("runtime-profiling").map(str::trim) {
            None | Some("disabled") => Profiling::Disabled,
            Some("enabled") => Profiling::Enabled,
            Some(other) => {
                r.refuse(
                    "runtime-profiling",
                    format!("unsupported profile setting {}", go::quote(other)),
                );
                Profiling::Disabled
            }
        };
        s.runtime_export_interval =
            interval(&mut r, "runtime-export-interval", s.runtime_export_interval);
        r.read(
            &["logging.enable-var-log-collection"],
            &mut s.enable_var_log_collection,
        );
        r.read(
            &["logging.revision-url-template"],
            &mut s.revision_url_template,
        );
        r.read(&["logging.enable-request-log"], &mut s.enable_request_log);
        r.read(
            &["logging.request-log-template"],
            &mut s.request_log_template,
        );
        r.read(
            &["logging.enable-probe-request-log"],
            &mut s.enable_probe_request_log,
        );
        let key = "logging.request-log-template";
        if s.request_log_template.is_empty() {
            r.require(!s.enable_request_log, "logging.enable-request-log", || {
                format!(
                    "\"logging.enable-request-log\" was set to true, but no \"{key}\" was specified"
                )
            });
        } else if let Err(cause) = Template::parse(&s.request_log_template) {
            r.refuse(key, cause.to_string());
        }
        r.finish(s)
    }
}

fn metrics(r: &mut Reader<'_>, [protocol, endpoint, export_interval]: [&str; 3]) -> Metrics {
    let mut m = Metrics::default();
    r.read(&[endpoint], &mut m.endpoint);
    m.export_interval = interval(r, export_interval, Duration::ZERO);
    m.protocol = match r.raw(protocol).map(str::trim) {
        None | Some("none") => MetricsProtocol::None,
        Some("prometheus") => MetricsProtocol::Prometheus,
        Some("http/protobuf") => MetricsProtocol::HttpProtobuf,
        Some("grpc") => MetricsProtocol::Grpc,
        Some(other) => {
            r.refuse(
                protocol,
                format!("unsupported protocol {}", go::quote(other)),
            );
            return m;
        }
    };
    let name = go::quote(m.protocol.as_str());
    match m.protocol {
        MetricsProtocol::HttpProtobuf | MetricsProtocol::Grpc => {
            r.require(!m.endpoint.is_empty(), endpoint, || {
                format!("endpoint should be set when protocol is {name}")
            })
        }
        MetricsProtocol::None => r.require(m.endpoint.is_empty(), endpoint, || {
            format!("endpoint should not be set when protocol is {name}")
        }),
        MetricsProtocol::Prometheus => {}
    }
    m
}

fn tracing(r: &mut Reader<'_>, s: &mut Observability) {
    r.read(&["tracing-endpoint"], &mut s.tracing_endpoint);
    r.read(&["tracing-sampling-rate"], &mut s.tracing_sampling_rate);
    let rate = s.tracing_sampling_rate;
    s.tracing_protocol = match r.raw("tracing-protocol").map(str::trim) {
        None | Some("none") => TracingProtocol::None,
        Some("stdout") => TracingProtocol::Stdout,
        Some("http/protobuf") => TracingProtocol::HttpProtobuf,
        Some("grpc") => TracingProtocol::Grpc,
        Some(other) => {
            r.refuse(
                "tracing-protocol",
                format!("unsupported protocol {}", go::quote(other)),
            );
            return;
        }
    };
    let is_set = !s.tracing_endpoint.is_empty();
    match s.tracing_protocol {
        TracingProtocol::HttpProtobuf | TracingProtocol::Grpc => {
            r.require(is_set, "tracing-endpoint", || {
                format!(
                    "endpoint should be set for protocol {}",
                    go::quote(s.tracing_protocol.as_str())
                )
            })
        }
        TracingProtocol::None | TracingProtocol::Stdout => {
            r.require(!is_set, "tracing-endpoint", || {
                "endpoint should not be set when protocol is 'none'".to_owned()
            })
        }
    }
    r.require(rate <= 1.0, "tracing-sampling-rate", || {
        format!("sampling rate {rate:.6} should be less than or equal to one")
    });
    r.require(rate >= 0.0, "tracing-sampling-rate", || {
        format!("sampling rate {rate:.6} should be greater or equal to zero")
    });
}

fn interval(r: &mut Reader<'_>, key: &str, default: Duration) -> Duration {
    let mut value = SignedDuration::try_from(default).unwrap_or(SignedDuration::MAX);
    r.read(&[key], &mut value);
    r.require(!value.is_negative(), key, || {
        format!(
            "export interval {} should be greater than zero",
            go::quote(&go::duration(value))
        )
    });
    value.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test::{accepts, refuses};

    #[test]
    fn the_built_in_request_log_is_a_template() {
        Template::parse(REQUEST_LOG_TEMPLATE).unwrap();
        assert_eq!(accepts::<Observability, 0>([]), Observability::default());
    }

    #[test]
    fn queue_proxy_gets_what_says_something() {
        let s = Observability {
            request_log_template: String::new(),
            ..Observability::default()
        };
        let want = r#"{"metrics":{"protocol":"none"},"requestMetrics":{"protocol":"none"},"runtime":{"exportInterval":15000000000,"profiling":"disabled"},"tracing":{"protocol":"none"}}"#;
        let tree: Value = serde_json::from_str(&s.to_json()).unwrap();
        assert_eq!(tree, serde_json::from_str::<Value>(want).unwrap());
    }

    #[test]
    fn protocol_and_endpoint_belong_together() {
        refuses::<Observability, 1>(
            [("metrics-protocol", "carrier-pigeon")],
            "unsupported protocol \"carrier-pigeon\"",
        );
        refuses::<Observability, 1>(
            [("metrics-protocol", "grpc")],
            "endpoint should be set when protocol is \"grpc\"",
        );
        refuses::<Observability, 1>(
            [("request-metrics-endpoint", "x")],
            "endpoint should not be set when protocol is \"none\"",
        );
        refuses::<Observability, 1>(
            [("tracing-protocol", "grpc")],
            "endpoint should be set for protocol \"grpc\"",
        );
        refuses::<Observability, 1>(
            [("tracing-endpoint", "x")],
            "endpoint should not be set when protocol is 'none'",
        );
        accepts::<Observability, 2>([
            ("metrics-protocol", "prometheus"),
            ("metrics-endpoint", ":9091"),
        ]);
    }

    #[test]
    fn ranges_are_checked() {
        refuses::<Observability, 1>(
            [("tracing-sampling-rate", "1.5")],
            "sampling rate 1.500000 should be less than or equal to one",
        );
        refuses::<Observability, 1>(
            [("tracing-sampling-rate", "-0.1")],
            "sampling rate -0.100000 should be greater or equal to zero",
        );
        refuses::<Observability, 1>(
            [("metrics-export-interval", "-1s")],
            "export interval \"-1s\" should be greater than zero",
        );
        refuses::<Observability, 1>(
            [("runtime-profiling", "x")],
            "unsupported profile setting \"x\"",
        );
        refuses::<Observability, 2>(
            [
                ("logging.enable-request-log", "true"),
                ("logging.request-log-template", ""),
            ],
            "\"logging.enable-request-log\" was set to true, but no \"logging.request-log-template\" was specified",
        );
    }
}
