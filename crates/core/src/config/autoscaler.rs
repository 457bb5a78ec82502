//! `config-autoscaler`: how revisions scale unless their annotations say otherwise.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Data, Errors, Reader, Settings};
use crate::{go, names};

/// The narrowest stable window.
pub const WINDOW_MIN: Duration = Duration::from_secs(6);
/// The widest stable window.
pub const WINDOW_MAX: Duration = Duration::from_secs(3600);
/// The smallest target.
pub const TARGET_MIN: f64 = 0.01;
/// The part of the target to aim at where the metric is not concurrency.
pub const OTHER_METRIC_UTILIZATION: f64 = 0.7;

/// The settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Autoscaler {
    /// The part of the concurrency target to aim at, above 0 and at most 1.
    pub container_concurrency_target_fraction: f64,
    /// Concurrency per replica where the revision has no limit of its own.
    pub container_concurrency_target_default: f64,
    /// Requests per second and replica.
    pub requests_per_second_target_default: f64,
    /// Spare capacity below which the activator stays in the path; -1 for always.
    pub target_burst_capacity: f64,
    /// The averaging window, in whole seconds.
    pub stable_window: Duration,
    /// Panic window in percent of the stable one, 1 to 100.
    pub panic_window_percentage: f64,
    /// Load that counts as panic, in percent of the target.
    pub panic_threshold_percentage: f64,
    /// Largest ratio of two decisions, above 1.
    pub max_scale_up_rate: f64,
    /// Largest inverse ratio of two decisions, above 1.
    pub max_scale_down_rate: f64,
    /// Whether the last replica may go.
    pub enable_scale_to_zero: bool,
    /// The longest wait for the activator to be in the path before the last replica goes.
    pub scale_to_zero_grace_period: Duration,
    /// How long the last replica lives on at least after the decision.
    pub scale_to_zero_pod_retention_period: Duration,
    /// How long load stays low before a scale-down, in whole seconds.
    pub scale_down_delay: Duration,
    /// The class of revisions that do not name one.
    pub pod_autoscaler_class: String,
    /// Concurrent requests that one activator is assumed to carry.
    pub activator_capacity: f64,
    /// Replicas at creation.
    pub initial_scale: i32,
    /// Whether that may be 0.
    pub allow_zero_initial_scale: bool,
    /// Fewest replicas.
    pub min_scale: i32,
    /// Most replicas; 0 for no limit.
    pub max_scale: i32,
    /// Upper bound of what revisions may ask for; 0 for none.
    pub max_scale_limit: i32,
}

impl Default for Autoscaler {
    fn default() -> Self {
        Self {
            container_concurrency_target_fraction: 0.7,
            container_concurrency_target_default: 100.0,
            requests_per_second_target_default: 200.0,
            target_burst_capacity: 211.0,
            stable_window: Duration::from_secs(60),
            panic_window_percentage: 10.0,
            panic_threshold_percentage: 200.0,
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            enable_scale_to_zero: true,
            scale_to_zero_grace_period: Duration::from_secs(30),
            scale_to_zero_pod_retention_period: Duration::ZERO,
            scale_down_delay: Duration::ZERO,
            pod_autoscaler_class: names::KPA_CLASS.to_owned(),
            activator_capacity: 100.0,
            initial_scale: 1,
            allow_zero_initial_scale: false,
            min_scale: 0,
            max_scale: 0,
            max_scale_limit: 0,
        }
    }
}

impl Settings for Autoscaler {
    const NAME: &'static str = "config-autoscaler";

    fn parse(data: &Data) -> Result<Self, Errors> {
        let mut r = Reader::with_prefix(data, "failed to parse data: ");
        let mut s = Self::default();
        let mut percentage = 70.0;
        let signed = |d: Duration| SignedDuration::try_from(d).unwrap_or(SignedDuration::MAX);
        let mut window = signed(s.stable_window);
        let mut grace = signed(s.scale_to_zero_grace_period);
        let mut retention = SignedDuration::ZERO;
        let mut delay = SignedDuration::ZERO;

        r.read(&["pod-autoscaler-class"], &mut s.pod_autoscaler_class);
        r.read(&["enable-scale-to-zero"], &mut s.enable_scale_to_zero);
        r.read(
            &["allow-zero-initial-scale"],
            &mut s.allow_zero_initial_scale,
        );
        r.read(&["max-scale-up-rate"], &mut s.max_scale_up_rate);
        r.read(&["max-scale-down-rate"], &mut s.max_scale_down_rate);
        r.read(
            &["container-concurrency-target-percentage"],
            &mut percentage,
        );
        r.read(
            &["container-concurrency-target-default"],
            &mut s.container_concurrency_target_default,
        );
        r.read(
            &["requests-per-second-target-default"],
            &mut s.requests_per_second_target_default,
        );
        r.read(&["target-burst-capacity"], &mut s.target_burst_capacity);
        r.read(&["panic-window-percentage"], &mut s.panic_window_percentage);
        r.read(&["activator-capacity"], &mut s.activator_capacity);
        r.read(
            &["panic-threshold-percentage"],
            &mut s.panic_threshold_percentage,
        );
        r.read(&["initial-scale"], &mut s.initial_scale);
        r.read(&["min-scale"], &mut s.min_scale);
        r.read(&["max-scale"], &mut s.max_scale);
        r.read(&["max-scale-limit"], &mut s.max_scale_limit);
        r.read(&["stable-window"], &mut window);
        r.read(&["scale-to-zero-grace-period"], &mut grace);
        r.read(&["scale-to-zero-pod-retention-period"], &mut retention);
        r.read(&["scale-down-delay"], &mut delay);

        // Values above 1 are percent, others are fractions already.
        s.container_concurrency_target_fraction = if percentage > 1.0 {
            percentage / 100.0
        } else {
            percentage
        };

        check_durations(&mut r, grace, delay, retention);
        check_rates(&mut r, &s);
        check_windows(&mut r, &s, window);
        check_scales(&mut r, &s);

        s.stable_window = window.unsigned_abs();
        s.scale_to_zero_grace_period = grace.unsigned_abs();
        s.scale_to_zero_pod_retention_period = retention.unsigned_abs();
        s.scale_down_delay = delay.unsigned_abs();
        r.finish(s)
    }
}

