//! Annotations of a PodAutoscaler over the cluster's defaults.
//!
//! A value that admission refuses counts as absent: whoever got it past admission gets the cluster's
//! value. The bounds are those of `crate::admission::autoscaling`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::kpa::{Bounds, ZeroRules};
use super::rules::{BurstCapacity, Metric, Rules};
use crate::api::pod_autoscaler::{PodAutoscaler, Reachability};
use crate::config::autoscaler::{
    Autoscaler, OTHER_METRIC_UTILIZATION, PANIC_THRESHOLDS, SHARES, TARGET_MIN, WINDOW_MAX,
    WINDOW_MIN,
};
use crate::go;
use crate::names::Key;
use crate::names::annotations as keys;

/// What is added to the progress deadline before pods that do not come are given up.
const ACTIVATION_SLACK: Duration = Duration::from_secs(30);
/// A shorter progress deadline is none.
const ONE_SECOND: Duration = Duration::from_secs(1);

impl Rules {
    /// The decider's rules for `autoscaler`.
    #[must_use]
    pub fn of(autoscaler: &PodAutoscaler, config: &Autoscaler) -> Self {
        let asked = Asked::of(autoscaler);
        let metric = match asked.text(keys::METRIC) {
            Some("rps") => Metric::Rps,
            _ => Metric::Concurrency,
        };
        let (target, total) = target(
            &asked,
            metric,
            autoscaler.spec.container_concurrency,
            config,
        );
        let threshold = asked.number(keys::PANIC_THRESHOLD_PERCENTAGE, PANIC_THRESHOLDS);
        Self {
            metric,
            target,
            total,
            burst_capacity: burst_capacity(&asked, config),
            activator_capacity: config.activator_capacity,
            max_scale_up_rate: config.max_scale_up_rate,
            max_scale_down_rate: config.max_scale_down_rate,
            panic_threshold: threshold.unwrap_or(config.panic_threshold_percentage) / 100.0,
            stable_window: stable_window(&asked, config),
            scale_down_delay: asked
                .seconds(keys::SCALE_DOWN_DELAY, Duration::ZERO..=WINDOW_MAX)
                .unwrap_or(config.scale_down_delay),
            initial_scale: initial_scale(&asked, config),
            activation_scale: asked
                .count(keys::ACTIVATION_SCALE)
                .filter(|scale| *scale > 1)
                .unwrap_or(0),
            reachable: is_reachable(autoscaler),
        }
    }
}

impl Bounds {
    /// The scale that users allow for `autoscaler`.
    #[must_use]
    pub fn of(autoscaler: &PodAutoscaler, config: &Autoscaler) -> Self {
        let asked = Asked::of(autoscaler);
        let min = asked
            .count(keys::MIN_SCALE)
            .unwrap_or(pods(config.min_scale));
        let max = asked
            .count(keys::MAX_SCALE)
            .unwrap_or(pods(config.max_scale));
        Self {
            min: if is_reachable(autoscaler) { min } else { 0 },
            max: Some(max).filter(|max| *max > 0),
            initial: initial_scale(&asked, config),
        }
    }
}

impl ZeroRules {
    /// The periods on the way to zero of `autoscaler`; `progress_deadline` is the cluster's.
    #[must_use]
    pub fn of(
        autoscaler: &PodAutoscaler,
        config: &Autoscaler,
        progress_deadline: Duration,
    ) -> Self {
        let asked = Asked::of(autoscaler);
        let retention = asked
            .duration(
                keys::SCALE_TO_ZERO_POD_RETENTION_PERIOD,
                Duration::ZERO..=WINDOW_MAX,
            )
            .unwrap_or(config.scale_to_zero_pod_retention_period);
        let deadline = asked
            .duration(keys::PROGRESS_DEADLINE, ONE_SECOND..=Duration::MAX)
            .unwrap_or(progress_deadline);
        Self {
            enabled: config.enable_scale_to_zero,
            stable_window: stable_window(&asked, config),
            grace: config.scale_to_zero_grace_period,
            retention: if is_reachable(autoscaler) {
                retention
            } else {
                Duration::ZERO
            },
            activation_timeout: deadline.saturating_add(ACTIVATION_SLACK),
        }
    }
}

