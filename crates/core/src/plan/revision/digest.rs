//! Which image exactly each container runs.
//!
//! An image that is named by digest is itself the answer. For the rest the digest stays empty and the pod uses the
//! image as written: registries are not asked yet, so a moved tag is only noticed by a new pod. For registries on the
//! skip list (`registries-skipping-tag-resolving`) that is also what the specification asks for.

use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::api::revision::{ContainerStatus, RevisionStatus};

/// Statuses of containers and init containers, in the order of the spec. What is recorded already stays.
pub(super) fn statuses(
    pod: &PodSpec,
    known: &RevisionStatus,
) -> (Vec<ContainerStatus>, Vec<ContainerStatus>) {
    let init = pod.init_containers.as_deref().unwrap_or_default();
    if known.container_statuses.len() == pod.containers.len()
        && known.init_container_statuses.len() == init.len()
    {
        return (
            known.container_statuses.clone(),
            known.init_container_statuses.clone(),
        );
    }
    let of = |containers: &[Container]| containers.iter().map(status).collect();
    (of(&pod.containers), of(init))
}

fn status(container: &Container) -> ContainerStatus {
    let image = container
        .image
        .as_deref()
        .filter(|image| is_digest(image))
        .unwrap_or_default();
    ContainerStatus {
        name: container.name.clone(),
        image_digest: image.to_owned(),
    }
}

/// `repository@sha256:` and 64 hexadecimal digits.
fn is_digest(image: &str) -> bool {
    image.split_once("@sha256:").is_some_and(|(_, digest)| {
        digest.len() == 64 && digest.bytes().all(|c| c.is_ascii_hexdigit())
    })
}
