//! Sequences: what one evaluation leaves behind for the next.

use std::time::Duration;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn rules(target: f64, burst: f64) -> Rules {
    Rules {
        target,
        total: target / 0.75,
        burst_capacity: burst.into(),
        max_scale_up_rate: 10.0,
        max_scale_down_rate: 10.0,
        ..Rules::default()
    }
}

/// Evaluates each step (second, ready, stable, panic) and compares what is wanted.
#[track_caller]
fn run(decider: &mut Decider, steps: &[(i64, u32, f64, f64, u32)]) {
    for (second, ready, stable, panic, want) in steps {
        let load = Load {
            stable: *stable,
            panic: *panic,
        };
        let got = decider.evaluate(load, *ready, at(*second));
        assert_eq!(got.decision.want, *want, "at {second} s: {got:?}");
    }
}

fn panic_since(decider: &Decider) -> Option<Timestamp> {
    match decider.mode() {
        Mode::Stable => None,
        Mode::Panic { since, .. } => Some(since),
    }
}

#[test]
fn a_panic_ends_one_stable_window_after_its_last_cause() {
    let mut decider = Decider::new(rules(1.0, 98.0), 0, at(0));
    run(&mut decider, &[(0, 10, 11.0, 25.0, 25)]);
    assert_eq!(panic_since(&decider), Some(at(0)));
    run(&mut decider, &[(30, 40, 30.0, 41.0, 41)]);
    assert_eq!(panic_since(&decider), Some(at(0)), "not over the threshold");
    run(&mut decider, &[(62, 55, 50.0, 56.0, 50)]);
    assert_eq!(panic_since(&decider), None);
}

#[test]
fn a_panic_is_prolonged_by_another_burst() {
    let mut decider = Decider::new(rules(1.0, 98.0), 0, at(0));
    run(
        &mut decider,
        &[(0, 10, 11.0, 25.0, 25), (30, 40, 30.0, 80.0, 80)],
    );
    assert_eq!(panic_since(&decider), Some(at(30)));
}

#[test]
fn a_panic_holds_the_peak_and_lets_go() {
    let mut decider = Decider::new(rules(10.0, 93.0), 0, at(0));
    run(
        &mut decider,
        &[
            (0, 1, 100.0, 100.0, 10),
            (0, 10, 100.0, 1000.0, 100),
            (30, 10, 1.0, 1.0, 100),
            (61, 10, 1.0, 1.0, 1),
        ],
    );
}

#[test]
fn a_restart_does_not_scale_down_until_the_windows_are_filled() {
    let mut decider = Decider::new(Rules::default(), 12, at(0));
    run(
        &mut decider,
        &[
            (2, 12, 5.0, 5.0, 12),
            (30, 12, 5.0, 5.0, 12),
            (60, 12, 5.0, 5.0, 12),
            (62, 12, 5.0, 5.0, 6),
            (64, 6, 5.0, 5.0, 3),
            (66, 3, 5.0, 5.0, 1),
            (68, 1, 5.0, 5.0, 1),
        ],
    );
}

#[test]
fn a_restart_does_not_lose_the_only_pod() {
    let mut decider = Decider::new(Rules::default(), 1, at(0));
    run(
        &mut decider,
        &[
            (2, 1, 0.0, 0.0, 1),
            (60, 1, 0.0, 0.0, 1),
            (62, 1, 0.0, 0.0, 0),
        ],
    );
}

#[test]
fn the_delay_survives_new_rules_and_ignores_unreachable_revisions() {
    let delayed = Rules {
        scale_down_delay: Duration::from_secs(300),
        ..rules(10.0, 93.0)
    };
    let mut decider = Decider::new(delayed, 0, at(0));
    run(&mut decider, &[(2, 4, 40.0, 40.0, 4)]);
    decider.update(Rules {
        activator_capacity: 7.0,
        ..delayed
    });
    run(&mut decider, &[(300, 4, 0.0, 0.0, 4)]);
    assert_eq!(decider.last().unwrap().why, Why::ScaleDownDelay);
    decider.update(Rules {
        reachable: false,
        ..delayed
    });
    run(&mut decider, &[(300, 4, 0.0, 0.0, 0)]);
}

#[test]
fn only_a_new_count_or_a_new_sign_of_the_spare_burst_is_news() {
    let mut decider = Decider::new(Rules::default(), 0, at(0));
    let mut news = |ready, stable| {
        let load = Load {
            stable,
            panic: stable,
        };
        decider.evaluate(load, ready, at(0)).changed
    };
    assert!(news(3, 150.0), "the first decision");
    assert!(!news(3, 149.0), "less spare burst, same sign");
    assert!(news(4, 150.0), "spare burst from −61 to 39");
    assert!(!news(4, 149.0));
    assert!(news(4, 100.0), "another count");
}

#[test]
fn the_spare_burst_before_any_decision_comes_from_the_initial_scale() {
    let spare = |initial_scale, total, burst: f64| {
        let rules = Rules {
            initial_scale,
            total,
            burst_capacity: burst.into(),
            ..Rules::default()
        };
        Decider::new(rules, 0, at(0)).spare_burst()
    };
    assert_eq!(spare(2, 25.0, 42.0), 8);
    assert_eq!(spare(1, 100.0, 211.0), -111);
    assert_eq!(spare(1, 10.0, 12.5), -2, "toward zero");
    assert_eq!(spare(1, 100.0, 0.0), 0);
    assert_eq!(spare(1, 100.0, -1.0), -1);
}

#[test]
fn the_first_request_wakes_a_decider_at_zero_or_without_a_decision() {
    let mut decider = Decider::new(Rules::default(), 0, at(0));
    let first = Stat {
        average_concurrent_requests: 1.0,
        ..Stat::default()
    };
    assert!(decider.is_woken_by(&first, 1), "undecided");
    run(&mut decider, &[(0, 1, 0.0, 0.0, 0)]);
    assert!(decider.is_woken_by(&first, 1), "at zero");
    assert!(!decider.is_woken_by(&Stat::default(), 0), "idle");
    run(&mut decider, &[(1, 0, 1.0, 1.0, 1)]);
    assert!(
        decider.is_woken_by(&first, 0),
        "its pods are still starting"
    );
    assert!(!decider.is_woken_by(&first, 1), "it serves");
}
