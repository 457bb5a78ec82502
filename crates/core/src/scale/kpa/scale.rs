//! Which number of replicas to write, if any, and when to look again.
//!
//! The way to zero has four stations, each of which must be true before the last pod goes:
//! the revision was active for a stable window and is marked inactive · the activators have taken
//! over its traffic (probed) · the grace period since then has passed · so has the retention
//! period of the last pod.

use std::time::Duration;

use jiff::Timestamp;

use super::Activity;
use crate::scale::elapsed;

/// How soon to look again at a revision that turns inactive while its traffic already passes the
/// activators: then no change of the ServerlessService will call.
const RECHECK_PROXIED: Duration = Duration::from_secs(3);

/// How soon to ask again whether the activators have the traffic.
const PROBE_AGAIN: Duration = Duration::from_secs(1);

/// The scale that users allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `min-scale`; 0 for an unreachable revision.
    pub min: u32,
    /// `max-scale`, if there is one. The minimum wins where they conflict.
    pub max: Option<u32>,
    /// `initial-scale`.
    pub initial: u32,
}

/// The periods on the way to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroRules {
    /// `enable-scale-to-zero`.
    pub enabled: bool,
    /// How long a revision is active at least.
    pub stable_window: Duration,
    /// How long the activators have had the traffic before the last pod goes, at least.
    pub grace: Duration,
    /// How long the last pod is kept; 0 for an unreachable revision.
    pub retention: Duration,
    /// How long pods may take to become ready.
    pub activation_timeout: Duration,
}

/// What is known of the activators' hold on the revision's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivatorPath {
    /// They are always in the path (target burst capacity −1): nothing to prove.
    Permanent,
    /// Not asked yet.
    Unknown,
    /// The public service is answered by an activator.
    Answers,
    /// It is not, or not yet.
    Silent,
}

/// Everything that [`plan`] looks at.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// The decider's wish; `None` while it has none.
    pub desired: Option<u32>,
    /// The `Active` condition before.
    pub activity: Activity,
    /// Whether the initial scale was reached once.
    pub initialized: bool,
    /// Whether routes may lead to the revision.
    pub reachable: bool,
    /// The scale that users allow.
    pub bounds: Bounds,
    /// The scale target's `spec.replicas`.
    pub replicas: u32,
    /// The periods on the way to zero.
    pub zero: ZeroRules,
    /// Whether the ServerlessService is asked to proxy.
    pub proxied: bool,
    /// Since when it has done so.
    pub proxied_since: Option<Timestamp>,
    /// The activators' hold on the traffic.
    pub path: ActivatorPath,
}

/// Why the outcome is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The decider's wish, unchanged.
    Decider,
    /// There is no wish yet.
    Undecided,
    /// Raised to `min-scale`.
    MinScale,
    /// Raised to `initial-scale`, which was not reached yet.
    InitialScale,
    /// Lowered to `max-scale`.
    MaxScale,
    /// Scale to zero is switched off.
    ZeroDisabled,
    /// Pods are on their way; they may take the activation timeout.
    Activating,
    /// Pods did not come within the activation timeout.
    ActivationTimedOut,
    /// Active for less than a stable window.
    RecentlyActive,
    /// Idle; turns inactive, and its traffic goes to the activators.
    Deactivating,
    /// The activators do not have its traffic yet.
    ActivatorNotInPath,
    /// The activators have not had its traffic for the grace period.
    GracePeriod,
    /// The last pod is retained.
    Retention,
    /// Idle, and every period on the way to zero has passed.
    Zero,
}

impl Why {
    /// A stable name for logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Decider => "decider",
            Self::Undecided => "undecided",
            Self::MinScale => "min_scale",
            Self::InitialScale => "initial_scale",
            Self::MaxScale => "max_scale",
            Self::ZeroDisabled => "scale_to_zero_disabled",
            Self::Activating => "activating",
            Self::ActivationTimedOut => "activation_timed_out",
            Self::RecentlyActive => "recently_active",
            Self::Deactivating => "deactivating",
            Self::ActivatorNotInPath => "activator_not_in_path",
            Self::GracePeriod => "grace_period",
            Self::Retention => "retention",
            Self::Zero => "idle",
        }
    }
}

/// What to do about a revision's scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The wanted scale to report and to choose the path by; `None` if it is not known.
    pub want: Option<u32>,
    /// `spec.replicas` to write, if they differ from what is there.
    pub write: Option<u32>,
    /// When to look again, at the latest.
    pub recheck: Option<Duration>,
    /// Why.
    pub why: Why,
}

