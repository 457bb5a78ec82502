//! Certificate: a request for a TLS Secret.

#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Conditions, conditions};
use super::meta::{object, status};
use super::wire::{is_zero, null_is_empty};

object! {
    /// A Knative Certificate (`networking.internal.knative.dev/v1alpha1`).
    Certificate, "networking.internal.knative.dev", "v1alpha1", "certificates", NamespaceResourceScope, CertificateSpec, CertificateStatus
}

conditions! {
    /// Conditions of a Certificate: `Ready` alone, written directly.
    CertificateCond {} info { Renewing }
}

/// The names wanted and the Secret to put them into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateSpec {
    /// The names; wildcards are allowed.
    #[serde(deserialize_with = "null_is_empty")]
    pub dns_names: Vec<String>,
    /// The base domain, used to shorten a common name that is too long.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Name of the Secret.
    pub secret_name: String,
}

/// What became of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<CertificateCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// When the certificate expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Time>,
    /// Challenges that the networking layer has to route.
    #[serde(
        rename = "http01Challenges",
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub http01_challenges: Vec<Http01Challenge>,
}

status!(CertificateStatus, CertificateCond);

/// A URL under which an authority looks for proof, and the Service that has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Http01Challenge {
    /// The URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Name of the Service.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// Namespace of the Service.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_namespace: String,
    /// Port of the Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_port: Option<IntOrString>,
}
