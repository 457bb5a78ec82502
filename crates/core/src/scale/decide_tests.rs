//! The worked examples of the specification, and what holds for every input.

use proptest::prelude::*;

use super::*;
use crate::scale::rules::Metric;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn burst(capacity: f64) -> Rules {
    Rules {
        burst_capacity: capacity.into(),
        ..Rules::default()
    }
}

/// One request a pod at a time, at 70 % utilisation.
fn single() -> Rules {
    Rules {
        target: 0.7,
        total: 1.0,
        ..Rules::default()
    }
}

fn activation(scale: u32) -> Rules {
    Rules {
        activation_scale: scale,
        ..Rules::default()
    }
}

fn unreachable(rules: Rules) -> Rules {
    Rules {
        reachable: false,
        ..rules
    }
}

/// As upstream's unit tests have it: total is the target at 75 %, rates are 10.
fn upstream(target: f64, capacity: f64) -> Rules {
    Rules {
        target,
        total: target / 0.75,
        max_scale_up_rate: 10.0,
        max_scale_down_rate: 10.0,
        ..burst(capacity)
    }
}

fn rates(rules: Rules, up: f64, down: f64) -> Rules {
    Rules {
        max_scale_up_rate: up,
        max_scale_down_rate: down,
        ..rules
    }
}

fn rps(target: f64, total: f64, rules: Rules) -> Rules {
    Rules {
        metric: Metric::Rps,
        target,
        total,
        ..rules
    }
}

#[test]
fn single_evaluations() {
    let plain = Rules::default();
    // number, rules, ready, stable, panic → want, panics, spare burst
    let rows = [
        (1, plain, 0, 0.0, 0.0, 0, false, -211),
        (2, plain, 0, 1.0, 1.0, 1, false, -212),
        (3, plain, 0, 71.0, 71.0, 2, true, -282),
        (4, plain, 0, 141.0, 141.0, 3, true, -352),
        (5, plain, 1, 50.0, 50.0, 1, false, -161),
        (6, plain, 1, 70.0, 70.0, 1, false, -181),
        (7, plain, 1, 70.01, 70.01, 2, true, -182),
        (8, plain, 1, 70.0, 140.0, 2, true, -251),
        (9, plain, 2, 100.0, 189.0, 2, false, -200),
        (10, plain, 4, 100.0, 70.0, 2, false, 119),
        (11, plain, 4, 100.0, 189.0, 2, false, 0),
        (12, plain, 4, 100.0, 190.0, 2, false, -1),
        (13, plain, 3, 0.0, 0.0, 1, false, 89),
        (14, plain, 1, 0.0, 0.0, 0, false, -111),
        (15, plain, 10, 0.0, 0.0, 5, false, 789),
        (16, plain, 11, 0.0, 0.0, 5, false, 889),
        (17, unreachable(plain), 10, 0.0, 0.0, 0, false, 789),
        (18, plain, 8, 300.0, 300.0, 5, false, 289),
        (19, plain, 10, 300.0, 300.0, 5, false, 489),
        (20, burst(0.0), 5, 100.0, 100.0, 2, false, 0),
        (21, burst(-1.0), 5, 100.0, 100.0, 2, false, -1),
        (22, single(), 0, 1.0, 1.0, 2, true, -212),
        (23, single(), 1, 3.0, 3.0, 5, true, -213),
        (24, single(), 250, 30.0, 30.0, 125, false, 9),
        (25, activation(3), 0, 1.0, 1.0, 3, false, -212),
        (26, activation(3), 0, 0.0, 0.0, 0, false, -211),
        (
            27,
            rates(activation(5), 1.5, 2.0),
            0,
            1.0,
            1.0,
            5,
            false,
            -212,
        ),
        (
            28,
            rates(upstream(1.0, 1982.0), 1.1, 10.0),
            2,
            3.0,
            3.1,
            3,
            true,
            -1983,
        ),
        (
            29,
            rates(upstream(10.0, 1982.0), 10.0, 1.1),
            100,
            1.0,
            1.0,
            90,
            false,
            -650,
        ),
        (
            30,
            unreachable(rates(upstream(10.0, 1982.0), 10.0, 1.1)),
            100,
            1.0,
            1.0,
            1,
            false,
            -650,
        ),
        (31, upstream(10.0, 61.0), 1, 1000.0, 1001.0, 10, true, -1049),
        (
            32,
            upstream(10.0, 61.0),
            10,
            1000.0,
            1001.0,
            100,
            true,
            -929,
        ),
        (33, upstream(10.0, 61.0), 100, 1.0, 1.0, 10, false, 1271),
        (34, upstream(10.0, 101.0), 1, 50.0, 10.0, 5, false, -98),
        (35, upstream(10.0, 84.0), 1, 50.0, 100.0, 10, true, -171),
        (38, upstream(181.0, -1.0), 1, 21.0, 26.0, 1, false, -1),
        (39, upstream(10.0, 0.0), 1, 50.0, 49.0, 5, true, 0),
        (40, upstream(10.0, 75.0), 1, 1.0, 0.0, 1, false, -62),
        (41, upstream(10.0, 81.0), 0, 1000.0, 888.0, 10, true, -969),
        (
            42,
            rps(140.0, 200.0, plain),
            2,
            500.0,
            400.0,
            4,
            false,
            -211,
        ),
        (
            43,
            rps(10.0, 10.0 / 0.75, upstream(10.0, 100.0)),
            1,
            100.0,
            99.0,
            10,
            true,
            -186,
        ),
    ];
    for (number, rules, ready, stable, panic, want, panics, spare) in rows {
        let load = Load { stable, panic };
        let got = decide(&rules, load, ready, Mode::Stable, NOW);
        assert_eq!(
            (got.want, got.mode.is_panic(), got.spare_burst),
            (want, panics, spare),
            "example {number}: {got:?}"
        );
    }
}

