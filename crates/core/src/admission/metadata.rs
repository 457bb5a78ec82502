//! Rules about metadata.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Context, Findings, annotations, autoscaling};
use crate::names::annotations::{AUTOSCALING_PREFIX, CREATOR, LAST_MODIFIER};
use crate::{go, syntax};

/// An object has a name, or a prefix to make one from, that fits into host names.
pub(crate) fn name(meta: &ObjectMeta) -> Findings {
    let name = meta.name.as_deref().unwrap_or_default();
    if !name.is_empty() {
        let faults = syntax::dns1035_label(name);
        if !faults.is_empty() {
            return Findings::new(
                format!("not a DNS 1035 label: {}", go::list(&faults)),
                ["name"],
            );
        }
    }
    let prefix = meta.generate_name.as_deref().unwrap_or_default();
    if !prefix.is_empty() {
        let faults = syntax::dns1035_label_prefix(prefix);
        if !faults.is_empty() {
            return Findings::new(
                format!("not a DNS 1035 label prefix: {}", go::list(&faults)),
                ["generateName"],
            );
        }
    }
    if name.is_empty() && prefix.is_empty() {
        return Findings::new("name or generateName is required", ["name"]);
    }
    Findings::none()
}

/// Autoscaling annotations work on revisions, so elsewhere they are a mistake.
pub(crate) fn no_autoscaling_annotations(meta: &ObjectMeta) -> Findings {
    let keys = meta.annotations.iter().flatten().map(|(key, _)| key);
    keys.filter(|key| key.starts_with(AUTOSCALING_PREFIX))
        .map(|key| {
            Findings::invalid_key(key, "annotations").details(
                "autoscaling annotations must be put under \"spec.template.metadata.annotations\" to work",
            )
        })
        .collect()
}

/// A label that names the parent needs the parent among the owners.
pub(crate) fn label_names_owner(meta: &ObjectMeta, label: &str, kind: &str) -> Findings {
    let Some(name) = meta.labels.as_ref().and_then(|labels| labels.get(label)) else {
        return Findings::none();
    };
    let mut owners = meta.owner_references.iter().flatten();
    if owners.any(|owner| owner.kind == kind && owner.name == *name) {
        return Findings::none();
    }
    Findings::missing([label]).under("labels")
}

/// The creator stays, and the last modifier changes with the spec only.
pub(crate) fn user_annotations<S: PartialEq>(
    meta: &ObjectMeta,
    spec: &S,
    old: Option<(&ObjectMeta, &S)>,
) -> Findings {
    let Some((old_meta, old_spec)) = old else {
        return Findings::none();
    };
    let value = |meta: &ObjectMeta, key: &str| {
        meta.annotations
            .as_ref()
            .and_then(|a| a.get(key))
            .cloned()
            .unwrap_or_default()
    };
    let mut findings = Findings::none();
    if value(meta, CREATOR) != value(old_meta, CREATOR) {
        findings.also(Findings::new("annotation value is immutable", [CREATOR]));
    }
    if spec == old_spec && value(meta, LAST_MODIFIER) != value(old_meta, LAST_MODIFIER) {
        findings.also(Findings::invalid_value(
            value(meta, LAST_MODIFIER),
            LAST_MODIFIER,
        ));
    }
    findings.under("metadata.annotations")
}

/// Whether the object belongs to another one.
pub(crate) fn is_owned(meta: &ObjectMeta) -> bool {
    meta.owner_references
        .as_ref()
        .is_some_and(|owners| !owners.is_empty())
}

/// Annotations of an object that has any, with the key that autoscaling rules need.
pub(crate) fn autoscaling_annotations(meta: &ObjectMeta, cx: &Context<'_>) -> Findings {
    let Some(annotations) = &meta.annotations else {
        return Findings::none();
    };
    autoscaling::annotations(annotations, &cx.policy.autoscaler).under("annotations")
}

/// What the metadata of Service, Configuration and Route have to obey.
pub(crate) fn of_parent(metadata: &ObjectMeta) -> Findings {
    let mut findings = name(metadata);
    findings.also(no_autoscaling_annotations(metadata));
    findings
}

/// The gradual rollout of an object that has traffic.
pub(crate) fn rollout(metadata: &ObjectMeta) -> Findings {
    match &metadata.annotations {
        Some(all) => annotations::rollout_duration(all).under("annotations"),
        None => Findings::none(),
    }
}
