//! Rules about the autoscaling annotations of a revision.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Findings;
use crate::config::Autoscaler;
use crate::config::autoscaler::{PANIC_THRESHOLDS, SHARES, TARGET_MIN, WINDOW_MAX, WINDOW_MIN};
use crate::go;
use crate::names::annotations::{
    ACTIVATION_SCALE, CLASS, INITIAL_SCALE, MAX_SCALE, METRIC, METRIC_AGGREGATION_ALGORITHM,
    MIN_SCALE, PANIC_THRESHOLD_PERCENTAGE, PANIC_WINDOW_PERCENTAGE, SCALE_DOWN_DELAY,
    SCALE_TO_ZERO_POD_RETENTION_PERIOD, TARGET, TARGET_BURST_CAPACITY, TARGET_UTILIZATION, WINDOW,
};
use crate::names::{HPA_CLASS, KPA_CLASS, Key, RESERVED_CLASS_SUFFIX};

type Annotations = BTreeMap<String, String>;

/// All rules; paths are the keys.
pub(crate) fn annotations(annotations: &Annotations, config: &Autoscaler) -> Findings {
    if annotations.is_empty() {
        return Findings::none();
    }
    [
        class(annotations),
        scale_bounds(annotations, config),
        floats(annotations),
        window(annotations),
        delay(annotations, SCALE_DOWN_DELAY, Precision::Seconds),
        delay(
            annotations,
            SCALE_TO_ZERO_POD_RETENTION_PERIOD,
            Precision::Any,
        ),
        metric(annotations, config),
        aggregation(annotations),
        initial_scale(annotations, config),
    ]
    .into_iter()
    .collect()
}

/// Classes under the project's domain are the project's.
fn class(annotations: &Annotations) -> Findings {
    match annotations.get(CLASS).map(String::as_str) {
        None | Some(KPA_CLASS | HPA_CLASS) => Findings::none(),
        Some(other) if other.ends_with(RESERVED_CLASS_SUFFIX) => {
            Findings::invalid_value(other, CLASS)
        }
        Some(_) => Findings::none(),
    }
}

fn scale_bounds(annotations: &Annotations, config: &Autoscaler) -> Findings {
    let mut findings = Findings::none();
    let min = count(annotations, MIN_SCALE, &mut findings);
    let max = count(annotations, MAX_SCALE, &mut findings);
    let activation = count(annotations, Key::new(&[ACTIVATION_SCALE]), &mut findings);
    let could_read_all = findings.is_empty();
    if let (Some(max), Some((key, _))) = (max, MAX_SCALE.find(annotations)) {
        findings.also(max_within_limit(max, config.max_scale_limit, key));
    }
    if !could_read_all {
        return findings;
    }
    let set = |scale: Option<i32>| scale.unwrap_or_default();
    if set(max) != 0 && set(max) < set(min) {
        findings.also(Findings::new(
            format!("max-scale={} is less than min-scale={}", set(max), set(min)),
            [MAX_SCALE.canonical(), MIN_SCALE.canonical()],
        ));
    }
    if let Some(activation) = activation {
        let problem = if activation < 2 {
            Some(format!(
                "activation-scale={activation} must be greater than 1"
            ))
        } else if activation < set(min) {
            Some(format!(
                "min-scale={} is greater than activation-scale={activation}",
                set(min)
            ))
        } else if set(max) != 0 && activation > set(max) {
            Some(format!(
                "max-scale={} is less than activation-scale={activation}",
                set(max)
            ))
        } else {
            None
        };
        findings.also(problem.map_or_else(Findings::none, |text| {
            Findings::new(text, [ACTIVATION_SCALE])
        }));
    }
    findings
}

fn max_within_limit(max: i32, limit: i32, key: &str) -> Findings {
    if limit <= 0 {
        return Findings::none();
    }
    if max > limit {
        return Findings::out_of_bounds(max, 1, limit, key);
    }
    if max == 0 {
        return Findings::new(
            format!("max-scale=0 (unlimited), must be less than {limit}"),
            [key],
        );
    }
    Findings::none()
}

/// A count of replicas: 0 to the largest 32-bit number.
fn count(annotations: &Annotations, key: Key, findings: &mut Findings) -> Option<i32> {
    let (key, value) = key.find(annotations)?;
    let Ok(number) = go::parse_int::<i128>(value) else {
        findings.also(Findings::invalid_value(value, key));
        return None;
    };
    let count = i32::try_from(number).ok().filter(|count| *count >= 0);
    if count.is_none() {
        findings.also(Findings::out_of_bounds(value, 0, i32::MAX, key));
    }
    count
}