#[test]
fn a_panic_in_progress_follows_the_larger_window() {
    let panicking = Mode::Panic {
        since: NOW,
        floor: 5,
    };
    for (stable, panic, want, why) in [
        (50.0, 30.0, 50, Why::StableLoad),
        (20.0, 30.0, 30, Why::PanicLoad),
        (1.0, 2.0, 5, Why::PanicHold),
    ] {
        let load = Load { stable, panic };
        let got = decide(&upstream(1.0, 100.0), load, 5, panicking, NOW);
        assert_eq!((got.want, got.why), (want, why), "{stable} {panic}");
        assert!(got.mode.is_panic());
    }
}

#[test]
fn every_decision_says_what_set_it() {
    for (rules, ready, stable, panic, why) in [
        (Rules::default(), 0, 0.0, 0.0, Why::Idle),
        (Rules::default(), 1, 1.0, 1.0, Why::StableLoad),
        (Rules::default(), 1, 70.0, 141.0, Why::PanicLoad),
        (upstream(10.0, 61.0), 1, 1000.0, 1001.0, Why::ScaleUpRate),
        (Rules::default(), 10, 1.0, 1.0, Why::ScaleDownRate),
        (activation(4), 0, 1.0, 1.0, Why::ActivationScale),
    ] {
        let got = decide(&rules, Load { stable, panic }, ready, Mode::Stable, NOW);
        assert_eq!(got.why, why, "{got:?}");
    }
}

proptest! {
    /// However the load moves, a panic only ever raises the count.
    #[test]
    fn panic_never_scales_down(
        steps in prop::collection::vec((0.0f64..1e5, 0.0f64..1e5, 0u32..300), 1..60),
    ) {
        let rules = Rules::default();
        let mut mode = Mode::Panic { since: NOW, floor: 7 };
        let mut before = 7;
        for (tick, (stable, panic, ready)) in steps.into_iter().enumerate() {
            let now = Timestamp::from_second(2 * tick as i64).unwrap();
            let got = decide(&rules, Load { stable, panic }, ready, mode, now);
            if !got.mode.is_panic() {
                break;
            }
            prop_assert!(got.want >= before, "{before} → {}", got.want);
            (mode, before) = (got.mode, got.want);
        }
    }

    /// Outside of a panic one step stays between the rates.
    #[test]
    fn a_step_stays_between_the_rates(
        stable in 0.0f64..1e9, ready in 0u32..100_000, up in 1.01f64..1000.0, down in 1.01f64..100.0,
    ) {
        let rules = rates(Rules::default(), up, down);
        let got = decide(&rules, Load { stable, panic: 0.0 }, ready, Mode::Stable, NOW);
        let pods = f64::from(ready.max(1));
        prop_assert!(f64::from(got.want) <= (pods * up).ceil());
        prop_assert!(f64::from(got.want) >= (pods / down).floor());
    }

    /// A load above what the ready pods should carry makes progress at any rate above 1.
    #[test]
    fn too_much_load_always_adds_a_pod(ready in 1u32..10_000, up in 1.000_001f64..2.0) {
        let rules = rates(Rules::default(), up, 2.0);
        let load = f64::from(ready) * rules.target + 0.1;
        let got = decide(&rules, Load { stable: load, panic: 0.0 }, ready, Mode::Stable, NOW);
        prop_assert!(got.want > ready);
    }
}
