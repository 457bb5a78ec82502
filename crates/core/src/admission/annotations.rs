//! Rules about annotations that are not for the autoscaler.

use std::collections::BTreeMap;

use super::Findings;
use crate::go;
use crate::names::Key;
use crate::names::annotations::{
    CERTIFICATE_CLASS, DISABLE_EXTERNAL_DOMAIN_TLS, HTTP_PROTOCOL, INGRESS_CLASS,
    NETWORKING_PREFIX, PROGRESS_DEADLINE, QUEUE_CPU_LIMIT, QUEUE_CPU_REQUEST,
    QUEUE_EPHEMERAL_STORAGE_LIMIT, QUEUE_EPHEMERAL_STORAGE_REQUEST, QUEUE_MEMORY_LIMIT,
    QUEUE_MEMORY_REQUEST, QUEUE_RESOURCE_PERCENTAGE, ROLLOUT_DURATION,
};
use crate::quantity::Amount;

type Annotations = BTreeMap<String, String>;

/// The rollout duration is a whole number of seconds.
pub(crate) fn rollout_duration(annotations: &Annotations) -> Findings {
    match ROLLOUT_DURATION.find(annotations) {
        Some((key, value)) => whole_seconds("rollout-duration", key, value),
        None => Findings::none(),
    }
}

/// The progress deadline is a whole number of seconds.
pub(crate) fn progress_deadline(annotations: &Annotations) -> Findings {
    match annotations.get(PROGRESS_DEADLINE) {
        Some(value) => whole_seconds("progress-deadline", PROGRESS_DEADLINE, value),
        None => Findings::none(),
    }
}

fn whole_seconds(name: &str, key: &str, value: &str) -> Findings {
    if value.is_empty() {
        return Findings::none();
    }
    let Ok(duration) = go::parse_duration(value) else {
        return Findings::invalid_value(value, key);
    };
    if duration.subsec_nanos() != 0 {
        return Findings::new(format!("{name}={value} is not at second precision"), [key]);
    }
    if duration.is_negative() {
        return Findings::new(format!("{name}={value} must be positive"), [key]);
    }
    Findings::none()
}

/// Networking annotations are a closed set on templates and ServerlessServices.
pub(crate) fn networking(annotations: &Annotations) -> Findings {
    const KNOWN: [Key; 4] = [
        INGRESS_CLASS,
        CERTIFICATE_CLASS,
        DISABLE_EXTERNAL_DOMAIN_TLS,
        HTTP_PROTOCOL,
    ];
    let is_known = |key: &str| KNOWN.iter().any(|known| known.spellings().contains(&key));
    annotations
        .keys()
        .filter(|key| key.starts_with(NETWORKING_PREFIX) && !is_known(key))
        .map(|key| Findings::invalid_key(key, "annotations"))
        .collect()
}

/// Resources of queue-proxy are quantities, its share of the container's a percentage.
pub(crate) fn queue_proxy(annotations: &Annotations) -> Findings {
    const QUANTITIES: [&str; 6] = [
        QUEUE_CPU_REQUEST,
        QUEUE_CPU_LIMIT,
        QUEUE_MEMORY_REQUEST,
        QUEUE_MEMORY_LIMIT,
        QUEUE_EPHEMERAL_STORAGE_REQUEST,
        QUEUE_EPHEMERAL_STORAGE_LIMIT,
    ];
    let mut findings: Findings = QUANTITIES
        .into_iter()
        .filter_map(|key| Some((key, annotations.get(key)?)))
        .filter(|(_, value)| Amount::parse(value).is_err())
        .map(|(key, value)| Findings::invalid_value(value, "").under_key(key))
        .collect();
    if let Some((key, value)) = QUEUE_RESOURCE_PERCENTAGE.find(annotations) {
        findings.also(
            Findings::placeless(
                "Queue proxy resource percentage annotation is deprecated. Please use the available annotations to \
                 explicitly set resource values per service",
            )
            .as_warning(),
        );
        findings.also(match go::parse_float(value) {
            Err(_) => Findings::invalid_value(value, "").under_key(key),
            Ok(share) if (0.1..=100.0).contains(&share) => Findings::none(),
            Ok(_) => Findings::out_of_bounds(value, 0.1, 100, "").under_key(key),
        });
    }
    findings
}
