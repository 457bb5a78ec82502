//! PodAutoscaler: what a Revision asks of the autoscaler.

mod default;
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
    /// A PodAutoscaler (`autoscaling.internal.knative.dev/v1alpha1`).
    PodAutoscaler, "autoscaling.internal.knative.dev", "v1alpha1", "podautoscalers", NamespaceResourceScope, PodAutoscalerSpec, PodAutoscalerStatus
}

conditions! {
    /// Conditions of a PodAutoscaler.
    PodAutoscalerCond { Active, ScaleTargetInitialized, SKSReady } info {}
}

text_enum! {
    /// Whether a route leads to the revision.
    pub enum Reachability {
        /// Not known; treated as reachable, except that minimum scale is not enforced late.
        Unknown = "",
        /// A route leads to it.
        Reachable = "Reachable",
        /// No route leads to it: minimum scale does not apply.
        Unreachable = "Unreachable",
    }
}

/// The target and what may be asked of one replica.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PodAutoscalerSpec {
    /// Requests a replica may have in flight; 0 means any number.
    #[serde(skip_serializing_if = "is_zero")]
    pub container_concurrency: i64,
    /// The object with a `scale` subresource: apiVersion, kind and name.
    pub scale_target_ref: ObjectReference,
    /// Whether a route leads to the revision.
    #[serde(skip_serializing_if = "Reachability::is_empty")]
    pub reachability: Reachability,
    /// The protocol of the revision.
    pub protocol_type: ProtocolType,
}

/// What the autoscaler decided and saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PodAutoscalerStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<PodAutoscalerCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The public Service. The schema wants it in every status, empty or not.
    pub service_name: String,
    /// The private Service. The schema wants it in every status, empty or not.
    pub metrics_service_name: String,
    /// Replicas wanted; -1 while the autoscaler does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_scale: Option<i32>,
    /// Replicas ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual_scale: Option<i32>,
}

status!(PodAutoscalerStatus, PodAutoscalerCond);
