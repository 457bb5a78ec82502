//! Image: a hint to a caching add-on that an image will be needed.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::LocalObjectReference;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Conditions, conditions};
use super::meta::{object, status};
use super::wire::{is_zero, null_is_empty};

object! {
    /// An Image (`caching.internal.knative.dev/v1alpha1`).
    Image, "caching.internal.knative.dev", "v1alpha1", "images", NamespaceResourceScope, ImageSpec, ImageStatus
}

conditions! {
    /// Conditions of an Image: `Ready` alone, written directly.
    ImageCond {} info {}
}

/// The image and how it may be pulled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageSpec {
    /// The reference.
    pub image: String,
    /// The service account whose pull secrets apply.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_account_name: String,
    /// More pull secrets.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub image_pull_secrets: Vec<LocalObjectReference>,
}

/// What a caching add-on reports; Serving does not read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<ImageCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

status!(ImageStatus, ImageCond);
