//! The loop around a reconciler: keys in, one reconcile at a time for each key, repeat until it is right.
//!
//! A [`Controller`] works only while its replica leads. When leadership comes, every object of the primary kind is
//! queued; when it goes, running reconciles are dropped where they wait, as another replica may be at it already.
//!
//! | outcome | what follows |
//! |---|---|
//! | `Ok(Action::Done)` | the key's failures are forgotten |
//! | `Ok(Action::After(d))` | likewise, and the key comes back after `d` |
//! | [`Error::Conflict`] | retried with growing delay, no Event, logged at debug |
//! | [`Error::Permanent`] | waits for a change of the object; reported |
//! | [`Error::Transient`] | retried with growing delay; reported |
//!
//! "Reported" means a log line and a call of [`Reconcile::failed`], where the program records its Event.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ebb_process::Stop;
use ebb_process::log::Chain;
use futures::FutureExt as _;
use futures::stream::{self, BoxStream, FuturesUnordered, SelectAll, StreamExt as _};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::cache::{Cache, Change, Object};
use crate::lease::Leadership;
use crate::queue::{Lane, Queue};
use crate::{Key, apply, request, status};

pub use self::metrics::Metrics;

mod metrics;

/// Reconciles that one controller runs at the same time. Upstream has 2 workers that block; ours wait for the API
/// server most of their time and cost a few kilobytes.
const CONCURRENCY: usize = 8;
/// A reconcile that takes longer than this is dropped and counts as failed.
const DEADLINE: Duration = Duration::from_secs(30);

/// What shall happen after a successful reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing until something changes.
    Done,
    /// The key shall be looked at again after this time, changes or not.
    After(Duration),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a reconcile did not succeed. Bad input of users is none of these: that goes into the status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody changed an object while we were at it.
    #[error("object was changed meanwhile")]
    Conflict(#[source] Cause),
    /// Trying again changes nothing.
    #[error(transparent)]
    Permanent(Cause),
    /// Worth another try.
    #[error(transparent)]
    Transient(Cause),
}

impl Error {
    /// An error that only a change of the object can mend.
    pub fn permanent(cause: impl Into<Cause>) -> Self {
        Self::Permanent(cause.into())
    }

    /// An error that may go away by itself.
    pub fn transient(cause: impl Into<Cause>) -> Self {
        Self::Transient(cause.into())
    }

    fn of(conflict: bool, cause: Cause) -> Self {
        if conflict {
            Self::Conflict(cause)
        } else {
            Self::Transient(cause)
        }
    }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::of(request::is_conflict(&error), request::Failure(error).into())
    }
}

impl From<apply::Error> for Error {
    fn from(error: apply::Error) -> Self {
        Self::of(error.is_conflict(), error.into())
    }
}

impl From<status::Error> for Error {
    fn from(error: status::Error) -> Self {
        Self::of(error.is_conflict(), error.into())
    }
}

/// The work of one controller on one key.
pub trait Reconcile: Send + Sync + 'static {
    /// Looks at the object and everything it implies and makes it so. It must not ask why it is called, must be right
    /// when it is cut off at any await and run again, and must treat an object that is gone as done.
    fn reconcile(&self, key: &Key) -> impl Future<Output = Result<Action, Error>> + Send;

    /// Called after a failure that is worth an Event.
    fn failed(&self, key: &Key, error: &Error) {
        let _ = (key, error);
    }
}

type AllKeys = Arc<dyn Fn() -> Vec<Key> + Send + Sync>;

/// A reconciler with its queue and what feeds it.
pub struct Controller<R> {
    name: &'static str,
    reconciler: Arc<R>,
    queue: Queue,
    all: AllKeys,
    sweeps: SelectAll<BoxStream<'static, ()>>,
    concurrency: usize,
    deadline: Duration,
    metrics: Metrics,
}

