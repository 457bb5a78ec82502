//! The frame of every pass over an object: how its status starts and how it ends.

use jiff::Timestamp;

use crate::api::meta::{Conditioned, Status};

/// The status as the pass starts with it: complete conditions, and none that still speaks for a generation that was
/// not looked at yet.
pub fn begin<K>(object: &K, now: Timestamp) -> K::Status
where
    K: Conditioned,
    K::Status: Clone,
{
    let mut status = object.status().cloned().unwrap_or_default();
    status.conditions_mut().initialize(now);
    if !object.is_current() {
        status.conditions_mut().expect_new_generation(now);
    }
    status
}

/// Whether the pass is the first over the present generation.
pub fn is_new_generation<K: Conditioned>(object: &K) -> bool {
    !object.is_current()
}

/// The status as it will be written: it speaks of the present generation, and a condition that says what it said
/// before keeps its time.
pub fn end<K: Conditioned>(object: &K, mut status: K::Status, now: Timestamp) -> K::Status {
    status.set_observed_generation(object.meta().generation.unwrap_or_default());
    match object.status() {
        Some(before) => status
            .conditions_mut()
            .settle_times(before.conditions(), now),
        None => status
            .conditions_mut()
            .settle_times(&Default::default(), now),
    }
    status
}
