//! Processes of our own programs: which container they run in, and their sudden end.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::{Api, DeleteParams, ListParams};
use kube::{Client, ResourceExt};

use crate::wait::eventually;

/// How long a process may take to be back.
const BACK_WITHIN: Duration = Duration::from_secs(120);

/// Pods that are not on their way out, by name.
///
/// # Errors
/// If the API server does not answer.
pub async fn pods(client: &Client, namespace: &str, selector: &str) -> Result<Vec<Pod>> {
    let mut pods = Api::<Pod>::namespaced(client.clone(), namespace)
        .list(&ListParams::default().labels(selector))
        .await?
        .items;
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    pods.sort_by_key(ResourceExt::name_any);
    Ok(pods)
}

/// The state of a pod's container; of the only one if it is not named.
///
/// # Errors
/// If the pod has no such container yet.
pub fn status(pod: &Pod, container: Option<&str>) -> Result<ContainerStatus> {
    pod.status
        .iter()
        .flat_map(|status| status.container_statuses.iter().flatten())
        .find(|status| container.is_none_or(|wanted| wanted == status.name))
        .cloned()
        .with_context(|| format!("pod {} has no such container", pod.name_any()))
}

/// Kills a container's process without a word. Where it is out of reach, its pod goes without grace.
///
/// # Errors
/// If it cannot be killed.
pub async fn kill(client: &Client, pod: &Pod, status: &ContainerStatus) -> Result<()> {
    if kill_process(status)? {
        return Ok(());
    }
    remove(client, pod).await
}

/// Deletes a pod without grace.
///
/// # Errors
/// If the API server refuses.
pub async fn remove(client: &Client, pod: &Pod) -> Result<()> {
    let namespace = pod.namespace().context("a pod has a namespace")?;
    Api::<Pod>::namespaced(client.clone(), &namespace)
        .delete(&pod.name_any(), &DeleteParams::default().grace_period(0))
        .await?;
    Ok(())
}

/// Waits until so many replicas are ready again, none of them with a container that was killed.
///
/// # Errors
/// If that takes too long.
pub async fn back(
    client: &Client,
    namespace: &str,
    selector: &str,
    container: Option<&str>,
    replicas: usize,
    killed: &[ContainerStatus],
) -> Result<()> {
    eventually(&format!("{selector} is back"), BACK_WITHIN, async || {
        let mut ready = 0;
        let mut seen = String::new();
        for pod in pods(client, namespace, selector).await? {
            match status(&pod, container) {
                Ok(now)
                    if now.ready && killed.iter().all(|it| it.container_id != now.container_id) =>
                {
                    ready += 1
                }
                Ok(now) => {
                    seen = format!("{}: ready {}, {:?}", pod.name_any(), now.ready, now.state)
                }
                Err(error) => seen = format!("{error:#}"),
            }
        }
        Ok(if ready >= replicas { Ok(()) } else { Err(seen) })
    })
    .await
}

/// Kills the process of a container that runs on this machine. False if it does not, or may not be touched.
fn kill_process(status: &ContainerStatus) -> Result<bool> {
    let id = status.container_id.as_deref().unwrap_or_default();
    let id = id.rsplit('/').next().unwrap_or_default();
    ensure!(!id.is_empty(), "container {} does not run", status.name);
    let Some(process) = fs::read_dir("/proc")?.flatten().find(|entry| {
        fs::read_to_string(entry.path().join("cgroup")).is_ok_and(|groups| groups.contains(id))
    }) else {
        return Ok(false);
    };
    let killed = Command::new("kill")
        .arg("-9")
        .arg(process.file_name())
        .status()
        .context("cannot run kill")?;
    Ok(killed.success())
}
