//! Configuration: the template that stamps out a Revision with each change.

mod default;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Conditions, conditions};
use super::meta::{object, status};
use super::revision::RevisionTemplate;
use super::wire::{is_zero, null_is_empty};

object! {
    /// A Knative Configuration (`serving.knative.dev/v1`).
    Configuration, "serving.knative.dev", "v1", "configurations", NamespaceResourceScope, ConfigurationSpec, ConfigurationStatus
}

conditions! {
    /// Conditions of a Configuration: `Ready` alone, written directly.
    ConfigurationCond {} info {}
}

/// The revision that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigurationSpec {
    /// The revision that is wanted.
    pub template: RevisionTemplate,
}

/// The newest revisions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigurationStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<ConfigurationCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The newest revision whose Ready is True.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub latest_ready_revision_name: String,
    /// The revision stamped out last.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub latest_created_revision_name: String,
}

status!(ConfigurationStatus, ConfigurationCond);
