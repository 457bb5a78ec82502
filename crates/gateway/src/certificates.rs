//! The certificates of the public TLS listener: from Secrets that Ingresses name to a choice by server name.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ebb_core::routing::host::{HostMap, normalize};
use ebb_core::routing::tls::{Certificate, wildcard};
use ebb_runtime::{Cache, Key};
use k8s_openapi::api::core::v1::Secret;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Why a Secret cannot be served from.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A member is missing.
    #[error("the Secret has no {0}")]
    Missing(&'static str),
    /// A member is no PEM, or of the wrong kind.
    #[error("{0} of the Secret cannot be read")]
    Unreadable(&'static str, #[source] rustls::pki_types::pem::Error),
    /// Certificate and key do not fit each other, or the key is of no known kind.
    #[error("the Secret's certificate and key cannot be used")]
    Unusable(#[source] rustls::Error),
}

/// Chooses the certificate of a handshake; shared with the listener.
#[derive(Debug, Default)]
pub struct ByName(ArcSwap<Names>);

type Names = HostMap<Arc<CertifiedKey>>;

/// Which certificates are needed, and which of them are loaded.
#[derive(Debug, Default)]
pub struct Certificates {
    wanted: HashMap<Key, Vec<Certificate>>,
    /// Ingresses by Secret.
    users: HashMap<Key, BTreeSet<Key>>,
    loaded: HashMap<Key, Arc<CertifiedKey>>,
    served: Arc<ByName>,
}

// === impl Certificates ===

impl Certificates {
    /// What the listener chooses from.
    pub fn by_name(&self) -> Arc<ByName> {
        self.served.clone()
    }

    /// Says what an Ingress needs from now on.
    pub fn set(&mut self, ingress: &Key, certificates: Vec<Certificate>, secrets: &Cache<Secret>) {
        let old = match certificates.is_empty() {
            true => self.wanted.remove(ingress),
            false => self.wanted.insert(ingress.clone(), certificates),
        };
        let new = self
            .wanted
            .get(ingress)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if old.as_deref().unwrap_or_default() == new {
            return;
        }
        let new: Vec<Key> = new.iter().map(secret_of).collect();
        for secret in old.iter().flatten().map(secret_of) {
            if let Some(users) = self.users.get_mut(&secret) {
                users.remove(ingress);
                if users.is_empty() {
                    self.users.remove(&secret);
                    self.loaded.remove(&secret);
                }
            }
        }
        for secret in new {
            if self
                .users
                .entry(secret.clone())
                .or_default()
                .insert(ingress.clone())
            {
                self.load(&secret, secrets);
            }
        }
        self.publish();
    }

    /// Looks at a Secret anew. Returns the Ingresses that need it.
    pub fn refresh(&mut self, secret: &Key, secrets: &Cache<Secret>) -> BTreeSet<Key> {
        let Some(users) = self.users.get(secret).cloned() else {
            return BTreeSet::new();
        };
        self.load(secret, secrets);
        self.publish();
        users
    }

    /// Whether all that an Ingress needs is there.
    pub fn are_loaded(&self, ingress: &Key) -> bool {
        let wanted = self
            .wanted
            .get(ingress)
            .map(Vec::as_slice)
            .unwrap_or_default();
        wanted
            .iter()
            .all(|certificate| self.loaded.contains_key(&secret_of(certificate)))
    }

    /// A Secret that is gone or broken leaves what was loaded before in service: better an old certificate than none.
    fn load(&mut self, key: &Key, secrets: &Cache<Secret>) {
        let Some(secret) = secrets.by_key(key) else {
            return;
        };
        match parse(&secret) {
            Ok(certificate) => {
                self.loaded.insert(key.clone(), Arc::new(certificate));
            }
            Err(error) => {
                let error = ebb_process::log::Chain(&error);
                tracing::warn!(secret = %key, %error, "certificate cannot be served");
            }
        }
    }

    /// Builds the choice anew; a thousand names take less than a millisecond.
    fn publish(&self) {
        let mut names = Names::default();
        for certificate in self.wanted.values().flatten() {
            if let Some(loaded) = self.loaded.get(&secret_of(certificate)) {
                for host in &certificate.hosts {
                    names.insert(host.clone(), loaded.clone());
                }
            }
        }
        self.served.0.store(Arc::new(names));
    }
}

fn secret_of(certificate: &Certificate) -> Key {
    Key::new(&certificate.namespace, &certificate.secret)
}

/// Reads certificate chain and key out of a Secret.
///
/// # Errors
/// When they are missing, no PEM, or do not fit each other.
pub fn parse(secret: &Secret) -> Result<CertifiedKey, Error> {
    let member = |name| {
        let data = secret.data.as_ref().and_then(|data| data.get(name));
        data.map(|bytes| bytes.0.as_slice())
            .ok_or(Error::Missing(name))
    };
    let chain = CertificateDer::pem_slice_iter(member("tls.crt")?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| Error::Unreadable("tls.crt", cause))?;
    if chain.is_empty() {
        return Err(Error::Missing("tls.crt"));
    }
    let key = PrivateKeyDer::from_pem_slice(member("tls.key")?)
        .map_err(|cause| Error::Unreadable("tls.key", cause))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(Error::Unusable)
}

// === impl ByName ===

impl ByName {
    /// The certificate for a server name: its own, else that of the wildcard above it.
    pub fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let names = self.0.load();
        let name = normalize(name);
        let found = names.get(&name).or_else(|| names.get(&wildcard(&name)?));
        found.cloned()
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name()?)
    }
}
