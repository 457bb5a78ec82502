//! The serving certificate and its authority: made, read, and checked for whether they still do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;

/// Key of the private key in the Secret, PKCS#8 in PEM.
pub(crate) const SERVER_KEY: &str = "server-key.pem";
/// Key of the certificate in the Secret.
pub(crate) const SERVER_CERT: &str = "server-cert.pem";
/// Key of the authority's certificate in the Secret.
pub(crate) const CA_CERT: &str = "ca-cert.pem";

/// How long a new certificate is valid.
const VALIDITY: Duration = Duration::from_secs(7 * 24 * 3600);
/// A certificate that expires within this time is replaced.
pub(crate) const RENEWAL: Duration = Duration::from_secs(24 * 3600);
/// New certificates are valid from a little earlier, for clocks that are behind.
const SKEW: Duration = Duration::from_secs(300);

/// Why a certificate cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("Secret has no {0}")]
    Missing(&'static str),
    #[error("{0} is not PEM")]
    Pem(&'static str, #[source] rustls::pki_types::pem::Error),
    #[error("key and certificate do not belong together")]
    Pair(#[source] rustls::Error),
    #[error("certificate is not trusted")]
    Untrusted(#[source] webpki::Error),
    #[error("{0:?} is not a host name")]
    Name(String),
    #[error("cannot make a certificate")]
    Make(#[source] rcgen::Error),
}

/// The names that the API server may call the webhook by; the third one is what it does.
pub(crate) fn host_names(service: &str, namespace: &str, cluster_domain: &str) -> Vec<String> {
    vec![
        service.to_owned(),
        format!("{service}.{namespace}"),
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.{cluster_domain}"),
    ]
}

/// Makes an authority and a certificate for these names, as the data of the Secret.
pub(crate) fn make(
    names: &[String],
    now: SystemTime,
) -> Result<BTreeMap<String, ByteString>, Error> {
    let common_name = names.get(2).or(names.first()).cloned().unwrap_or_default();
    let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Make);
    let params = || -> Result<CertificateParams, Error> {
        let mut params = CertificateParams::new(names.to_vec()).map_err(Error::Make)?;
        params
            .distinguished_name
            .push(DnType::OrganizationName, "knative.dev");
        params
            .distinguished_name
            .push(DnType::CommonName, common_name.clone());
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        params.not_before = epoch + now.saturating_sub(SKEW);
        params.not_after = epoch + now + VALIDITY;
        Ok(params)
    };

    let ca_key = key()?;
    let mut ca = params()?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    ca.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let ca_cert = ca.self_signed(&ca_key).map_err(Error::Make)?;

    let server_key = key()?;
    let mut server = params()?;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let issuer = Issuer::from_params(&ca, &ca_key);
    let server_cert = server
        .signed_by(&server_key, &issuer)
        .map_err(Error::Make)?;

    let text = |text: String| ByteString(text.into_bytes());
    Ok(BTreeMap::from([
        (SERVER_KEY.to_owned(), text(server_key.serialize_pem())),
        (SERVER_CERT.to_owned(), text(server_cert.pem())),
        (CA_CERT.to_owned(), text(ca_cert.pem())),
    ]))
}

/// The authority in PEM, for the webhook configurations.
pub(crate) fn authority(secret: &Secret) -> Option<&ByteString> {
    secret
        .data
        .as_ref()?
        .get(CA_CERT)
        .filter(|pem| !pem.0.is_empty())
}

/// Reads the pair to serve with.
pub(crate) fn pair(secret: &Secret) -> Result<Arc<CertifiedKey>, Error> {
    let key = PrivateKeyDer::from_pem_slice(entry(secret, SERVER_KEY)?)
        .map_err(|e| Error::Pem(SERVER_KEY, e))?;
    let chain = certificates(secret, SERVER_CERT)?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map(Arc::new)
        .map_err(Error::Pair)
}

/// Checks that the Secret's certificate will be trusted at a time, for the name the API server uses.
pub(crate) fn check(secret: &Secret, host: &str, at: SystemTime) -> Result<(), Error> {
    let pair = pair(secret)?;
    let authorities = certificates(secret, CA_CERT)?;
    let authority = authorities.first().ok_or(Error::Missing(CA_CERT))?;
    let anchor = webpki::anchor_from_trusted_cert(authority).map_err(Error::Untrusted)?;
    let own = pair.cert.first().ok_or(Error::Missing(SERVER_CERT))?;
    let certificate = webpki::EndEntityCert::try_from(own).map_err(Error::Untrusted)?;
    let at = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap_or_default());
    certificate
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            &[],
            at,
            webpki::KeyUsage::server_auth(),
            None,
            None,
        )
        .map_err(Error::Untrusted)?;
    let name = ServerName::try_from(host).map_err(|_| Error::Name(host.to_owned()))?;
    certificate
        .verify_is_valid_for_subject_name(&name)
        .map_err(Error::Untrusted)
}

fn entry<'a>(secret: &'a Secret, key: &'static str) -> Result<&'a [u8], Error> {
    let data = secret.data.as_ref().and_then(|data| data.get(key));
    data.map(|bytes| bytes.0.as_slice())
        .filter(|bytes| !bytes.is_empty())
        .ok_or(Error::Missing(key))
}

fn certificates(secret: &Secret, key: &'static str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(entry(secret, key)?).collect();
    let list = list.map_err(|e| Error::Pem(key, e))?;
    if list.is_empty() {
        Err(Error::Missing(key))
    } else {
        Ok(list)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const HOST: &str = "webhook.knative-serving.svc";

    pub(crate) fn secret(now: SystemTime) -> Secret {
        let data = make(
            &host_names("webhook", "knative-serving", "cluster.local"),
            now,
        )
        .unwrap();
        Secret {
            data: Some(data),
            ..Default::default()
        }
    }

    #[test]
    fn a_new_certificate_is_trusted_for_the_name_that_is_called() {
        let now = SystemTime::now();
        let secret = secret(now);
        check(&secret, HOST, now).unwrap();
        check(&secret, "webhook.knative-serving.svc.cluster.local", now).unwrap();
        assert!(matches!(
            check(&secret, "elsewhere.example.org", now),
            Err(Error::Untrusted(_))
        ));
    }

    #[test]
    fn it_lasts_a_week_and_is_renewed_a_day_before() {
        let now = SystemTime::now();
        let day = Duration::from_secs(24 * 3600);
        let secret = secret(now);
        check(&secret, HOST, now + 5 * day + RENEWAL).unwrap();
        assert!(check(&secret, HOST, now + 7 * day + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn a_foreign_authority_or_key_is_noticed() {
        let now = SystemTime::now();
        let (mut own, other) = (secret(now), secret(now));
        let swap = |secret: &mut Secret, key: &str| {
            let from = other.data.as_ref().unwrap()[key].clone();
            secret.data.as_mut().unwrap().insert(key.to_owned(), from);
        };
        swap(&mut own, CA_CERT);
        assert!(matches!(check(&own, HOST, now), Err(Error::Untrusted(_))));
        swap(&mut own, SERVER_KEY);
        assert!(matches!(pair(&own), Err(Error::Pair(_))));
    }

    #[test]
    fn an_empty_or_broken_secret_has_no_pair() {
        assert!(matches!(
            pair(&Secret::default()),
            Err(Error::Missing(SERVER_KEY))
        ));
        let mut broken = secret(SystemTime::now());
        broken
            .data
            .as_mut()
            .unwrap()
            .insert(SERVER_KEY.to_owned(), ByteString(b"nonsense".to_vec()));
        assert!(matches!(pair(&broken), Err(Error::Pem(SERVER_KEY, _))));
    }
}
