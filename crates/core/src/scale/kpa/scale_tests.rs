//! The worked examples of the way from wish to replicas.

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const GRACE: Duration = Duration::from_secs(30);
const STABLE: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(630);
const SECOND: Duration = Duration::from_secs(1);

fn ago(time: Duration) -> Timestamp {
    NOW - time
}

fn active_for(time: Duration) -> Activity {
    Activity::Active { since: ago(time) }
}

fn inactive_for(time: Duration) -> Activity {
    Activity::Inactive { since: ago(time) }
}

fn activating_for(time: Duration) -> Activity {
    Activity::Activating { since: ago(time) }
}

/// An initialised, reachable revision that was active for long and wants to go to zero.
fn idle() -> Situation {
    Situation {
        desired: Some(0),
        activity: active_for(STABLE * 2),
        initialized: true,
        reachable: true,
        bounds: Bounds {
            min: 0,
            max: None,
            initial: 1,
        },
        replicas: 10,
        zero: ZeroRules {
            enabled: true,
            stable_window: STABLE,
            grace: GRACE,
            retention: Duration::ZERO,
            activation_timeout: TIMEOUT,
        },
        proxied: true,
        proxied_since: None,
        path: ActivatorPath::Answers,
    }
}

/// An idle revision that has been inactive for `time`.
fn retiring(time: Duration) -> Situation {
    Situation {
        activity: inactive_for(time),
        ..idle()
    }
}

fn retained(retention: Duration, situation: Situation) -> Situation {
    Situation {
        zero: ZeroRules {
            retention,
            ..situation.zero
        },
        ..situation
    }
}

#[track_caller]
fn check(
    seen: &Situation,
    want: Option<u32>,
    write: Option<u32>,
    recheck: Option<Duration>,
    why: Why,
) {
    let expected = Outcome {
        want,
        write,
        recheck,
        why,
    };
    assert_eq!(plan(seen, NOW), Some(expected), "{seen:?}");
}

#[test]
fn a_wish_is_written_within_bounds() {
    let wish = |desired, min, max| Situation {
        desired: Some(desired),
        bounds: Bounds {
            min,
            max,
            initial: 1,
        },
        ..idle()
    };
    check(&wish(12, 0, None), Some(12), Some(12), None, Why::Decider);
    check(&wish(10, 0, None), Some(10), None, None, Why::Decider);
    check(&wish(10, 0, Some(8)), Some(8), Some(8), None, Why::MaxScale);
    check(&wish(0, 2, None), Some(2), Some(2), None, Why::MinScale);
    check(&wish(5, 9, Some(4)), Some(9), Some(9), None, Why::MinScale);
}

#[test]
fn the_initial_scale_is_a_minimum_until_it_was_reached() {
    let new = Situation {
        desired: Some(1),
        activity: activating_for(SECOND),
        initialized: false,
        bounds: Bounds {
            min: 0,
            max: None,
            initial: 2,
        },
        ..idle()
    };
    check(&new, Some(2), Some(2), None, Why::InitialScale);
    let known = Situation {
        initialized: true,
        ..new
    };
    check(&known, Some(1), Some(1), None, Why::Decider);
    let unreachable = Situation {
        reachable: false,
        ..new
    };
    check(&unreachable, Some(1), Some(1), None, Why::Decider);
}

#[test]
fn an_unreachable_revision_keeps_one_pod_while_recently_active() {
    let seen = Situation {
        activity: active_for(Duration::from_secs(120)),
        reachable: false,
        bounds: Bounds {
            min: 0,
            max: None,
            initial: 2,
        },
        replicas: 2,
        zero: ZeroRules {
            stable_window: Duration::from_secs(300),
            ..idle().zero
        },
        ..idle()
    };
    let left = Some(Duration::from_secs(180));
    check(&seen, Some(1), Some(1), left, Why::RecentlyActive);
}

#[test]
fn an_idle_revision_is_deactivated_after_a_stable_window_of_activity() {
    let young = Situation {
        activity: active_for(STABLE - SECOND),
        ..idle()
    };
    check(&young, Some(1), Some(1), Some(SECOND), Why::RecentlyActive);
    let recheck = Some(Duration::from_secs(3));
    check(&idle(), Some(0), None, recheck, Why::Deactivating);
    let serving = Situation {
        proxied: false,
        ..idle()
    };
    check(&serving, Some(0), None, None, Why::Deactivating);
}

