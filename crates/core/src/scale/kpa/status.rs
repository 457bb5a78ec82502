//! What a PodAutoscaler says about itself after a reconcile.

use super::{Activity, Bounds};

/// A new value of the `Active` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    /// True.
    Serving,
    /// Unknown: requests wait for pods.
    Queued,
    /// False: there is nothing to do.
    NoTraffic,
    /// False: pods did not come in time.
    TimedOut,
}

/// Ready pods from which on the revision counts as up: the initial scale the first time,
/// `min-scale` or one later.
#[must_use]
pub fn min_ready(bounds: &Bounds, initialized: bool) -> u32 {
    bounds.min.max(if initialized { 1 } else { bounds.initial })
}

/// Whether the scale target has, or once had, its initial scale. Never goes back to false.
#[must_use]
pub fn is_initialized(before: bool, ready: u32, min_ready: u32, has_service: bool) -> bool {
    before || (has_service && ready >= min_ready)
}

/// The `Active` condition to set; `None` leaves it as it is.
#[must_use]
pub fn next_active(
    want: Option<u32>,
    ready: u32,
    min_ready: u32,
    activity: Activity,
) -> Option<Active> {
    if want == Some(0) || min_ready == 0 {
        return Some(if activity.is_activating() && min_ready > 0 {
            Active::TimedOut
        } else {
            Active::NoTraffic
        });
    }
    let needed = want.is_some() || !activity.is_inactive();
    match (ready >= min_ready, needed) {
        (false, true) => Some(Active::Queued),
        (false, false) => Some(Active::NoTraffic),
        (true, true) => Some(Active::Serving),
        (true, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const SINCE: Timestamp = Timestamp::UNIX_EPOCH;
    const ACTIVATING: Activity = Activity::Activating { since: SINCE };
    const ACTIVE: Activity = Activity::Active { since: SINCE };
    const INACTIVE: Activity = Activity::Inactive { since: SINCE };

    #[test]
    fn active_follows_want_ready_and_what_was() {
        for (want, ready, min_ready, activity, expected) in [
            (Some(0), 0, 1, ACTIVATING, Some(Active::TimedOut)),
            (Some(0), 1, 1, ACTIVE, Some(Active::NoTraffic)),
            (Some(0), 1, 1, INACTIVE, Some(Active::NoTraffic)),
            (Some(3), 0, 0, ACTIVATING, Some(Active::NoTraffic)),
            (None, 0, 0, ACTIVATING, Some(Active::NoTraffic)),
            (Some(1), 0, 1, INACTIVE, Some(Active::Queued)),
            (Some(1), 0, 1, ACTIVE, Some(Active::Queued)),
            (None, 0, 1, ACTIVATING, Some(Active::Queued)),
            (None, 0, 1, INACTIVE, Some(Active::NoTraffic)),
            (Some(1), 1, 1, ACTIVATING, Some(Active::Serving)),
            (None, 1, 1, ACTIVE, Some(Active::Serving)),
            (None, 1, 1, INACTIVE, None),
        ] {
            let case = format!("{want:?} {ready} {min_ready} {activity:?}");
            assert_eq!(
                next_active(want, ready, min_ready, activity),
                expected,
                "{case}"
            );
        }
    }

    #[test]
    fn the_initial_scale_matters_once() {
        let bounds = Bounds {
            min: 2,
            max: None,
            initial: 3,
        };
        assert_eq!(min_ready(&bounds, false), 3);
        assert_eq!(min_ready(&bounds, true), 2);
        let unreachable = Bounds { min: 0, ..bounds };
        assert_eq!(min_ready(&unreachable, true), 1);
        assert!(is_initialized(true, 0, 3, true));
        assert!(is_initialized(false, 3, 3, true));
        assert!(!is_initialized(false, 2, 3, true));
        assert!(
            !is_initialized(false, 3, 3, false),
            "nothing answers for it yet"
        );
    }
}
