//! The environment that the controller gives this container.
//!
//! Everything is read once, before anything starts, and every problem is named
//! in one message: a sidecar that restarts once for each missing variable helps
//! nobody. "Required" means present; a required text may be empty.

use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

use ebb_core::names::ports;
use ebb_net::timeout::Limits;
use ebb_process::log::Level;
use serde::Deserialize;

use crate::readiness::{self, Probe};

/// What clients are told when one of the revision's limits is reached.
const TIMEOUT_MESSAGE: &str = "request timeout";

/// All that this process is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Requests that the user container takes at once; `None` is no limit.
    pub container_concurrency: Option<NonZeroUsize>,
    /// Where requests arrive and how the others reach us.
    pub ports: Ports,
    /// Where the user container listens, on 127.0.0.1.
    pub user_port: NonZeroU16,
    /// The revision's limits.
    pub limits: Limits,
    /// What must succeed for the pod to be ready; empty means always ready.
    pub readiness: Vec<Probe>,
    /// Name of this pod in statistics and logs.
    pub pod: String,
    /// What the pod serves.
    pub revision: Revision,
    /// How much is logged.
    pub log_level: Level,
    /// What is measured and logged for people.
    pub observability: Observability,
}

/// The ports that this process listens on.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Requests, HTTP/1.1 and h2c.
    pub requests: u16,
    /// Drain hook.
    pub admin: u16,
    /// Statistics for the autoscaler.
    pub statistics: u16,
    /// Prometheus metrics, where they are asked for.
    pub metrics: u16,
}

/// Which revision the pod serves, and what that belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revision {
    /// Namespace of all of them.
    pub namespace: String,
    /// The Service, empty if there is none.
    pub service: String,
    /// The Configuration.
    pub configuration: String,
    /// The Revision.
    pub name: String,
}

/// The part of the observability settings that this process acts upon.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Observability {
    /// Metrics about requests.
    #[serde(rename = "requestMetrics")]
    pub request_metrics: Exporter,
    /// Whether each request is to be logged. Not supported yet; a warning says so.
    #[serde(rename = "enableRequestLog")]
    pub enable_request_log: bool,
}

/// Where metrics go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Exporter {
    /// `none` (or empty), `prometheus`, or a push protocol.
    pub protocol: String,
    /// For `prometheus`, the host and port to listen on.
    pub endpoint: String,
}

/// What is wrong with the environment.
#[derive(Debug, thiserror::Error)]
#[error("the environment cannot be used: {}", .0.join("; "))]
pub struct Error(Vec<String>);

/// Reads variables and collects what is wrong with them.
struct Reader<F> {
    get: F,
    problems: Vec<String>,
}

// === impl Settings ===

impl Settings {
    /// Reads the settings through `get`, which returns a variable's value.
    ///
    /// # Errors
    /// All missing and unreadable variables together.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut env = Reader {
            get,
            problems: Vec::new(),
        };
        let seconds = |n: Option<u64>| n.filter(|n| *n > 0).map(Duration::from_secs);

        let concurrency: i64 = env.required("CONTAINER_CONCURRENCY");
        let requests: u16 = env.required("QUEUE_SERVING_PORT");
        let _tls: String = env.required("QUEUE_SERVING_TLS_PORT");
        let user_port: u16 = env.required("USER_PORT");
        let total: u64 = env.required("REVISION_TIMEOUT_SECONDS");
        let response_start = seconds(env.optional("REVISION_RESPONSE_START_TIMEOUT_SECONDS"));
        let idle = seconds(env.optional("REVISION_IDLE_TIMEOUT_SECONDS"));
        let zap: String = env.required("SERVING_LOGGING_CONFIG");
        let level: String = env.required("SERVING_LOGGING_LEVEL");
        let revision = Revision {
            namespace: env.required("SERVING_NAMESPACE"),
            service: env.optional("SERVING_SERVICE").unwrap_or_default(),
            configuration: env.required("SERVING_CONFIGURATION"),
            name: env.required("SERVING_REVISION"),
        };
        let pod: String = env.required("SERVING_POD");
        let _pod_ip: String = env.required("SERVING_POD_IP");
        let _full_duplex: Option<bool> = env.optional("ENABLE_HTTP_FULL_DUPLEX");
        let several: bool = env
            .optional("ENABLE_MULTI_CONTAINER_PROBES")
            .unwrap_or_default();
        let detect_http2: bool = env
            .optional("ENABLE_HTTP2_AUTO_DETECTION")
            .unwrap_or_default();

        let user_port = NonZeroU16::new(user_port).unwrap_or_else(|| {
            env.problems.push("USER_PORT 0 is no port".to_owned());
            NonZeroU16::MIN
        });
        let probes = env.text("SERVING_READINESS_PROBE").unwrap_or_default();
        let readiness = readiness::parse(&probes, several, user_port, detect_http2)
            .unwrap_or_else(|cause| env.wrong("SERVING_READINESS_PROBE", &cause.to_string()));
        let observability = match env.text("OBSERVABILITY_CONFIG").as_deref() {
            None | Some("") => Observability::default(),
            Some(json) => serde_json::from_str(json)
                .unwrap_or_else(|cause| env.wrong("OBSERVABILITY_CONFIG", &cause.to_string())),
        };
        let metrics = observability.request_metrics.port().unwrap_or_else(|| {
            env.wrong(
                "OBSERVABILITY_CONFIG",
                "the endpoint of requestMetrics has no port",
            )
        });

        env.finish(Self {
            container_concurrency: usize::try_from(concurrency)
                .ok()
                .and_then(NonZeroUsize::new),
            ports: Ports {
                requests,
                admin: ports::QUEUE_ADMIN,
                statistics: ports::AUTOSCALING_METRICS,
                metrics,
            },
            user_port,
            limits: Limits {
                total: Duration::from_secs(total),
                response_start,
                idle,
                message: TIMEOUT_MESSAGE,
            },
            readiness,
            pod,
            revision,
            log_level: level
                .parse()
                .ok()
                .or_else(|| Level::from_zap_config(&zap))
                .unwrap_or(Level::Info),
            observability,
        })
    }
}