/// Whether the duration has no part below a second.
fn is_whole(duration: SignedDuration) -> bool {
    duration.subsec_nanos() == 0
}

fn check_durations(
    r: &mut Reader<'_>,
    grace: SignedDuration,
    delay: SignedDuration,
    retention: SignedDuration,
) {
    r.require(
        grace > SignedDuration::ZERO,
        "scale-to-zero-grace-period",
        || {
            format!(
                "scale-to-zero-grace-period must be positive, was: {}",
                go::duration(grace)
            )
        },
    );
    if delay.is_negative() {
        r.refuse(
            "scale-down-delay",
            format!(
                "scale-down-delay cannot be negative, was: {}",
                go::duration(delay)
            ),
        );
    } else {
        r.require(is_whole(delay), "scale-down-delay", || {
            format!(
                "scale-down-delay = {}, must be specified with at most second precision",
                go::duration(delay)
            )
        });
    }
    r.require(
        !retention.is_negative(),
        "scale-to-zero-pod-retention-period",
        || {
            format!(
                "scale-to-zero-pod-retention-period cannot be negative, was: {}",
                go::duration(retention)
            )
        },
    );
}

fn check_rates(r: &mut Reader<'_>, s: &Autoscaler) {
    let burst = s.target_burst_capacity;
    #[expect(clippy::float_cmp, reason = "exactly -1 means unlimited")]
    r.require(burst >= 0.0 || burst == -1.0, "target-burst-capacity", || {
        format!("target-burst-capacity must be either non-negative or -1 (for unlimited), was: {burst:.6}")
    });
    let fraction = s.container_concurrency_target_fraction;
    let key = "container-concurrency-target-percentage";
    if fraction > 0.0 && fraction <= 1.0 {
        let target = fraction * s.container_concurrency_target_default;
        r.require(target >= TARGET_MIN, key, || {
            format!("{key} and container-concurrency-target-default yield target concurrency of {target}, can't be less than 0.01")
        });
    } else {
        r.refuse(
            key,
            format!("{key} = {fraction:.6} is outside of valid range of (0, 100]"),
        );
    }
    let rps = s.requests_per_second_target_default;
    r.require(
        rps >= TARGET_MIN,
        "requests-per-second-target-default",
        || format!("requests-per-second-target-default must be at least 0.01, was: {rps}"),
    );
    let capacity = s.activator_capacity;
    r.require(capacity >= 1.0, "activator-capacity", || {
        format!("activator-capacity = {capacity}, must be at least 1")
    });
    for (key, rate) in [
        ("max-scale-up-rate", s.max_scale_up_rate),
        ("max-scale-down-rate", s.max_scale_down_rate),
    ] {
        r.require(rate > 1.0, key, || {
            format!("{key} = {rate}, must be greater than 1.0")
        });
    }
}

fn check_windows(r: &mut Reader<'_>, s: &Autoscaler, window: SignedDuration) {
    let text = go::duration(window);
    if window.is_negative()
        || window.unsigned_abs() < WINDOW_MIN
        || window.unsigned_abs() > WINDOW_MAX
    {
        r.refuse(
            "stable-window",
            format!("stable-window = {text}, must be in [6s; 1h0m0s] range"),
        );
    } else {
        r.require(is_whole(window), "stable-window", || {
            format!("stable-window = {text}, must be specified with at most second precision")
        });
    }
    let panic = s.panic_window_percentage;
    r.require(
        (1.0..=100.0).contains(&panic),
        "panic-window-percentage",
        || format!("panic-window-percentage = {panic}, must be in [1, 100] interval"),
    );
}

