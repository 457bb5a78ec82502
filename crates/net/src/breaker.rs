//! A bounded queue in front of a bounded number of running requests.
//!
//! ```text
//!  arrive ──► in flight < depth + limit? ──► wait, first come first served ──► Slot
//!                    └─ no: QueueFull
//! ```
//!
//! A [`Slot`] is a value: whoever holds it runs. Move it into the response body
//! (and into an upgraded connection), so that it is free again when the last
//! byte has left and not when the head has. A caller that goes away while it
//! waits frees its place at once.
//!
//! Capacity may change while requests run. Growing wakes waiters; shrinking lets
//! the running ones finish and does not hand their places on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// The largest capacity: "no limit" to those who compute one.
pub const UNLIMITED: usize = i32::MAX as usize;

/// The queue has no place left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("pending request queue full")]
pub struct QueueFull;

/// Limits how many requests run at once and how many wait.
#[derive(Debug)]
pub struct Breaker {
    /// Queued and running requests together stay at or below this.
    total_slots: usize,
    in_flight: AtomicUsize,
    running: Semaphore,
    capacity: Mutex<Capacity>,
    /// How many running requests exceed the capacity after it shrank.
    surplus: AtomicUsize,
}

#[derive(Debug)]
struct Capacity {
    now: usize,
    most: usize,
}

/// The right to run one request. Dropping it lets the next one in.
#[derive(Debug)]
pub struct Slot {
    breaker: Arc<Breaker>,
}

/// A place in the queue, given back when its owner stops waiting.
struct Place<'a>(&'a Breaker);

// === impl Breaker ===

impl Breaker {
    /// A breaker that lets `capacity` requests run (at most `most`, whatever
    /// capacity is set later) while `queue_depth` others wait.
    pub fn new(queue_depth: usize, most: usize, capacity: usize) -> Arc<Self> {
        let capacity = capacity.min(most);
        Arc::new(Self {
            total_slots: queue_depth.saturating_add(most),
            in_flight: AtomicUsize::new(0),
            running: Semaphore::new(capacity),
            capacity: Mutex::new(Capacity {
                now: capacity,
                most,
            }),
            surplus: AtomicUsize::new(0),
        })
    }

    /// Waits for a slot behind those who came earlier.
    ///
    /// # Errors
    /// [`QueueFull`] at once when queue and capacity are both used up.
    pub async fn acquire(self: &Arc<Self>) -> Result<Slot, QueueFull> {
        let place = self.enter().ok_or(QueueFull)?;
        self.running
            .acquire()
            .await
            .expect("the semaphore is never closed")
            .forget();
        std::mem::forget(place);
        Ok(Slot {
            breaker: Arc::clone(self),
        })
    }

    /// Takes a slot if one is free right now; never waits and never overtakes
    /// those who do.
    pub fn try_acquire(self: &Arc<Self>) -> Option<Slot> {
        let place = self.enter()?;
        self.running.try_acquire().ok()?.forget();
        std::mem::forget(place);
        Some(Slot {
            breaker: Arc::clone(self),
        })
    }

    /// Sets how many may run at once, up to the most given at the start.
    pub fn set_capacity(&self, wanted: usize) {
        let mut capacity = self.capacity.lock();
        let wanted = wanted.min(capacity.most);
        if wanted < capacity.now {
            let excess = capacity.now - wanted;
            let forgotten = self.running.forget_permits(excess);
            // The rest is running: their slots are swallowed when they end.
            self.surplus.fetch_add(excess - forgotten, Ordering::AcqRel);
        } else {
            let mut missing = wanted - capacity.now;
            while missing > 0 && self.take_surplus() {
                missing -= 1;
            }
            self.running.add_permits(missing);
        }
        capacity.now = wanted;
    }

    /// How many may run at once.
    pub fn capacity(&self) -> usize {
        self.capacity.lock().now
    }