impl<R> fmt::Debug for Controller<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller")
            .field("name", &self.name)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl<R: Reconcile> Controller<R> {
    /// `name` is what logs call it and what upstream calls the Event source, such as `route-controller`. Every change
    /// of an object in `primary` is a reason to look at its key.
    pub fn new<K: Object>(name: &'static str, reconciler: R, primary: &Cache<K>) -> Self {
        let queue = Queue::new();
        let feed = queue.clone();
        primary.observe(move |change| feed.add(Key::of(&**change.latest())));
        let all = primary.clone();
        Self {
            name,
            reconciler: Arc::new(reconciler),
            queue,
            all: Arc::new(move || all.keys()),
            sweeps: SelectAll::new(),
            concurrency: CONCURRENCY,
            deadline: DEADLINE,
            metrics: Metrics::default(),
        }
    }

    /// Looks at the keys that `map` names whenever an object in `cache` changes; both the old and the new state of the
    /// object are asked.
    pub fn watch<K, I>(
        self,
        cache: &Cache<K>,
        map: impl Fn(&K) -> I + Send + Sync + 'static,
    ) -> Self
    where
        K: Object,
        I: IntoIterator<Item = Key>,
    {
        let queue = self.queue.clone();
        cache.observe(move |change: &Change<K>| {
            let mut last = None;
            for object in [change.before(), change.after()].into_iter().flatten() {
                for key in map(object) {
                    if last.as_ref() != Some(&key) {
                        queue.add(key.clone());
                        last = Some(key);
                    }
                }
            }
        });
        self
    }

    /// Looks at all keys, in the slow lane, whenever `version` changes: of a live configuration or of a whole cache.
    pub fn sweep_on(mut self, version: watch::Receiver<u64>) -> Self {
        let changes = stream::unfold(version, async |mut version| {
            // An error means that nothing will change any more.
            version.changed().await.ok().map(|()| ((), version))
        });
        self.sweeps.push(changes.boxed());
        self
    }

    /// How many keys are worked on at the same time.
    pub fn concurrency(mut self, limit: usize) -> Self {
        self.concurrency = limit;
        self
    }

    /// How long one reconcile may take.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Where the work queue's numbers go.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// The queue, for whoever has reasons of its own to have a key looked at.
    pub fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Works until a stop is asked for; give it to the supervisor. The caches must be ready before.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub async fn run(mut self, mut leadership: Leadership, stop: Stop) -> Result<(), Infallible> {
        let span = tracing::info_span!("controller", logger = self.name);
        async {
            loop {
                tokio::select! {
                    () = leadership.gained() => {}
                    () = stop.triggered() => return Ok(()),
                }
                tracing::info!("leading");
                self.sweep();
                tokio::select! {
                    () = self.work() => {}
                    () = leadership.lost() => {}
                    () = stop.triggered() => return Ok(()),
                }
                tracing::warn!("no longer leading");
                self.queue.clear();
            }
        }
        .instrument(span)
        .await
    }

    fn sweep(&self) {
        for key in (self.all)() {
            self.queue.add_to(key, Lane::Slow);
        }
    }

    async fn work(&mut self) {
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                (key, waited) = self.queue.next(), if running.len() < self.concurrency => {
                    self.metrics.started(self.name, &self.queue, waited);
                    running.push(self.reconcile(key));
                }
                Some(()) = running.next() => {}
                Some(()) = self.sweeps.next() => self.sweep(),
            }
        }
    }

    fn reconcile(&self, key: Key) -> impl Future<Output = ()> + Send + use<R> {
        let reconciler = self.reconciler.clone();
        let queue = self.queue.clone();
        let metrics = self.metrics.clone();
        let (name, deadline) = (self.name, self.deadline);
        let span = tracing::info_span!("reconcile", "knative.dev/key" = %key);
        async move {
            let start = Instant::now();
            let work = std::panic::AssertUnwindSafe(reconciler.reconcile(&key)).catch_unwind();
            let outcome = match tokio::time::timeout(deadline, work).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(Error::permanent("the reconciler panicked")),
                Err(_) => Err(Error::transient(format!("not done within {deadline:?}"))),
            };
            metrics.finished(name, start.elapsed());
            settle(&*reconciler, &queue, &key, outcome, start.elapsed());
            queue.done(&key);
        }
        .instrument(span)
    }
}

fn settle(
    reconciler: &impl Reconcile,
    queue: &Queue,
    key: &Key,
    outcome: Result<Action, Error>,
    took: Duration,
) {
    let took_ms = took.as_secs_f64() * 1000.0;
    match outcome {
        Ok(action) => {
            tracing::debug!(took_ms, "reconciled");
            queue.forget(key);
            if let Action::After(delay) = action {
                queue.add_after(key.clone(), delay);
            }
        }
        Err(error @ Error::Conflict(_)) => {
            let retry = queue.add_failed(key.clone());
            tracing::debug!(error = %Chain(&error), ?retry, took_ms, "conflict");
        }
        Err(error @ Error::Permanent(_)) => {
            queue.forget(key);
            tracing::error!(error = %Chain(&error), took_ms, "reconcile failed for good");
            reconciler.failed(key, &error);
        }
        Err(error @ Error::Transient(_)) => {
            let retry = queue.add_failed(key.clone());
            tracing::warn!(error = %Chain(&error), ?retry, took_ms, "reconcile failed");
            reconciler.failed(key, &error);
        }
    }
}

#[cfg(test)]
mod tests;
