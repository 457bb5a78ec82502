//! The two reconcilers: PodAutoscalers of our class, and Metrics.

mod children;
mod metric;
mod pod_autoscaler;

use ebb_core::plan::meta;
use ebb_runtime::Key;

pub use self::metric::Metrics;
pub use self::pod_autoscaler::PodAutoscalers;

/// Field manager and Event source of the PodAutoscaler reconciler.
pub const POD_AUTOSCALER: &str = "podautoscaler-controller";
/// Event source of the Metric reconciler.
pub const METRIC: &str = "metric-controller";

/// The PodAutoscaler that controls `child`.
pub fn owner<K: kube::Resource<DynamicType = ()>>(child: &K) -> Option<Key> {
    let owner = meta::controller_of(child.meta())?;
    let is_ours = owner.kind == "PodAutoscaler";
    is_ours.then(|| Key::new(meta::namespace(child.meta()), owner.name.as_str()))
}
