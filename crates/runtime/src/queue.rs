//! The work queue of a reconciler: keys, not events.
//!
//! A key is in the queue at most once and is worked on by at most one worker; a key that is added while it is worked
//! on runs once more afterwards. There are two lanes: changes of single objects overtake sweeps over all of them.
//! A key that failed comes back after a delay that doubles with each failure in a row.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Key;

/// Delay after the first failure in a row.
const BACKOFF_FIRST: Duration = Duration::from_millis(5);
/// Longest delay. Upstream goes up to 1000 s; after an outage of the API server that leaves objects untouched for a
/// quarter of an hour, so we stop at one minute.
const BACKOFF_LIMIT: Duration = Duration::from_secs(60);

/// Which keys go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Something happened to this very key.
    Fast,
    /// One of many keys that are looked at again, because configuration or leadership changed.
    Slow,
}

#[derive(Debug, Default)]
struct State {
    fast: VecDeque<Key>,
    slow: VecDeque<Key>,
    // Since when a key waits and in which lane. A key that changed to the fast lane is still in `slow`, to be skipped.
    queued: HashMap<Key, (Instant, Lane)>,
    working: HashSet<Key>,
    again: HashMap<Key, Lane>,
    // The map holds the time that counts; entries of the heap that differ from it are stale.
    delayed: HashMap<Key, Instant>,
    timers: BinaryHeap<Reverse<(Instant, Key)>>,
    failures: HashMap<Key, u32>,
    retries: u64,
    adds: u64,
}

/// A keyed queue. Cheap to clone; all clones are the same queue.
#[derive(Clone, Default)]
pub struct Queue {
    state: Arc<Mutex<State>>,
    wake: Arc<Notify>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("depth", &self.depth())
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for `key` to be looked at as soon as possible.
    pub fn add(&self, key: Key) {
        self.add_to(key, Lane::Fast);
    }

    /// Asks for `key` to be looked at.
    pub fn add_to(&self, key: Key, lane: Lane) {
        self.state.lock().add(key, lane);
        self.wake.notify_one();
    }

    /// Asks for `key` to be looked at after `delay`. Of two such wishes the earlier one counts.
    pub fn add_after(&self, key: Key, delay: Duration) {
        let at = Instant::now() + delay;
        let mut state = self.state.lock();
        if state.delayed.get(&key).is_some_and(|known| *known <= at) {
            return;
        }
        state.delayed.insert(key.clone(), at);
        state.timers.push(Reverse((at, key)));
        drop(state);
        self.wake.notify_one();
    }

    /// Asks for `key` after a delay that grows with each failure in a row. Returns the delay.
    pub fn add_failed(&self, key: Key) -> Duration {
        let failures = {
            let mut state = self.state.lock();
            state.retries += 1;
            let failures = state.failures.entry(key.clone()).or_default();
            *failures += 1;
            *failures
        };
        let delay = backoff(failures, rand::random());
        self.add_after(key, delay);
        delay
    }

    /// Forgets that `key` failed.
    pub fn forget(&self, key: &Key) {
        self.state.lock().failures.remove(key);
    }

