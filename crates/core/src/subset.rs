//! Consistent selection: which few of many names serve a target.
//!
//! Every replica has to come to the same answer from the same set, and the answer should change little when a name
//! comes or goes. It decides two things: which activators stand in for a revision (names are addresses, the target is
//! the ServerlessService) and which bucket owns a key (names are buckets, the target is `namespace/name`).
//!
//! The rule is a published contract (autoscaling.md 13.9): the names sit on a ring of 2048 slots, the target gives a
//! start angle and a step, and names are collected by walking the ring. This module knows nothing about addresses or
//! leases.

use std::collections::BTreeMap;

/// Slots on the ring.
const SLOTS: u64 = 2048;
const START_SALT: &str = "start-angle-salt";
const STEP_SALT: &str = "step-angle-salt";

/// Picks `wanted` of `names` for `target`, in the order in which the walk meets them.
///
/// Asking for as many as there are, or more, gives all of them in ascending order. Duplicates count once.
///
/// More than 2048 distinct names do not fit on the ring; then the first 2048 in byte order take part.
pub fn choose<'a>(
    target: &str,
    names: impl IntoIterator<Item = &'a str>,
    wanted: usize,
) -> Vec<&'a str> {
    let mut sorted: Vec<&str> = names.into_iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    if wanted >= sorted.len() {
        return sorted;
    }
    let ring = place(target, &sorted);
    walk(target, ring, wanted)
}

/// Gives each name a slot; a name that finds its slot taken hashes again over what it hashed before plus that hash.
fn place<'a>(target: &str, sorted: &[&'a str]) -> Vec<(u64, &'a str)> {
    let mut ring = BTreeMap::new();
    for name in sorted.iter().take(SLOTS as usize) {
        let mut text = format!("{name}{target}");
        let mut hash = fnv1a(text.as_bytes());
        while ring.contains_key(&(hash % SLOTS)) {
            text.push_str(&format!("{hash:x}"));
            hash = fnv1a(text.as_bytes());
        }
        ring.insert(hash % SLOTS, *name);
    }
    ring.into_iter().collect()
}

fn walk<'a>(target: &str, mut ring: Vec<(u64, &'a str)>, wanted: usize) -> Vec<&'a str> {
    let mut angle = fnv1a(format!("{target}{START_SALT}").as_bytes()) % SLOTS;
    let step = fnv1a(format!("{target}{STEP_SALT}").as_bytes()) % SLOTS;
    let mut chosen = Vec::with_capacity(wanted);
    while chosen.len() < wanted && !ring.is_empty() {
        // A chosen slot leaves the ring, so "skip what is taken" is simply "the next one that is left".
        let next = ring.partition_point(|(slot, _)| *slot < angle);
        let at = if next == ring.len() { 0 } else { next };
        chosen.push(ring.remove(at).1);
        angle = (angle + step) % SLOTS;
    }
    chosen
}

/// FNV-1a, 64 bit.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn buckets(total: usize) -> Vec<String> {
        (0..total)
            .map(|i| format!("autoscaler-bucket-{i:02}-of-{total:02}"))
            .collect()
    }

    fn bucket_of(key: &str, total: usize) -> String {
        let names = buckets(total);
        choose(key, names.iter().map(String::as_str), 1)[0].to_owned()
    }

    #[test]
    fn keys_fall_into_the_published_buckets() {
        for (key, of_2, of_3, of_10) in [
            ("default/hello-00001", "01", "00", "05"),
            ("default/hello-00002", "01", "01", "08"),
            ("ns/rev", "01", "02", "00"),
            ("knative-testing/autoscale-00001", "01", "02", "02"),
            ("a/b", "00", "02", "04"),
        ] {
            assert_eq!(
                bucket_of(key, 2),
                format!("autoscaler-bucket-{of_2}-of-02"),
                "{key}"
            );
            assert_eq!(
                bucket_of(key, 3),
                format!("autoscaler-bucket-{of_3}-of-03"),
                "{key}"
            );
            assert_eq!(
                bucket_of(key, 10),
                format!("autoscaler-bucket-{of_10}-of-10"),
                "{key}"
            );
        }
    }

    #[test]
    fn activators_are_the_published_ones() {
        let all: Vec<String> = (1..=6).map(|i| format!("10.0.0.{i}")).collect();
        let check = |target: &str, wanted: usize, last: &[&str]| {
            let mut got = choose(target, all.iter().map(String::as_str), wanted);
            got.sort_unstable();
            let want: Vec<String> = last.iter().map(|l| format!("10.0.0.{l}")).collect();
            assert_eq!(got, want, "{target} n={wanted}");
        };
        check("hello-00001", 2, &["4", "5"]);
        check("hello-00001", 3, &["4", "5", "6"]);
        check("hello-00002", 2, &["5", "6"]);
        check("hello-00002", 3, &["3", "5", "6"]);
        check("svc-00007", 2, &["2", "5"]);
        check("svc-00007", 3, &["2", "3", "5"]);
    }

    #[test]
    fn angles_are_the_published_ones() {
        let at = |key: &str, salt: &str| fnv1a(format!("{key}{salt}").as_bytes()) % SLOTS;
        assert_eq!(
            (at("ns/rev", START_SALT), at("ns/rev", STEP_SALT)),
            (1629, 1659)
        );
        assert_eq!(
            (at("svc-00007", START_SALT), at("svc-00007", STEP_SALT)),
            (1704, 536)
        );
    }

    #[test]
    fn asking_for_all_gives_all() {
        assert_eq!(choose("t", ["b", "a", "b"], 2), ["a", "b"]);
        assert_eq!(choose("t", ["b", "a"], 9), ["a", "b"]);
        assert!(choose("t", [], 1).is_empty());
    }

    proptest! {
        #[test]
        fn choice_is_a_subset_of_the_wanted_size(names in prop::collection::btree_set("[a-z0-9.]{1,12}", 0..60), n in 0usize..70) {
            let got = choose("target", names.iter().map(String::as_str), n);
            prop_assert_eq!(got.len(), n.min(names.len()));
            let distinct: std::collections::BTreeSet<_> = got.iter().collect();
            prop_assert_eq!(distinct.len(), got.len());
            prop_assert!(got.iter().all(|g| names.contains(*g)));
        }
    }
}
