//! One watch a kind and process, shared by everybody who reads that kind.
//!
//! A [`Cache`] holds what the API server last told us. Readers get `Arc`s and never wait. Whoever must act on changes
//! registers an observer: a function that runs in the watch's own task, in order, for every change, with the old and
//! the new object. Nothing is lost between the two, not even deletions during a reconnect: after a new list the cache
//! compares and reports the difference.
//!
//! `metadata.managedFields` are dropped, except the entry of a field manager that [`Options::keep_manager`] names:
//! [`crate::apply`] needs it to see what it once wrote and no longer wants.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use ebb_process::Supervisor;
use kube::api::Api;
use kube::runtime::watcher;
use kube::{Resource, ResourceExt};
use parking_lot::{Mutex, RwLock};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use self::table::{Entries, Table};
use crate::Key;

mod follow;
mod table;

/// What a cache of `K` needs of the type.
pub trait Object:
    Resource<DynamicType = ()> + Clone + fmt::Debug + DeserializeOwned + Send + Sync + 'static
{
}
impl<K> Object for K where
    K: Resource<DynamicType = ()> + Clone + fmt::Debug + DeserializeOwned + Send + Sync + 'static
{
}

/// What to watch and what to keep of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// A label selector, such as `app=x,!y`.
    pub labels: Option<&'a str>,
    /// A field selector, such as `metadata.name=x`.
    pub fields: Option<&'a str>,
    /// Field manager whose applied fields are kept in `metadata.managedFields`.
    pub keep_manager: Option<&'static str>,
}

/// What happened to one object.
#[derive(Debug)]
pub enum Change<K> {
    /// It is new to us.
    Added(Arc<K>),
    /// It has another resource version.
    Modified {
        /// What we knew.
        old: Arc<K>,
        /// What we know now.
        new: Arc<K>,
    },
    /// It is gone; this is the last we knew.
    Deleted(Arc<K>),
}

impl<K> Clone for Change<K> {
    fn clone(&self) -> Self {
        match self {
            Self::Added(new) => Self::Added(new.clone()),
            Self::Modified { old, new } => Self::Modified {
                old: old.clone(),
                new: new.clone(),
            },
            Self::Deleted(old) => Self::Deleted(old.clone()),
        }
    }
}

impl<K> Change<K> {
    /// The object as it is now; `None` if it is gone.
    pub fn after(&self) -> Option<&Arc<K>> {
        match self {
            Self::Added(new) | Self::Modified { new, .. } => Some(new),
            Self::Deleted(_) => None,
        }
    }

    /// The object as it was; `None` if it is new.
    pub fn before(&self) -> Option<&Arc<K>> {
        match self {
            Self::Added(_) => None,
            Self::Modified { old, .. } | Self::Deleted(old) => Some(old),
        }
    }

    /// The latest we know of it, be it there or gone.
    pub fn latest(&self) -> &Arc<K> {
        match self {
            Self::Added(object) | Self::Modified { new: object, .. } | Self::Deleted(object) => {
                object
            }
        }
    }
}

type Observer<K> = Box<dyn Fn(&Change<K>) + Send + Sync>;
struct Shared<K> {
    table: RwLock<Table<K>>,
    observers: Mutex<Vec<Observer<K>>>,
    version: watch::Sender<u64>,
    ready: watch::Sender<bool>,
}

/// All objects of one kind that the process watches. Cheap to clone.
pub struct Cache<K>(Arc<Shared<K>>);

impl<K> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> fmt::Debug for Cache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("objects", &self.0.table.read().objects.len())
            .finish_non_exhaustive()
    }
}

impl<K: Object> Cache<K> {
    /// Watches what `api` and `options` select for as long as the process lives.
    pub fn start(supervisor: &Supervisor, api: Api<K>, options: Options<'_>) -> Self {
        let cache = Self::detached();
        let mut config = watcher::Config::default().timeout(290);
        config.label_selector = options.labels.map(str::to_owned);
        config.field_selector = options.fields.map(str::to_owned);
        let watch = follow::follow(
            cache.clone(),
            api,
            config,
            options.keep_manager,
            supervisor.stop(),
        );
        supervisor.spawn("watch", watch);
        cache
    }

    /// A cache that watches nothing: for tests, and for kinds that a process does not use.
    pub fn detached() -> Self {
        Self(Arc::new(Shared {
            table: RwLock::new(Table {
                objects: HashMap::new(),
                indexes: Vec::new(),
            }),
            observers: Mutex::new(Vec::new()),
            version: watch::Sender::new(0),
            ready: watch::Sender::new(false),
        }))
    }

    /// A cache with these objects in it that watches nothing. For tests.
    pub fn of(objects: impl IntoIterator<Item = K>) -> Self {
        let cache = Self::detached();
        cache.replace(objects);
        cache
    }

