//! Defaults of a revision's spec.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Revision, RevisionSpec, RevisionTemplate};
use crate::admission::{Context, Defaults, Error};
use crate::api::pod;
use crate::api::wire::omit;
use crate::config;

impl Defaults for Revision {
    /// Only a new Revision is filled in; later its spec is immutable.
    fn set_defaults(&mut self, _: Option<&Self>, cx: &Context<'_>) -> Result<(), Error> {
        if cx.verb.is_create() {
            fill_in(&mut self.spec, &self.metadata, cx)?;
        } else {
            pod::normalize(&mut self.spec.pod);
        }
        Ok(())
    }
}

/// Fills in a revision's spec. `parent` is the metadata that name templates are rendered over.
///
/// # Errors
/// When a container's name cannot be rendered.
pub fn fill_in(
    spec: &mut RevisionSpec,
    parent: &ObjectMeta,
    cx: &Context<'_>,
) -> Result<(), Error> {
    let defaults = &cx.policy.defaults;
    timeouts(spec, defaults);
    spec.container_concurrency
        .get_or_insert(defaults.container_concurrency);

    pod::fill_in(&mut spec.pod, parent, cx)
}

/// Fills in a template, unless it carries the name of a revision that may exist already: defaults
/// that changed since would then look like a change without a new name.
pub(in crate::api) fn fill_in_template(
    template: &mut RevisionTemplate,
    old: Option<&RevisionTemplate>,
    parent: &ObjectMeta,
    cx: &Context<'_>,
) -> Result<(), Error> {
    metadata(&mut template.metadata);
    let name = template.metadata.name.as_deref().unwrap_or_default();
    let keeps_name = !name.is_empty()
        && match old {
            Some(old) => old.metadata.name.as_deref() == Some(name),
            // It is stored already: the old object itself, or what a controller works on.
            None => !cx.verb.is_create(),
        };
    if keeps_name {
        normalize(template);
        return Ok(());
    }
    fill_in(&mut template.spec, parent, cx)
}

/// Brings a template into upstream's form; it means the same as before.
pub(super) fn normalize(template: &mut RevisionTemplate) {
    metadata(&mut template.metadata);
    pod::normalize(&mut template.spec.pod);
}

/// Leaves out of a template's metadata what upstream leaves out.
fn metadata(metadata: &mut ObjectMeta) {
    omit(&mut metadata.annotations);
    omit(&mut metadata.finalizers);
    omit(&mut metadata.labels);
    omit(&mut metadata.owner_references);
    for text in [
        &mut metadata.generate_name,
        &mut metadata.name,
        &mut metadata.namespace,
    ] {
        omit(text);
    }
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
