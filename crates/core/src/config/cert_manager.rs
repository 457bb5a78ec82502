//! `config-certmanager`: which issuer signs which certificates.

use serde::Deserialize;

use super::{Data, Errors, Reader, Settings};

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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Issuer {
    /// `ClusterIssuer` or `Issuer`.
    pub kind: String,
    /// Name of the issuer.
    pub name: String,
    /// API group of the issuer; empty for cert-manager's own.
    pub group: String,
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

    fn parse(data: &Data) -> Result<Self, Errors> {
        let mut r = Reader::new(data);
        let settings = Self {
            issuer: issuer(&mut r, "issuerRef"),
            cluster_local_issuer: issuer(&mut r, "clusterLocalIssuerRef"),
            system_internal_issuer: issuer(&mut r, "systemInternalIssuerRef"),
        };
        r.finish(settings)
    }
}

fn issuer(r: &mut Reader<'_>, key: &str) -> Issuer {
    let text = r.raw(key).unwrap_or_default();
    match serde_yaml_ng::from_str::<Option<Issuer>>(text) {
        Ok(issuer) => issuer.unwrap_or_default(),
        Err(cause) => {
            r.refuse(key, cause.to_string());
            Issuer::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test::{accepts, data};

    #[test]
    fn members_left_out_keep_their_defaults() {
        let got = accepts::<CertManager, 1>([("issuerRef", "name: corp-acme")]);
        assert_eq!(
            got.issuer,
            Issuer {
                name: "corp-acme".into(),
                ..Issuer::default()
            }
        );
        assert_eq!(got.cluster_local_issuer, Issuer::default());
    }

    #[test]
    fn other_shapes_are_refused() {
        assert!(CertManager::parse(&data([("issuerRef", "[1, 2]")])).is_err());
    }
}
