//! Where the time of a cold start went, put together from what each part says about itself.
//!
//! The activator and the autoscaler each log one line when a revision is woken; the API shows when the pod was made and
//! when it had an address. All clocks are of the same node when the demo brought it up itself; otherwise the figures
//! are as good as the clocks are.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ListParams, LogParams};
use serde::Serialize;
use serde_json::Value;

use super::hello::milliseconds;
use super::pods::Life;
use super::stage::NAMESPACE;
use crate::manifests::NAMESPACE as SYSTEM;

/// Milestones of one cold start, in milliseconds since the request was sent. What nobody told is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Phases {
    /// The activator has the request.
    pub(super) activator: Option<f64>,
    /// The autoscaler asks for a pod.
    pub(super) decision: Option<f64>,
    pub(super) pod_created: Option<f64>,
    /// The pod's address is known to the activator.
    pub(super) pod_addressed: Option<f64>,
    /// The pod answered the activator's probe.
    pub(super) probed: Option<f64>,
    pub(super) answered: f64,
}

/// Message of the activator's line, and of the autoscaler's.
const ACTIVATOR_LINE: &str = "cold start";
const AUTOSCALER_LINE: &str = "scaling";

/// Finds out about the cold start of `revision`, in the demo's namespace, that began at `sent`.
pub(super) async fn of(
    client: &Client,
    revision: &str,
    sent: SystemTime,
    took: Duration,
    pod: Option<&Life>,
) -> Phases {
    let mut phases = Phases {
        answered: milliseconds(took),
        ..Phases::default()
    };
    let activator = lines(client, "activator", sent, ACTIVATOR_LINE).await;
    if let Some(line) = activator.iter().find(|line| line["revision"] == revision) {
        read_activator(line, sent, &mut phases);
    }
    let key = format!("{NAMESPACE}/{revision}");
    let autoscaler = lines(client, "autoscaler", sent, AUTOSCALER_LINE).await;
    phases.decision = autoscaler
        .iter()
        .filter(|line| line["knative.dev/key"] == key.as_str())
        .find(|line| line["to"].as_i64().is_some_and(|to| to > 0))
        .and_then(|line| since(sent, logged_at(line)?));
    if let Some(pod) = pod {
        phases.pod_created = since(sent, pod.created);
        // What the API shows, if the activator said nothing.
        phases.pod_addressed = phases
            .pod_addressed
            .or_else(|| pod.addressed.and_then(|at| since(sent, at)));
    }
    phases
}

fn read_activator(line: &Value, sent: SystemTime, phases: &mut Phases) {
    phases.activator = line["arrival_unix"]
        .as_f64()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .and_then(|arrived| since(sent, SystemTime::UNIX_EPOCH + arrived));
    let after_arrival = |field: &str| Some(phases.activator? + line[field].as_f64()?);
    phases.pod_addressed = after_arrival("address_ms");
    phases.probed = after_arrival("held_ms");
}

/// The lines with `message` that the pods of `program` logged since `from`.
async fn lines(client: &Client, program: &str, from: SystemTime, message: &str) -> Vec<Value> {
    let pods = Api::<Pod>::namespaced(client.clone(), SYSTEM);
    let selected = ListParams::default().labels(&format!("app={program}"));
    let Ok(found) = pods.list(&selected).await else {
        return Vec::new();
    };
    // The API counts in whole seconds.
    let parameters = LogParams {
        since_time: Timestamp::try_from(from - Duration::from_secs(1)).ok(),
        ..Default::default()
    };
    let mut lines = Vec::new();
    for name in found.items.into_iter().filter_map(|pod| pod.metadata.name) {
        let log = pods.logs(&name, &parameters).await.unwrap_or_default();
        lines.extend(
            log.lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .filter(|line| line["message"] == message)
                .filter(|line| logged_at(line).is_some_and(|at| at >= from)),
        );
    }
    lines
}

fn logged_at(line: &Value) -> Option<SystemTime> {
    let timestamp: Timestamp = line["timestamp"].as_str()?.parse().ok()?;
    Some(SystemTime::from(timestamp))
}

/// Milliseconds from `sent` to `at`; absent if that lies before.
fn since(sent: SystemTime, at: SystemTime) -> Option<f64> {
    at.duration_since(sent).ok().map(milliseconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_activators_line_tells_when_the_request_came_and_when_the_pod_answered() {
        let sent = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let line = json!({ "arrival_unix": 1000.010, "address_ms": 700.0, "held_ms": 980.5 });
        let mut phases = Phases::default();
        read_activator(&line, sent, &mut phases);
        assert_eq!(phases.activator, Some(10.0));
        assert_eq!(phases.pod_addressed, Some(710.0));
        assert_eq!(phases.probed, Some(990.5));
    }

    #[test]
    fn a_line_without_figures_leaves_gaps_only() {
        let mut phases = Phases::default();
        read_activator(
            &json!({ "timestamp": "soon" }),
            SystemTime::now(),
            &mut phases,
        );
        assert_eq!(phases, Phases::default());
    }
}
