//! What may be taken away at once when a node is drained.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels;

/// A budget for each program in the path of requests.
///
/// One pod may go at a time. A minimum share, of which 80 % is usual for these names, would forbid to drain the node
/// of a single replica, or of one of two, until somebody scales up by hand.
pub(super) fn all() -> Vec<PodDisruptionBudget> {
    ["activator", "gateway", "webhook"]
        .into_iter()
        .map(|program| PodDisruptionBudget {
            metadata: labels::namespaced(&format!("{program}-pdb"), program),
            spec: Some(PodDisruptionBudgetSpec {
                max_unavailable: Some(IntOrString::Int(1)),
                selector: Some(labels::label_selector(program)),
                ..Default::default()
            }),
            ..Default::default()
        })
        .collect()
}
