//! The load: reviews arrive at times that were fixed before the first one.
//!
//! Latency counts from the time a review was due, so a webhook that stalls makes all who are due meanwhile late,
//! as it would in a cluster. Gaps are those of independent callers (exponential), which brings bursts; their
//! sequence is the same in every run. Threads and blocking calls, because an asynchronous timer knows
//! milliseconds only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::client::{Connection, Peer};
use super::reviews::Reviews;
use super::webhook::{self, Side};

/// From the start to the first arrival: all threads are ready by then.
const HEAD_START: Duration = Duration::from_millis(50);

/// How much load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Reviews a second.
    pub(super) rate: u32,
    pub(super) connections: usize,
    pub(super) duration: Duration,
}

/// Load that is being put on.
#[derive(Debug)]
pub(super) struct Running(Vec<JoinHandle<Result<Vec<Duration>>>>);

/// How long each review took from when it was due, sorted.
#[derive(Debug)]
pub(super) struct Outcome(Vec<Duration>);

impl Load {
    /// Opens the connections and starts.
    pub(super) fn start(self, peer: &Peer, reviews: &Arc<Reviews>) -> Result<Running> {
        let connections: Vec<Connection> = (0..self.connections)
            .map(|_| Connection::open(peer))
            .collect::<Result<_>>()?;
        let due: Arc<[Duration]> = arrivals(self.rate, self.duration).into();
        let next = Arc::new(AtomicUsize::new(0));
        let begin = Instant::now() + HEAD_START;
        let workers = connections.into_iter().map(|connection| {
            let (due, next, reviews) = (Arc::clone(&due), Arc::clone(&next), Arc::clone(reviews));
            thread::spawn(move || {
                webhook::stay_on(Side::Load)?;
                work(connection, begin, &due, &next, &reviews)
            })
        });
        Ok(Running(workers.collect()))
    }
}

impl Running {
    pub(super) fn is_finished(&self) -> bool {
        self.0.iter().all(JoinHandle::is_finished)
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Any review that was not allowed, and any connection that broke.
    pub(super) fn outcome(self) -> Result<Outcome> {
        let mut latencies = Vec::new();
        for worker in self.0 {
            let own = worker
                .join()
                .map_err(|_| anyhow!("a thread of the load panicked"))?;
            latencies.extend(own?);
        }
        latencies.sort_unstable();
        Ok(Outcome(latencies))
    }
}

impl Outcome {
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that this share of the reviews did not exceed.
    pub(super) fn rank(&self, share: f64) -> Duration {
        let index = (self.0.len() as f64 * share) as usize;
        self.0
            .get(index.min(self.0.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

/// Takes whichever review is due next, as long as there is one.
#[expect(
    clippy::disallowed_methods,
    reason = "the load comes at fixed times, whatever else happens"
)]
fn work(
    mut connection: Connection,
    begin: Instant,
    due: &[Duration],
    next: &AtomicUsize,
    reviews: &Reviews,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(due.len());
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(&due) = due.get(index) else {
            return Ok(latencies);
        };
        let due = begin + due;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        connection.exchange(reviews.request(index))?;
        latencies.push(due.elapsed());
    }
}

/// When reviews are due, counted from the start.
fn arrivals(rate: u32, duration: Duration) -> Vec<Duration> {
    let mut state = 0x5EED_u64;
    let mut at = 0.0;
    let mut due = Vec::new();
    loop {
        at -= (1.0 - unit(&mut state)).ln() / f64::from(rate);
        if at >= duration.as_secs_f64() {
            return due;
        }
        due.push(Duration::from_secs_f64(at));
    }
}

/// The next number in 0..1 of a fixed sequence (SplitMix64).
fn unit(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_as_many_as_asked_for_and_in_order() {
        let due = arrivals(200, Duration::from_secs(60));
        assert!((11_500..12_500).contains(&due.len()), "{}", due.len());
        assert!(due.is_sorted());
        let gaps = due.windows(2).map(|pair| pair[1] - pair[0]);
        let bursts = gaps.filter(|gap| *gap < Duration::from_millis(1)).count();
        // Of exponential gaps with a mean of 5 ms, 1 − e^(−1/5) = 18 % are below 1 ms.
        assert!((1_900..2_500).contains(&bursts), "{bursts}");
    }

    #[test]
    fn ranks_are_those_of_the_sorted_list() {
        let outcome = Outcome((1..=200).map(Duration::from_millis).collect());
        assert_eq!(outcome.rank(0.5), Duration::from_millis(101));
        assert_eq!(outcome.rank(0.99), Duration::from_millis(199));
        assert_eq!(outcome.rank(1.0), Duration::from_millis(200));
    }
}
