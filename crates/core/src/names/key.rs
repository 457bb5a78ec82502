//! A key of an annotation with its older spellings.

use std::collections::BTreeMap;

/// The spellings of one key, in the order in which they are looked up: the first one that is
/// present wins and the others are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(&'static [&'static str]);

impl Key {
    /// A key with these spellings.
    ///
    /// # Panics
    /// If there is none. Meant for constants, where the compiler reports it.
    #[must_use]
    pub const fn new(spellings: &'static [&'static str]) -> Self {
        assert!(!spellings.is_empty(), "a key has at least one spelling");
        Self(spellings)
    }

    /// The spelling to write.
    #[must_use]
    pub const fn canonical(self) -> &'static str {
        self.0[0]
    }

    /// All spellings, in order.
    #[must_use]
    pub const fn spellings(self) -> &'static [&'static str] {
        self.0
    }

    /// The spelling that is present and its value.
    #[must_use]
    pub fn find(self, map: &BTreeMap<String, String>) -> Option<(&'static str, &str)> {
        self.0
            .iter()
            .find_map(|&key| map.get(key).map(|value| (key, value.as_str())))
    }

    /// The value.
    #[must_use]
    pub fn value(self, map: &BTreeMap<String, String>) -> Option<&str> {
        self.find(map).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::annotations::MIN_SCALE;

    #[test]
    fn the_first_spelling_present_wins() {
        let both = BTreeMap::from([
            (
                "autoscaling.knative.dev/minScale".to_owned(),
                "1".to_owned(),
            ),
            (
                "autoscaling.knative.dev/min-scale".to_owned(),
                "2".to_owned(),
            ),
        ]);
        assert_eq!(MIN_SCALE.value(&both), Some("2"));
        let old = BTreeMap::from([(
            "autoscaling.knative.dev/minScale".to_owned(),
            "1".to_owned(),
        )]);
        assert_eq!(
            MIN_SCALE.find(&old),
            Some(("autoscaling.knative.dev/minScale", "1"))
        );
        assert_eq!(MIN_SCALE.value(&BTreeMap::new()), None);
    }
}
