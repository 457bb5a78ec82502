//! Defaults of a revision's spec.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Defaults, Error, container};
use crate::admission::Context;
use crate::api::revision::{Revision, RevisionSpec};
use crate::config;
use crate::names::child;

impl Defaults for Revision {
    /// Only a new Revision is filled in; later its spec is immutable.
    fn set_defaults(&mut self, _: Option<&Self>, cx: &Context<'_>) -> Result<(), Error> {
        if cx.verb.is_create() {
            revision_spec(&mut self.spec, &self.metadata, cx)?;
        } else {
            container::write_zeroes(&mut self.spec.pod);
        }
        Ok(())
    }
}

/// Fills in a revision's spec. `parent` is the metadata that name templates are rendered over.
///
/// # Errors
/// When a container's name cannot be rendered.
pub fn revision_spec(
    spec: &mut RevisionSpec,
    parent: &ObjectMeta,
    cx: &Context<'_>,
) -> Result<(), Error> {
    let defaults = &cx.policy.defaults;
    timeouts(spec, defaults);
    spec.container_concurrency
        .get_or_insert(defaults.container_concurrency);

    container_names(&mut spec.pod, parent, defaults)?;
    let shared = container::Shared::of(&spec.pod, cx.policy);
    let is_only = spec.pod.containers.len() == 1;
    for entry in &mut spec.pod.containers {
        container::fill_in(entry, is_only, &shared, defaults);
    }
    for entry in spec
        .pod
        .containers
        .iter_mut()
        .chain(spec.pod.init_containers.iter_mut().flatten())
    {
        shared.secure(entry);
    }
    if cx.verb.is_create() && spec.pod.enable_service_links.is_none() {
        spec.pod.enable_service_links = defaults.enable_service_links;
    }
    container::write_zeroes(&mut spec.pod);
    Ok(())
}

fn timeouts(spec: &mut RevisionSpec, defaults: &config::Defaults) {
    if spec.timeout_seconds.unwrap_or_default() == 0 {
        spec.timeout_seconds = Some(defaults.revision_timeout_seconds);
    }
    let total = spec.timeout_seconds.unwrap_or_default();
    // A limit that the total makes pointless is not written down.
    let partial = |limit: i64| (limit != 0 && limit < total).then_some(limit);
    if spec.idle_timeout_seconds.is_none() {
        spec.idle_timeout_seconds = partial(defaults.revision_idle_timeout_seconds);
    }
    if spec.response_start_timeout_seconds.is_none() {
        spec.response_start_timeout_seconds =
            partial(defaults.revision_response_start_timeout_seconds);
    }
}

/// Names the containers that have no name, avoiding those that users wrote.
fn container_names(
    pod: &mut PodSpec,
    parent: &ObjectMeta,
    defaults: &config::Defaults,
) -> Result<(), Error> {
    let init = pod.init_containers.get_or_insert_default();
    let taken: BTreeSet<String> = pod
        .containers
        .iter()
        .chain(init.iter())
        .filter(|c| !c.name.is_empty())
        .map(|c| c.name.clone())
        .collect();
    if pod.containers.iter().any(|c| c.name.is_empty()) {
        let base = config::Defaults::container_name(&defaults.container_name_template, parent)?;
        name_all(&mut pod.containers, &base, &taken);
    }
    if init.iter().any(|c| c.name.is_empty()) {
        let base =
            config::Defaults::container_name(&defaults.init_container_name_template, parent)?;
        name_all(init, &base, &taken);
    }
    if init.is_empty() {
        pod.init_containers = None;
    }
    Ok(())
}

fn name_all(containers: &mut [Container], base: &str, taken: &BTreeSet<String>) {
    let is_numbered = containers.len() > 1 || taken.contains(base);
    let mut numbers = (0_u64..)
        .map(|n| child::name(base, &format!("-{n}")))
        .filter(|name| !taken.contains(name));
    for entry in containers.iter_mut().filter(|c| c.name.is_empty()) {
        entry.name = if is_numbered {
            numbers.next().unwrap_or_default()
        } else {
            base.to_owned()
        };
    }
}
