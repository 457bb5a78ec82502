//! References to images: a revision with any reference is judged, and what is accepted stays as it was written.

use ebb_core::admission::{Context, Policy, Verb};
use ebb_core::api::revision::Revision;
use serde_json::json;

use crate::object;

/// Puts the input into a Revision as its image.
///
/// # Panics
/// If a reference that is accepted could not be one, or was changed.
pub fn check(input: &[u8]) {
    let Ok(reference) = std::str::from_utf8(input) else {
        return;
    };
    let revision: Revision = serde_json::from_value(json!({
        "metadata": {"name": "shop-00001"},
        "spec": {"containers": [{"image": reference}]},
    }))
    .expect("a revision may have any text as its image");
    let policy = Policy::default();
    let cx = Context {
        policy: &policy,
        verb: Verb::Create,
        user: "ada",
    };
    let Some(accepted) = object::create(revision, &cx) else {
        return;
    };
    let image = accepted.spec.pod.containers[0].image.as_deref();
    assert_eq!(image, Some(reference));
    // It becomes part of a URL of the registry and of a line in the container runtime's log.
    assert!(
        reference.bytes().all(|b| b.is_ascii_graphic()),
        "{reference:?}"
    );
    assert!(reference.len() <= 1024, "{}", reference.len());
}
