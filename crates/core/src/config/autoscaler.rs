//! `config-autoscaler`: how revisions scale unless their annotations say otherwise.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Reader, Settings};
use crate::{go, names};

/// The narrowest stable window.
pub const WINDOW_MIN: Duration = Duration::from_secs(6);
/// The widest stable window.
pub const WINDOW_MAX: Duration = Duration::from_secs(3600);
/// Shares in percent: of the target, to aim at; of the stable window, to be the panic window.
pub const SHARES: RangeInclusive<f64> = 1.0..=100.0;
/// Loads that may count as panic, in percent of the target.
pub const PANIC_THRESHOLDS: RangeInclusive<f64> = 110.0..=1000.0;
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
    /// Whether the initial scale may be 0.
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

    const PREFIX: &'static str = "failed to parse data: ";

    fn read(r: &mut Reader<'_>) -> Self {
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

        check_durations(r, grace, delay, retention);
        check_targets(r, &s);
        check_windows(r, &s, window);
        check_scales(r, &s);

        s.stable_window = window.unsigned_abs();
        s.scale_to_zero_grace_period = grace.unsigned_abs();
        s.scale_to_zero_pod_retention_period = retention.unsigned_abs();
        s.scale_down_delay = delay.unsigned_abs();
        s
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
    let key = "scale-to-zero-grace-period";
    r.require(grace > SignedDuration::ZERO, &[key], || {
        format!("{key} must be positive, was: {}", go::duration(grace))
    });
    let key = "scale-down-delay";
    r.require(!delay.is_negative(), &[key], || {
        format!("{key} cannot be negative, was: {}", go::duration(delay))
    });
    r.require(delay.is_negative() || is_whole(delay), &[key], || {
        format!(
            "{key} = {}, must be specified with at most second precision",
            go::duration(delay)
        )
    });
    let key = "scale-to-zero-pod-retention-period";
    r.require(!retention.is_negative(), &[key], || {
        format!("{key} cannot be negative, was: {}", go::duration(retention))
    });
}

fn check_targets(r: &mut Reader<'_>, s: &Autoscaler) {
    let burst = s.target_burst_capacity;
    #[expect(clippy::float_cmp, reason = "exactly -1 means unlimited")]
    r.require(
        burst >= 0.0 || burst == -1.0,
        &["target-burst-capacity"],
        || {
            format!(
                "target-burst-capacity must be either non-negative or -1 (for unlimited), was: {}",
                go::fixed(burst)
            )
        },
    );
    let fraction = s.container_concurrency_target_fraction;
    let is_fraction = fraction > 0.0 && fraction <= 1.0;
    let percentage = "container-concurrency-target-percentage";
    r.require(is_fraction, &[percentage], || {
        format!(
            "{percentage} = {} is outside of valid range of (0, 100]",
            go::fixed(fraction)
        )
    });
    let default = "container-concurrency-target-default";
    let target = fraction * s.container_concurrency_target_default;
    r.require(!is_fraction || target >= TARGET_MIN, &[percentage, default], || {
        format!("{percentage} and {default} yield target concurrency of {}, can't be less than 0.01", go::float(target))
    });
    let rps = s.requests_per_second_target_default;
    let key = "requests-per-second-target-default";
    r.require(rps >= TARGET_MIN, &[key], || {
        format!("{key} must be at least 0.01, was: {}", go::float(rps))
    });
    let capacity = s.activator_capacity;
    r.require(capacity >= 1.0, &["activator-capacity"], || {
        format!(
            "activator-capacity = {}, must be at least 1",
            go::float(capacity)
        )
    });
    for (key, rate) in [
        ("max-scale-up-rate", s.max_scale_up_rate),
        ("max-scale-down-rate", s.max_scale_down_rate),
    ] {
        r.require(rate > 1.0, &[key], || {
            format!("{key} = {}, must be greater than 1.0", go::float(rate))
        });
    }
}

fn check_windows(r: &mut Reader<'_>, s: &Autoscaler, window: SignedDuration) {
    let key = "stable-window";
    let text = go::duration(window);
    let in_range =
        !window.is_negative() && (WINDOW_MIN..=WINDOW_MAX).contains(&window.unsigned_abs());
    r.require(in_range, &[key], || {
        format!("{key} = {text}, must be in [6s; 1h0m0s] range")
    });
    r.require(!in_range || is_whole(window), &[key], || {
        format!("{key} = {text}, must be specified with at most second precision")
    });
    let key = "panic-window-percentage";
    let panic = s.panic_window_percentage;
    r.require(SHARES.contains(&panic), &[key], || {
        format!("{key} = {}, must be in [1, 100] interval", go::float(panic))
    });
}

fn check_scales(r: &mut Reader<'_>, s: &Autoscaler) {
    let Autoscaler {
        initial_scale,
        allow_zero_initial_scale: may_be_zero,
        min_scale,
        max_scale,
        max_scale_limit: limit,
        ..
    } = *s;
    let starts = initial_scale > 0 || (initial_scale == 0 && may_be_zero);
    r.require(starts, &["initial-scale", "allow-zero-initial-scale"], || {
        format!("initial-scale = {initial_scale}, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)")
    });
    r.require(min_scale >= 0, &["min-scale"], || {
        format!("min-scale = {min_scale}, must be at least 0")
    });
    r.require(
        limit > 0 || max_scale >= 0,
        &["max-scale", "max-scale-limit"],
        || format!("max-scale = {max_scale}, must be at least 0"),
    );
    r.require(
        limit <= 0 || (1..=limit).contains(&max_scale),
        &["max-scale", "max-scale-limit"],
        || format!("max-scale = {max_scale}, must be in [1, max-scale-limit({limit})] range"),
    );
    r.require(limit >= 0, &["max-scale-limit"], || {
        format!("max-scale-limit = {limit}, must be at least 0")
    });
    r.require(
        max_scale <= 0 || min_scale <= max_scale,
        &["min-scale", "max-scale"],
        || format!("min-scale ({min_scale}) must be less than max-scale ({max_scale})"),
    );
}
