//! Counts the requests that are worked on at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Requests in work now, at most, and so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Gauge(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    current: AtomicU64,
    peak: AtomicU64,
    total: AtomicU64,
}

/// Keeps one request counted until it is dropped.
#[derive(Debug)]
pub(crate) struct InWork(Gauge);

/// The counters at one moment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) current: u64,
    pub(crate) peak: u64,
    pub(crate) total: u64,
}

impl Gauge {
    /// Counts a request from now on.
    pub(crate) fn enter(&self) -> InWork {
        let current = self.0.current.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.peak.fetch_max(current, Ordering::Relaxed);
        self.0.total.fetch_add(1, Ordering::Relaxed);
        InWork(self.clone())
    }

    pub(crate) fn read(&self) -> Reading {
        Reading {
            current: self.0.current.load(Ordering::Relaxed),
            peak: self.0.peak.load(Ordering::Relaxed),
            total: self.0.total.load(Ordering::Relaxed),
        }
    }

    /// Forgets the peak of the past.
    pub(crate) fn reset_peak(&self) {
        self.0
            .peak
            .store(self.0.current.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.0.current.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_stays_when_requests_end() {
        let gauge = Gauge::default();
        let (one, two) = (gauge.enter(), gauge.enter());
        drop((one, two));
        let _three = gauge.enter();
        assert_eq!(
            gauge.read(),
            Reading {
                current: 1,
                peak: 2,
                total: 3
            }
        );
        gauge.reset_peak();
        assert_eq!(gauge.read().peak, 1);
    }
}
