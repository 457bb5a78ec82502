//! Request statistics: how many requests were there at once, and how many came.
//!
//! The average over a period is the integral of the number of requests in
//! flight divided by the period. Rather than adding up pieces at each event
//! (which needs a lock around counter, integral and time of last change), each
//! arrival subtracts its time from a running sum and each departure adds its
//! own. With `n` requests in flight at time `t` the integral since the beginning
//! is then `sum + n·t`. Sum and count sit in one atomic word, so a report sees
//! both of the same moment, and events never wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::time::Instant;

/// How a request got here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Straight from an ingress or another pod.
    Direct,
    /// Through an activator, which counts it as well.
    Proxied,
}

/// What happened since the last report.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Report {
    /// Requests in flight, averaged over the period.
    pub average_concurrency: f64,
    /// The part of `average_concurrency` that came through an activator.
    pub average_proxied_concurrency: f64,
    /// Arrivals in the period.
    pub request_count: u64,
    /// The part of `request_count` that came through an activator.
    pub proxied_count: u64,
}

/// Counts the requests of one server or revision.
#[derive(Debug)]
pub struct RequestStats {
    epoch: Instant,
    all: Gauge,
    proxied: Gauge,
    reported: Mutex<Reported>,
}

/// A request that is being counted. Dropping it is its departure.
#[derive(Debug)]
pub struct InFlight {
    stats: Arc<RequestStats>,
    origin: Origin,
}

#[derive(Debug, Default)]
struct Reported {
    at: u64,
    all: u64,
    proxied: u64,
}

/// One word: requests in flight above, sum of event times below, and beside it
/// the arrivals of the period.
#[derive(Debug, Default)]
struct Gauge {
    word: AtomicU64,
    arrivals: AtomicU64,
}

/// Bits of the sum: microseconds modulo 2^44. Only differences of two readings
/// count, and one is below 2^44 as long as fewer than 17 million request-seconds
/// pass between two reports. The 20 bits above count a million requests.
const SUM_BITS: u32 = 44;
const SUM_MASK: u64 = (1 << SUM_BITS) - 1;

// === impl RequestStats ===

impl Default for RequestStats {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestStats {
    /// Starts the first period now.
    pub fn new() -> Self {
        Self {
            epoch: Instant::now(),
            all: Gauge::default(),
            proxied: Gauge::default(),
            reported: Mutex::default(),
        }
    }

    /// Counts an arrival; the guard's drop is the departure.
    pub fn enter(self: &Arc<Self>, origin: Origin) -> InFlight {
        let now = self.now();
        self.all.enter(now);
        if origin == Origin::Proxied {
            self.proxied.enter(now);
        }
        InFlight {
            stats: Arc::clone(self),
            origin,
        }
    }

    /// Ends the period and begins the next. Requests in flight are carried over.
    pub fn report(&self) -> Report {
        let mut last = self.reported.lock();
        let now = self.now();
        let (all, proxied) = (self.all.integral(now), self.proxied.integral(now));
        let elapsed = now - last.at;
        let average = |current: u64, before: u64| match elapsed {
            0 => 0.0,
            _ => (current.wrapping_sub(before) & SUM_MASK) as f64 / elapsed as f64,
        };
        let report = Report {
            average_concurrency: average(all, last.all),
            average_proxied_concurrency: average(proxied, last.proxied),
            request_count: self.all.arrivals.swap(0, Ordering::Relaxed),
            proxied_count: self.proxied.arrivals.swap(0, Ordering::Relaxed),
        };
        *last = Reported {
            at: now,
            all,
            proxied,
        };
        report
    }

    /// Requests in flight now.
    pub fn in_flight(&self) -> u64 {
        self.all.word.load(Ordering::Relaxed) >> SUM_BITS
    }

    fn now(&self) -> u64 {
        self.epoch.elapsed().as_micros() as u64
    }
}

// === impl InFlight ===

impl Drop for InFlight {
    fn drop(&mut self) {
        let now = self.stats.now();
        self.stats.all.leave(now);
        if self.origin == Origin::Proxied {
            self.stats.proxied.leave(now);
        }
    }
}

// === impl Gauge ===

impl Gauge {
    fn enter(&self, now: u64) {
        self.arrivals.fetch_add(1, Ordering::Relaxed);
        self.change(|count, sum| (count + 1, sum.wrapping_sub(now)));
    }

    fn leave(&self, now: u64) {
        self.change(|count, sum| (count - 1, sum.wrapping_add(now)));
    }

    fn change(&self, next: impl Fn(u64, u64) -> (u64, u64)) {
        let _ = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                let (count, sum) = next(word >> SUM_BITS, word & SUM_MASK);
                Some(count << SUM_BITS | sum & SUM_MASK)
            });
    }

    /// ∫ requests in flight, in request-microseconds modulo 2^44.
    fn integral(&self, now: u64) -> u64 {
        let word = self.word.load(Ordering::Acquire);
        (word & SUM_MASK).wrapping_add((word >> SUM_BITS).wrapping_mul(now)) & SUM_MASK
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn two_halves_of_a_second_make_one() {
        let stats = Arc::new(RequestStats::new());
        let (a, b) = (stats.enter(Origin::Direct), stats.enter(Origin::Direct));
        advance(500 * MS).await;
        drop((a, b));
        advance(500 * MS).await;
        let report = stats.report();
        assert_eq!(report.average_concurrency, 1.0);
        assert_eq!(report.request_count, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn proxied_requests_are_part_of_all() {
        let stats = Arc::new(RequestStats::new());
        let direct = stats.enter(Origin::Direct);
        let proxied = stats.enter(Origin::Proxied);
        advance(250 * MS).await;
        drop(proxied);
        advance(750 * MS).await;
        drop(direct);
        assert_eq!(
            stats.report(),
            Report {
                average_concurrency: 1.25,
                average_proxied_concurrency: 0.25,
                request_count: 2,
                proxied_count: 1,
            }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_request_is_carried_into_the_next_period() {
        let stats = Arc::new(RequestStats::new());
        let request = stats.enter(Origin::Direct);
        advance(1000 * MS).await;
        assert_eq!(stats.report().request_count, 1);
        advance(1000 * MS).await;
        let second = stats.report();
        assert_eq!((second.average_concurrency, second.request_count), (1.0, 0));
        assert_eq!(stats.in_flight(), 1);
        drop(request);
        advance(1000 * MS).await;
        assert_eq!(stats.report(), Report::default());
    }

    #[tokio::test(start_paused = true)]
    async fn a_period_without_length_averages_zero() {
        let stats = Arc::new(RequestStats::new());
        let _request = stats.enter(Origin::Direct);
        let report = stats.report();
        assert_eq!((report.average_concurrency, report.request_count), (0.0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_sum_survives_its_wrap() {
        let stats = Arc::new(RequestStats::new());
        // 2^44 µs are 203 days; go around twice with requests in between.
        for _ in 0..5 {
            advance(Duration::from_secs(100 * 86_400)).await;
            stats.report();
            let request = stats.enter(Origin::Direct);
            advance(1000 * MS).await;
            drop(request);
            assert_eq!(stats.report().average_concurrency, 1.0);
        }
    }
}
