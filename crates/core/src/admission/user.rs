//! Who made an object and who changed it last.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Context, Verb};
use crate::names::annotations::{CREATOR, LAST_MODIFIER};

/// Records the user: as creator and last modifier of a new object, as last modifier of one whose
/// spec changed. What the client wrote there itself is overwritten.
pub(crate) fn record<S: PartialEq>(
    meta: &mut ObjectMeta,
    spec: &S,
    old_spec: Option<&S>,
    cx: &Context<'_>,
) {
    let keys: &[&str] = match (cx.verb, old_spec) {
        (Verb::Create, _) => &[CREATOR, LAST_MODIFIER],
        (_, Some(old)) if old != spec => &[LAST_MODIFIER],
        _ => return,
    };
    let annotations = meta.annotations.get_or_insert_default();
    for &key in keys {
        annotations.insert(key.to_owned(), cx.user.to_owned());
    }
}