fn floats(annotations: &Annotations) -> Findings {
    type Rule = fn(f64, &str, &str) -> Findings;
    let mut findings = Findings::none();
    let mut check = |key: Key, rule: Rule| {
        if let Some((key, value)) = key.find(annotations) {
            findings.also(match go::parse_float(value) {
                Ok(number) => rule(number, value, key),
                Err(_) => Findings::invalid_value(value, key),
            });
        }
    };
    check(PANIC_WINDOW_PERCENTAGE, |n, value, key| {
        bounded(SHARES, n, value, key)
    });
    check(PANIC_THRESHOLD_PERCENTAGE, |n, value, key| {
        bounded(PANIC_THRESHOLDS, n, value, key)
    });
    check(TARGET_UTILIZATION, |n, value, key| {
        bounded(SHARES, n, value, key)
    });
    check(Key::new(&[TARGET]), |n, value, key| {
        if n < TARGET_MIN {
            Findings::new(
                format!("target {value} should be at least {TARGET_MIN}"),
                [key],
            )
        } else if n.is_finite() {
            Findings::none()
        } else {
            // Nothing would ever be scaled up.
            Findings::invalid_value(value, key)
        }
    });
    #[expect(clippy::float_cmp, reason = "exactly -1 means unlimited")]
    check(TARGET_BURST_CAPACITY, |n, value, key| {
        if n >= 0.0 || n == -1.0 {
            Findings::none()
        } else {
            Findings::invalid_value(value, key)
        }
    });
    findings
}

fn bounded(bounds: RangeInclusive<f64>, number: f64, value: &str, key: &str) -> Findings {
    if bounds.contains(&number) {
        Findings::none()
    } else {
        Findings::out_of_bounds(value, bounds.start(), bounds.end(), key)
    }
}

fn window(annotations: &Annotations) -> Findings {
    let Some(value) = annotations.get(WINDOW) else {
        return Findings::none();
    };
    let Ok(window) = go::parse_duration(value) else {
        return Findings::invalid_value(value, WINDOW);
    };
    let outside = window.is_negative()
        || window.unsigned_abs() < WINDOW_MIN
        || window.unsigned_abs() > WINDOW_MAX;
    if outside {
        return Findings::out_of_bounds(
            value,
            go::duration(WINDOW_MIN),
            go::duration(WINDOW_MAX),
            WINDOW,
        );
    }
    if window.subsec_nanos() != 0 {
        return Findings::new("must be specified with at most second precision", [WINDOW]);
    }
    Findings::none()
}

/// How finely a duration may be given.
#[derive(Clone, Copy, PartialEq)]
enum Precision {
    Seconds,
    Any,
}

fn delay(annotations: &Annotations, key: Key, precision: Precision) -> Findings {
    let Some((key, value)) = key.find(annotations) else {
        return Findings::none();
    };
    let Ok(delay) = go::parse_duration(value) else {
        return Findings::invalid_value(value, key);
    };
    if delay.is_negative() || delay.unsigned_abs() > WINDOW_MAX {
        return Findings::out_of_bounds(value, "0s", go::duration(WINDOW_MAX), key);
    }
    if precision == Precision::Seconds && delay.subsec_nanos() != 0 {
        return Findings::new("must be specified with at most second precision", [key]);
    }
    Findings::none()
}

fn metric(annotations: &Annotations, config: &Autoscaler) -> Findings {
    let Some(metric) = annotations.get(METRIC) else {
        return Findings::none();
    };
    let class = annotations
        .get(CLASS)
        .unwrap_or(&config.pod_autoscaler_class);
    let is_known = match class.as_str() {
        KPA_CLASS => matches!(metric.as_str(), "concurrency" | "rps"),
        HPA_CLASS => !metric.is_empty(),
        _ => true,
    };
    if is_known {
        Findings::none()
    } else {
        Findings::invalid_value(metric, METRIC)
    }
}

/// Looked at only where the class is written out.
fn aggregation(annotations: &Annotations) -> Findings {
    if annotations
        .get(CLASS)
        .is_none_or(|class| class != KPA_CLASS)
    {
        return Findings::none();
    }
    match METRIC_AGGREGATION_ALGORITHM.find(annotations) {
        None | Some((_, "" | "linear" | "weighted-exponential" | "weightedExponential")) => {
            Findings::none()
        }
        Some((key, other)) => Findings::invalid_value(other, key),
    }
}

/// Upstream puts the explanation into the path, where users' tests expect it.
fn initial_scale(annotations: &Annotations, config: &Autoscaler) -> Findings {
    let Some((key, value)) = INITIAL_SCALE.find(annotations) else {
        return Findings::none();
    };
    match go::parse_int::<i32>(value) {
        Err(_) => Findings::invalid_value(value, key),
        Ok(scale) if scale < 0 => {
            Findings::invalid_value(value, format!("{key} must be greater than 0"))
        }
        Ok(0) if !config.allow_zero_initial_scale => {
            Findings::invalid_value(value, format!("{key}=0 not allowed by cluster"))
        }
        Ok(_) => Findings::none(),
    }
}