fn check_scales(r: &mut Reader<'_>, s: &Autoscaler) {
    let Autoscaler {
        initial_scale,
        min_scale,
        max_scale,
        max_scale_limit: limit,
        ..
    } = *s;
    r.require(initial_scale > 0 || (initial_scale == 0 && s.allow_zero_initial_scale), "initial-scale", || {
        format!("initial-scale = {initial_scale}, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)")
    });
    r.require(min_scale >= 0, "min-scale", || {
        format!("min-scale = {min_scale}, must be at least 0")
    });
    if limit > 0 {
        r.require((1..=limit).contains(&max_scale), "max-scale", || {
            format!("max-scale = {max_scale}, must be in [1, max-scale-limit({limit})] range")
        });
    } else {
        r.require(max_scale >= 0, "max-scale", || {
            format!("max-scale = {max_scale}, must be at least 0")
        });
    }
    r.require(limit >= 0, "max-scale-limit", || {
        format!("max-scale-limit = {limit}, must be at least 0")
    });
    r.require(
        max_scale <= 0 || min_scale <= max_scale,
        "min-scale",
        || format!("min-scale ({min_scale}) must be less than max-scale ({max_scale})"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test::{accepts, refuses};

    #[test]
    fn nothing_written_means_the_defaults() {
        assert_eq!(accepts::<Autoscaler, 0>([]), Autoscaler::default());
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the very number is meant")]
    fn a_percentage_above_one_is_percent() {
        let fraction = |text| {
            accepts::<Autoscaler, 1>([("container-concurrency-target-percentage", text)])
                .container_concurrency_target_fraction
        };
        assert_eq!(fraction("70"), 0.7);
        assert_eq!(fraction("0.7"), 0.7);
        assert_eq!(fraction("1.0"), 1.0);
        assert_eq!(fraction("1.5"), 0.015);
    }

    #[test]
    fn out_of_range_values_are_refused() {
        let check = |key, value, want| refuses::<Autoscaler, 1>([(key, value)], want);
        check(
            "min-scale",
            "x",
            "failed to parse data: failed to parse \"min-scale\": strconv.ParseInt: parsing \"x\": invalid syntax",
        );
        check(
            "scale-to-zero-grace-period",
            "0s",
            "scale-to-zero-grace-period must be positive, was: 0s",
        );
        check(
            "scale-down-delay",
            "1.5s",
            "scale-down-delay = 1.5s, must be specified with at most second precision",
        );
        check(
            "scale-down-delay",
            "-1s",
            "scale-down-delay cannot be negative, was: -1s",
        );
        check(
            "scale-to-zero-pod-retention-period",
            "-4s",
            "scale-to-zero-pod-retention-period cannot be negative, was: -4s",
        );
        check(
            "target-burst-capacity",
            "-2",
            "target-burst-capacity must be either non-negative or -1 (for unlimited), was: -2.000000",
        );
        check(
            "container-concurrency-target-percentage",
            "101",
            "container-concurrency-target-percentage = 1.010000 is outside of valid range of (0, 100]",
        );
        check(
            "requests-per-second-target-default",
            "0",
            "requests-per-second-target-default must be at least 0.01, was: 0",
        );
        check(
            "activator-capacity",
            "0.5",
            "activator-capacity = 0.5, must be at least 1",
        );
        check(
            "max-scale-down-rate",
            "1",
            "max-scale-down-rate = 1, must be greater than 1.0",
        );
        check(
            "stable-window",
            "5s",
            "stable-window = 5s, must be in [6s; 1h0m0s] range",
        );
        check(
            "stable-window",
            "6.5s",
            "stable-window = 6.5s, must be specified with at most second precision",
        );
        check(
            "panic-window-percentage",
            "0.5",
            "panic-window-percentage = 0.5, must be in [1, 100] interval",
        );
        check(
            "initial-scale",
            "0",
            "initial-scale = 0, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)",
        );
        check("min-scale", "-1", "min-scale = -1, must be at least 0");
        check(
            "max-scale-limit",
            "10",
            "max-scale = 0, must be in [1, max-scale-limit(10)] range",
        );
        check(
            "max-scale-limit",
            "-1",
            "max-scale-limit = -1, must be at least 0",
        );
        refuses::<Autoscaler, 2>(
            [("min-scale", "5"), ("max-scale", "3")],
            "min-scale (5) must be less than max-scale (3)",
        );
    }

    #[test]
    fn the_edges_are_accepted() {
        accepts::<Autoscaler, 2>([("min-scale", "3"), ("max-scale", "3")]);
        accepts::<Autoscaler, 2>([("initial-scale", "0"), ("allow-zero-initial-scale", "true")]);
        accepts::<Autoscaler, 1>([("target-burst-capacity", "-1")]);
        accepts::<Autoscaler, 1>([("stable-window", "1h")]);
    }
}
