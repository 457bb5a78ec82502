//! What must hold for every object on its way through defaults and rules.

use std::fmt::Debug;

use ebb_core::admission::{Context, Defaults, Findings, Validate};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Fills in a new object and judges it; gives it back if it may be stored.
///
/// # Panics
/// If a second pass of defaults changes something, a good object turns bad by its defaults, or what is stored reads
/// as something else.
pub(crate) fn create<K>(written: K, cx: &Context<'_>) -> Option<K>
where
    K: Clone + Debug + Defaults + Validate + Serialize + DeserializeOwned,
{
    let was_good = errors(&written, None, cx).is_empty();
    let mut object = written;
    object.set_defaults(None, cx).ok()?;
    let stored = json(&object);
    object.set_defaults(None, cx).expect("it went well before");
    assert_eq!(json(&object), stored, "defaults applied twice differ");

    let reread: K = serde_json::from_value(stored.clone()).expect("what is written can be read");
    assert_eq!(json(&reread), stored, "what is stored reads differently");
    let found = errors(&object, None, cx);
    assert!(
        found.is_empty() || !was_good,
        "bad by its defaults: {found}"
    );
    assert_eq!(errors(&reread, None, cx).to_string(), found.to_string());
    found.is_empty().then_some(object)
}

/// What keeps an object from being stored.
pub(crate) fn errors<K: Validate>(object: &K, old: Option<&K>, cx: &Context<'_>) -> Findings {
    object.validate(old, cx).part().0
}

fn json<K: Serialize>(object: &K) -> Value {
    serde_json::to_value(object).expect("an object is a tree of texts and numbers")
}
