//! The windows of one revision: concurrency and requests per second, stable and panic.
//!
//! Counts each request once: what a pod received through an activator is subtracted from the pod's
//! report, because the activator reports it as well.

use std::time::Duration;

use jiff::Timestamp;

use super::window::{Averaging, Window};
use super::{Load, Metric};
use crate::stat::Stat;

/// How a collection is kept; the Metric object's spec, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Length of the stable windows.
    pub stable: Duration,
    /// Length of the panic windows.
    pub panic: Duration,
    /// Whether pods are scraped. Without (target burst capacity −1) silence means no load; with it,
    /// silence means that we know nothing.
    pub scraped: bool,
    /// Fixed when the collection is made.
    pub averaging: Averaging,
}

/// Nothing was recorded for longer than the stable window, though pods are scraped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no data for longer than the stable window")]
pub struct NoData;

/// Four windows and the rule for reading them.
#[derive(Clone, Debug)]
pub struct Collection {
    scraped: bool,
    concurrency: Windows,
    requests: Windows,
}

#[derive(Clone, Debug)]
struct Windows {
    stable: Window,
    panic: Window,
}

impl Collection {
    /// A collection without data.
    #[must_use]
    pub fn new(spec: &Spec) -> Self {
        Self {
            scraped: spec.scraped,
            concurrency: Windows::new(spec),
            requests: Windows::new(spec),
        }
    }

    /// Takes over new lengths and keeps the data; the averaging stays as it was.
    pub fn update(&mut self, spec: &Spec, now: Timestamp) {
        self.scraped = spec.scraped;
        self.concurrency.resize(spec, now);
        self.requests.resize(spec, now);
    }

    /// Adds a report. A number that cannot be a load (not finite) is dropped, since one such sample
    /// would spoil the window for its whole length; a pod that was proxied more than it served, by
    /// rounding, had nothing of its own.
    pub fn record(&mut self, at: Timestamp, stat: &Stat) {
        let own = |all: f64, proxied: f64| {
            let own = all - proxied;
            own.is_finite().then(|| own.max(0.0))
        };
        let concurrency = own(
            stat.average_concurrent_requests,
            stat.average_proxied_concurrent_requests,
        );
        let requests = own(stat.request_count, stat.proxied_request_count);
        let (Some(concurrency), Some(requests)) = (concurrency, requests) else {
            return;
        };
        self.concurrency.record(at, concurrency);
        self.requests.record(at, requests);
    }

    /// The load at `now`.
    ///
    /// # Errors
    /// [`NoData`] when pods are scraped and nothing came for longer than the stable window.
    pub fn load(&self, metric: Metric, now: Timestamp) -> Result<Load, NoData> {
        let windows = match metric {
            Metric::Concurrency => &self.concurrency,
            Metric::Rps => &self.requests,
        };
        if self.scraped && windows.stable.is_empty(now) {
            return Err(NoData);
        }
        Ok(Load {
            stable: windows.stable.average(now),
            panic: windows.panic.average(now),
        })
    }
}

impl Windows {
    fn new(spec: &Spec) -> Self {
        Self {
            stable: Window::new(spec.stable, spec.averaging),
            panic: Window::new(spec.panic, spec.averaging),
        }
    }

    fn resize(&mut self, spec: &Spec, now: Timestamp) {
        self.stable.resize(spec.stable, now);
        self.panic.resize(spec.panic, now);
    }

    fn record(&mut self, at: Timestamp, value: f64) {
        self.stable.record(at, value);
        self.panic.record(at, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn spec(scraped: bool) -> Spec {
        Spec {
            stable: Duration::from_secs(60),
            panic: Duration::from_secs(6),
            scraped,
            averaging: Averaging::Linear,
        }
    }

    fn stat(concurrency: f64, proxied: f64) -> Stat {
        Stat {
            average_concurrent_requests: concurrency,
            average_proxied_concurrent_requests: proxied,
            request_count: concurrency * 10.0,
            proxied_request_count: proxied * 10.0,
            ..Stat::default()
        }
    }

    #[test]
    fn a_request_through_an_activator_is_counted_once() {
        let mut seen = Collection::new(&spec(true));
        seen.record(at(0), &stat(5.0, 4.0)); // the pod
        seen.record(at(0), &stat(4.0, 0.0)); // the activator
        let load = |metric| seen.load(metric, at(0)).unwrap().stable;
        assert_eq!(load(Metric::Concurrency), 5.0);
        assert_eq!(load(Metric::Rps), 50.0);
    }

    #[test]
    fn silence_is_no_data_where_pods_are_scraped_and_no_load_where_not() {
        let mut scraped = Collection::new(&spec(true));
        let mut pushed = Collection::new(&spec(false));
        assert_eq!(scraped.load(Metric::Concurrency, at(0)), Err(NoData));
        assert_eq!(pushed.load(Metric::Concurrency, at(0)), Ok(Load::default()));
        for seen in [&mut scraped, &mut pushed] {
            seen.record(at(0), &stat(1.0, 0.0));
            assert_eq!(
                seen.load(Metric::Concurrency, at(60)),
                Ok(Load::default()),
                "one window later there is a valid zero"
            );
        }
        assert_eq!(scraped.load(Metric::Concurrency, at(61)), Err(NoData));
        assert_eq!(
            pushed.load(Metric::Concurrency, at(61)),
            Ok(Load::default())
        );
    }

    #[test]
    fn a_sample_that_is_no_number_does_not_spoil_the_window() {
        let mut seen = Collection::new(&spec(true));
        seen.record(at(0), &stat(2.0, 0.0));
        seen.record(at(1), &stat(f64::NAN, 0.0));
        seen.record(at(1), &stat(f64::INFINITY, 0.0));
        seen.record(at(1), &stat(1.0, 3.0));
        assert_eq!(seen.load(Metric::Concurrency, at(1)).unwrap().stable, 1.0);
    }
}
