//! A sliding window of one-second buckets, and its average.
//!
//! Samples of the same second add up: reports of several activators and of the scraper are parts
//! of one load. A window never reads a clock; every call says what time it is.
//!
//! It refuses to judge samples: the collection drops what is not a finite number ≥ 0.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::autoscaler::WINDOW_MAX;

/// How the buckets become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Averaging {
    /// Every second counts the same.
    #[default]
    Linear,
    /// Newer seconds count more; the weight of the whole window is 99.99 % when it is full.
    WeightedExponential,
}

/// The last `span` seconds of one number, as one sum a second.
#[derive(Clone, Debug)]
pub struct Window {
    averaging: Averaging,
    /// One slot a second; second `s` lives in slot `s mod len`. Slots outside of
    /// `(last - len, last]` are zero.
    slots: Vec<f64>,
    written: Option<Written>,
}

/// The first and the last second that hold data, as unix seconds; `first <= last`.
#[derive(Clone, Copy, Debug)]
struct Written {
    first: i64,
    last: i64,
}

impl Window {
    /// A window without data. `span` is rounded up to whole seconds; it is at least one, and at most an hour, however
    /// much a Metric asks for.
    #[must_use]
    pub fn new(span: Duration, averaging: Averaging) -> Self {
        Self {
            averaging,
            slots: vec![0.0; seconds(span)],
            written: None,
        }
    }

    /// Adds `value` to the second of `at`. A sample as old as the window, seen from the newest one,
    /// is ignored; one that is younger but late goes to its own second.
    pub fn record(&mut self, at: Timestamp, value: f64) {
        let at = at.as_second();
        let len = self.len();
        let written = match self.written {
            Some(Written { last, .. }) if at <= last - len => return,
            Some(Written { last, .. }) if at - last >= len => {
                // Nothing that we hold is inside the window which ends at this sample.
                self.slots.fill(0.0);
                Written {
                    first: at,
                    last: at,
                }
            }
            Some(Written { first, last }) => {
                for second in last + 1..=at {
                    *self.slot(second) = 0.0;
                }
                Written {
                    first: first.min(at),
                    last: last.max(at),
                }
            }
            None => Written {
                first: at,
                last: at,
            },
        };
        self.written = Some(written);
        *self.slot(at) += value;
    }

    /// The average at `now`.
    ///
    /// Linear: the sum of what is left of the window divided by the seconds since the first sample
    /// (so that a young window is not diluted), rounded to six decimals. Silence at the end is not
    /// zero until the whole window is silent: a scraper that was late must not look like idleness.
    #[must_use]
    pub fn average(&self, now: Timestamp) -> f64 {
        let Some(Written { first, last }) = self.written else {
            return 0.0;
        };
        let silent = (now.as_second() - last).max(0);
        let left = self.len() - silent;
        if left <= 0 {
            return 0.0;
        }
        // Newest first; the oldest `silent` seconds have slid out of the window by now.
        let newest_first = (0..left).map(|back| self.slots[self.index(last - back)]);
        match self.averaging {
            Averaging::Linear => {
                let held = (last - first + 1).min(left);
                let sum: f64 = newest_first.sum();
                round_to_micros(sum / held as f64)
            }
            Averaging::WeightedExponential => {
                let keep = 1.0 - self.newest_weight();
                let mut weight = self.newest_weight() * keep.powi(power(silent));
                let mut sum = 0.0;
                for value in newest_first {
                    sum += value * weight;
                    weight *= keep;
                }
                sum
            }
        }
    }

    /// Whether the newest sample has left the window. One second more lenient than [`average`]
    /// (which is already 0 at the last second): that second is a valid zero, later there is no
    /// data.
    ///
    /// [`average`]: Self::average
    #[must_use]
    pub fn is_empty(&self, now: Timestamp) -> bool {
        self.written
            .is_none_or(|written| now.as_second() - written.last > self.len())
    }

