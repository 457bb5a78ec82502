//! What is known of the load of each revision.
//!
//! ```text
//! activators ─ websocket ─► intake ─► record ─┐
//!                                             ├─► Collection (windows) ─► load
//! pods ◄─ scrape (once a second) ─────────────┘
//! ```
//!
//! A collection exists for each Metric that this replica owns. It is made when the Metric is
//! reconciled or when the first stat for it arrives, whichever is earlier.

mod pods;
mod scrape;
mod spec;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use ebb_core::api::metric::Metric;
use ebb_core::scale::collection::{Collection, NoData, Spec};
use ebb_core::scale::{self, Load};
use ebb_core::stat::Stat;
use ebb_process::Stop;
use ebb_runtime::queue::Queue;
use ebb_runtime::{Cache, Key};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

use crate::metrics::{ScrapeLabels, Scrapes};
use crate::pulse::{Pulse, SLOTS_A_SECOND, Slot};

pub use self::pods::{PodIndex, revision};
pub use self::scrape::{Error as ScrapeError, Scraper};
use self::spec::spec;

/// Why there is no load to decide by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody asked for this revision's metrics.
    #[error("no metric is collected")]
    NotCollecting,
    /// Nothing came for too long.
    #[error(transparent)]
    NoData(#[from] NoData),
}

/// One revision's windows and the state of its scrapes.
struct Entry {
    spec: Spec,
    labels: ScrapeLabels,
    collection: Collection,
    /// A scrape is running; the next waits for its turn.
    scraping: bool,
    /// How the last scrape failed, if it did.
    failure: Option<ScrapeError>,
}

type SharedEntry = Arc<Mutex<Entry>>;

/// All collections of this replica. Cheap to clone.
#[derive(Clone)]
pub struct Collector(Arc<Shared>);

struct Shared {
    entries: RwLock<HashMap<Key, SharedEntry>>,
    metrics: Cache<Metric>,
    scraper: Scraper,
    scrapes: Scrapes,
    /// Queue of the Metric reconciler, which tells users how scraping fares.
    changed: OnceLock<Queue>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("collections", &self.0.entries.read().len())
            .finish_non_exhaustive()
    }
}

impl Collector {
    /// A collector without collections.
    #[must_use]
    pub fn new(metrics: Cache<Metric>, scraper: Scraper, scrapes: Scrapes) -> Self {
        Self(Arc::new(Shared {
            entries: RwLock::default(),
            metrics,
            scraper,
            scrapes,
            changed: OnceLock::new(),
        }))
    }

    /// Has `queue` told whenever a revision's scrapes begin or cease to fail. Once, at start.
    pub fn report_to(&self, queue: Queue) {
        // A second queue would be a mistake of the wiring, not of the world.
        assert!(
            self.0.changed.set(queue).is_ok(),
            "a collector reports to one queue"
        );
    }

    /// Makes or adapts the collection of `metric` and says how its last scrape ended.
    ///
    /// # Errors
    /// How the last scrape failed.
    pub fn ensure(&self, metric: &Metric, now: Timestamp) -> Result<(), ScrapeError> {
        let spec = spec(metric);
        let entry = self.entry(Key::of(metric), metric);
        let mut entry = entry.lock();
        entry.collection.update(&spec, now);
        entry.spec = spec;
        entry.failure.clone().map_or(Ok(()), Err)
    }

    /// Forgets a revision.
    pub fn remove(&self, key: &Key) {
        self.0.entries.write().remove(key);
    }

    /// Forgets all revisions but those that `keep` names: another replica collects the rest.
    pub fn retain(&self, keep: impl Fn(&Key) -> bool) {
        self.0.entries.write().retain(|key, _| keep(key));
    }

    /// Adds a report about `key`. Reports about what nobody wants measured are dropped.
    pub fn record(&self, key: &Key, at: Timestamp, stat: &Stat) {
        let known = self.0.entries.read().get(key).cloned();
        let entry = known.or_else(|| {
            let metric = self.0.metrics.by_key(key)?;
            Some(self.entry(key.clone(), &metric))
        });
        if let Some(entry) = entry {
            entry.lock().collection.record(at, stat);
        }
    }

    /// The load of `key`.
    ///
    /// # Errors
    /// When nothing is known about it.
    pub fn load(&self, key: &Key, metric: scale::Metric, now: Timestamp) -> Result<Load, Error> {
        let entry = self.0.entries.read().get(key).cloned();
        let entry = entry.ok_or(Error::NotCollecting)?;
        let load = entry.lock().collection.load(metric, now);
        Ok(load?)
    }

    fn entry(&self, key: Key, metric: &Metric) -> SharedEntry {
        let mut entries = self.0.entries.write();
        let entry = entries.entry(key).or_insert_with(|| {
            let spec = spec(metric);
            Arc::new(Mutex::new(Entry {
                spec,
                labels: ScrapeLabels::of(metric),
                collection: Collection::new(&spec),
                scraping: false,
                failure: None,
            }))
        });
        entry.clone()
    }

    /// Scrapes each revision once a second until a stop is asked for; give it to the supervisor.
    ///
    /// # Errors
    /// None: a scrape that fails is told by the Metric's status.
    pub async fn run(self, stop: Stop) -> Result<(), std::convert::Infallible> {
        let mut pulse = Pulse::default();
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                slot = pulse.next() => {
                    for (key, entry) in self.due(slot) {
                        running.push(self.scrape(key, entry, slot.second()));
                    }
                }
                Some(()) = running.next() => {}
                () = stop.triggered() => return Ok(()),
            }
        }
    }

    fn due(&self, slot: Slot) -> Vec<(Key, SharedEntry)> {
        let entries = self.0.entries.read();
        let due = entries.iter().filter(|(key, entry)| {
            slot.is_turn_of(key, SLOTS_A_SECOND) && entry.lock().spec.scraped
        });
        due.map(|(key, entry)| (key.clone(), entry.clone()))
            .collect()
    }

    /// Scrapes once. The result counts for the second in which its turn was, not for the one in
    /// which the last pod answered: two results in one second would add up and leave a hole.
    async fn scrape(&self, key: Key, entry: SharedEntry, second: Timestamp) {
        let stable = {
            let mut entry = entry.lock();
            if std::mem::replace(&mut entry.scraping, true) {
                return;
            }
            entry.spec.stable
        };
        let begin = Instant::now();
        let outcome = self.0.scraper.scrape(&key, stable).await;
        let mut entry = entry.lock();
        entry.scraping = false;
        if !matches!(outcome, Ok(None)) {
            self.0.scrapes.observe(&entry.labels, begin.elapsed());
        }
        let failure = match outcome {
            Ok(Some(stat)) => {
                entry.collection.record(second, &stat);
                None
            }
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if entry.failure != failure {
            match &failure {
                Some(error) => tracing::warn!("knative.dev/key" = %key, %error, "scrape failed"),
                None => tracing::info!("knative.dev/key" = %key, "scrape works again"),
            }
            entry.failure = failure;
            if let Some(queue) = self.0.changed.get() {
                queue.add(key);
            }
        }
    }
}
