//! What the kinds share about how upstream writes and reads them.

use serde::{Deserialize, Deserializer};

/// Upstream leaves integers of this sort out when they are zero.
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Leaves out what says no more than its absence.
pub(crate) fn omit<T: Default + PartialEq>(field: &mut Option<T>) {
    if field.as_ref().is_some_and(is_zero) {
        *field = None;
    }
}

/// Reads `null` as the empty value: upstream's clients write `null` for an empty required list.
pub(crate) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
