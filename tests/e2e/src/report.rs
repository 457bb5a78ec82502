//! What is printed about a test that failed.

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, LogParams};

use crate::Stage;
use crate::cluster::SYSTEM_NAMESPACE;

/// Kinds whose status tells what happened, from the outside to the inside.
const KINDS: &[&str] = &[
    "Service",
    "Route",
    "Ingress",
    "Configuration",
    "Revision",
    "PodAutoscaler",
    "ServerlessService",
];
/// How much of each container's log is worth reading.
const POD_LINES: i64 = 40;
/// How far back the logs of our own programs are searched.
const SYSTEM_LINES: i64 = 4000;
/// How many lines of each of our own programs are printed.
const SYSTEM_SHOWN: usize = 40;

/// Prints objects, events and logs of a stage to the standard error output.
pub(crate) async fn print(stage: &Stage) {
    let client = &stage.cluster.client;
    let namespace = &stage.namespace;
    for kind in KINDS {
        let Ok(objects) = stage.api(kind).list(&ListParams::default()).await else {
            continue;
        };
        for object in objects {
            eprintln!(
                "--- {kind} {}\nspec {}\nstatus {}",
                object.name_any(),
                object.data["spec"],
                object.data["status"]
            );
        }
    }

    let events = Api::<Event>::namespaced(client.clone(), namespace);
    for event in events
        .list(&ListParams::default())
        .await
        .into_iter()
        .flatten()
    {
        eprintln!(
            "--- event {}/{} {} {}",
            event.involved_object.kind.unwrap_or_default(),
            event.involved_object.name.unwrap_or_default(),
            event.reason.unwrap_or_default(),
            event.message.unwrap_or_default()
        );
    }

    for (pod, container) in containers(stage, namespace).await {
        let log = log(stage, namespace, &pod, &container, POD_LINES).await;
        eprintln!("--- log of {pod}/{container}\n{log}");
    }
    for (pod, container) in containers(stage, SYSTEM_NAMESPACE).await {
        let log = log(stage, SYSTEM_NAMESPACE, &pod, &container, SYSTEM_LINES).await;
        // The words of our programs about this namespace, and whatever went wrong for everybody.
        let said: Vec<&str> = log
            .lines()
            .filter(|line| {
                line.contains(namespace.as_str())
                    || line.contains("\"ERROR\"")
                    || line.contains("panicked")
            })
            .collect();
        let from = said.len().saturating_sub(SYSTEM_SHOWN);
        if !said.is_empty() {
            eprintln!("--- log of {pod}\n{}", said[from..].join("\n"));
        }
    }
}

async fn containers(stage: &Stage, namespace: &str) -> Vec<(String, String)> {
    let pods = Api::<Pod>::namespaced(stage.cluster.client.clone(), namespace);
    let pods = pods.list(&ListParams::default()).await;
    pods.into_iter()
        .flatten()
        .flat_map(|pod| {
            let name = pod.name_any();
            let containers = pod.spec.map(|spec| spec.containers).unwrap_or_default();
            containers
                .into_iter()
                .map(move |container| (name.clone(), container.name))
        })
        .collect()
}

async fn log(stage: &Stage, namespace: &str, pod: &str, container: &str, lines: i64) -> String {
    let pods = Api::<Pod>::namespaced(stage.cluster.client.clone(), namespace);
    let wanted = LogParams {
        container: Some(container.to_owned()),
        tail_lines: Some(lines),
        ..LogParams::default()
    };
    pods.logs(pod, &wanted)
        .await
        .unwrap_or_else(|error| format!("not to be had: {error}"))
}
