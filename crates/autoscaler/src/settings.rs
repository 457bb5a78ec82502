//! What the environment and the command line tell the autoscaler. Read once, at start.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Parser;
use ebb_core::names::{self, ports};
use ebb_runtime::cluster;

/// Where activators, and replicas among themselves, expect the stats endpoint.
const STATS_PORT: u16 = 8080;

/// Decides how many pods each revision of a Knative Serving cluster has.
#[derive(Debug, Parser)]
#[command(name = "autoscaler", version)]
pub struct Args {
    /// The kubeconfig to use instead of KUBECONFIG or the pod's service account.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
}

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `POD_NAME`.
    pub pod_name: String,
    /// `POD_IP`: where the other replicas reach this one.
    pub pod_ip: IpAddr,
    /// `SYSTEM_NAMESPACE`: where the Leases and ConfigMaps live.
    pub system_namespace: String,
    /// `CONFIG_LOGGING_NAME`.
    pub config_logging: String,
    /// `CONFIG_OBSERVABILITY_NAME`.
    pub config_observability: String,
    /// `CONFIG_LEADERELECTION_NAME`.
    pub config_leader_election: String,
    /// `KUBERNETES_MIN_VERSION`.
    pub kubernetes_min_version: String,
    /// Domain of the cluster's Services.
    pub cluster_domain: String,
    /// `STATS_PORT`: stats and kubelet's probes.
    pub stats_port: u16,
    /// `METRICS_PROMETHEUS_PORT`.
    pub metrics_port: u16,
    /// `PROFILING_PORT`.
    pub profiling_port: u16,
}

impl Settings {
    /// Reads settings from `variables`, which gives the value of an environment variable, and the
    /// cluster's domain also from the resolver's configuration.
    ///
    /// # Errors
    /// The first variable that is missing or has no meaning.
    pub fn read(variables: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |name| variables(name).filter(|value| !value.is_empty());
        let or = |name, default: &str| get(name).unwrap_or_else(|| default.to_owned());
        let required = |name| get(name).ok_or(Error::Missing(name));
        let port = |name, default| match get(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| Error::Bad {
                name,
                value,
                wanted: "a port",
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
            system_namespace: or("SYSTEM_NAMESPACE", names::SYSTEM_NAMESPACE),
            config_logging: or("CONFIG_LOGGING_NAME", "config-logging"),
            config_observability: or("CONFIG_OBSERVABILITY_NAME", "config-observability"),
            config_leader_election: or("CONFIG_LEADERELECTION_NAME", "config-leader-election"),
            kubernetes_min_version: or("KUBERNETES_MIN_VERSION", "v1.34.0"),
            cluster_domain: cluster::detect(get("CLUSTER_DOMAIN").as_deref()),
            stats_port: port("STATS_PORT", STATS_PORT)?,
            metrics_port: port("METRICS_PROMETHEUS_PORT", ports::METRICS)?,
            profiling_port: port("PROFILING_PORT", ports::PROFILING)?,
        })
    }

    /// How this replica signs its Leases. Peers read the address out of it, to send it what they
    /// hear about its revisions. It is the same after a restart of the container, which therefore
    /// leads again at once.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{}_{}", self.pod_name, self.pod_ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Error> {
        let find = |name: &str| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(find)
    }

    #[test]
    fn name_and_address_are_enough() {
        let settings = read(&[("POD_NAME", "autoscaler-1"), ("POD_IP", "10.0.0.7")]).unwrap();
        assert_eq!(settings.identity(), "autoscaler-1_10.0.0.7");
        assert_eq!(settings.system_namespace, "knative-serving");
        assert_eq!(settings.kubernetes_min_version, "v1.34.0");
        assert_eq!(settings.metrics_port, 9090);
    }

    #[test]
    fn a_missing_or_bad_variable_is_named() {
        let missing = read(&[("POD_IP", "10.0.0.7"), ("POD_NAME", "")]).unwrap_err();
        assert_eq!(missing.to_string(), "POD_NAME is not set");
        let bad = read(&[("POD_NAME", "a"), ("POD_IP", "here")]).unwrap_err();
        assert_eq!(
            bad.to_string(),
            r#"POD_IP is "here", which is not an IP address"#
        );
    }
}
