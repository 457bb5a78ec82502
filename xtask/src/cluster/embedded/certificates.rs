//! One authority for a cluster, and a certificate for everybody in it. Kept as files, since that is what the
//! processes of Kubernetes read.
//!
//! Nothing here expires before the cluster is thrown away: the authority's key never leaves the directory.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use std::io::Write as _;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;

use super::layout::Layout;

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Client,
    Server,
    Both,
}

/// Somebody with a certificate. What Kubernetes allows them follows from user and group.
struct Party {
    /// Name of its files.
    name: &'static str,
    user: &'static str,
    group: Option<&'static str>,
    purpose: Purpose,
    names: Vec<String>,
}

/// Those who get a kubeconfig beside their certificate.
const WITH_KUBECONFIG: &[&str] = &[
    "admin",
    "controller-manager",
    "kubelet",
    "proxy",
    "scheduler",
];

/// Writes the authority, all certificates, the key of service-account tokens and the kubeconfigs.
pub(super) fn issue(layout: &Layout) -> Result<()> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
    ];
    params
        .distinguished_name
        .push(DnType::CommonName, format!("ebb-{}", layout.name));
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);
    write(&layout.pki("ca.crt"), &authority)?;

    for party in parties(layout) {
        let key = KeyPair::generate()?;
        let certificate = party
            .params()?
            .signed_by(&key, &issuer)
            .with_context(|| format!("cannot sign the certificate of {}", party.name))?
            .pem();
        let key = key.serialize_pem();
        write(&layout.pki(&format!("{}.crt", party.name)), &certificate)?;
        write(&layout.pki(&format!("{}.key", party.name)), &key)?;
        if WITH_KUBECONFIG.contains(&party.name) {
            let config = kubeconfig(layout, party.name, &authority, &certificate, &key);
            write(&layout.pki(&format!("{}.kubeconfig", party.name)), &config)?;
            if party.name == "admin" {
                write(&layout.kubeconfig(), &config)?;
            }
        }
    }

    let tokens = KeyPair::generate()?;
    write(&layout.pki("tokens.key"), &tokens.serialize_pem())?;
    write(&layout.pki("tokens.pub"), &tokens.public_key_pem())
}

fn parties(layout: &Layout) -> Vec<Party> {
    let client = |name, user, group| Party {
        name,
        user,
        group,
        purpose: Purpose::Client,
        names: Vec::new(),
    };
    let admins = Some("system:masters");
    let mut api_names: Vec<String> = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "127.0.0.1",
    ]
    .map(str::to_owned)
    .into();
    api_names.push(layout.node().to_string());
    api_names.push(layout.api_service().to_string());
    vec![
        Party {
            name: "apiserver",
            user: "kube-apiserver",
            group: None,
            purpose: Purpose::Server,
            names: api_names,
        },
        Party {
            name: "kubelet",
            user: "system:node:node",
            group: Some("system:nodes"),
            // It is a client of the API server, and serves logs and exec to it.
            purpose: Purpose::Both,
            names: vec!["node".to_owned(), layout.node().to_string()],
        },
        client("admin", "admin", admins),
        client("apiserver-kubelet", "apiserver-kubelet", admins),
        client("controller-manager", "system:kube-controller-manager", None),
        client("front-proxy", "front-proxy", None),
        client("proxy", "system:kube-proxy", None),
        client("scheduler", "system:kube-scheduler", None),
    ]
}

impl Party {
    fn params(&self) -> Result<CertificateParams> {
        let mut params = CertificateParams::new(self.names.clone())?;
        params
            .distinguished_name
            .push(DnType::CommonName, self.user);
        if let Some(group) = self.group {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if self.purpose != Purpose::Server {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        if self.purpose != Purpose::Client {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }
}

/// A kubeconfig that carries its certificates, so that it can be copied. JSON is YAML.
fn kubeconfig(
    layout: &Layout,
    user: &str,
    authority: &str,
    certificate: &str,
    key: &str,
) -> String {
    let cluster = format!("ebb-{}", layout.name);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {
            "server": format!("https://{}:6443", layout.node()),
            "certificate-authority-data": STANDARD.encode(authority),
        }}],
        "users": [{"name": user, "user": {
            "client-certificate-data": STANDARD.encode(certificate),
            "client-key-data": STANDARD.encode(key),
        }}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    });
    format!("{config:#}\n")
}

/// Writes a file that only its owner may read.
fn write(path: &Path, text: &str) -> Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
