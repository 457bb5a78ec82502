//! Reads what a reconcile needs out of the objects it looks at.

use jiff::Timestamp;

use crate::api::condition::Condition;
use crate::api::pod_autoscaler::{PodAutoscaler, PodAutoscalerCond};
use crate::api::serverless_service::{self, ServerlessService, ServerlessServiceCond};
use crate::names::{KPA_CLASS, annotations};
use crate::plan::meta;

use super::{Activity, Mode};

/// Whether the request-based autoscaler is in charge of `autoscaler`. The class must be written on
/// it; admission fills in the default.
#[must_use]
pub fn is_ours(autoscaler: &PodAutoscaler) -> bool {
    meta::annotation(&autoscaler.metadata, annotations::CLASS) == Some(KPA_CLASS)
}

/// The `Active` condition as it stands; activating since `now` where there is none yet.
#[must_use]
pub fn activity(autoscaler: &PodAutoscaler, now: Timestamp) -> Activity {
    let conditions = autoscaler.status.as_ref().map(|status| &status.conditions);
    let active = conditions.and_then(|conditions| conditions.get(PodAutoscalerCond::Active));
    let since = since(active).unwrap_or(now);
    match active {
        Some(condition) if condition.is_true() => Activity::Active { since },
        Some(condition) if condition.is_false() => Activity::Inactive { since },
        _ => Activity::Activating { since },
    }
}

/// The mode that a ServerlessService is asked for.
#[must_use]
pub fn current_mode(service: &ServerlessService) -> Option<Mode> {
    match service.spec.mode {
        serverless_service::Mode::Serve => Some(Mode::Serve),
        serverless_service::Mode::Proxy => Some(Mode::Proxy),
        _ => None,
    }
}

/// Since when the activators have had all its traffic.
#[must_use]
pub fn proxied_since(service: &ServerlessService) -> Option<Timestamp> {
    let conditions = &service.status.as_ref()?.conditions;
    let populated = conditions.get(ServerlessServiceCond::ActivatorEndpointsPopulated);
    since(populated.filter(|condition| condition.is_true()))
}

fn since(condition: Option<&Condition>) -> Option<Timestamp> {
    condition?.last_transition_time.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn activity_is_the_active_condition() {
        let autoscaler = |status: &str| -> PodAutoscaler {
            let condition = json!({
                "type": "Active", "status": status, "lastTransitionTime": "1970-01-01T00:00:09Z",
            });
            serde_json::from_value(json!({
                "metadata": { "name": "a" }, "status": { "conditions": [condition] },
            }))
            .unwrap()
        };
        let now = Timestamp::from_second(99).unwrap();
        let since = Timestamp::from_second(9).unwrap();
        let seen = |status| activity(&autoscaler(status), now);
        assert_eq!(seen("True"), Activity::Active { since });
        assert_eq!(seen("False"), Activity::Inactive { since });
        assert_eq!(seen("Unknown"), Activity::Activating { since });
        let new = PodAutoscaler::default();
        assert_eq!(activity(&new, now), Activity::Activating { since: now });
    }
}
