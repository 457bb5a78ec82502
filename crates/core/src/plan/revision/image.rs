//! Image cache entries: one for each container, for add-ons that pull images ahead of time.

use std::collections::BTreeSet;

use super::{Input, meta, metadata};
use crate::api::image::{Image, ImageSpec};
use crate::api::revision::RevisionStatus;
use crate::names::child;

/// The entries that do not exist yet. An existing one is never touched.
pub(super) fn missing(
    input: &Input<'_>,
    status: &RevisionStatus,
    existing: &BTreeSet<String>,
) -> Vec<Image> {
    let pod = &input.spec.pod;
    status
        .container_statuses
        .iter()
        .chain(&status.init_container_statuses)
        .map(|container| {
            (
                child::image(input.name(), &container.name),
                &container.image_digest,
            )
        })
        .filter(|(name, _)| !existing.contains(name))
        .map(|(name, digest)| Image {
            metadata: meta::child(
                input.revision,
                &name,
                metadata::labels(input),
                metadata::annotations(input),
            ),
            spec: ImageSpec {
                image: digest.clone(),
                service_account_name: pod.service_account_name.clone().unwrap_or_default(),
                image_pull_secrets: pod.image_pull_secrets.clone().unwrap_or_default(),
            },
            status: None,
        })
        .collect()
}
