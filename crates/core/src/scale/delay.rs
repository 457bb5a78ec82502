//! Scale-down delay: what was wanted within the last while is still wanted.
//!
//! One slot for each two seconds, the period of the decider's tick; two values of one slot keep the
//! larger.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

/// Seconds a slot lasts.
const SLOT: i64 = 2;

/// The largest counts wanted lately. Holds only values that can still matter: from front to back
/// the slots ascend and the values descend.
#[derive(Clone, Debug, Default)]
pub(super) struct Delay {
    slots: VecDeque<(i64, u32)>,
}

impl Delay {
    /// Notes `want` and returns the largest count wanted within the last `delay`, this one
    /// included.
    ///
    /// A delay of zero returns `want`. The delay may change between calls: a shorter one forgets at
    /// once, a longer one keeps from then on.
    pub(super) fn hold(&mut self, want: u32, delay: Duration, now: Timestamp) -> u32 {
        let slot = now.as_second().div_euclid(SLOT);
        let kept = i64::try_from(delay.as_secs().div_ceil(SLOT as u64)).unwrap_or(i64::MAX);
        while self.slots.back().is_some_and(|(_, value)| *value <= want) {
            self.slots.pop_back();
        }
        self.slots.push_back((slot, want));
        // The newest entry is always live.
        while self.slots.len() > 1 && self.slots.front().is_some_and(|(at, _)| slot - at >= kept) {
            self.slots.pop_front();
        }
        self.slots.front().map_or(want, |(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(delay: u64, steps: &[(i64, u32, u32)]) {
        let mut held = Delay::default();
        for (second, want, expected) in steps {
            let now = Timestamp::from_second(1_000_000 + second).unwrap();
            let got = held.hold(*want, Duration::from_secs(delay), now);
            assert_eq!(got, *expected, "at {second} s");
        }
    }

    #[test]
    fn the_largest_count_is_held_for_the_delay() {
        run(
            300,
            &[
                (2, 4, 4),
                (300, 0, 4),
                (302, 0, 0),
                (540, 4, 4),
                (600, 3, 4),
                (660, 0, 4),
                (840, 0, 3),
                (900, 0, 0),
            ],
        );
    }

    #[test]
    fn values_of_one_slot_keep_the_larger() {
        run(
            10,
            &[(0, 5, 5), (1, 2, 5), (2, 1, 5), (8, 1, 5), (10, 1, 1)],
        );
    }

    #[test]
    fn no_delay_holds_nothing() {
        run(0, &[(0, 9, 9), (0, 3, 3), (2, 0, 0)]);
    }

    #[test]
    fn growth_is_never_delayed() {
        run(60, &[(0, 1, 1), (2, 7, 7), (4, 8, 8)]);
    }
}
