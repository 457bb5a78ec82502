//! DomainMapping: a host name of the user's for an addressable object in the same namespace.

mod default;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Conditions, conditions};
use super::meta::{Addressable, object, status};
use super::wire::{is_zero, null_is_empty};

object! {
    /// A Knative DomainMapping (`serving.knative.dev/v1beta1`); its name is the host name.
    DomainMapping, "serving.knative.dev", "v1beta1", "domainmappings", NamespaceResourceScope, DomainMappingSpec, DomainMappingStatus
}

conditions! {
    /// Conditions of a DomainMapping.
    DomainMappingCond { DomainClaimed, ReferenceResolved, IngressReady, CertificateProvisioned } info {}
}

/// Which object the host name stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DomainMappingSpec {
    /// The object.
    #[serde(rename = "ref")]
    pub ref_: Reference,
    /// A certificate of the user's; turns automatic certificates off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<SecretTls>,
}

/// A reference to an addressable object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Reference {
    /// Kind of the object.
    pub kind: String,
    /// Namespace of the object; defaulted to, and the same as, the referrer's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// API version of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Refused by admission.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Picks one of several addresses of the object by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// A TLS Secret in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretTls {
    /// Name of the Secret.
    pub secret_name: String,
}

/// Where the mapping is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DomainMappingStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<DomainMappingCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The same URL as an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Addressable>,
}

status!(DomainMappingStatus, DomainMappingCond);
