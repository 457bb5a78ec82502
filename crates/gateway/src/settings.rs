//! What the environment tells the gateway. Read once, at start.

use std::num::ParseIntError;

use ebb_core::names::SYSTEM_NAMESPACE;

/// The Service of the public listeners, and the one of the private listener. Serving programs placeholder Services
/// with these names, so they are the same in every installation.
pub const PUBLIC_SERVICE: &str = "ebb-gateway";
/// See [`PUBLIC_SERVICE`]. Its ready addresses are the replicas that must agree before an Ingress is Ready.
pub const PRIVATE_SERVICE: &str = "ebb-gateway-internal";

/// A setting that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{name} is {value:?}, which is not a port")]
pub struct Error {
    name: &'static str,
    value: String,
    source: ParseIntError,
}

/// Process settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `POD_NAME`: who holds the lease.
    pub pod_name: String,
    /// `POD_UID`: lets a restarted container keep the lease of its pod.
    pub pod_uid: Option<String>,
    /// `SYSTEM_NAMESPACE`: where lease, ConfigMaps and our own Services are.
    pub system_namespace: String,
    /// `CLUSTER_DOMAIN`; without it the resolver's configuration tells.
    pub cluster_domain: Option<String>,
    /// `CONFIG_LOGGING_NAME`: the ConfigMap that sets the log level.
    pub config_logging: String,
    /// Where to listen.
    pub ports: Ports,
}

/// Where to listen. The manifests know these numbers, so only tests and runs outside of a cluster change them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// `HTTP_PORT`: requests from the world.
    pub http: u16,
    /// `HTTPS_PORT`: the same with TLS.
    pub https: u16,
    /// `INTERNAL_HTTP_PORT`: requests from the cluster.
    pub internal: u16,
    /// `ADMIN_PORT`: probes and ledger; the same on all replicas.
    pub admin: u16,
    /// `METRICS_PORT`.
    pub metrics: u16,
}

impl Settings {
    /// Reads settings from `variables`, which gives the value of an environment variable.
    ///
    /// # Errors
    /// The first variable that has no meaning.
    pub fn read(variables: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |name| variables(name).filter(|value| !value.is_empty());
        let port = |name, default: u16| match get(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|source| Error {
                name,
                value,
                source,
            }),
        };
        Ok(Self {
            pod_name: get("POD_NAME").unwrap_or_else(|| "gateway".to_owned()),
            pod_uid: get("POD_UID"),
            system_namespace: get("SYSTEM_NAMESPACE")
                .unwrap_or_else(|| SYSTEM_NAMESPACE.to_owned()),
            cluster_domain: get("CLUSTER_DOMAIN"),
            config_logging: get("CONFIG_LOGGING_NAME")
                .unwrap_or_else(|| "config-logging".to_owned()),
            ports: Ports {
                http: port("HTTP_PORT", 8080)?,
                https: port("HTTPS_PORT", 8443)?,
                internal: port("INTERNAL_HTTP_PORT", 8081)?,
                admin: port("ADMIN_PORT", 9000)?,
                metrics: port("METRICS_PORT", 9090)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_needs_to_be_set() {
        let settings = Settings::read(|_| None).unwrap();
        assert_eq!(settings.system_namespace, "knative-serving");
        assert_eq!(settings.ports.http, 8080);
    }

    #[test]
    fn a_bad_port_is_named() {
        let error =
            Settings::read(|name| (name == "ADMIN_PORT").then(|| "many".into())).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"ADMIN_PORT is "many", which is not a port"#
        );
    }
}
