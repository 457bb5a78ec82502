//! What the environment tells the activator. Read once, at start.

use std::net::IpAddr;
use std::time::Duration;

use ebb_core::config::parse_duration;
use ebb_core::names::ports;

/// Idle connections kept to one pod.
const IDLE_CONNECTIONS: usize = 100;
/// How long an address that does not answer is probed before the pace slows down.
const PROBE_TIMEOUT: Duration = Duration::from_millis(300);
/// Pace at which addresses are probed that have not answered for long.
const PROBE_FREQUENCY: Duration = Duration::from_millis(200);

/// A setting that is missing or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is required.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// It has no meaning.
    #[error("{name} is {value:?}, which is not {wanted}")]
    Bad {
        /// Name of the variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
}

/// Process settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `POD_NAME`: who reports to the autoscaler.
    pub pod_name: String,
    /// `POD_IP`: where we are in the list of activators.
    pub pod_ip: IpAddr,
    /// `SYSTEM_NAMESPACE`: where the autoscaler and the ConfigMaps live.
    pub system_namespace: String,
    /// `MAX_IDLE_PROXY_CONNS_PER_HOST`.
    pub idle_connections: usize,
    /// `PROBE_TIMEOUT`.
    pub probe_timeout: Duration,
    /// `PROBE_FREQUENCY`.
    pub probe_frequency: Duration,
    /// `CONFIG_LOGGING_NAME`.
    pub config_logging: String,
    /// `CONFIG_OBSERVABILITY_NAME`.
    pub config_observability: String,
    /// `KUBERNETES_MIN_VERSION`.
    pub kubernetes_min_version: String,
    /// `METRICS_PROMETHEUS_PORT`.
    pub metrics_port: u16,
    /// `PROFILING_PORT`.
    pub profiling_port: u16,
    /// `CLUSTER_DOMAIN`; without it the resolver's configuration tells.
    pub cluster_domain: Option<String>,
}

impl Settings {
    /// Reads settings from `variables`, which gives the value of an environment variable.
    ///
    /// # Errors
    /// The first variable that is missing or has no meaning.
    pub fn read(variables: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |name: &'static str| variables(name).filter(|value| !value.is_empty());
        let or = |name, default: &str| get(name).unwrap_or_else(|| default.to_owned());
        let required = |name| get(name).ok_or(Error::Missing(name));
        let time = |name, default| match get(name) {
            None => Ok(default),
            Some(value) => parse_duration(&value).map_err(|_| Error::Bad {
                name,
                value,
                wanted: "a duration",
            }),
        };
        let pod_ip = required("POD_IP")?;
        let pod_ip = pod_ip.parse().map_err(|_| Error::Bad {
            name: "POD_IP",
            value: pod_ip,
            wanted: "an IP address",
        })?;
        Ok(Self {
            pod_name: required("POD_NAME")?,
            pod_ip,
            system_namespace: required("SYSTEM_NAMESPACE")?,
            idle_connections: number(get, "MAX_IDLE_PROXY_CONNS_PER_HOST", IDLE_CONNECTIONS)?,
            probe_timeout: time("PROBE_TIMEOUT", PROBE_TIMEOUT)?,
            probe_frequency: time("PROBE_FREQUENCY", PROBE_FREQUENCY)?,
            config_logging: or("CONFIG_LOGGING_NAME", "config-logging"),
            config_observability: or("CONFIG_OBSERVABILITY_NAME", "config-observability"),
            kubernetes_min_version: or("KUBERNETES_MIN_VERSION", "v1.34.0"),
            metrics_port: number(get, "METRICS_PROMETHEUS_PORT", ports::METRICS)?,
            profiling_port: number(get, "PROFILING_PORT", ports::PROFILING)?,
            cluster_domain: get("CLUSTER_DOMAIN"),
        })
    }
}

fn number<N: std::str::FromStr>(
    get: impl Fn(&'static str) -> Option<String>,
    name: &'static str,
    default: N,
) -> Result<N, Error> {
    let wanted = "a number in range";
    match get(name) {
        None => Ok(default),
        Some(value) => value.parse().map_err(|_| Error::Bad {
            name,
            value,
            wanted,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::read(|name| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const REQUIRED: [(&str, &str); 3] = [
        ("POD_NAME", "activator-1"),
        ("POD_IP", "10.0.0.1"),
        ("SYSTEM_NAMESPACE", "ns"),
    ];

    #[test]
    fn the_stock_manifest_is_enough() {
        let settings = read(&REQUIRED).unwrap();
        assert_eq!(settings.idle_connections, 100);
        assert_eq!(settings.probe_timeout, Duration::from_millis(300));
        assert_eq!(settings.config_logging, "config-logging");
        assert_eq!(settings.config_observability, "config-observability");
        assert_eq!(settings.kubernetes_min_version, "v1.34.0");
    }

    #[test]
    fn a_missing_or_bad_variable_is_named() {
        assert_eq!(
            read(&REQUIRED[..2]).unwrap_err().to_string(),
            "SYSTEM_NAMESPACE is not set"
        );
        let bad = [&REQUIRED[..], &[("PROBE_TIMEOUT", "soon")]].concat();
        let text = r#"PROBE_TIMEOUT is "soon", which is not a duration"#;
        assert_eq!(read(&bad).unwrap_err().to_string(), text);
    }
}
