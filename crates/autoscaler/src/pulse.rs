//! The beat of periodic work, spread over the period.
//!
//! A period is divided into slots of a tenth of a second, and each revision has its own slot in it,
//! chosen by its name. So a thousand revisions are not all scraped in the same instant, and one
//! task with one timer serves them all. Slots follow the wall clock: whatever runs once a second
//! runs exactly once in each second of the clock, which is what the windows' buckets are.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use ebb_runtime::Key;
use jiff::Timestamp;

/// Length of a slot.
const SLOT: Duration = Duration::from_millis(100);
/// Slots that are made up for after a pause. Work for older ones is lost: it would only repeat
/// itself.
const CATCH_UP: i64 = 10;

/// Slots in one second.
pub const SLOTS_A_SECOND: i64 = 10;

/// A tenth of a second of the wall clock, counted since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(i64);

impl Slot {
    /// The slot that `now` is in.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(now.as_millisecond().div_euclid(SLOT.as_millis() as i64))
    }

    /// The second that the slot is in.
    #[must_use]
    pub fn second(self) -> Timestamp {
        Timestamp::from_second(self.0.div_euclid(SLOTS_A_SECOND)).unwrap_or(Timestamp::MAX)
    }

    /// Whether `key` has its turn in this slot, in a period of `period` slots.
    #[must_use]
    pub fn is_turn_of(self, key: &Key, period: i64) -> bool {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let turn = (hasher.finish() % period.unsigned_abs()) as i64;
        self.0.rem_euclid(period) == turn
    }
}

/// Yields slots as they come, none twice and none out of order.
#[derive(Debug, Default)]
pub struct Pulse {
    last: Option<Slot>,
}

impl Pulse {
    /// Waits for the next slot. After a pause yields what was missed first, up to a second of it.
    pub async fn next(&mut self) -> Slot {
        loop {
            let now = Timestamp::now();
            let current = Slot::at(now);
            let next = match self.last {
                None => current,
                // A clock that was set back starts anew.
                Some(last) if current < Slot(last.0 - CATCH_UP) => current,
                Some(last) => Slot((last.0 + 1).max(current.0 - CATCH_UP + 1)),
            };
            if next <= current {
                self.last = Some(next);
                return next;
            }
            let slot = SLOT.as_millis() as i64;
            let wait = slot - now.as_millisecond().rem_euclid(slot);
            tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_one_turn_in_a_period() {
        for period in [10, 20] {
            for name in ["a", "b", "hello-00001"] {
                let key = Key::new("ns", name);
                let turns = (0..period).filter(|slot| Slot(*slot).is_turn_of(&key, period));
                assert_eq!(turns.count(), 1, "{name} {period}");
            }
        }
    }

    #[test]
    fn turns_are_spread() {
        let mut turns = [0; 10];
        for number in 0..1000 {
            let key = Key::new("ns", format!("rev-{number:05}"));
            let turn = (0..10).find(|slot| Slot(*slot).is_turn_of(&key, 10));
            turns[usize::try_from(turn.unwrap()).unwrap()] += 1;
        }
        assert!(
            turns.iter().all(|turns| (50..200).contains(turns)),
            "{turns:?}"
        );
    }

    #[tokio::test]
    async fn slots_come_in_order_and_none_is_missed() {
        let mut pulse = Pulse::default();
        let first = pulse.next().await;
        assert_eq!(pulse.next().await, Slot(first.0 + 1));
        // As if the process had stood still for half a second.
        pulse.last = Some(Slot(Slot::at(Timestamp::now()).0 - 5));
        let caught_up = pulse.next().await;
        assert!(caught_up < Slot::at(Timestamp::now()));
    }
}
