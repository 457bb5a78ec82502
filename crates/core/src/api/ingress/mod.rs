//! Ingress: the contract between Serving and a networking layer.

mod default;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Conditions, conditions};
use super::meta::{object, status};
use super::text::text_enum;
use super::wire::{is_zero, null_is_empty};

pub(crate) use default::fill_in;

object! {
    /// A Knative Ingress (`networking.internal.knative.dev/v1alpha1`).
    Ingress, "networking.internal.knative.dev", "v1alpha1", "ingresses", NamespaceResourceScope, IngressSpec, IngressStatus
}

conditions! {
    /// Conditions of an Ingress.
    IngressCond { NetworkConfigured, LoadBalancerReady } info {}
}

text_enum! {
    /// Who may reach a rule.
    pub enum Visibility {
        /// Not given, which means `ExternalIP`.
        Unset = "",
        /// Reached from outside the cluster.
        ExternalIP = "ExternalIP",
        /// Reached from inside the cluster only.
        ClusterLocal = "ClusterLocal",
    }
}

text_enum! {
    /// What plain HTTP on a public rule gets.
    pub enum HttpOption {
        /// Not given, which means `Enabled`.
        Unset = "",
        /// It is served.
        Enabled = "Enabled",
        /// It is answered 301 to HTTPS.
        Redirected = "Redirected",
    }
}

/// Hosts, paths and where they lead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressSpec {
    /// Certificates by host.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tls: Vec<IngressTls>,
    /// The rules; admission wants at least one.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub rules: Vec<IngressRule>,
    /// What plain HTTP gets.
    #[serde(skip_serializing_if = "HttpOption::is_empty")]
    pub http_option: HttpOption,
}

/// A certificate for some of the hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressTls {
    /// The hosts.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub hosts: Vec<String>,
    /// Name of the TLS Secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub secret_name: String,
    /// Namespace of the TLS Secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub secret_namespace: String,
}

/// Hosts that share their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressRule {
    /// The hosts.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub hosts: Vec<String>,
    /// Who may reach them.
    #[serde(skip_serializing_if = "Visibility::is_empty")]
    pub visibility: Visibility,
    /// Where they lead; admission wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpRule>,
}

/// The paths of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRule {
    /// The paths; the more specific one wins.
    #[serde(deserialize_with = "null_is_empty")]
    pub paths: Vec<HttpPath>,
}

/// A path prefix with optional headers, and where it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpPath {
    /// The prefix; empty takes all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The host that the request carries onwards.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rewrite_host: String,
    /// Headers that must all match.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub headers: BTreeMap<String, HeaderMatch>,
    /// Where requests go, in shares.
    #[serde(deserialize_with = "null_is_empty")]
    pub splits: Vec<IngressSplit>,
    /// Headers set on each request of this path.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub append_headers: BTreeMap<String, String>,
}

/// A header's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HeaderMatch {
    /// The whole value.
    pub exact: String,
}

/// A Service and its share of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressSplit {
    /// Namespace of the Service, the same as the Ingress's.
    pub service_namespace: String,
    /// Name of the Service.
    pub service_name: String,
    /// Port of the Service, by number or name.
    pub service_port: IntOrString,
    /// Share in percent; a single split left at 0 gets everything.
    #[serde(skip_serializing_if = "is_zero")]
    pub percent: i64,
    /// Headers set on each request of this share.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub append_headers: BTreeMap<String, String>,
}

impl Default for IngressSplit {
    fn default() -> Self {
        Self {
            service_namespace: String::new(),
            service_name: String::new(),
            service_port: IntOrString::Int(0),
            percent: 0,
            append_headers: BTreeMap::new(),
        }
    }
}

/// Where the networking layer listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<IngressCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// For requests from outside the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_load_balancer: Option<LoadBalancer>,
    /// For requests from inside the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_load_balancer: Option<LoadBalancer>,
}

status!(IngressStatus, IngressCond);

/// Entry points of the networking layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    /// The entry points; Serving uses exactly one.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub ingress: Vec<EntryPoint>,
}

/// One entry point; the first member that is set counts, in the order ip, domainInternal, domain, meshOnly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EntryPoint {
    /// An address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// A DNS name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// A DNS name that resolves inside the cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain_internal: String,
    /// There is no entry point: sidecars route.
    #[serde(skip_serializing_if = "is_zero")]
    pub mesh_only: bool,
}
