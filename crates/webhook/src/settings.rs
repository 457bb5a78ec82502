//! What the environment says about this process.

use ebb_core::config::{LeaderElection, Logging, Observability, Settings as _};
use ebb_core::names::SYSTEM_NAMESPACE;
use ebb_runtime::cluster;

/// The settings; each can be a flag or an environment variable.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "webhook", version, about = "Admits Knative objects")]
pub struct Settings {
    /// Name of the Service that the API server calls; the certificate is made out to it
    #[arg(long, env = "WEBHOOK_NAME")]
    pub name: String,
    /// Port to answer on
    #[arg(long, env = "WEBHOOK_PORT", default_value_t = 8443, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Namespace of the system
    #[arg(long, env = "SYSTEM_NAMESPACE", default_value = SYSTEM_NAMESPACE)]
    pub system_namespace: String,
    /// Name of this pod, for leader election
    #[arg(long, env = "POD_NAME", default_value = "webhook")]
    pub pod_name: String,
    /// UID of this pod, for leader election
    #[arg(long, env = "POD_UID")]
    pub pod_uid: Option<String>,
    /// DNS domain of the cluster; found out from the resolver's configuration if not given
    #[arg(long, env = "CLUSTER_DOMAIN")]
    pub cluster_domain: Option<String>,
    /// ConfigMap with log levels
    #[arg(long, env = "CONFIG_LOGGING_NAME", default_value = Logging::NAME)]
    pub config_logging_name: String,
    /// ConfigMap with metrics and traces
    #[arg(long, env = "CONFIG_OBSERVABILITY_NAME", default_value = Observability::NAME)]
    pub config_observability_name: String,
    /// ConfigMap with leader election
    #[arg(long, env = "CONFIG_LEADERELECTION_NAME", default_value = LeaderElection::NAME)]
    pub config_leader_election_name: String,
    /// Lowest TLS version, 1.2 or 1.3
    #[arg(long, env = "WEBHOOK_TLS_MIN_VERSION", default_value = "")]
    pub tls_min_version: String,
    /// Highest TLS version
    #[arg(long, env = "WEBHOOK_TLS_MAX_VERSION", default_value = "")]
    pub tls_max_version: String,
    /// Cipher suites of TLS 1.2, by IANA name, separated by commas
    #[arg(long, env = "WEBHOOK_TLS_CIPHER_SUITES", default_value = "")]
    pub tls_cipher_suites: String,
    /// Key-exchange groups, separated by commas
    #[arg(long, env = "WEBHOOK_TLS_CURVE_PREFERENCES", default_value = "")]
    pub tls_curve_preferences: String,
    /// Leave the owners of the webhook configurations alone
    #[arg(
        long,
        env = "WEBHOOK_DISABLE_NAMESPACE_OWNERSHIP",
        default_value_t = false
    )]
    pub disable_namespace_ownership: bool,
    /// Key of a label that ConfigMaps must carry to be read
    #[arg(long, env = "SYSTEM_RESOURCE_LABEL")]
    pub system_resource_label: Option<String>,
    /// Oldest API server to work with
    #[arg(long, env = "KUBERNETES_MIN_VERSION", default_value = "v1.34.0")]
    pub kubernetes_min_version: String,
    /// Port of the metrics
    #[arg(long, env = "METRICS_PROMETHEUS_PORT", default_value_t = 9090)]
    pub metrics_port: u16,
    /// Port of the profiles
    #[arg(long, env = "PROFILING_PORT", default_value_t = 8008)]
    pub profiling_port: u16,
}

impl Settings {
    /// The cluster's DNS domain.
    #[must_use]
    pub fn cluster_domain(&self) -> String {
        cluster::detect(self.cluster_domain.as_deref())
    }

    /// Names of ConfigMaps that go by another name here, with the names they stand for.
    #[must_use]
    pub fn renamed_config_maps(&self) -> Vec<(String, &'static str)> {
        vec![
            (self.config_logging_name.clone(), Logging::NAME),
            (self.config_observability_name.clone(), Observability::NAME),
            (
                self.config_leader_election_name.clone(),
                LeaderElection::NAME,
            ),
        ]
    }
}