    /// Changes the length and keeps the newest seconds. A window that has gone silent forgets all.
    pub fn resize(&mut self, span: Duration, now: Timestamp) {
        let (old_len, new_len) = (self.len(), seconds(span) as i64);
        if old_len == new_len {
            return;
        }
        let mut resized = Self::new(span, self.averaging);
        if let Some(Written { first, last }) = self.written.filter(|_| !self.is_empty(now)) {
            let kept = old_len.min(new_len);
            for second in last - kept + 1..=last {
                *resized.slot(second) = self.slots[self.index(second)];
            }
            // What lies before the old window is unknown, not zero.
            let first = first.max(last - old_len + 1);
            resized.written = Some(Written { first, last });
        }
        *self = resized;
    }

    /// α of the exponential average, by the number of buckets: what the newest second weighs. A
    /// fifth at least, because a long window would otherwise hardly see the present.
    fn newest_weight(&self) -> f64 {
        const COVERED: f64 = 0.9999;
        (1.0 - (1.0 - COVERED).powf(1.0 / self.slots.len() as f64)).max(0.2)
    }

    fn len(&self) -> i64 {
        self.slots.len() as i64
    }

    fn index(&self, second: i64) -> usize {
        second.rem_euclid(self.len()) as usize
    }

    fn slot(&mut self, second: i64) -> &mut f64 {
        let index = self.index(second);
        &mut self.slots[index]
    }
}

fn seconds(span: Duration) -> usize {
    let span = span.min(WINDOW_MAX);
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    usize::try_from(whole.max(1)).unwrap_or(usize::MAX)
}