/// Stable and panic window of `autoscaler`. The panic window is a share of the stable one, rounded
/// to whole seconds, at least one.
#[must_use]
pub fn windows(autoscaler: &PodAutoscaler, config: &Autoscaler) -> (Duration, Duration) {
    let asked = Asked::of(autoscaler);
    let stable = stable_window(&asked, config);
    let share = asked
        .number(keys::PANIC_WINDOW_PERCENTAGE, SHARES)
        .unwrap_or(config.panic_window_percentage);
    let panic = (stable.as_secs_f64() * share / 100.0).round().max(1.0);
    (stable, Duration::try_from_secs_f64(panic).unwrap_or(stable))
}

/// The target of one pod, and what it is a share of.
fn target(
    asked: &Asked<'_>,
    metric: Metric,
    container_concurrency: i64,
    config: &Autoscaler,
) -> (f64, f64) {
    let annotated = asked.number(keys::TARGET, TARGET_MIN..=f64::MAX);
    let limit = (container_concurrency > 0).then_some(container_concurrency as f64);
    let (total, utilization) = match metric {
        Metric::Rps => (
            annotated.unwrap_or(config.requests_per_second_target_default),
            OTHER_METRIC_UTILIZATION,
        ),
        Metric::Concurrency => {
            let total = match (annotated, limit) {
                (Some(target), Some(limit)) => target.min(limit),
                (Some(target), None) => target,
                (None, Some(limit)) => limit,
                (None, None) => config.container_concurrency_target_default,
            };
            (total, config.container_concurrency_target_fraction)
        }
    };
    let percentage = asked.number(keys::TARGET_UTILIZATION, SHARES);
    let utilization = percentage.map_or(utilization, |percentage| percentage / 100.0);
    ((total * utilization).max(TARGET_MIN), total)
}

fn burst_capacity(asked: &Asked<'_>, config: &Autoscaler) -> BurstCapacity {
    let key = keys::TARGET_BURST_CAPACITY;
    let annotated = asked
        .number(key, 0.0..=f64::INFINITY)
        .or_else(|| asked.number(key, -1.0..=-1.0));
    annotated.unwrap_or(config.target_burst_capacity).into()
}

fn stable_window(asked: &Asked<'_>, config: &Autoscaler) -> Duration {
    asked
        .seconds(keys::WINDOW, WINDOW_MIN..=WINDOW_MAX)
        .unwrap_or(config.stable_window)
}

fn initial_scale(asked: &Asked<'_>, config: &Autoscaler) -> u32 {
    asked
        .count(keys::INITIAL_SCALE)
        .filter(|scale| *scale > 0 || config.allow_zero_initial_scale)
        .unwrap_or(pods(config.initial_scale))
}

/// What is not known to be unreachable is treated as reachable.
fn is_reachable(autoscaler: &PodAutoscaler) -> bool {
    autoscaler.spec.reachability != Reachability::Unreachable
}

fn pods(count: i32) -> u32 {
    u32::try_from(count).unwrap_or(0)
}

/// A key, with or without older spellings.
trait Lookup {
    fn find(self, annotations: &BTreeMap<String, String>) -> Option<&str>;
}

impl Lookup for Key {
    fn find(self, annotations: &BTreeMap<String, String>) -> Option<&str> {
        self.value(annotations)
    }
}

impl Lookup for &str {
    fn find(self, annotations: &BTreeMap<String, String>) -> Option<&str> {
        annotations.get(self).map(String::as_str)
    }
}

/// The annotations of one object.
struct Asked<'a>(Option<&'a BTreeMap<String, String>>);

impl<'a> Asked<'a> {
    fn of(autoscaler: &'a PodAutoscaler) -> Self {
        Self(autoscaler.metadata.annotations.as_ref())
    }

