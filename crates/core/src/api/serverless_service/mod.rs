//! ServerlessService: the Services of a revision, backed by its pods or by the activator.

#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Conditions, conditions};
use super::meta::{object, status};
use super::text::{ProtocolType, text_enum};
use super::wire::{is_zero, null_is_empty};

object! {
    /// A ServerlessService (`networking.internal.knative.dev/v1alpha1`).
    ServerlessService, "networking.internal.knative.dev", "v1alpha1", "serverlessservices", NamespaceResourceScope, ServerlessServiceSpec, ServerlessServiceStatus
}

conditions! {
    /// Conditions of a ServerlessService.
    ServerlessServiceCond { EndpointsPopulated } info { ActivatorEndpointsPopulated }
}

text_enum! {
    /// Who stands behind the public endpoints.
    pub enum Mode {
        /// Not given; refused by admission.
        Unset = "",
        /// The revision's pods.
        Serve = "Serve",
        /// The activator.
        Proxy = "Proxy",
    }
}

/// Who stands behind the public endpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerlessServiceSpec {
    /// Who stands behind the public endpoints.
    #[serde(skip_serializing_if = "Mode::is_empty")]
    pub mode: Mode,
    /// The scale target: apiVersion, kind and name.
    pub object_ref: ObjectReference,
    /// The protocol of the revision.
    pub protocol_type: ProtocolType,
    /// How many activators take part; 0 means all.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_activators: i32,
}

/// The Services that were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerlessServiceStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<ServerlessServiceCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The public Service, named like the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// The private Service, whose selector is the revision's pods.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub private_service_name: String,
}

status!(ServerlessServiceStatus, ServerlessServiceCond);