#[test]
fn the_last_pod_goes_after_the_grace_period() {
    check(&retiring(GRACE), Some(0), Some(0), None, Why::Zero);
    let left = Some(GRACE);
    check(&retiring(SECOND), Some(0), None, left, Why::GracePeriod);
    let gone = Situation {
        replicas: 0,
        ..retiring(GRACE)
    };
    check(&gone, Some(0), None, None, Why::Zero);
}

#[test]
fn time_with_the_activators_counts_for_the_grace_period() {
    let seen = |proxied| Situation {
        proxied_since: Some(ago(proxied)),
        ..retiring(SECOND)
    };
    check(&seen(GRACE), Some(0), Some(0), None, Why::Zero);
    let left = Some(Duration::from_secs(20));
    check(&seen(SECOND * 10), Some(0), None, left, Why::GracePeriod);
}

#[test]
fn the_retention_period_keeps_the_last_pod() {
    let seen = retained(GRACE * 2, retiring(GRACE));
    check(&seen, Some(0), None, Some(GRACE), Why::Retention);
    let seen = retained(GRACE * 2, retiring(GRACE * 2));
    check(&seen, Some(0), Some(0), None, Why::Zero);
}

#[test]
fn no_pod_goes_before_the_activators_have_its_traffic() {
    let seen = |path| Situation {
        path,
        ..retiring(GRACE * 9)
    };
    let silent = seen(ActivatorPath::Silent);
    check(
        &silent,
        Some(0),
        None,
        Some(SECOND),
        Why::ActivatorNotInPath,
    );
    assert_eq!(plan(&seen(ActivatorPath::Unknown), NOW), None, "ask first");
    let permanent = seen(ActivatorPath::Permanent);
    check(&permanent, Some(0), Some(0), None, Why::Zero);
}

#[test]
fn without_scale_to_zero_one_pod_stays() {
    let seen = |min| Situation {
        zero: ZeroRules {
            enabled: false,
            ..idle().zero
        },
        bounds: Bounds {
            min,
            max: None,
            initial: 1,
        },
        ..idle()
    };
    check(&seen(0), Some(1), Some(1), None, Why::ZeroDisabled);
    check(&seen(2), Some(2), Some(2), None, Why::MinScale);
}

#[test]
fn pods_that_do_not_come_in_time_are_given_up() {
    let seen = |time| Situation {
        activity: activating_for(time),
        ..idle()
    };
    check(&seen(TIMEOUT), None, None, Some(TIMEOUT), Why::Activating);
    let late = seen(TIMEOUT + SECOND);
    check(&late, Some(0), Some(0), None, Why::ActivationTimedOut);
}

#[test]
fn without_a_wish_an_existing_revision_is_left_alone() {
    for activity in [active_for(SECOND), inactive_for(GRACE * 9)] {
        let seen = Situation {
            desired: None,
            activity,
            ..idle()
        };
        check(&seen, None, None, None, Why::Undecided);
    }
}

#[test]
fn without_a_wish_a_revision_on_its_way_up_gets_its_minimum_but_is_never_lowered() {
    let seen = |replicas| Situation {
        desired: None,
        activity: activating_for(SECOND),
        bounds: Bounds {
            min: 3,
            max: None,
            initial: 1,
        },
        replicas,
        ..idle()
    };
    check(&seen(1), Some(3), Some(3), None, Why::MinScale);
    check(&seen(8), Some(8), None, None, Why::MinScale);
}

#[test]
fn a_takeover_holds_what_was_wanted() {
    assert_eq!(held_on_takeover(Some(4), active_for(SECOND), 5), 5);
    assert_eq!(held_on_takeover(Some(1), activating_for(SECOND), 1), 1);
    assert_eq!(held_on_takeover(None, activating_for(SECOND), 3), 0, "new");
    assert_eq!(held_on_takeover(Some(-1), activating_for(SECOND), 3), 0);
    assert_eq!(held_on_takeover(Some(4), inactive_for(SECOND), 4), 0);
}
