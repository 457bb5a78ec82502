//! `config-autoscaler`.

use std::time::Duration;

use super::*;

#[track_caller]
fn bad(key: &str, value: &str, want: &str) {
    refuses::<Autoscaler>(&[(key, value)], want);
}

#[test]
#[expect(clippy::float_cmp, reason = "the very number is meant")]
fn config_3_percentages_and_fractions() {
    for (text, want) in [
        ("70", 0.7),
        ("0.7", 0.7),
        ("1.0", 1.0),
        ("1.5", 0.015),
        ("100", 1.0),
    ] {
        let s = accepts::<Autoscaler>(&[("container-concurrency-target-percentage", text)]);
        assert_eq!(s.container_concurrency_target_fraction, want, "{text}");
    }
}

#[test]
fn config_3_every_key_is_read() {
    let s = accepts::<Autoscaler>(&[
        ("container-concurrency-target-percentage", "50"),
        ("container-concurrency-target-default", "10"),
        ("requests-per-second-target-default", "20"),
        ("target-burst-capacity", "-1"),
        ("stable-window", "2m"),
        ("panic-window-percentage", "20"),
        ("panic-threshold-percentage", "5"),
        ("max-scale-up-rate", "3"),
        ("max-scale-down-rate", "4"),
        ("enable-scale-to-zero", "false"),
        ("scale-to-zero-grace-period", "31s"),
        ("scale-to-zero-pod-retention-period", "1500ms"),
        ("scale-down-delay", "3h"),
        ("pod-autoscaler-class", "hpa.autoscaling.knative.dev"),
        ("activator-capacity", "1"),
        ("initial-scale", "0"),
        ("allow-zero-initial-scale", "true"),
        ("min-scale", "2"),
        ("max-scale", "6"),
        ("max-scale-limit", "7"),
    ]);
    let want = Autoscaler {
        container_concurrency_target_fraction: 0.5,
        container_concurrency_target_default: 10.0,
        requests_per_second_target_default: 20.0,
        target_burst_capacity: -1.0,
        stable_window: Duration::from_secs(120),
        panic_window_percentage: 20.0,
        panic_threshold_percentage: 5.0,
        max_scale_up_rate: 3.0,
        max_scale_down_rate: 4.0,
        enable_scale_to_zero: false,
        scale_to_zero_grace_period: Duration::from_secs(31),
        scale_to_zero_pod_retention_period: Duration::from_millis(1500),
        scale_down_delay: Duration::from_secs(3 * 3600),
        pod_autoscaler_class: "hpa.autoscaling.knative.dev".to_owned(),
        activator_capacity: 1.0,
        initial_scale: 0,
        allow_zero_initial_scale: true,
        min_scale: 2,
        max_scale: 6,
        max_scale_limit: 7,
    };
    assert_eq!(s, want);
}

