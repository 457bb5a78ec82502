//! Host names as keys: how a `Host` header is reduced to one, and the map that is looked up with it.
//!
//! [`HostMap`] is persistent: a clone shares everything with its original, and writing to the clone copies only
//! the shard that is written to. So a new routing table costs what changed, not what exists, and a table that a
//! request still reads is never disturbed.

use std::borrow::Cow;
use std::sync::Arc;

/// Number of shards. A write copies one shard and the list of shards; with some thousands of hosts both are then
/// about equally small.
const SHARDS: usize = 128;

/// The key of rules without hosts, which answer for every host that has no rule of its own. No request can name
/// it: `*` is not a host name.
pub const ANY_HOST: &str = "*";

/// What a rule's host or a request's `Host` is looked up as: lower case, without port and trailing dot.
///
/// Allocates only when there is an upper-case letter to fold.
pub fn normalize(host: &str) -> Cow<'_, str> {
    let host = without_port(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

fn without_port(host: &str) -> &str {
    // An IPv6 literal has colons of its own and is in brackets when a port follows.
    if host.starts_with('[') {
        return host.find(']').map_or(host, |end| &host[..=end]);
    }
    match host.rfind(':') {
        Some(colon) if host[colon + 1..].bytes().all(|b| b.is_ascii_digit()) => &host[..colon],
        _ => host,
    }
}

/// Map from host name to `V` with cheap clones. Keys are taken as they are: normalise first.
#[derive(Debug)]
pub struct HostMap<V> {
    shards: Vec<Arc<Shard<V>>>,
}

/// Entries in the order of their hashes, so that a look-up compares at most a few strings.
type Shard<V> = Vec<Entry<V>>;

#[derive(Clone, Debug)]
struct Entry<V> {
    hash: u64,
    host: Arc<str>,
    value: V,
}

impl<V> Clone for HostMap<V> {
    fn clone(&self) -> Self {
        Self {
            shards: self.shards.clone(),
        }
    }
}

impl<V: Clone> Default for HostMap<V> {
    fn default() -> Self {
        Self {
            shards: vec![Arc::default(); SHARDS],
        }
    }
}

impl<V: Clone> HostMap<V> {
    /// The value of exactly this host.
    pub fn get(&self, host: &str) -> Option<&V> {
        let hash = fnv1a(host);
        let shard = &self.shards[shard_of(hash)];
        position(shard, hash, host).ok().map(|at| &shard[at].value)
    }

    /// Sets the value of a host and returns the one it had.
    pub fn insert(&mut self, host: Arc<str>, value: V) -> Option<V> {
        let hash = fnv1a(&host);
        let shard = Arc::make_mut(&mut self.shards[shard_of(hash)]);
        match position(shard, hash, &host) {
            Ok(at) => Some(std::mem::replace(&mut shard[at].value, value)),
            Err(at) => {
                shard.insert(at, Entry { hash, host, value });
                None
            }
        }
    }

    /// Forgets a host and returns the value it had.
    pub fn remove(&mut self, host: &str) -> Option<V> {
        let hash = fnv1a(host);
        let shard = &mut self.shards[shard_of(hash)];
        let at = position(shard, hash, host).ok()?;
        Some(Arc::make_mut(shard).remove(at).value)
    }

    /// Number of hosts.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether there is no host at all.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_empty())
    }
}

/// Where the host is in the shard, or where it belongs.
fn position<V>(shard: &[Entry<V>], hash: u64, host: &str) -> Result<usize, usize> {
    shard.binary_search_by(|entry| entry.hash.cmp(&hash).then_with(|| (*entry.host).cmp(host)))
}

fn shard_of(hash: u64) -> usize {
    (hash % SHARDS as u64) as usize
}

/// FNV-1a, 64 bits. Strangers choose what is looked up but not what is stored, so collisions gain them nothing.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn port_case_and_trailing_dot_do_not_matter() {
        for spelling in [
            "a.example.com",
            "A.Example.COM",
            "a.example.com:80",
            "a.example.com.",
            "a.example.com:",
        ] {
            assert_eq!(normalize(spelling), "a.example.com", "{spelling}");
        }
        assert_eq!(normalize("[::1]:8080"), "[::1]");
        assert_eq!(normalize("10.0.0.1:80"), "10.0.0.1");
    }

    #[test]
    fn a_lower_case_host_is_not_copied() {
        assert!(matches!(normalize("a.example.com:8080"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_clone_does_not_see_later_writes() {
        let mut map = HostMap::default();
        map.insert("a".into(), 1);
        let snapshot = map.clone();
        map.insert("a".into(), 2);
        map.insert("b".into(), 3);
        assert_eq!(
            (snapshot.get("a"), snapshot.get("b"), snapshot.len()),
            (Some(&1), None, 1)
        );
        assert_eq!(
            (map.get("a"), map.get("b"), map.len()),
            (Some(&2), Some(&3), 2)
        );
    }

    proptest! {
        #[test]
        fn behaves_like_a_hash_map(steps in prop::collection::vec(("[a-c]{1,3}", any::<Option<u8>>()), 0..200)) {
            let mut ours = HostMap::default();
            let mut model = HashMap::new();
            for (host, value) in steps {
                match value {
                    Some(value) => prop_assert_eq!(ours.insert(host.as_str().into(), value), model.insert(host, value)),
                    None => prop_assert_eq!(ours.remove(&host), model.remove(&host)),
                }
                prop_assert_eq!(ours.len(), model.len());
            }
            for (host, value) in &model {
                prop_assert_eq!(ours.get(host), Some(value));
            }
        }

        #[test]
        fn normalizing_never_panics_and_is_stable(host in "\\PC*") {
            let once = normalize(&host).into_owned();
            prop_assert!(!once.bytes().any(|b| b.is_ascii_uppercase()));
        }
    }
}