    /// Requests queued and running.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    fn enter(&self) -> Option<Place<'_>> {
        self.in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
                (n < self.total_slots).then_some(n + 1)
            })
            .ok()
            .map(|_| Place(self))
    }

    /// Takes one unit of what running requests hold beyond the capacity.
    fn take_surplus(&self) -> bool {
        self.surplus
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1))
            .is_ok()
    }
}

// === impl Slot ===

impl Drop for Slot {
    fn drop(&mut self) {
        drop(Place(&self.breaker));
        if !self.breaker.take_surplus() {
            self.breaker.running.add_permits(1);
        }
    }
}

// === impl Place ===

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_full_queue_refuses_at_once() {
        let breaker = Breaker::new(1, 1, 1);
        let _running = breaker.acquire().now_or_never().unwrap().unwrap();
        let mut queued = Box::pin(breaker.acquire());
        assert!(queued.as_mut().now_or_never().is_none());
        assert_eq!(
            breaker.acquire().now_or_never().unwrap().unwrap_err(),
            QueueFull
        );
        assert_eq!(breaker.in_flight(), 2);
    }

    #[test]
    fn a_slot_goes_to_whoever_waited_longest() {
        let breaker = Breaker::new(10, 1, 1);
        let running = breaker.try_acquire().unwrap();
        let mut first = Box::pin(breaker.acquire());
        let mut second = Box::pin(breaker.acquire());
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(running);
        assert!(
            breaker.try_acquire().is_none(),
            "a newcomer must not overtake"
        );
        assert!(second.as_mut().now_or_never().is_none());
        assert!(first.as_mut().now_or_never().is_some());
    }

    #[test]
    fn a_waiter_that_leaves_frees_its_place() {
        let breaker = Breaker::new(1, 1, 1);
        let running = breaker.try_acquire().unwrap();
        let mut waiting = Box::pin(breaker.acquire());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        assert_eq!(breaker.in_flight(), 1);
        drop(running);
        assert!(breaker.try_acquire().is_some());
    }

    #[test]
    fn growing_wakes_waiters() {
        let breaker = Breaker::new(10, UNLIMITED, 0);
        let mut waiting = Box::pin(breaker.acquire());
        assert!(waiting.as_mut().now_or_never().is_none());
        breaker.set_capacity(1);
        assert!(waiting.as_mut().now_or_never().is_some());
    }

    #[test]
    fn shrinking_lets_the_running_finish_without_handing_on() {
        let breaker = Breaker::new(10, 3, 3);
        let slots: Vec<_> = (0..3).map(|_| breaker.try_acquire().unwrap()).collect();
        breaker.set_capacity(1);
        let mut waiting = Box::pin(breaker.acquire());
        for slot in slots {
            assert!(waiting.as_mut().now_or_never().is_none());
            drop(slot);
        }
        let slot = waiting.now_or_never().unwrap().unwrap();
        assert!(breaker.try_acquire().is_none());
        drop(slot);
        assert!(breaker.try_acquire().is_some());
    }

    #[test]
    fn growing_again_takes_back_what_shrinking_owed() {
        let breaker = Breaker::new(10, 4, 2);
        let slots = (
            breaker.try_acquire().unwrap(),
            breaker.try_acquire().unwrap(),
        );
        breaker.set_capacity(0);
        breaker.set_capacity(3);
        let third = breaker.try_acquire().unwrap();
        assert!(breaker.try_acquire().is_none());
        drop((slots, third));
        assert_eq!(breaker.in_flight(), 0);
        let all: Vec<_> = (0..3).map(|_| breaker.try_acquire().unwrap()).collect();
        assert!(breaker.try_acquire().is_none());
        drop(all);
    }

    #[test]
    fn capacity_stops_at_the_most() {
        let breaker = Breaker::new(10, 2, 2);
        breaker.set_capacity(50);
        assert_eq!(breaker.capacity(), 2);
    }
}
