//! Whether requests pass the activators, and how many of them.

use crate::scale::{BurstCapacity, Rules};

use super::Activity;

/// Fewer activators than this would make one of them a single point of failure.
const MIN_ACTIVATORS: u32 = 2;

/// The mode of a ServerlessService.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Requests go straight to the pods.
    Serve,
    /// Requests go through activators.
    Proxy,
}

/// `Serve` while there are pods with burst capacity to spare, `Proxy` otherwise.
///
/// An active revision about which nothing was decided yet (`want` unknown) keeps the mode it has:
/// a restart of the autoscaler is no reason to move everybody's traffic.
#[must_use]
pub fn mode(
    want: Option<u32>,
    spare_burst: i32,
    activity: Activity,
    current: Option<Mode>,
) -> Mode {
    match (want, activity) {
        (Some(1..), _) if spare_burst >= 0 => Mode::Serve,
        (None, Activity::Active { .. }) => current.unwrap_or(Mode::Proxy),
        _ => Mode::Proxy,
    }
}

/// How many activators a revision uses: enough to carry what the ready pods can take and the burst
/// on top.
#[must_use]
pub fn activators(rules: &Rules, ready: u32) -> u32 {
    let burst = match rules.burst_capacity {
        BurstCapacity::None => return MIN_ACTIVATORS,
        BurstCapacity::Unlimited => 0.0,
        BurstCapacity::Of(burst) => burst,
    };
    let capacity = f64::from(ready) * rules.total + burst;
    let needed = (capacity / rules.activator_capacity).ceil();
    (needed.min(f64::from(i32::MAX)) as u32).max(MIN_ACTIVATORS)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const ACTIVE: Activity = Activity::Active {
        since: Timestamp::UNIX_EPOCH,
    };
    const ACTIVATING: Activity = Activity::Activating {
        since: Timestamp::UNIX_EPOCH,
    };

    #[test]
    fn the_activator_leaves_only_while_there_is_burst_capacity_to_spare() {
        assert_eq!(mode(Some(3), 0, ACTIVE, None), Mode::Serve);
        assert_eq!(mode(Some(3), -1, ACTIVE, Some(Mode::Serve)), Mode::Proxy);
        assert_eq!(mode(Some(0), 5, ACTIVE, Some(Mode::Serve)), Mode::Proxy);
    }

    #[test]
    fn a_restart_does_not_move_the_traffic_of_an_active_revision() {
        for current in [Mode::Serve, Mode::Proxy] {
            assert_eq!(mode(None, -211, ACTIVE, Some(current)), current);
        }
        assert_eq!(mode(None, 0, ACTIVE, None), Mode::Proxy);
        assert_eq!(mode(None, 0, ACTIVATING, Some(Mode::Serve)), Mode::Proxy);
    }

    #[test]
    fn activators_cover_the_capacity_of_the_pods_and_the_burst() {
        let rules = |burst| Rules {
            burst_capacity: burst,
            ..Rules::default()
        };
        for (ready, burst, expected) in [
            (0, BurstCapacity::Of(200.0), 2),
            (1, BurstCapacity::Of(200.0), 3),
            (100, BurstCapacity::None, 2),
            (5, BurstCapacity::Unlimited, 5),
            (15, BurstCapacity::Of(200.0), 17),
        ] {
            assert_eq!(
                activators(&rules(burst), ready),
                expected,
                "{ready} {burst:?}"
            );
        }
    }
}