fn power(seconds: i64) -> i32 {
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

fn round_to_micros(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn linear(span: u64) -> Window {
        Window::new(Duration::from_secs(span), Averaging::Linear)
    }

    fn filled(span: u64, samples: &[(i64, f64)]) -> Window {
        let mut window = linear(span);
        for (second, value) in samples {
            window.record(at(*second), *value);
        }
        window
    }

    const RAMP: [(i64, f64); 5] = [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0)];

    #[test]
    fn the_first_second_is_not_diluted() {
        assert_eq!(filled(60, &[(0, 1.0)]).average(at(0)), 1.0);
    }

    #[test]
    fn missing_recent_seconds_leave_the_average_of_the_rest() {
        let window = filled(5, &RAMP);
        assert_eq!(window.average(at(4)), 3.0);
        assert_eq!(window.average(at(6)), 4.0);
        assert_eq!(window.average(at(8)), 5.0);
        assert_eq!(window.average(at(9)), 0.0);
        assert_eq!(window.average(at(10)), 0.0);
    }

    #[test]
    fn holes_inside_count_as_zero() {
        let mut window = filled(5, &RAMP);
        window.record(at(6), 91.0);
        assert_eq!(window.average(at(6)), 20.6);
    }

    #[test]
    fn a_gap_as_long_as_the_window_starts_anew() {
        let mut window = filled(5, &RAMP);
        window.record(at(64), 1984.0);
        assert_eq!(window.average(at(64)), 1984.0);
        window.record(at(61), 4.0);
        assert_eq!(window.average(at(64)), 497.0);
        window.record(at(59), 1e9);
        assert_eq!(window.average(at(64)), 497.0, "too late to count");
        let mut window = filled(5, &RAMP);
        window.record(at(9), 7.0);
        assert_eq!(window.average(at(9)), 7.0, "exactly one window later");
    }

    #[test]
    fn two_lengths_see_their_own_part() {
        let samples: Vec<_> = (0..10).map(|s| (s, 5.0 + s as f64)).collect();
        assert_eq!(filled(6, &samples).average(at(9)), 11.5);
        assert_eq!(filled(2, &samples).average(at(9)), 13.5);
    }

    #[test]
    fn samples_of_one_second_add_up() {
        assert_eq!(filled(5, &[(0, 2.0), (0, 3.0)]).average(at(0)), 5.0);
    }

    #[test]
    fn the_last_second_of_silence_is_a_valid_zero() {
        let window = filled(5, &RAMP);
        assert!(!window.is_empty(at(9)));
        assert!(window.is_empty(at(10)));
        assert!(linear(5).is_empty(at(0)));
    }

    #[test]
    fn no_window_is_wider_than_an_hour() {
        let window = Window::new(Duration::MAX, Averaging::Linear);
        assert_eq!(window.len(), 3600);
    }

    #[test]
    fn growing_does_not_dilute_what_is_known() {
        let mut window = filled(5, &RAMP);
        window.resize(Duration::from_secs(10), at(4));
        assert_eq!(window.average(at(4)), 3.0);
        window.resize(Duration::from_secs(2), at(4));
        assert_eq!(window.average(at(4)), 4.5);
    }

    #[test]
    fn a_silent_window_is_empty_after_a_resize() {
        let mut window = filled(5, &RAMP);
        window.resize(Duration::from_secs(60), at(30));
        assert!(window.is_empty(at(30)));
    }

    #[test]
    fn the_exponential_weight_depends_on_the_length() {
        let weights = [
            (1, 0.9999),
            (2, 0.99),
            (3, 0.953_584),
            (4, 0.9),
            (5, 0.841_511),
            (6, 0.784_557),
            (10, 0.601_893),
            (20, 0.369_043),
            (30, 0.264_358),
            (40, 0.205_672),
            (41, 0.201_198),
            (42, 0.2),
            (3600, 0.2),
        ];
        for (span, weight) in weights {
            let window = Window::new(Duration::from_secs(span), Averaging::WeightedExponential);
            assert!((window.newest_weight() - weight).abs() < 1e-6, "{span}");
        }
    }

    #[test]
    fn the_exponential_average_prefers_the_newest() {
        let mut window = Window::new(Duration::from_secs(5), Averaging::WeightedExponential);
        for second in 0..5 {
            window.record(at(second), 2.0 + second as f64);
        }
        assert_eq!((window.average(at(4)) * 1000.0).round(), 5812.0);
        let (now, later) = (window.average(at(4)), window.average(at(6)));
        assert!(later < now, "silence lowers it at once: {now} {later}");
        assert_eq!(window.average(at(9)), 0.0);
    }

    proptest! {
        /// Whatever order and gaps samples come in, both averages stay within what was put in.
        #[test]
        fn averages_stay_between_zero_and_the_largest_second(
            span in 1u64..90,
            samples in prop::collection::vec((0i64..300, 0.0f64..1e6), 1..120),
            wait in 0i64..200,
        ) {
            let mut by_second = std::collections::BTreeMap::<i64, f64>::new();
            for (second, value) in &samples {
                *by_second.entry(*second).or_default() += value;
            }
            let most = by_second.values().copied().fold(0.0, f64::max);
            for averaging in [Averaging::Linear, Averaging::WeightedExponential] {
                let mut window = Window::new(Duration::from_secs(span), averaging);
                for (second, value) in &samples {
                    window.record(at(*second), *value);
                }
                let average = window.average(at(299 + wait));
                prop_assert!(average >= 0.0 && average <= most + 1e-6, "{average} of {most}");
            }
        }

        /// A window that has seen every second tells the plain mean of the newest `span` ones.
        #[test]
        fn without_gaps_the_linear_average_is_the_mean(
            span in 1usize..30,
            values in prop::collection::vec(0.0f64..1e3, 1..100),
        ) {
            let mut window = linear(span as u64);
            for (second, value) in values.iter().enumerate() {
                window.record(at(second as i64), *value);
            }
            let newest = &values[values.len().saturating_sub(span)..];
            let mean = newest.iter().sum::<f64>() / newest.len() as f64;
            let average = window.average(at(values.len() as i64 - 1));
            prop_assert!((average - mean).abs() < 1e-5, "{average} {mean}");
        }

        /// Old data is forgotten: after a silence as long as the window nothing of it shows.
        #[test]
        fn a_silence_as_long_as_the_window_forgets_everything(
            span in 1u64..60,
            old in prop::collection::vec((0i64..100, 0.0f64..1e6), 0..50),
            value in 0.0f64..1e6,
        ) {
            let mut window = filled(span, &old);
            let later = 100 + span as i64;
            window.record(at(later), value);
            prop_assert!((window.average(at(later)) - value).abs() < 1e-5);
        }
    }
}
