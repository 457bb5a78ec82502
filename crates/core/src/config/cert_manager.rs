//! `config-certmanager`: which issuer signs which certificates.

use serde::Deserialize;

use super::Settings;
use super::reader::{Reader, yaml};

/// The settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertManager {
    /// For hosts outside the cluster.
    pub issuer: Issuer,
    /// For hosts inside the cluster.
    pub cluster_local_issuer: Issuer,
    /// Between the parts of the data plane.
    pub system_internal_issuer: Issuer,
}

/// A reference to an issuer of cert-manager. Members that are not written keep their defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// `ClusterIssuer` or `Issuer`.
    pub kind: String,
    /// Name of the issuer.
    pub name: String,
    /// API group of the issuer; empty for cert-manager's own.
    pub group: String,
}

/// An issuer as operators write it.
#[derive(Deserialize)]
#[serde(expecting = "a reference")]
struct Written {
    kind: Option<String>,
    name: Option<String>,
    group: Option<String>,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            kind: "ClusterIssuer".to_owned(),
            name: "knative-selfsigned-issuer".to_owned(),
            group: String::new(),
        }
    }
}

impl Settings for CertManager {
    const NAME: &'static str = "config-certmanager";

    fn read(r: &mut Reader<'_>) -> Self {
        Self {
            issuer: issuer(r, "issuerRef"),
            cluster_local_issuer: issuer(r, "clusterLocalIssuerRef"),
            system_internal_issuer: issuer(r, "systemInternalIssuerRef"),
        }
    }
}

fn issuer(r: &mut Reader<'_>, key: &str) -> Issuer {
    let default = Issuer::default();
    match yaml(r.raw(key).unwrap_or_default()) {
        Ok(None) => default,
        Ok(Some(Written { kind, name, group })) => Issuer {
            kind: kind.unwrap_or(default.kind),
            name: name.unwrap_or(default.name),
            group: group.unwrap_or(default.group),
        },
        Err(cause) => {
            r.refuse(key, cause)
                .hint(format!("{key} must be YAML with kind, name and group"));
            default
        }
    }
}
