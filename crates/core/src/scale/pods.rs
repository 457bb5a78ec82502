//! The pods of a revision: the part of them that scaling looks at, and their count by state.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

/// A pod without its spec, which a process that watches thousands of them has no use for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Pod {
    /// Name, labels, deletion.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// Phase, readiness and address.
    #[serde(default)]
    pub status: PodStatus,
}

/// The part of a pod's status that scaling looks at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// The first address, once there is one.
    #[serde(rename = "podIP", deserialize_with = "address")]
    pub pod_ip: Option<IpAddr>,
    /// When the kubelet took the pod in.
    pub start_time: Option<Time>,
    /// Among them `Ready`.
    pub conditions: Vec<PodCondition>,
}

/// Type and status of a condition.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PodCondition {
    /// Its name.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
}

/// One pod with a strange address must not end the watch of all pods.
fn address<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

impl Pod {
    /// Whether it serves: running, staying and ready.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.status.phase == "Running" && !self.is_leaving() && self.is_marked_ready()
    }

    /// Since when it has been on its node.
    #[must_use]
    pub fn started(&self) -> Option<Timestamp> {
        self.status.start_time.as_ref().map(|time| time.0)
    }

    const fn is_leaving(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    fn is_marked_ready(&self) -> bool {
        let mut conditions = self.status.conditions.iter();
        conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
    }
}

impl Resource for Pod {
    type DynamicType = ();
    type Scope = <v1::Pod as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        v1::Pod::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        v1::Pod::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        v1::Pod::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        v1::Pod::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// How many pods are in which state. Pods that have finished are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// Running, staying and ready.
    pub ready: u32,
    /// Pending, terminating, or running without being ready.
    pub not_ready: u32,
    /// Not running yet; part of `not_ready`.
    pub pending: u32,
    /// Running, but asked to leave; part of `not_ready`.
    pub terminating: u32,
}

impl Pods {
    /// Counts the pods of one revision.
    pub fn count<'a>(pods: impl IntoIterator<Item = &'a Pod>) -> Self {
        let mut counted = Self::default();
        for pod in pods {
            match pod.status.phase.as_str() {
                "Pending" => counted.pending += 1,
                "Running" if pod.is_leaving() => counted.terminating += 1,
                "Running" if pod.is_marked_ready() => {
                    counted.ready += 1;
                    continue;
                }
                "Running" => {}
                _ => continue,
            }
            counted.not_ready += 1;
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(phase: &str, ready: &str, deleted: Option<&str>) -> Pod {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": "p", "deletionTimestamp": deleted },
            "spec": { "containers": [] },
            "status": {
                "phase": phase,
                "podIP": "10.1.2.3",
                "startTime": "2026-01-02T03:04:05Z",
                "conditions": [{ "type": "Ready", "status": ready, "lastProbeTime": null }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_pod_counts_by_phase_deletion_and_readiness() {
        let pods = [
            pod("Pending", "False", None),
            pod("Running", "True", None),
            pod("Running", "True", None),
            pod("Running", "False", None),
            pod("Running", "True", Some("2026-01-02T03:04:05Z")),
            pod("Succeeded", "True", None),
            pod("Failed", "True", None),
        ];
        let expected = Pods {
            ready: 2,
            not_ready: 3,
            pending: 1,
            terminating: 1,
        };
        assert_eq!(Pods::count(&pods), expected);
        assert_eq!(pods.iter().filter(|pod| pod.is_serving()).count(), 2);
    }

    #[test]
    fn a_pod_that_was_only_just_made_decodes() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "p" }, "status": { "phase": "Pending" },
        }))
        .unwrap();
        assert!(pod.status.pod_ip.is_none() && pod.started().is_none());
    }
}
