//! What Routes and DomainMappings have in common: how annotations and settings shape an Ingress or a Certificate.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::meta::{self, Map};
use crate::api::ingress::HttpOption;
use crate::config::network::{HttpProtocol, Network};
use crate::names::{Key, annotations};

/// Annotations of an Ingress: the class, overlaid by the parent's own.
pub(super) fn ingress_annotations(parent: &ObjectMeta, network: &Network) -> Map {
    classified(parent, annotations::INGRESS_CLASS, &network.ingress_class)
}

/// Annotations of a Certificate: the class, overlaid by the parent's own.
pub(super) fn certificate_annotations(parent: &ObjectMeta, network: &Network) -> Map {
    classified(
        parent,
        annotations::CERTIFICATE_CLASS,
        &network.certificate_class,
    )
}

/// A class is written under its first spelling only, whichever the user chose.
fn classified(parent: &ObjectMeta, key: Key, default: &str) -> Map {
    let own = meta::annotations(parent);
    let class = key.value(own).unwrap_or(default).to_owned();
    let mut all = own.clone();
    all.insert(key.canonical().into(), class);
    all.remove(annotations::LAST_APPLIED);
    for key in [annotations::INGRESS_CLASS, annotations::CERTIFICATE_CLASS] {
        for alias in key.spellings().iter().skip(1) {
            all.remove(*alias);
        }
    }
    all
}

/// What happens to plain HTTP: the parent's word, else the cluster's.
///
/// # Errors
/// The text for the user when the annotation says something else.
pub(super) fn http_option(parent: &ObjectMeta, network: &Network) -> Result<HttpOption, String> {
    let own = annotations::HTTP_PROTOCOL.value(meta::annotations(parent));
    match own.map(str::to_lowercase).as_deref() {
        Some("enabled") => Ok(HttpOption::Enabled),
        Some("redirected") => Ok(HttpOption::Redirected),
        Some(other) => Err(format!("incorrect http-protocol annotation: {other}")),
        None => Ok(match network.http_protocol {
            HttpProtocol::Enabled => HttpOption::Enabled,
            HttpProtocol::Redirected => HttpOption::Redirected,
            HttpProtocol::Disabled => HttpOption::Unset,
        }),
    }
}

/// Whether hosts outside the cluster get certificates. What cannot be read as a boolean leaves them on.
pub(super) fn wants_external_tls(parent: &ObjectMeta, network: &Network) -> bool {
    let disabled = annotations::DISABLE_EXTERNAL_DOMAIN_TLS.value(meta::annotations(parent));
    network.external_domain_tls
        && disabled.is_none_or(|text| crate::go::parse_bool(text) != Ok(true))
}
