//! TLS: versions and ciphers from the environment, the certificate from whatever was read last.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use crate::settings::Settings;

/// A TLS parameter that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("TLS version {0:?} is not one of 1.2, 1.3")]
    Version(String),
    #[error("the lowest TLS version is above the highest")]
    Versions,
    #[error("cipher suite {0:?} is not known")]
    Suite(String),
    #[error("key-exchange group {0:?} is not known")]
    Group(String),
    #[error("TLS parameters do not fit together")]
    Unusable(#[source] rustls::Error),
}

/// What may be negotiated.
#[derive(Debug)]
pub(crate) struct Parameters {
    versions: Vec<&'static SupportedProtocolVersion>,
    suites: Vec<SupportedCipherSuite>,
    groups: Vec<&'static dyn SupportedKxGroup>,
}

/// The certificate that is shown, looked up at every handshake; without one the handshake fails.
#[derive(Debug, Default)]
pub(crate) struct Shown(ArcSwapOption<CertifiedKey>);

impl Shown {
    /// Shows this one from now on.
    pub(crate) fn set(&self, pair: Option<Arc<CertifiedKey>>) {
        self.0.store(pair);
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

impl Parameters {
    pub(crate) fn of(settings: &Settings) -> Result<Self, Error> {
        let known = ring::default_provider();
        let (low, high) = (
            version(&settings.tls_min_version)?,
            version(&settings.tls_max_version)?,
        );
        if low > high {
            return Err(Error::Versions);
        }
        let versions = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
        Ok(Self {
            versions: versions
                .into_iter()
                .filter(|(v, _)| (low..=high).contains(v))
                .map(|(_, v)| v)
                .collect(),
            suites: suites(&settings.tls_cipher_suites, &known)?,
            groups: groups(&settings.tls_curve_preferences, &known)?,
        })
    }

    /// HTTP/1.1 only: the API server multiplexes nothing here, and streams are a way to be flooded.
    pub(crate) fn server_config(self, shown: Arc<Shown>) -> Result<Arc<ServerConfig>, Error> {
        let Self {
            versions,
            suites,
            groups,
        } = self;
        let provider = CryptoProvider {
            cipher_suites: suites,
            kx_groups: groups,
            ..ring::default_provider()
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions)
            .map_err(Error::Unusable)?
            .with_no_client_auth()
            .with_cert_resolver(shown);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// The minor version; 1.3 unless told otherwise.
fn version(text: &str) -> Result<u8, Error> {
    match text {
        "1.2" => Ok(2),
        "" | "1.3" => Ok(3),
        other => Err(Error::Version(other.to_owned())),
    }
}

/// Only suites of TLS 1.2 can be chosen; those of 1.3 stay.
fn suites(list: &str, known: &CryptoProvider) -> Result<Vec<SupportedCipherSuite>, Error> {
    if list.trim().is_empty() {
        return Ok(known.cipher_suites.clone());
    }
    let is_13 = |suite: &&SupportedCipherSuite| suite.tls13().is_some();
    let mut chosen: Vec<_> = known.cipher_suites.iter().filter(is_13).copied().collect();
    for name in list.split(',').map(str::trim) {
        // IANA writes TLS_ECDHE_RSA_WITH_…, and so does the library.
        let named = |suite: &&SupportedCipherSuite| suite.suite().as_str() == Some(name);
        chosen.push(
            *known
                .cipher_suites
                .iter()
                .find(named)
                .ok_or_else(|| Error::Suite(name.to_owned()))?,
        );
    }
    Ok(chosen)
}

fn groups(list: &str, known: &CryptoProvider) -> Result<Vec<&'static dyn SupportedKxGroup>, Error> {
    if list.trim().is_empty() {
        return Ok(known.kx_groups.clone());
    }
    let mut chosen = Vec::new();
    for name in list.split(',').map(str::trim) {
        match name {
            "X25519" => chosen.push(ring::kx_group::X25519),
            "CurveP256" | "P-256" => chosen.push(ring::kx_group::SECP256R1),
            "CurveP384" | "P-384" => chosen.push(ring::kx_group::SECP384R1),
            // Known to upstream but not to our library; clients offer others beside them.
            "X25519MLKEM768" | "CurveP521" | "P-521" => {
                tracing::warn!(
                    group = name,
                    "key-exchange group is left out: not supported"
                );
            }
            other => return Err(Error::Group(other.to_owned())),
        }
    }
    if chosen.is_empty() {
        Ok(known.kx_groups.clone())
    } else {
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn with(flags: &[&str]) -> Result<Parameters, Error> {
        let flags = ["webhook", "--name", "webhook"].iter().chain(flags);
        Parameters::of(&Settings::parse_from(flags))
    }

    #[test]
    fn only_tls_13_unless_told_otherwise() {
        assert_eq!(with(&[]).unwrap().versions, [&rustls::version::TLS13]);
        assert_eq!(
            with(&["--tls-min-version", "1.2"]).unwrap().versions.len(),
            2
        );
        assert_eq!(
            with(&["--tls-min-version", "1.2", "--tls-max-version", "1.2"])
                .unwrap()
                .versions,
            [&rustls::version::TLS12]
        );
    }

    #[test]
    fn what_is_not_known_ends_the_process() {
        assert!(matches!(
            with(&["--tls-min-version", "1.1"]),
            Err(Error::Version(_))
        ));
        assert!(matches!(
            with(&["--tls-max-version", "1.2"]),
            Err(Error::Versions)
        ));
        assert!(matches!(
            with(&["--tls-cipher-suites", "ROT13"]),
            Err(Error::Suite(_))
        ));
        assert!(matches!(
            with(&["--tls-curve-preferences", "X25519,x"]),
            Err(Error::Group(_))
        ));
    }

    #[test]
    fn lists_choose() {
        let chosen = with(&[
            "--tls-cipher-suites",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ])
        .unwrap();
        assert_eq!(
            chosen.suites.iter().filter(|s| s.tls13().is_none()).count(),
            1
        );
        assert_eq!(
            with(&["--tls-curve-preferences", "P-256, X25519MLKEM768"])
                .unwrap()
                .groups
                .len(),
            1
        );
    }
}
