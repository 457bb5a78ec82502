//! Rules about Revision and the template it is made from.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::default::normalize;
use super::{Revision, RevisionSpec, RevisionTemplate};
use crate::admission::{Context, Findings, Validate, Verb, annotations, differences, metadata};
use crate::api::pod;
use crate::names::labels;
use crate::{go, syntax};

impl Validate for Revision {
    fn validate(&self, old: Option<&Self>, cx: &Context<'_>) -> Findings {
        if let Some(text) = old.and_then(|old| {
            changes(
                &old.spec,
                &self.spec,
                |spec| pod::normalize(&mut spec.pod),
                differences::of_specs,
            )
        }) {
            // Nothing else matters then.
            return Findings::new("Immutable fields changed (-old +new)", ["spec"]).details(text);
        }
        let mut findings = metadata::name(&self.metadata);
        findings.also(metadata::autoscaling_annotations(&self.metadata, cx));
        findings.also(metadata::label_names_owner(
            &self.metadata,
            labels::CONFIGURATION,
            "Configuration",
        ));
        let mut findings = findings.under("metadata");
        if cx.verb == Verb::Create {
            findings.also(spec(&self.spec, cx).under("spec"));
        }
        findings
    }
}

/// What a user changed. What is stored may be spelt as upstream never would: it was written while nobody was asked, or
/// before we wrote objects in upstream's form.
fn changes<T: Clone + PartialEq>(
    stored: &T,
    new: &T,
    normalize: fn(&mut T),
    differences: fn(&T, &T) -> Option<String>,
) -> Option<String> {
    if stored == new {
        return None;
    }
    let normal = |object: &T| {
        let mut object = object.clone();
        normalize(&mut object);
        object
    };
    differences(&normal(stored), &normal(new))
}

/// All rules about a template, with paths below `template`.
pub(in crate::api) fn validate_template(
    template: &RevisionTemplate,
    parent: &ObjectMeta,
    cx: &Context<'_>,
) -> Findings {
    let mut metadata = metadata::autoscaling_annotations(&template.metadata, cx);
    if let Some(all) = &template.metadata.annotations {
        metadata.also(annotations::networking(all));
        metadata.also(annotations::queue_proxy(all).under("annotations"));
        metadata.also(annotations::progress_deadline(all).under("annotations"));
    }
    metadata.also(own_name(&template.metadata, parent));
    let mut findings = spec(&template.spec, cx).under("spec");
    findings.also(metadata.under("metadata"));
    findings.under("template")
}

/// A name of the user's starts with the parent's, so that revisions of two parents never clash.
fn own_name(template: &ObjectMeta, parent: &ObjectMeta) -> Findings {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let mut findings = Findings::none();
    let prefix = text(&template.generate_name);
    if !prefix.is_empty() {
        let faults = syntax::dns1035_label_prefix(&prefix);
        if !faults.is_empty() {
            findings.also(Findings::invalid_value(
                format!("not a DNS 1035 label prefix: {}", go::list(&faults)),
                "generateName",
            ));
        }
    }
    let name = text(&template.name);
    if name.is_empty() {
        return findings;
    }
    let faults = syntax::dns1035_label(&name);
    let parent_name = text(&parent.name);
    if !faults.is_empty() {
        findings.also(Findings::invalid_value(
            format!("not a DNS 1035 label: {}", go::list(&faults)),
            "name",
        ));
    } else if parent_name.is_empty() && !text(&parent.generate_name).is_empty() {
        // The parent's name is not known yet.
        findings.also(Findings::disallowed(["name"]));
    } else {
        let wanted = format!("{parent_name}-");
        if !name.starts_with(&wanted) {
            findings.also(Findings::invalid_value(
                format!(
                    "{} must have prefix {}",
                    go::quote(&name),
                    go::quote(&wanted)
                ),
                "name",
            ));
        }
    }
    findings
}

/// All rules about a revision's spec.
fn spec(spec: &RevisionSpec, cx: &Context<'_>) -> Findings {
    let mut findings = pod::validate(&spec.pod, &cx.policy.features);
    if let Some(timeout) = spec.timeout_seconds {
        let max = cx.policy.defaults.max_revision_timeout_seconds;
        if !(0..=max).contains(&timeout) {
            findings.also(Findings::out_of_bounds(timeout, 0, max, "timeoutSeconds"));
        }
    }
    if let Some(limit) = spec.container_concurrency {
        findings.also(concurrency(limit, cx));
    }
    findings
}

/// The hard limit of requests in flight.
pub(in crate::api) fn concurrency(limit: i64, cx: &Context<'_>) -> Findings {
    let defaults = &cx.policy.defaults;
    let min = i64::from(!defaults.allow_container_concurrency_zero);
    let max = defaults.container_concurrency_max_limit;
    if (min..=max).contains(&limit) {
        Findings::none()
    } else {
        Findings::out_of_bounds(limit, min, max, "containerConcurrency")
    }
}

/// A template that keeps the name of its revision stays as it is.
pub(in crate::api) fn kept_name(
    new: &RevisionTemplate,
    old: Option<&RevisionTemplate>,
) -> Findings {
    let name = |template: &RevisionTemplate| template.metadata.name.clone().unwrap_or_default();
    let Some(old) = old.filter(|old| !name(new).is_empty() && name(new) == name(old)) else {
        return Findings::none();
    };
    match changes(old, new, normalize, differences::of_templates) {
        None => Findings::none(),
        Some(text) => Findings::new(
            "Saw the following changes without a name change (-old +new)",
            ["spec.template.metadata.name"],
        )
        .details(text),
    }
}
