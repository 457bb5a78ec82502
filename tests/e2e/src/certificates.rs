//! The certificates of the admission webhook: what is kept, what each replica shows, and what is trusted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;

use crate::cluster::SYSTEM_NAMESPACE;

/// Keys of the Secret.
pub const SERVER_KEY: &str = "server-key.pem";
/// The certificate that is shown.
pub const SERVER_CERT: &str = "server-cert.pem";
/// Who is to be trusted for it.
pub const CA_CERT: &str = "ca-cert.pem";
/// What stands before a key of the certificate that comes next.
pub const NEXT: &str = "next-";
/// The authority of the certificate before.
pub const PREVIOUS_CA: &str = "previous-ca-cert.pem";

/// The name that the API server calls the webhook by.
const HOST: &str = "webhook.knative-serving.svc";
const SECRET: &str = "webhook-certs";
const PORT: u16 = 8443;

/// Certificate, key and authority, as the Secret keeps them.
pub type Data = BTreeMap<String, ByteString>;

/// An authority that makes certificates.
#[derive(Debug)]
pub struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

impl Authority {
    /// A new one, valid for a week.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new() -> Result<Self> {
        let mut params = params(Duration::from_secs(7 * 24 * 3600))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = key()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { params, key, pem })
    }

    /// A certificate for the webhook that is valid for so long from now.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn certificate(&self, validity: Duration) -> Result<Data> {
        let mut params = params(validity)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = key()?;
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer)?;
        let data = [
            (SERVER_KEY, key.serialize_pem()),
            (SERVER_CERT, certificate.pem()),
            (CA_CERT, self.pem.clone()),
        ];
        Ok(data
            .map(|(key, pem)| (key.to_owned(), ByteString(pem.into_bytes())))
            .into())
    }
}

fn key() -> Result<KeyPair> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

fn params(validity: Duration) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![HOST.to_owned()])?;
    let now = rcgen::date_time_ymd(1970, 1, 1) + SystemTime::now().duration_since(UNIX_EPOCH)?;
    params.not_before = now - Duration::from_secs(60);
    params.not_after = now + validity;
    Ok(params)
}

/// What the Secret holds now.
///
/// # Errors
/// If there is none.
pub async fn kept(client: &Client) -> Result<Data> {
    Ok(secrets(client).get(SECRET).await?.data.unwrap_or_default())
}

/// Makes the Secret hold exactly this.
///
/// # Errors
/// If the API server refuses.
pub async fn keep(client: &Client, data: &Data) -> Result<()> {
    // Whatever else there is goes.
    let mut patch: BTreeMap<_, _> = kept(client)
        .await?
        .into_keys()
        .map(|key| (key, Value::Null))
        .collect();
    for (key, value) in data {
        patch.insert(key.clone(), json!(value));
    }
    change(client, json!({"data": patch})).await
}

/// Changes the Secret in a way that means nothing, so that whoever keeps it looks at it.
///
/// # Errors
/// If the API server refuses.
pub async fn touch(client: &Client) -> Result<()> {
    let at = SystemTime::now()
        .duration_since(UNIX_EPOCH)?
        .as_nanos()
        .to_string();
    change(
        client,
        json!({"metadata": {"annotations": {"e2e.ebb/touched": at}}}),
    )
    .await?;
    change(
        client,
        json!({"metadata": {"annotations": {"e2e.ebb/touched": null}}}),
    )
    .await
}

async fn change(client: &Client, patch: Value) -> Result<()> {
    secrets(client)
        .patch(SECRET, &PatchParams::default(), &Patch::Merge(patch))
        .await?;
    Ok(())
}

fn secrets(client: &Client) -> Api<Secret> {
    Api::namespaced(client.clone(), SYSTEM_NAMESPACE)
}

/// The certificate that a replica shows to a client that trusts `authorities` and calls it as the API server does.
///
/// # Errors
/// If it cannot be reached, or is not trusted.
pub async fn shown(
    client: &Client,
    pod: &str,
    authorities: &ByteString,
) -> Result<CertificateDer<'static>> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(&authorities.0) {
        roots.add(authority?)?;
    }
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
    let mut forward = Api::<Pod>::namespaced(client.clone(), SYSTEM_NAMESPACE)
        .portforward(pod, &[PORT])
        .await?;
    let stream = forward
        .take_stream(PORT)
        .context("the port is not forwarded")?;
    let connection = TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(HOST)?, stream)
        .await
        .with_context(|| format!("pod {pod} is not trusted"))?;
    let chain = connection
        .get_ref()
        .1
        .peer_certificates()
        .unwrap_or_default();
    Ok(chain.first().context("no certificate was shown")?.clone())
}

/// The certificate in a Secret's data, as it is shown.
///
/// # Errors
/// If there is none.
pub fn certificate(data: &Data) -> Result<CertificateDer<'static>> {
    let pem = data.get(SERVER_CERT).context("no certificate is kept")?;
    Ok(CertificateDer::from_pem_slice(&pem.0)?)
}

/// The webhook configurations, by name: each with what its entry trusts.
///
/// # Errors
/// If the API server does not answer, or one of them trusts nobody.
pub async fn configurations(client: &Client) -> Result<BTreeMap<String, (Value, ByteString)>> {
    let mut all = Vec::new();
    let ours = ListParams::default().labels("app.kubernetes.io/name=knative-serving");
    for found in Api::<MutatingWebhookConfiguration>::all(client.clone())
        .list(&ours)
        .await?
    {
        all.push(serde_json::to_value(found)?);
    }
    for found in Api::<ValidatingWebhookConfiguration>::all(client.clone())
        .list(&ours)
        .await?
    {
        all.push(serde_json::to_value(found)?);
    }
    ensure!(all.len() == 3, "{} webhook configurations", all.len());
    all.into_iter()
        .map(|mut one| {
            let name = one["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let bundle = one["webhooks"][0]["clientConfig"]["caBundle"].take();
            let bundle =
                serde_json::from_value(bundle).with_context(|| format!("{name} trusts nobody"))?;
            for changing in ["generation", "managedFields", "resourceVersion"] {
                if let Some(meta) = one["metadata"].as_object_mut() {
                    meta.remove(changing);
                }
            }
            Ok((name, (one, bundle)))
        })
        .collect()
}

/// Whether a bundle has this authority in it.
#[must_use]
pub fn trusts(bundle: &ByteString, authority: &ByteString) -> bool {
    bundle
        .0
        .windows(authority.0.len())
        .any(|part| part == authority.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_kept_under_the_keys_that_the_webhook_reads() {
        let data = Authority::new()
            .unwrap()
            .certificate(Duration::from_secs(60))
            .unwrap();
        assert_eq!(
            data.keys().collect::<Vec<_>>(),
            [CA_CERT, SERVER_CERT, SERVER_KEY]
        );
        certificate(&data).unwrap();
        assert!(trusts(&data[CA_CERT], &data[CA_CERT]));
        assert!(!trusts(&data[CA_CERT], &data[SERVER_CERT]));
    }
}
