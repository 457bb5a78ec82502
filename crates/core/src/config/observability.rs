//! `config-observability`: metrics, traces, profiles and request logs.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::{Reader, Settings};
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
    /// The address traces go to.
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
    /// The shape of a line of the request log.
    pub request_log_template: String,
    /// Whether queue-proxy logs probes as well.
    pub enable_probe_request_log: bool,
}

/// Where metrics go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// How metrics leave the process.
    pub protocol: MetricsProtocol,
    /// The address metrics go to, or the one to listen on.
    pub endpoint: String,
    /// How often metrics are pushed; zero for the exporter's own default.
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

    fn read(r: &mut Reader<'_>) -> Self {
        let mut s = Self::default();
        tracing(r, &mut s);
        s.metrics = metrics(r, "metrics");
        runtime(r, &mut s);
        s.request_metrics = metrics(r, "request-metrics");
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
        let (enable, template) = ("logging.enable-request-log", "logging.request-log-template");
        let has_shape = !s.request_log_template.is_empty();
        r.require(has_shape || !s.enable_request_log, &[enable], || {
            format!("\"{enable}\" was set to true, but no \"{template}\" was specified")
        });
        if let Err(cause) = Template::parse(&s.request_log_template) {
            r.refuse(template, cause.to_string())
                .hint(format!("{template} must be a Go template"));
        }
        s
    }
}

/// One of the words under the key, the first by default; `None` if it is another.
fn choice<T: Copy>(r: &mut Reader<'_>, key: &str, what: &str, words: &[(&str, T)]) -> Option<T> {
    let Some(text) = r.raw(key).map(str::trim) else {
        return Some(words[0].1);
    };
    let chosen = words.iter().find(|(word, _)| *word == text);
    if chosen.is_none() {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        r.refuse(key, format!("unsupported {what} {}", go::quote(text)))
            .hint(format!("{key} must be one of {}", words.join(", ")));
    }
    chosen.map(|(_, value)| *value)
}

fn metrics(r: &mut Reader<'_>, kind: &str) -> Metrics {
    let key = |rest: &str| format!("{kind}-{rest}");
    let mut m = Metrics::default();
    let (endpoint, interval) = (key("endpoint"), key("export-interval"));
    let mut pause = SignedDuration::ZERO;
    r.read(&[&endpoint], &mut m.endpoint);
    r.read(&[&interval], &mut pause);
    let protocol = choice(
        r,
        &key("protocol"),
        "protocol",
        &[
            MetricsProtocol::None,
            MetricsProtocol::Prometheus,
            MetricsProtocol::HttpProtobuf,
            MetricsProtocol::Grpc,
        ]
        .map(|protocol| (protocol.as_str(), protocol)),
    );
    if let Some(protocol) = protocol {
        m.protocol = protocol;
        let is_set = !m.endpoint.is_empty();
        let verdict = match protocol {
            MetricsProtocol::HttpProtobuf | MetricsProtocol::Grpc if !is_set => "should be set",
            MetricsProtocol::None if is_set => "should not be set",
            _ => "",
        };
        if !verdict.is_empty() {
            let name = go::quote(protocol.as_str());
            r.refuse(
                &endpoint,
                format!("endpoint {verdict} when protocol is {name}"),
            )
            .hint(is_now(&endpoint, &m.endpoint));
        }
    }
    m.export_interval = not_negative(r, &interval, pause);
    m
}

fn tracing(r: &mut Reader<'_>, s: &mut Observability) {
    let key = "tracing-endpoint";
    r.read(&[key], &mut s.tracing_endpoint);
    r.read(&["tracing-sampling-rate"], &mut s.tracing_sampling_rate);
    let protocol = choice(
        r,
        "tracing-protocol",
        "protocol",
        &[
            TracingProtocol::None,
            TracingProtocol::Stdout,
            TracingProtocol::HttpProtobuf,
            TracingProtocol::Grpc,
        ]
        .map(|protocol| (protocol.as_str(), protocol)),
    );
    if let Some(protocol) = protocol {
        s.tracing_protocol = protocol;
        let is_set = !s.tracing_endpoint.is_empty();
        let fault = match protocol {
            TracingProtocol::HttpProtobuf | TracingProtocol::Grpc if !is_set => format!(
                "endpoint should be set for protocol {}",
                go::quote(protocol.as_str())
            ),
            TracingProtocol::None | TracingProtocol::Stdout if is_set => {
                "endpoint should not be set when protocol is 'none'".to_owned()
            }
            _ => String::new(),
        };
        if !fault.is_empty() {
            r.refuse(key, fault).hint(is_now(key, &s.tracing_endpoint));
        }
    }
    let rate = s.tracing_sampling_rate;
    let verdict = if rate > 1.0 {
        "less than or equal to one"
    } else if rate >= 0.0 {
        return;
    } else {
        "greater or equal to zero"
    };
    r.refuse(
        "tracing-sampling-rate",
        format!("sampling rate {} should be {verdict}", go::fixed(rate)),
    )
    .hint("tracing-sampling-rate may be 0 to 1");
}

fn runtime(r: &mut Reader<'_>, s: &mut Observability) {
    let key = "runtime-export-interval";
    let mut pause = SignedDuration::try_from(s.runtime_export_interval).unwrap_or_default();
    r.read(&[key], &mut pause);
    let words = [Profiling::Disabled, Profiling::Enabled].map(|word| (word.as_str(), word));
    let profiling = choice(r, "runtime-profiling", "profile setting", &words);
    s.runtime_profiling = profiling.unwrap_or_default();
    s.runtime_export_interval = not_negative(r, key, pause);
}

fn not_negative(r: &mut Reader<'_>, key: &str, pause: SignedDuration) -> Duration {
    if pause.is_negative() {
        let text = go::quote(&go::duration(pause));
        r.refuse(
            key,
            format!("export interval {text} should be greater than zero"),
        )
        .hint(format!("{key} may be 0 or more"));
    }
    pause.unsigned_abs()
}

fn is_now(key: &str, value: &str) -> String {
    format!("{key} is {}", go::quote(value))
}
