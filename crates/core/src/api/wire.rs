//! Small serde predicates and readers shared by the kinds.

use serde::{Deserialize, Deserializer};

/// Upstream leaves integers of this sort out when they are zero.
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads `null` as the empty value: upstream's clients write `null` for an empty required list.
pub(crate) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
