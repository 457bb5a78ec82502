//! The pods of a revision, counted by state.

use k8s_openapi::api::core::v1::Pod;

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
            let phase = pod
                .status
                .as_ref()
                .and_then(|status| status.phase.as_deref());
            match phase {
                Some("Pending") => {
                    counted.pending += 1;
                    counted.not_ready += 1;
                }
                Some("Running") if pod.metadata.deletion_timestamp.is_some() => {
                    counted.terminating += 1;
                    counted.not_ready += 1;
                }
                Some("Running") if has_ready_condition(pod) => counted.ready += 1,
                Some("Running") => counted.not_ready += 1,
                _ => {}
            }
        }
        counted
    }
}

/// Whether a pod serves: running, staying and ready.
#[must_use]
pub fn is_serving(pod: &Pod) -> bool {
    Pods::count([pod]).ready == 1
}

fn has_ready_condition(pod: &Pod) -> bool {
    pod.status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(phase: &str, ready: &str, leaving: bool) -> Pod {
        let mut pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "p" },
            "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": ready }] },
        }))
        .unwrap();
        if leaving {
            pod.metadata.deletion_timestamp = Some(jiff::Timestamp::UNIX_EPOCH.into());
        }
        pod
    }

    #[test]
    fn a_pod_counts_by_phase_deletion_and_readiness() {
        let pods = [
            pod("Pending", "False", false),
            pod("Running", "True", false),
            pod("Running", "True", false),
            pod("Running", "False", false),
            pod("Running", "True", true),
            pod("Succeeded", "True", false),
            pod("Failed", "True", false),
        ];
        let counted = Pods::count(&pods);
        let expected = Pods {
            ready: 2,
            not_ready: 3,
            pending: 1,
            terminating: 1,
        };
        assert_eq!(counted, expected);
        assert_eq!(pods.iter().filter(|pod| is_serving(pod)).count(), 2);
    }
}
