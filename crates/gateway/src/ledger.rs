//! What this replica serves: which version of which Ingress is in its table.
//!
//! The replica that writes status must know this of every replica, at once. So each serves its ledger on the admin
//! port as an endless list of JSON lines: first all that it serves, then an empty line, then every change.
//!
//! ```text
//! {"namespace":"ns","name":"a","version":{"uid":"…","generation":3,"hash":"…"}}
//!
//! {"namespace":"ns","name":"b","version":{"uid":"…","generation":1,"hash":"…"}}
//! {"namespace":"ns","name":"a","version":null}
//! ```

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use bytes::Bytes;
use ebb_process::Stop;
use ebb_runtime::Key;
use futures::{Stream, StreamExt as _, stream};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// Where the ledger is served.
pub const PATH: &str = "/ledger";

/// Changes that a slow reader may be behind. One that falls further back is cut off and starts anew.
const BEHIND: usize = 4096;

/// One state of one Ingress object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Tells the object from a later one of the same name.
    pub uid: String,
    /// Changes with the spec.
    pub generation: i64,
    /// What probers see (ingress.md 5.1).
    pub hash: String,
}

/// One line: an Ingress and the version that is served, if any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Namespace of the Ingress.
    pub namespace: String,
    /// Name of the Ingress.
    pub name: String,
    /// `None`: no longer served.
    pub version: Option<Version>,
}

/// How an Ingress stands with this replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything is in place to answer the first request.
    Serving(Version),
    /// Not yet: addresses or certificates are missing.
    Waiting,
    /// This generation cannot be served until somebody changes something.
    Refused { generation: i64, refusal: Refusal },
}

/// Why an Ingress is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An older Ingress has the host.
    #[error("host {host} belongs to Ingress {holder}")]
    Conflict {
        /// The host.
        host: String,
        /// The Ingress that has it.
        holder: Key,
    },
    /// A field holds what cannot be served.
    #[error("{0}")]
    Invalid(String),
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Book>);

#[derive(Debug)]
struct Book {
    standings: Mutex<BTreeMap<Key, Standing>>,
    changes: broadcast::Sender<Entry>,
}

impl Default for Ledger {
    fn default() -> Self {
        let changes = broadcast::Sender::new(BEHIND);
        Self(Arc::new(Book {
            standings: Mutex::default(),
            changes,
        }))
    }
}

impl Ledger {
    /// How an Ingress stands; `None` if it is not ours.
    pub fn standing(&self, key: &Key) -> Option<Standing> {
        self.0.standings.lock().get(key).cloned()
    }

    /// Records how an Ingress stands; `None` forgets it.
    pub fn record(&self, key: &Key, standing: Option<Standing>) {
        let mut standings = self.0.standings.lock();
        let before = standings.get(key).and_then(served).cloned();
        let now = standing.as_ref().and_then(served).cloned();
        match standing {
            Some(standing) => standings.insert(key.clone(), standing),
            None => standings.remove(key),
        };
        if before != now {
            // Under the lock, so that a follower sees each change either in its snapshot or after it. Nobody
            // listening is fine.
            let _ = self.0.changes.send(Entry::new(key, now));
        }
    }

    /// All that is served now, and all changes after that.
    fn follow(&self) -> (Vec<Entry>, broadcast::Receiver<Entry>) {
        let standings = self.0.standings.lock();
        let changes = self.0.changes.subscribe();
        let served = standings
            .iter()
            .filter_map(|(key, standing)| Some(Entry::new(key, Some(served(standing)?.clone()))));
        (served.collect(), changes)
    }

    /// Serves the ledger until `stop`.
    pub fn router(&self, stop: Stop) -> Router {
        let lines = |State((ledger, stop)): State<(Self, Stop)>| async move {
            let end = async move { stop.triggered().await };
            Body::from_stream(ledger.lines().take_until(Box::pin(end)))
        };
        Router::new()
            .route(PATH, get(lines))
            .with_state((self.clone(), stop))
    }

    fn lines(&self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + use<> {
        let (served, changes) = self.follow();
        let mut first: Vec<u8> = served.iter().flat_map(line).collect();
        first.push(b'\n');
        let later = stream::unfold(changes, |mut changes| async move {
            // A reader that fell behind is cut off here.
            let entry = changes.recv().await.ok()?;
            Some((Ok(Bytes::from(line(&entry))), changes))
        });
        stream::iter([Ok(Bytes::from(first))]).chain(later)
    }
}

fn served(standing: &Standing) -> Option<&Version> {
    match standing {
        Standing::Serving(version) => Some(version),
        Standing::Waiting | Standing::Refused { .. } => None,
    }
}

fn line(entry: &Entry) -> Vec<u8> {
    let mut line = serde_json::to_vec(entry).expect("an entry is made of strings and numbers");
    line.push(b'\n');
    line
}

impl Entry {
    fn new(key: &Key, version: Option<Version>) -> Self {
        Self {
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            version,
        }
    }
}
