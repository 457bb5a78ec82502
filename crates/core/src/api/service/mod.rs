//! Service: one Configuration and one Route under one name.

mod default;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Conditions, conditions};
use super::meta::{Addressable, object, status};
use super::revision::RevisionTemplate;
use super::route::TrafficTarget;
use super::wire::{is_zero, null_is_empty};

object! {
    /// A Knative Service (`serving.knative.dev/v1`).
    Service, "serving.knative.dev", "v1", "services", NamespaceResourceScope, ServiceSpec, ServiceStatus
}

conditions! {
    /// Conditions of a Service.
    ServiceCond { ConfigurationsReady, RoutesReady } info {}
}

/// The revision that is wanted and how traffic is split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// The revision that is wanted.
    pub template: RevisionTemplate,
    /// Shares of the traffic; empty means everything to the latest ready revision.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub traffic: Vec<TrafficTarget>,
}

/// What the Configuration and the Route of the Service report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// Whether it is ready, and what it waits for or failed at.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<ServiceCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The newest Revision that is ready; traffic to the latest goes there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub latest_ready_revision_name: String,
    /// The Revision that was made last, ready or not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub latest_created_revision_name: String,
    /// Where the Service is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where the Service is reached from inside the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Addressable>,
    /// Which Revisions get which shares of the traffic now, and where their tags are reached.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub traffic: Vec<TrafficTarget>,
}

status!(ServiceStatus, ServiceCond);