    /// Takes in a complete list, as the watch does when it begins or has lost track. For tests.
    pub fn replace(&self, objects: impl IntoIterator<Item = K>) {
        self.reset(objects.into_iter().map(Arc::new).collect());
    }

    /// Resolves once the first list is in.
    pub async fn ready(&self) {
        let mut ready = self.0.ready.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = ready.wait_for(|ready| *ready).await;
    }

    /// Whether the first list is in.
    pub fn is_ready(&self) -> bool {
        *self.0.ready.borrow()
    }

    /// The object with this key. An empty namespace stands for kinds without one.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.by_key(&Key::new(namespace, name))
    }

    /// The object with this key.
    pub fn by_key(&self, key: &Key) -> Option<Arc<K>> {
        self.0.table.read().objects.get(key).cloned()
    }

    /// All objects, in no order.
    pub fn list(&self) -> Vec<Arc<K>> {
        self.0.table.read().objects.values().cloned().collect()
    }

    /// Objects that `wanted` accepts, in no order. Looks at every object: use an [`Index`] on a busy path.
    pub fn filter(&self, wanted: impl Fn(&K) -> bool) -> Vec<Arc<K>> {
        self.0
            .table
            .read()
            .objects
            .values()
            .filter(|object| wanted(object))
            .cloned()
            .collect()
    }

    /// All keys, in no order.
    pub fn keys(&self) -> Vec<Key> {
        self.0.table.read().objects.keys().cloned().collect()
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.0.table.read().objects.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes objects findable by the values that `extract` reads out of them. Do it once, at start.
    pub fn index(&self, extract: impl Fn(&K) -> Vec<String> + Send + Sync + 'static) -> Index<K> {
        let mut table = self.0.table.write();
        let mut entries = Entries::new();
        for (key, object) in &table.objects {
            for value in extract(object) {
                entries
                    .entry(value)
                    .or_default()
                    .insert(key.clone(), object.clone());
            }
        }
        table.indexes.push((Box::new(extract), entries));
        Index {
            cache: self.clone(),
            position: table.indexes.len() - 1,
        }
    }

    /// Calls `observer` for each object that is there (as [`Change::Added`]) and then for every change, in order.
    ///
    /// It runs in the task of the watch: it must be quick, must not block, and must not register observers on this
    /// same cache. When it is called the cache already shows the change.
    pub fn observe(&self, observer: impl Fn(&Change<K>) + Send + Sync + 'static) {
        let mut observers = self.0.observers.lock();
        for object in self.list() {
            observer(&Change::Added(object));
        }
        observers.push(Box::new(observer));
    }

    /// A number that grows with every change: `changed().await` on it to rebuild something from the whole cache.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// Takes in a new state of one object, as the watch does. For tests.
    pub fn insert(&self, object: K) {
        let object = Arc::new(object);
        self.set(&Key::of(&*object), Some(object));
    }

    /// Takes in the end of one object, as the watch does. For tests.
    pub fn remove(&self, key: &Key) {
        self.set(key, None);
    }

    fn set(&self, key: &Key, object: Option<Arc<K>>) {
        let observers = self.0.observers.lock();
        let old = self.0.table.write().set(key, object.clone());
        if let Some(change) = change(old, object) {
            for observer in observers.iter() {
                observer(&change);
            }
            self.0.version.send_modify(|version| *version += 1);
        }
    }

    /// Takes in a complete new list.
    fn reset(&self, objects: Vec<Arc<K>>) {
        let mut gone = self.keys();
        let fresh: HashMap<Key, Arc<K>> = objects
            .into_iter()
            .map(|object| (Key::of(&*object), object))
            .collect();
        gone.retain(|key| !fresh.contains_key(key));
        for key in gone {
            self.set(&key, None);
        }
        for (key, object) in fresh {
            self.set(&key, Some(object));
        }
        self.0.ready.send_replace(true);
    }
}

fn change<K: Object>(old: Option<Arc<K>>, new: Option<Arc<K>>) -> Option<Change<K>> {
    match (old, new) {
        (None, Some(new)) => Some(Change::Added(new)),
        (Some(old), Some(new)) => {
            let same = new.resource_version().is_some()
                && old.resource_version() == new.resource_version();
            (!same).then_some(Change::Modified { old, new })
        }
        (Some(old), None) => Some(Change::Deleted(old)),
        (None, None) => None,
    }
}

/// Finds objects of a cache by a value read out of them.
pub struct Index<K> {
    cache: Cache<K>,
    position: usize,
}

impl<K> Clone for Index<K> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            position: self.position,
        }
    }
}

impl<K> fmt::Debug for Index<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

impl<K> Index<K> {
    /// Objects that have `value`, ordered by key.
    pub fn get(&self, value: &str) -> Vec<Arc<K>> {
        let table = self.cache.0.table.read();
        let (_, entries) = &table.indexes[self.position];
        entries
            .get(value)
            .into_iter()
            .flat_map(BTreeMap::values)
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests;
