//! Saves what everybody logged, before the cluster that knows it is gone.

use std::fs;
use std::path::Path;

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams, LogParams};
use kube::{Client, ResourceExt as _};

use super::stage::NAMESPACE;
use crate::manifests::NAMESPACE as SYSTEM;

/// Writes the log of every container of ours, and the events, into `directory`. Never fails: it is called when
/// something else has failed already, and what cannot be had is left out.
pub(super) async fn collect(client: &Client, directory: &Path) {
    if fs::create_dir_all(directory).is_err() {
        return;
    }
    for namespace in [SYSTEM, NAMESPACE] {
        let pods = Api::<Pod>::namespaced(client.clone(), namespace);
        let Ok(found) = pods.list(&ListParams::default()).await else {
            continue;
        };
        for pod in found {
            let containers = pod
                .spec
                .as_ref()
                .map(|spec| spec.containers.as_slice())
                .unwrap_or_default();
            for container in containers {
                for previous in [true, false] {
                    let parameters = LogParams {
                        container: Some(container.name.clone()),
                        previous,
                        ..Default::default()
                    };
                    let Ok(log) = pods.logs(&pod.name_any(), &parameters).await else {
                        continue;
                    };
                    let suffix = if previous { ".previous" } else { "" };
                    let file = format!("{}.{}{suffix}.log", pod.name_any(), container.name);
                    let _ = fs::write(directory.join(file), log);
                }
            }
        }
        let events = Api::<Event>::namespaced(client.clone(), namespace);
        if let Ok(found) = events.list(&ListParams::default()).await {
            let text: String = found.items.iter().map(line).collect();
            let _ = fs::write(directory.join(format!("events.{namespace}.log")), text);
        }
    }
}

fn line(event: &Event) -> String {
    format!(
        "{} {} {}: {}\n",
        event.involved_object.kind.as_deref().unwrap_or_default(),
        event.involved_object.name.as_deref().unwrap_or_default(),
        event.reason.as_deref().unwrap_or_default(),
        event.message.as_deref().unwrap_or_default(),
    )
}
