//! Route: a host name and how its traffic is split among revisions.

mod default;
#[cfg(test)]
mod tests;
pub(in crate::api) mod traffic;
mod validate;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Conditions, conditions};
use super::meta::{Addressable, object, status};
use super::wire::{is_zero, null_is_empty};

pub(super) use default::fill_in_traffic;

object! {
    /// A Knative Route (`serving.knative.dev/v1`).
    Route, "serving.knative.dev", "v1", "routes", NamespaceResourceScope, RouteSpec, RouteStatus
}

conditions! {
    /// Conditions of a Route.
    RouteCond { AllTrafficAssigned, IngressReady, CertificateProvisioned } info {}
}

/// The shares of the traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteSpec {
    /// The shares of the traffic; percents add up to 100.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub traffic: Vec<TrafficTarget>,
}

/// One share of the traffic: what gets it, and how much, in percent from 0 to 100.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficTarget {
    /// Gives the target a host name of its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// Pins the target to a revision; always set in a status.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision_name: String,
    /// Follows the latest ready revision of a Configuration; never set in a status.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub configuration_name: String,
    /// Whether the target follows the latest ready revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_revision: Option<bool>,
    /// Share of the traffic; a missing one counts as 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<i64>,
    /// Where the tag is reached; set in a status only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Where the Route is reached and which revisions get its traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<RouteCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The main URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The URL inside the cluster, also set for public routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Addressable>,
    /// One entry for each tag, revision and `latestRevision` that takes part.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub traffic: Vec<TrafficTarget>,
}

status!(RouteStatus, RouteCond);