/// Decides what to write. `None` means: ask first whether the activators have the traffic
/// ([`Situation::path`] is [`ActivatorPath::Unknown`] and the answer matters).
#[must_use]
pub fn plan(seen: &Situation, now: Timestamp) -> Option<Outcome> {
    let min = if seen.bounds.initial > 1 && !seen.initialized && seen.reachable {
        seen.bounds.min.max(seen.bounds.initial)
    } else {
        seen.bounds.min
    };
    let Some(desired) = seen.desired else {
        return Some(undecided(seen, min, now));
    };
    let (want, why) = match seen.bounds.max {
        _ if desired < min && min > seen.bounds.min => (min, Why::InitialScale),
        _ if desired < min => (min, Why::MinScale),
        Some(max) if desired > max.max(min) => (max.max(min), Why::MaxScale),
        _ => (desired, Why::Decider),
    };
    if want > 0 {
        return Some(seen.write(want, why));
    }
    toward_zero(seen, now)
}

/// Without a wish nothing moves, except that a revision on its way up gets its minimum: it may have
/// just been created. Never downwards: whoever decided before this process may have wanted more.
fn undecided(seen: &Situation, min: u32, now: Timestamp) -> Outcome {
    let nothing = Outcome {
        want: None,
        write: None,
        recheck: None,
        why: Why::Undecided,
    };
    let Activity::Activating { since } = seen.activity else {
        return nothing;
    };
    if min > 0 {
        return seen.write(min.max(seen.replicas), Why::MinScale);
    }
    if seen.zero.enabled {
        return activating(seen, since, now);
    }
    seen.write(seen.replicas.max(1), Why::ZeroDisabled)
}

fn toward_zero(seen: &Situation, now: Timestamp) -> Option<Outcome> {
    if !seen.zero.enabled {
        return Some(seen.write(1, Why::ZeroDisabled));
    }
    match seen.activity {
        Activity::Activating { since } => Some(activating(seen, since, now)),
        Activity::Active { since } => Some(deactivate(seen, since, now)),
        Activity::Inactive { since } => retire(seen, since, now),
    }
}

fn activating(seen: &Situation, since: Timestamp, now: Timestamp) -> Outcome {
    let timeout = seen.zero.activation_timeout;
    if elapsed(since, now) > timeout {
        return seen.write(0, Why::ActivationTimedOut);
    }
    Outcome {
        want: None,
        write: None,
        recheck: Some(timeout),
        why: Why::Activating,
    }
}

fn deactivate(seen: &Situation, since: Timestamp, now: Timestamp) -> Outcome {
    let remaining = seen.zero.stable_window.saturating_sub(elapsed(since, now));
    if !remaining.is_zero() {
        return Outcome {
            recheck: Some(remaining),
            ..seen.write(1, Why::RecentlyActive)
        };
    }
    wait_at_zero(seen.proxied.then_some(RECHECK_PROXIED), Why::Deactivating)
}

fn retire(seen: &Situation, since: Timestamp, now: Timestamp) -> Option<Outcome> {
    match seen.path {
        ActivatorPath::Unknown => return None,
        ActivatorPath::Silent => {
            return Some(wait_at_zero(Some(PROBE_AGAIN), Why::ActivatorNotInPath));
        }
        ActivatorPath::Permanent | ActivatorPath::Answers => {}
    }
    let ZeroRules {
        grace, retention, ..
    } = seen.zero;
    let inactive = elapsed(since, now);
    if inactive >= grace.max(retention) {
        return Some(seen.write(0, Why::Zero));
    }
    if inactive < retention {
        return Some(wait_at_zero(Some(retention - inactive), Why::Retention));
    }
    // The traffic may have been with the activators for longer than the revision was inactive.
    let proxied = seen
        .proxied_since
        .map_or(Duration::ZERO, |at| elapsed(at, now));
    let remaining = grace.saturating_sub(proxied);
    Some(if remaining.is_zero() {
        seen.write(0, Why::Zero)
    } else {
        wait_at_zero(Some(remaining), Why::GracePeriod)
    })
}

/// Wants zero, but leaves the pods alone.
const fn wait_at_zero(recheck: Option<Duration>, why: Why) -> Outcome {
    Outcome {
        want: Some(0),
        write: None,
        recheck,
        why,
    }
}

impl Situation {
    fn write(&self, want: u32, why: Why) -> Outcome {
        Outcome {
            want: Some(want),
            write: (want != self.replicas).then_some(want),
            recheck: None,
            why,
        }
    }
}

/// How many pods a new decider holds until its windows are filled, because whoever decided before
/// (an earlier life of this process, another replica, upstream's autoscaler) wanted them.
///
/// `desired_before` is the PodAutoscaler's `status.desiredScale`; a new revision has none, so its
/// initial scale is not held. An inactive revision is on its way to zero and holds nothing.
#[must_use]
pub fn held_on_takeover(desired_before: Option<i32>, activity: Activity, replicas: u32) -> u32 {
    let was_wanted = desired_before.is_some_and(|desired| desired > 0);
    if was_wanted && !activity.is_inactive() {
        replicas
    } else {
        0
    }
}

#[cfg(test)]
#[path = "scale_tests.rs"]
mod tests;
