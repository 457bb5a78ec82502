//! Labels and annotations that a Revision hands to what it makes.

use super::Input;
use super::meta::{self, Map};
use crate::names::{annotations, labels};

/// Labels of the Deployment, its pods, the PodAutoscaler and the images.
pub(super) fn labels(input: &Input<'_>) -> Map {
    let mut labels = meta::without(meta::labels(input.meta()), |key| {
        key == labels::ROUTE || key == labels::ROUTING_STATE
    });
    labels.insert(labels::REVISION.into(), input.name().into());
    labels.insert(labels::REVISION_UID.into(), meta::uid(input.meta()).into());
    labels
        .entry(labels::APP.into())
        .or_insert_with(|| input.name().into());
    labels
}

/// Annotations of the Deployment, its pods and the images: what concerns only scaling or bookkeeping stays behind, so
/// that a change of it never rolls pods.
pub(super) fn annotations(input: &Input<'_>) -> Map {
    meta::without(meta::annotations(input.meta()), |key| {
        is_bookkeeping(key) || is_scaling(key)
    })
}

/// Annotations of the PodAutoscaler.
pub(super) fn scaling_annotations(input: &Input<'_>) -> Map {
    meta::without(meta::annotations(input.meta()), is_bookkeeping)
}

pub(super) fn is_scaling(key: &str) -> bool {
    key.starts_with(annotations::AUTOSCALING_PREFIX)
}

fn is_bookkeeping(key: &str) -> bool {
    [
        annotations::LAST_PINNED,
        annotations::NO_GC,
        annotations::ROUTING_STATE_MODIFIED,
        annotations::ROUTES,
    ]
    .contains(&key)
}