    fn text(&self, key: impl Lookup) -> Option<&'a str> {
        self.0.and_then(|annotations| key.find(annotations))
    }

    fn number(&self, key: impl Lookup, bounds: RangeInclusive<f64>) -> Option<f64> {
        let number = go::parse_float(self.text(key)?).ok()?;
        bounds.contains(&number).then_some(number)
    }

    /// A number of pods, as many as Kubernetes can count.
    fn count(&self, key: impl Lookup) -> Option<u32> {
        let count: i32 = go::parse_int(self.text(key)?).ok()?;
        u32::try_from(count).ok()
    }

    fn duration(&self, key: impl Lookup, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = go::parse_duration(self.text(key)?).ok()?.try_into().ok()?;
        bounds.contains(&duration).then_some(duration)
    }

    /// A duration of whole seconds.
    fn seconds(&self, key: impl Lookup, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = self.duration(key, bounds)?;
        (duration.subsec_nanos() == 0).then_some(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PodAutoscaler with this container concurrency and these annotations.
    fn autoscaler(concurrency: i64, annotations: &[(&str, &str)]) -> PodAutoscaler {
        let mut autoscaler = PodAutoscaler::default();
        autoscaler.spec.container_concurrency = concurrency;
        let annotations = annotations.iter().map(|(key, value)| {
            (
                format!("autoscaling.knative.dev/{key}"),
                (*value).to_owned(),
            )
        });
        autoscaler.metadata.annotations = Some(annotations.collect());
        autoscaler
    }

    fn cluster(fraction: f64, default: f64) -> Autoscaler {
        Autoscaler {
            container_concurrency_target_fraction: fraction,
            container_concurrency_target_default: default,
            ..Autoscaler::default()
        }
    }

    #[test]
    fn the_target_is_a_share_of_what_a_pod_can_take() {
        type Case = (
            i64,
            &'static [(&'static str, &'static str)],
            f64,
            f64,
            f64,
            f64,
        );
        const RPS: (&str, &str) = ("metric", "rps");
        let cases: &[Case] = &[
            (0, &[], 0.7, 100.0, 70.0, 100.0),
            (0, &[], 0.8, 100.0, 80.0, 100.0),
            (0, &[], 0.3, 2.0, 0.6, 2.0),
            (10, &[], 0.8, 100.0, 8.0, 10.0),
            (
                12,
                &[("target-utilization-percentage", "75")],
                0.8,
                100.0,
                9.0,
                12.0,
            ),
            (
                12,
                &[("targetUtilizationPercentage", "75")],
                0.8,
                100.0,
                9.0,
                12.0,
            ),
            (1, &[], 0.8, 100.0, 0.8, 1.0),
            (0, &[("target", "10")], 0.75, 100.0, 7.5, 10.0),
            (10, &[("target", "1")], 1.0, 100.0, 1.0, 1.0),
            (1, &[("target", "10")], 1.0, 100.0, 1.0, 1.0),
            (0, &[("target", "500")], 1.0, 100.0, 500.0, 500.0),
            (0, &[("target", "1")], 0.001, 100.0, 0.01, 1.0),
            (0, &[("target", "many")], 0.7, 100.0, 70.0, 100.0),
            (0, &[RPS], 0.7, 100.0, 140.0, 200.0),
            (0, &[RPS, ("target", "1")], 0.7, 100.0, 0.7, 1.0),
            (
                0,
                &[RPS, ("target-utilization-percentage", "75")],
                0.7,
                100.0,
                150.0,
                200.0,
            ),
            (0, &[RPS, ("target", "300")], 0.7, 100.0, 210.0, 300.0),
        ];
        for (concurrency, annotations, fraction, default, target, total) in cases {
            let cluster = cluster(*fraction, *default);
            let rules = Rules::of(&autoscaler(*concurrency, annotations), &cluster);
            assert!(
                (rules.target - target).abs() < 1e-9,
                "{annotations:?}: {rules:?}"
            );
            assert!(
                (rules.total - total).abs() < 1e-9,
                "{annotations:?}: {rules:?}"
            );
        }
    }

    #[test]
    fn without_annotations_the_rules_are_the_defaults() {
        let rules = Rules::of(&autoscaler(0, &[]), &Autoscaler::default());
        assert_eq!(rules, Rules::default());
    }

    #[test]
    fn annotations_win_in_either_spelling_and_the_newer_one_over_the_older() {
        let spelled = |min, max| autoscaler(0, &[(min, "2"), (max, "8")]);
        let cluster = Autoscaler::default();
        let expected = Bounds {
            min: 2,
            max: Some(8),
            initial: 1,
        };
        assert_eq!(
            Bounds::of(&spelled("minScale", "maxScale"), &cluster),
            expected
        );
        assert_eq!(
            Bounds::of(&spelled("min-scale", "max-scale"), &cluster),
            expected
        );
        let both = autoscaler(0, &[("min-scale", "3"), ("minScale", "4")]);
        assert_eq!(Bounds::of(&both, &cluster).min, 3);
    }

    #[test]
    fn an_unreachable_revision_has_no_minimum_and_no_retention() {
        let kept = [
            ("min-scale", "2"),
            ("scale-to-zero-pod-retention-period", "1m5s"),
        ];
        let mut autoscaler = autoscaler(0, &kept);
        let cluster = Autoscaler::default();
        let zero = |autoscaler: &PodAutoscaler| {
            ZeroRules::of(autoscaler, &cluster, Duration::from_secs(600))
        };
        assert_eq!(zero(&autoscaler).retention, Duration::from_secs(65));
        assert_eq!(
            zero(&autoscaler).activation_timeout,
            Duration::from_secs(630)
        );
        autoscaler.spec.reachability = Reachability::Unreachable;
        assert_eq!(zero(&autoscaler).retention, Duration::ZERO);
        assert_eq!(Bounds::of(&autoscaler, &cluster).min, 0);
        assert!(!Rules::of(&autoscaler, &cluster).reachable);
    }

    #[test]
    fn what_admission_would_refuse_counts_as_absent() {
        let cluster = Autoscaler::default();
        let plain = autoscaler(0, &[]);
        for (key, values) in [
            ("target", &["NaN", "0", "-1", "Inf"][..]),
            (
                "target-utilization-percentage",
                &["NaN", "0.5", "-70", "101"],
            ),
            ("target-burst-capacity", &["NaN", "-2"]),
            ("panic-threshold-percentage", &["NaN", "100", "1001"]),
            ("panic-window-percentage", &["NaN", "0", "101"]),
            ("window", &["0s", "5s", "2h", "2562047h", "-1m", "6.5s"]),
            ("scale-down-delay", &["-1s", "2h", "1.5s"]),
            ("scale-to-zero-pod-retention-period", &["-1s", "2h"]),
            ("activation-scale", &["-1", "1"]),
            ("min-scale", &["-1", "2147483648"]),
            ("max-scale", &["-1"]),
            ("initial-scale", &["-1"]),
        ] {
            for value in values {
                let odd = autoscaler(0, &[(key, value)]);
                let of = |autoscaler: &PodAutoscaler| {
                    (
                        Rules::of(autoscaler, &cluster),
                        Bounds::of(autoscaler, &cluster),
                        ZeroRules::of(autoscaler, &cluster, Duration::from_secs(600)),
                        windows(autoscaler, &cluster),
                    )
                };
                assert_eq!(of(&odd), of(&plain), "{key}: {value}");
            }
        }
    }

    #[test]
    fn an_initial_scale_of_zero_needs_leave() {
        let asked = autoscaler(0, &[("initial-scale", "0")]);
        let mut cluster = Autoscaler::default();
        assert_eq!(Bounds::of(&asked, &cluster).initial, 1);
        cluster.allow_zero_initial_scale = true;
        assert_eq!(Bounds::of(&asked, &cluster).initial, 0);
    }

    #[test]
    fn the_panic_window_is_rounded_to_whole_seconds() {
        for (window, share, panic) in [
            ("60s", "10", 6),
            ("60s", "51", 31),
            ("6s", "10", 1),
            ("6s", "1", 1),
            ("251s", "10", 25),
        ] {
            let asked = [("window", window), ("panic-window-percentage", share)];
            let (_, got) = windows(&autoscaler(0, &asked), &Autoscaler::default());
            assert_eq!(got, Duration::from_secs(panic), "{window} {share} %");
        }
    }
}