    /// The next key and how long it has been waiting. The caller works on it and then calls [`Queue::done`].
    ///
    /// Only one caller may wait at a time.
    pub async fn next(&self) -> (Key, Duration) {
        loop {
            let until = {
                let mut state = self.state.lock();
                let now = Instant::now();
                state.move_due(now);
                if let Some((key, since)) = state.take() {
                    return (key, now - since);
                }
                state.timers.peek().map(|Reverse((at, _))| *at)
            };
            match until {
                Some(at) => tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep_until(at) => {}
                },
                None => self.wake.notified().await,
            }
        }
    }

    /// Says that the work on `key` is over. If it was added meanwhile it is queued again now.
    pub fn done(&self, key: &Key) {
        let mut state = self.state.lock();
        state.working.remove(key);
        if let Some(lane) = state.again.remove(key) {
            state.add(key.clone(), lane);
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Forgets everything: this replica no longer leads.
    pub fn clear(&self) {
        *self.state.lock() = State::default();
    }

    /// Number of keys that wait, delayed ones not counted.
    pub fn depth(&self) -> usize {
        self.state.lock().queued.len()
    }

    /// How often keys were added, and how often because of a failure, since the last call.
    pub(crate) fn take_totals(&self) -> (u64, u64) {
        let mut state = self.state.lock();
        (
            std::mem::take(&mut state.adds),
            std::mem::take(&mut state.retries),
        )
    }
}

impl State {
    fn add(&mut self, key: Key, lane: Lane) {
        if self.working.contains(&key) {
            let entry = self.again.entry(key).or_insert(lane);
            if lane == Lane::Fast {
                *entry = Lane::Fast;
            }
            return;
        }
        if let Some((_, known)) = self.queued.get_mut(&key) {
            if lane == Lane::Fast && *known == Lane::Slow {
                *known = Lane::Fast;
                self.fast.push_back(key);
            }
            return;
        }
        self.adds += 1;
        self.queued.insert(key.clone(), (Instant::now(), lane));
        match lane {
            Lane::Fast => self.fast.push_back(key),
            Lane::Slow => self.slow.push_back(key),
        }
    }

    fn move_due(&mut self, now: Instant) {
        while let Some(Reverse((at, _))) = self.timers.peek()
            && *at <= now
        {
            let Some(Reverse((at, key))) = self.timers.pop() else {
                return;
            };
            if self.delayed.get(&key) == Some(&at) {
                self.delayed.remove(&key);
                self.add(key, Lane::Fast);
            }
        }
    }

    fn take(&mut self) -> Option<(Key, Instant)> {
        let key = match self.fast.pop_front() {
            Some(key) => key,
            None => loop {
                let key = self.slow.pop_front()?;
                if self
                    .queued
                    .get(&key)
                    .is_some_and(|(_, lane)| *lane == Lane::Slow)
                {
                    break key;
                }
            },
        };
        let (since, _) = self
            .queued
            .remove(&key)
            .expect("a key in a lane is in the set of queued keys");
        self.working.insert(key.clone());
        Some((key, since))
    }
}

/// Delay after the `failures`-th failure in a row; `luck` in 0..1 spreads it over its upper half.
fn backoff(failures: u32, luck: f64) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(20));
    doubled.min(BACKOFF_LIMIT).mul_f64(0.5 + luck / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("ns", name)
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_waits_once_however_often_it_is_added() {
        let queue = Queue::new();
        queue.add(key("a"));
        queue.add(key("a"));
        assert_eq!(queue.depth(), 1);
        assert_eq!(queue.next().await.0, key("a"));
        assert_eq!(queue.depth(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_added_during_its_work_runs_once_more_but_not_at_once() {
        let queue = Queue::new();
        queue.add(key("a"));
        let (working, _) = queue.next().await;
        queue.add(key("a"));
        queue.add(key("a"));
        assert_eq!(queue.depth(), 0, "one key has one worker");
        queue.done(&working);
        assert_eq!(queue.next().await.0, key("a"));
        queue.done(&key("a"));
        assert_eq!(queue.depth(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn single_changes_overtake_sweeps() {
        let queue = Queue::new();
        queue.add_to(key("swept"), Lane::Slow);
        queue.add_to(key("both"), Lane::Slow);
        queue.add(key("both"));
        assert_eq!(queue.next().await.0, key("both"));
        assert_eq!(queue.next().await.0, key("swept"));
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_delays_the_earlier_one_counts() {
        let queue = Queue::new();
        let start = Instant::now();
        queue.add_after(key("a"), Duration::from_secs(5));
        queue.add_after(key("a"), Duration::from_secs(1));
        queue.add_after(key("a"), Duration::from_secs(9));
        queue.next().await;
        queue.done(&key("a"));
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        let nothing = tokio::time::timeout(Duration::from_secs(20), queue.next()).await;
        assert!(nothing.is_err(), "stale timers do not fire");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_wait_longer_and_success_forgets_them() {
        let queue = Queue::new();
        let first = queue.add_failed(key("a"));
        for _ in 0..30 {
            queue.add_failed(key("a"));
        }
        let late = queue.add_failed(key("a"));
        assert!(first <= BACKOFF_FIRST, "{first:?}");
        assert!(
            late >= BACKOFF_LIMIT / 2 && late <= BACKOFF_LIMIT,
            "{late:?}"
        );
        queue.forget(&key("a"));
        assert!(queue.add_failed(key("a")) <= BACKOFF_FIRST);
    }
}
