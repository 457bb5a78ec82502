//! Metric: what the autoscaler collects for a revision.

#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Conditions, conditions};
use super::meta::{object, status};
use super::wire::{is_zero, null_is_empty};

object! {
    /// A Metric (`autoscaling.internal.knative.dev/v1alpha1`).
    Metric, "autoscaling.internal.knative.dev", "v1alpha1", "metrics", NamespaceResourceScope, MetricSpec, MetricStatus
}

conditions! {
    /// Conditions of a Metric: `Ready` alone, written directly.
    MetricCond {} info {}
}

/// What to scrape and over which windows to average.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricSpec {
    /// The stable window, in nanoseconds.
    pub stable_window: i64,
    /// The panic window, in nanoseconds.
    pub panic_window: i64,
    /// The private Service to scrape; empty when only the activator reports.
    pub scrape_target: String,
}

/// Whether the collection works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<MetricCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

status!(MetricStatus, MetricCond);
