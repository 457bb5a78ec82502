//! What a PodAutoscaler says about itself after a reconcile.

use jiff::Timestamp;

use super::{Activity, Bounds};
use crate::api::condition::State;
use crate::api::pod_autoscaler::{PodAutoscalerCond, PodAutoscalerStatus};

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

impl Active {
    fn state(self) -> State {
        match self {
            Self::Serving => State::True,
            Self::Queued => State::unknown(
                "Queued",
                "Requests to the target are being buffered as resources are provisioned.",
            ),
            Self::NoTraffic => State::failed("NoTraffic", "The target is not receiving traffic."),
            Self::TimedOut => State::failed("TimedOut", "The target could not be activated."),
        }
    }
}

/// What a reconcile found out about the scale.
#[derive(Clone, Copy, Debug)]
pub struct Findings {
    /// The wanted scale; `None` if it is not known.
    pub want: Option<u32>,
    /// Ready pods.
    pub ready: u32,
    /// The scale that users allow.
    pub bounds: Bounds,
    /// The `Active` condition before.
    pub activity: Activity,
}

/// Writes desired and actual scale and the conditions `ScaleTargetInitialized` and `Active`.
///
/// A wish that is not known leaves the known one standing.
pub fn mark(status: &mut PodAutoscalerStatus, found: &Findings, now: Timestamp) {
    let Findings {
        want,
        ready,
        bounds,
        activity,
    } = found;
    let count = |pods: u32| i32::try_from(pods).unwrap_or(i32::MAX);
    status.actual_scale = Some(count(*ready));
    let unknown = status.desired_scale.is_none_or(|desired| desired < 0);
    status.desired_scale = match want {
        Some(want) => Some(count(*want)),
        None if unknown => Some(-1),
        None => status.desired_scale,
    };
    let initialized = PodAutoscalerCond::ScaleTargetInitialized;
    let before = status.conditions.is_true(initialized);
    let min_ready = min_ready(bounds, before);
    if is_initialized(before, *ready, min_ready, !status.service_name.is_empty()) {
        status.conditions.set(initialized, State::True, now);
    }
    if let Some(active) = next_active(*want, *ready, min_ready, *activity) {
        status
            .conditions
            .set(PodAutoscalerCond::Active, active.state(), now);
    }
}

#[cfg(test)]
mod tests {
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
    fn an_unknown_wish_leaves_the_known_one_standing() {
        let bounds = Bounds {
            min: 0,
            max: None,
            initial: 1,
        };
        let found = |want| Findings {
            want,
            ready: 1,
            bounds,
            activity: ACTIVATING,
        };
        let mut status = PodAutoscalerStatus::default();
        mark(&mut status, &found(None), SINCE);
        assert_eq!(status.desired_scale, Some(-1));
        mark(&mut status, &found(Some(2)), SINCE);
        mark(&mut status, &found(None), SINCE);
        assert_eq!(status.desired_scale, Some(2));
        assert_eq!(status.actual_scale, Some(1));
    }

    #[test]
    fn a_revision_is_initialized_once_its_service_answers_for_enough_pods() {
        let bounds = Bounds {
            min: 0,
            max: None,
            initial: 1,
        };
        let found = Findings {
            want: Some(1),
            ready: 1,
            bounds,
            activity: ACTIVATING,
        };
        let mut status = PodAutoscalerStatus::default();
        let initialized = PodAutoscalerCond::ScaleTargetInitialized;
        mark(&mut status, &found, SINCE);
        assert!(!status.conditions.is_true(initialized));
        assert!(status.conditions.is_true(PodAutoscalerCond::Active));
        status.service_name = "hello-00001".into();
        mark(&mut status, &found, SINCE);
        mark(&mut status, &Findings { ready: 0, ..found }, SINCE);
        assert!(status.conditions.is_true(initialized), "never goes back");
        assert!(status.conditions.is_unknown(PodAutoscalerCond::Active));
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
