//! Objects of one kind, found by key and by extracted values.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::Key;

pub(super) type Extract<K> = Box<dyn Fn(&K) -> Vec<String> + Send + Sync>;

/// Objects by an extracted value; within one value ordered by key.
pub(super) type Entries<K> = HashMap<String, BTreeMap<Key, Arc<K>>>;

pub(super) struct Table<K> {
    pub(super) objects: HashMap<Key, Arc<K>>,
    pub(super) indexes: Vec<(Extract<K>, Entries<K>)>,
}

impl<K> Table<K> {
    /// Puts an object in or takes it out and returns what was there.
    pub(super) fn set(&mut self, key: &Key, object: Option<Arc<K>>) -> Option<Arc<K>> {
        let old = match &object {
            Some(object) => self.objects.insert(key.clone(), object.clone()),
            None => self.objects.remove(key),
        };
        for (extract, entries) in &mut self.indexes {
            for value in old.iter().flat_map(|old| extract(old)) {
                if let Some(found) = entries.get_mut(&value) {
                    found.remove(key);
                    if found.is_empty() {
                        entries.remove(&value);
                    }
                }
            }
            if let Some(object) = &object {
                for value in extract(object) {
                    entries
                        .entry(value)
                        .or_default()
                        .insert(key.clone(), object.clone());
                }
            }
        }
        old
    }
}