// === impl Exporter ===

impl Exporter {
    /// Whether metrics are to be read from us.
    pub fn is_prometheus(&self) -> bool {
        self.protocol == "prometheus"
    }

    /// Whether metrics were asked for in a way that is not supported yet.
    pub fn is_unsupported(&self) -> bool {
        !matches!(self.protocol.as_str(), "" | "none" | "prometheus")
    }

    /// The port to listen on, `None` if the endpoint names none.
    fn port(&self) -> Option<u16> {
        if !self.is_prometheus() || self.endpoint.is_empty() {
            return Some(ports::USER_METRICS);
        }
        self.endpoint.rsplit_once(':')?.1.parse().ok()
    }
}

// === impl Reader ===

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn required<T: std::str::FromStr<Err: std::fmt::Display> + Default>(
        &mut self,
        name: &str,
    ) -> T {
        match (self.get)(name) {
            Some(text) => self.parse(name, &text).unwrap_or_default(),
            None => self.wrong(name, "is required"),
        }
    }

    fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name)?;
        if text.is_empty() {
            None
        } else {
            self.parse(name, &text)
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.get)(name)
    }

    fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        name: &str,
        text: &str,
    ) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(cause) => self.wrong(name, &format!("{text:?}: {cause}")),
        }
    }

    /// Notes a problem and goes on with a default that nobody will see.
    fn wrong<T: Default>(&mut self, name: &str, problem: &str) -> T {
        self.problems.push(format!("{name} {problem}"));
        T::default()
    }

    fn finish(self, settings: Settings) -> Result<Settings, Error> {
        if self.problems.is_empty() {
            Ok(settings)
        } else {
            Err(Error(self.problems))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENV: &[(&str, &str)] = &[
        ("CONTAINER_CONCURRENCY", "10"),
        ("QUEUE_SERVING_PORT", "8012"),
        ("QUEUE_SERVING_TLS_PORT", "8112"),
        ("USER_PORT", "8080"),
        ("REVISION_TIMEOUT_SECONDS", "300"),
        ("SERVING_LOGGING_CONFIG", r#"{"level": "warn"}"#),
        ("SERVING_LOGGING_LEVEL", ""),
        ("SERVING_NAMESPACE", "ns"),
        ("SERVING_CONFIGURATION", "hello"),
        ("SERVING_REVISION", "hello-00001"),
        ("SERVING_POD", "hello-00001-deployment-x"),
        ("SERVING_POD_IP", "10.0.0.1"),
    ];

    fn read(changes: &[(&str, Option<&str>)]) -> Result<Settings, Error> {
        Settings::read(|name| {
            let usual = ENV.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
            let change = changes.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
            change.unwrap_or(usual).map(str::to_owned)
        })
    }

    #[test]
    fn the_least_environment_suffices() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.container_concurrency, NonZeroUsize::new(10));
        assert_eq!(settings.limits.total, Duration::from_secs(300));
        assert_eq!(settings.limits.idle, None);
        assert_eq!(settings.log_level, Level::Warn);
        assert!(settings.readiness.is_empty());
        assert_eq!(settings.ports.metrics, 9091);
    }

    #[test]
    fn below_one_is_no_limit() {
        for text in ["0", "-1"] {
            let settings = read(&[("CONTAINER_CONCURRENCY", Some(text))]).unwrap();
            assert_eq!(settings.container_concurrency, None);
        }
    }

    #[test]
    fn zero_seconds_switch_a_limit_off() {
        let settings = read(&[
            ("REVISION_IDLE_TIMEOUT_SECONDS", Some("0")),
            ("REVISION_RESPONSE_START_TIMEOUT_SECONDS", Some("30")),
        ])
        .unwrap();
        assert_eq!(settings.limits.idle, None);
        assert_eq!(
            settings.limits.response_start,
            Some(Duration::from_secs(30))
        );
    }

    #[test]
    fn all_problems_are_named_together() {
        let error = read(&[
            ("USER_PORT", None),
            ("QUEUE_SERVING_PORT", Some("http")),
            ("SERVING_READINESS_PROBE", Some("{")),
            ("OBSERVABILITY_CONFIG", Some("[")),
        ])
        .unwrap_err()
        .to_string();
        for part in [
            "USER_PORT is required",
            "QUEUE_SERVING_PORT \"http\": invalid digit",
            "SERVING_READINESS_PROBE ",
            "OBSERVABILITY_CONFIG ",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn metrics_may_have_a_port_of_their_own() {
        let config =
            r#"{"requestMetrics": {"protocol": "prometheus", "endpoint": "0.0.0.0:9191"}}"#;
        let settings = read(&[("OBSERVABILITY_CONFIG", Some(config))]).unwrap();
        assert!(settings.observability.request_metrics.is_prometheus());
        assert_eq!(settings.ports.metrics, 9191);
    }
}
