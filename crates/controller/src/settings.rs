//! What the controller is told by its command line and its environment.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Reconciles the kinds of Knative Serving.
#[derive(Clone, Debug, Parser)]
#[command(name = "controller", version)]
pub struct Settings {
    /// Kubeconfig to use instead of the pod's service account.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// How long one reconcile may take, in seconds or as a duration such as 30s.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub reconciliation_timeout: Duration,
    /// Namespace of the system.
    #[arg(long, env = "SYSTEM_NAMESPACE", default_value = ebb_core::names::SYSTEM_NAMESPACE)]
    pub system_namespace: String,
    /// Name of this pod, for the identity on Leases.
    #[arg(long, env = "POD_NAME", default_value = "controller")]
    pub pod_name: String,
    /// UID of this pod, for the identity on Leases.
    #[arg(long, env = "POD_UID")]
    pub pod_uid: Option<String>,
    /// DNS domain of the cluster; read from the resolver's configuration when not given.
    #[arg(long, env = "CLUSTER_DOMAIN")]
    pub cluster_domain: Option<String>,
    /// Key of a label that ConfigMaps must carry to be read.
    #[arg(long, env = "SYSTEM_RESOURCE_LABEL")]
    pub system_resource_label: Option<String>,
    /// Oldest API server to work with.
    #[arg(long, env = "KUBERNETES_MIN_VERSION", default_value = "v1.34.0")]
    pub kubernetes_min_version: String,
    #[arg(long, env = "CONFIG_LOGGING_NAME", default_value = "config-logging")]
    pub config_logging_name: String,
    #[arg(
        long,
        env = "CONFIG_OBSERVABILITY_NAME",
        default_value = "config-observability"
    )]
    pub config_observability_name: String,
    #[arg(
        long,
        env = "CONFIG_LEADERELECTION_NAME",
        default_value = "config-leader-election"
    )]
    pub config_leader_election_name: String,
    /// Port of `/health` and `/readiness`.
    #[arg(long, env = "PROBE_PORT", default_value_t = 8080)]
    pub health_port: u16,
    /// Port of `/metrics`.
    #[arg(long, env = "METRICS_PROMETHEUS_PORT", default_value_t = ebb_core::names::ports::METRICS)]
    pub metrics_port: u16,
    /// Port of the profiler, which there is none.
    #[arg(long, env = "PROFILING_PORT", default_value_t = ebb_core::names::ports::PROFILING)]
    pub profiling_port: u16,
}

impl Settings {
    /// A port on all addresses.
    pub(crate) fn address(port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse()
        .map(Duration::from_secs)
        .or_else(|_| ebb_core::config::parse_duration(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_may_be_a_number_or_a_duration() {
        assert_eq!(duration("45"), Ok(Duration::from_secs(45)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert!(duration("soon").is_err());
    }
}
