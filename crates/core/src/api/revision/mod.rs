//! Revision: one immutable version of code and configuration, and the template it is made from.

mod default;
mod read;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Conditions, conditions};
use super::meta::{object, status};
use super::text::ProtocolType;
use super::wire::{is_zero, null_is_empty};

pub use default::fill_in as fill_in_spec;
pub(super) use default::fill_in_template;
pub(super) use validate::{concurrency, kept_name, validate_template};

object! {
    /// A Knative Revision (`serving.knative.dev/v1`).
    Revision, "serving.knative.dev", "v1", "revisions", NamespaceResourceScope, RevisionSpec, RevisionStatus
}

conditions! {
    /// Conditions of a Revision. A revision scaled to zero is Ready with `Active` False.
    RevisionCond { ResourcesAvailable, ContainerHealthy } info { Active }
}

/// Metadata and spec of the revisions to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RevisionTemplate {
    /// Labels and annotations for the Revision, and its name where the user chose one.
    ///
    /// The API server writes `null` here when a server-side apply takes the last member away.
    #[serde(deserialize_with = "null_is_empty")]
    pub metadata: ObjectMeta,
    /// The spec of the Revision.
    #[serde(deserialize_with = "null_is_empty")]
    pub spec: RevisionSpec,
}

/// The containers, as in a pod, and the limits on requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionSpec {
    /// The pod's part.
    #[serde(flatten)]
    pub pod: PodSpec,
    /// Requests a replica may have in flight; 0 means any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_concurrency: Option<i64>,
    /// The longest a request may take, in seconds; also the pod's grace period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    /// The longest wait for the first byte of a response, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_start_timeout_seconds: Option<i64>,
    /// The longest silence within a response, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_seconds: Option<i64>,
}

/// What became of a Revision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RevisionStatus {
    /// The generation last processed.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions<RevisionCond>,
    /// Free-form annotations of the status.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// Where the logs of the Revision are to be found.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub log_url: String,
    /// Resolved images, one for each container, in the order of the spec.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub container_statuses: Vec<ContainerStatus>,
    /// Resolved images, one for each init container.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Replicas that are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual_replicas: Option<i32>,
    /// Replicas that are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<i32>,
}

status!(RevisionStatus, RevisionCond);

/// The image a container runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// Name of the container.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `<repository>@sha256:...`; empty where the registry is not asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image_digest: String,
}

// === impl RevisionSpec ===

impl RevisionSpec {
    /// The limit on requests in flight; 0 when there is none.
    #[must_use]
    pub fn concurrency(&self) -> i64 {
        self.container_concurrency.unwrap_or_default()
    }

    /// The index of the container that serves requests: the only one, or the first that declares
    /// a port. `None` when there is no such container, which admission refuses.
    #[must_use]
    pub fn serving_container(&self) -> Option<usize> {
        let containers = &self.pod.containers;
        if containers.len() == 1 {
            return Some(0);
        }
        containers
            .iter()
            .position(|c| c.ports.as_ref().is_some_and(|p| !p.is_empty()))
    }

    /// The protocol of the revision: HTTP/2 when the serving port is named `h2c`.
    #[must_use]
    pub fn protocol(&self) -> ProtocolType {
        let ports = self
            .pod
            .containers
            .iter()
            .flat_map(|c| c.ports.iter().flatten());
        if ports.take(1).any(|p| p.name.as_deref() == Some("h2c")) {
            ProtocolType::H2c
        } else {
            ProtocolType::Http1
        }
    }
}