#[test]
fn config_3_autoscaler_cross_rules() {
    let key = "scale-to-zero-grace-period";
    bad(
        key,
        "0s",
        "scale-to-zero-grace-period must be positive, was: 0s",
    );
    let key = "scale-down-delay";
    bad(key, "-1s", "scale-down-delay cannot be negative, was: -1s");
    bad(
        key,
        "1.5s",
        "scale-down-delay = 1.5s, must be specified with at most second precision",
    );
    bad(
        "scale-to-zero-pod-retention-period",
        "-4s",
        "scale-to-zero-pod-retention-period cannot be negative, was: -4s",
    );
    let key = "target-burst-capacity";
    for (value, shown) in [("-2", "-2.000000"), ("-0.5", "-0.500000"), ("NaN", "NaN")] {
        let want = format!(
            "target-burst-capacity must be either non-negative or -1 (for unlimited), was: {shown}"
        );
        bad(key, value, &want);
    }
    let key = "container-concurrency-target-percentage";
    for (value, shown) in [("101", "1.010000"), ("0", "0.000000"), ("-5", "-5.000000")] {
        let want = format!("{key} = {shown} is outside of valid range of (0, 100]");
        bad(key, value, &want);
    }
    refuses::<Autoscaler>(
        &[
            (key, "50"),
            ("container-concurrency-target-default", "0.01"),
        ],
        "container-concurrency-target-percentage and container-concurrency-target-default yield target concurrency of \
         0.005, can't be less than 0.01",
    );
    bad(
        "requests-per-second-target-default",
        "0.00001",
        "requests-per-second-target-default must be at least 0.01, was: 1e-05",
    );
    bad(
        "activator-capacity",
        "0.5",
        "activator-capacity = 0.5, must be at least 1",
    );
    bad(
        "max-scale-up-rate",
        "1.0",
        "max-scale-up-rate = 1, must be greater than 1.0",
    );
    bad(
        "max-scale-down-rate",
        "1",
        "max-scale-down-rate = 1, must be greater than 1.0",
    );
    let key = "stable-window";
    for (value, shown) in [
        ("5s", "5s"),
        ("61m", "1h1m0s"),
        ("-60s", "-1m0s"),
        ("0", "0s"),
    ] {
        let want = format!("{key} = {shown}, must be in [6s; 1h0m0s] range");
        bad(key, value, &want);
    }
    bad(
        key,
        "6.5s",
        "stable-window = 6.5s, must be specified with at most second precision",
    );
    let key = "panic-window-percentage";
    for value in ["0.5", "101", "-1"] {
        let want = format!("{key} = {value}, must be in [1, 100] interval");
        bad(key, value, &want);
    }
}

#[test]
fn config_3_scale_bounds() {
    for value in ["0", "-1"] {
        let want = format!(
            "initial-scale = {value}, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)"
        );
        bad("initial-scale", value, &want);
    }
    bad("min-scale", "-1", "min-scale = -1, must be at least 0");
    bad("max-scale", "-1", "max-scale = -1, must be at least 0");
    let key = "max-scale-limit";
    bad(key, "-1", "max-scale-limit = -1, must be at least 0");
    // Unlimited is forbidden once there is a limit.
    bad(
        key,
        "10",
        "max-scale = 0, must be in [1, max-scale-limit(10)] range",
    );
    refuses::<Autoscaler>(
        &[(key, "10"), ("max-scale", "11")],
        "max-scale = 11, must be in [1, max-scale-limit(10)] range",
    );
    refuses::<Autoscaler>(
        &[("min-scale", "5"), ("max-scale", "3")],
        "min-scale (5) must be less than max-scale (3)",
    );
}

#[test]
fn config_3_the_edges_are_accepted() {
    for entries in [
        &[("min-scale", "3"), ("max-scale", "3")][..],
        &[("initial-scale", "0"), ("allow-zero-initial-scale", "true")],
        &[("max-scale", "10"), ("max-scale-limit", "10")],
        &[("min-scale", "1000")],
        &[("target-burst-capacity", "-1")],
        &[("target-burst-capacity", "0")],
        &[("stable-window", "6s")],
        &[("stable-window", "1h")],
        &[("panic-window-percentage", "1")],
        &[("panic-window-percentage", "100")],
        &[("panic-threshold-percentage", "-7")],
        &[("scale-down-delay", "100h")],
        &[("requests-per-second-target-default", "0.01")],
        &[("activator-capacity", "1")],
        &[("pod-autoscaler-class", "no-such-class")],
    ] {
        accepts::<Autoscaler>(entries);
    }
}

#[test]
fn config_3_problems_come_in_the_order_of_the_rules() {
    let errors = Autoscaler::parse(&data([
        ("min-scale", "-1"),
        ("stable-window", "1s"),
        ("max-scale-up-rate", "0"),
        ("activator-capacity", "0"),
        ("target-burst-capacity", "-9"),
        ("scale-to-zero-grace-period", "0s"),
        ("initial-scale", "-1"),
        ("scale-down-delay", "-1s"),
        ("max-scale", "many"),
    ]))
    .unwrap_err();
    let keys: Vec<_> = errors.problems().iter().map(|p| p.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "max-scale",
            "scale-to-zero-grace-period",
            "scale-down-delay",
            "target-burst-capacity",
            "activator-capacity",
            "max-scale-up-rate",
            "stable-window",
            "initial-scale",
            "min-scale",
        ]
    );
}
