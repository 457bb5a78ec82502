//! Why a program of ours does not become ready, in as few lines as will do.

use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::Client;
use kube::api::{Api, ListParams, LogParams};

/// How much of a log is shown.
const TAIL_LINES: i64 = 15;

/// What the cluster knows about the pods of `programs` that are not ready: state, last events, end of the log.
/// Never fails: what cannot be found out is left out.
pub(crate) async fn why_not_ready(client: &Client, namespace: &str, programs: &[&str]) -> String {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let mut report = String::new();
    for program in programs {
        let selected = ListParams::default().labels(&format!("app={program}"));
        let found = pods
            .list(&selected)
            .await
            .map(|list| list.items)
            .unwrap_or_default();
        if found.is_empty() {
            let _ = writeln!(
                report,
                "{program}: there is no pod; see `kubectl -n {namespace} get events`"
            );
        }
        for pod in found.iter().filter(|pod| !is_ready(pod)) {
            describe(client, &pods, namespace, pod, &mut report).await;
        }
    }
    report
}

async fn describe(
    client: &Client,
    pods: &Api<Pod>,
    namespace: &str,
    pod: &Pod,
    report: &mut String,
) {
    let Some(name) = pod.metadata.name.as_deref() else {
        return;
    };
    let statuses = pod
        .status
        .iter()
        .flat_map(|status| status.container_statuses.iter().flatten());
    let mut restarted = false;
    for status in statuses {
        restarted |= status.restart_count > 0;
        let _ = writeln!(
            report,
            "pod {name}, container {}: {}, {} restarts",
            status.name,
            state(status),
            status.restart_count
        );
    }
    for event in warnings(client, namespace, name).await {
        let _ = writeln!(report, "  event: {event}");
    }
    // After a restart the log that matters is that of the container before.
    for previous in [true, false] {
        if previous && !restarted {
            continue;
        }
        let parameters = LogParams {
            tail_lines: Some(TAIL_LINES),
            previous,
            ..Default::default()
        };
        if let Ok(log) = pods.logs(name, &parameters).await
            && !log.trim().is_empty()
        {
            for line in log.lines() {
                let _ = writeln!(report, "  | {line}");
            }
            break;
        }
    }
}

fn state(status: &ContainerStatus) -> String {
    let Some(state) = &status.state else {
        return "not started".to_owned();
    };
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or("waiting");
        return match &waiting.message {
            Some(message) => format!("{reason} ({message})"),
            None => reason.to_owned(),
        };
    }
    if let Some(ended) = &state.terminated {
        return format!("ended with status {}", ended.exit_code);
    }
    if status.ready {
        "ready".to_owned()
    } else {
        "running but not ready".to_owned()
    }
}

async fn warnings(client: &Client, namespace: &str, pod: &str) -> Vec<String> {
    let events = Api::<Event>::namespaced(client.clone(), namespace);
    let about = ListParams::default().fields(&format!("involvedObject.name={pod},type=Warning"));
    let mut found: Vec<String> = events
        .list(&about)
        .await
        .map(|list| list.items)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|event| event.message)
        .collect();
    found.dedup();
    let surplus = found.len().saturating_sub(3);
    found.split_off(surplus)
}

fn is_ready(pod: &Pod) -> bool {
    pod.status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
