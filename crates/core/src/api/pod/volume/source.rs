//! Rules about where a volume comes from.

use k8s_openapi::api::core::v1::{
    EmptyDirVolumeSource, EphemeralVolumeSource, ImageVolumeSource, Volume,
};

use super::super::amount::{amount, amounts};
use super::super::fields::{IMAGE_VOLUME, VOLUME, only_open, switch};
use super::{items, projected};
use crate::admission::Findings;
use crate::config::Features;
use crate::config::features::switch as flags;
use crate::quantity::Amount;

/// Sources that anybody may use.
const ALWAYS: [&str; 3] = ["secret", "configMap", "projected"];
/// Sources behind flags, with what messages call them.
const GATED: [(&str, &str); 6] = [
    ("image", "Image volume"),
    ("emptyDir", "EmptyDir volume"),
    ("hostPath", "HostPath volume"),
    ("csi", "CSI volume"),
    ("ephemeral", "Ephemeral volume"),
    (CLAIM, "persistent volume claim"),
];
const CLAIM: &str = "persistentVolumeClaim";

fn is_used(volume: &Volume, source: &str) -> bool {
    match source {
        "secret" => volume.secret.is_some(),
        "configMap" => volume.config_map.is_some(),
        "projected" => volume.projected.is_some(),
        "image" => volume.image.is_some(),
        "emptyDir" => volume.empty_dir.is_some(),
        "hostPath" => volume.host_path.is_some(),
        "csi" => volume.csi.is_some(),
        "ephemeral" => volume.ephemeral.is_some(),
        CLAIM => volume.persistent_volume_claim.is_some(),
        _ => false,
    }
}

/// Sources that are off, in words: these appear unless the flag is Enabled, where the refusal of
/// the field itself needs it to be Disabled.
pub(super) fn off(volume: &Volume, features: &Features) -> Findings {
    let used = GATED.iter().filter(|(source, _)| is_used(volume, source));
    let mut findings: Findings = used
        .filter_map(|(source, title)| Some((source, title, switch(VOLUME, source)?)))
        .filter(|(.., switch)| !switch.of(features).is_enabled())
        .map(|(source, title, switch)| {
            not_supported(volume, source, title).allowed_by([switch.key])
        })
        .collect();
    findings.also(claim_to_write(volume, features));
    findings
}

fn not_supported(volume: &Volume, source: &str, title: &str) -> Findings {
    let (first, name) = match &volume.persistent_volume_claim {
        Some(claim) if source == CLAIM => ("Persistent volume claim", &claim.claim_name),
        _ => (title, &volume.name),
    };
    Findings::placeless(format!(
        "{first} support is disabled, but found {title} {name}"
    ))
}

/// A claim that can be written needs a flag of its own.
fn claim_to_write(volume: &Volume, features: &Features) -> Findings {
    let claim = volume.persistent_volume_claim.as_ref();
    let Some(claim) = claim.filter(|claim| claim.read_only != Some(true)) else {
        return Findings::none();
    };
    if features.pod_spec_persistent_volume_write.is_enabled() {
        return Findings::none();
    }
    Findings::placeless(format!(
        "Persistent volume write support is disabled, but found persistent volume claim {} that is not read-only",
        claim.claim_name
    ))
    .allowed_by([flags::pod_spec_persistent_volume_write.key])
}

/// Exactly one source, and its own rules.
pub(super) fn source(volume: &Volume, features: &Features) -> Findings {
    let mut findings = exactly_one(volume, features);
    if let Some(secret) = &volume.secret {
        findings.also(items(secret.items.as_deref()));
    }
    if let Some(map) = &volume.config_map {
        findings.also(items(map.items.as_deref()));
    }
    for (i, part) in projected::parts(volume).enumerate() {
        findings.also(projected::part(part, features).under_index("projected", i));
    }
    if let Some(dir) = &volume.empty_dir {
        findings.also(empty_dir(dir).under("emptyDir"));
    }
    if let Some(claim) = &volume.ephemeral {
        findings.also(ephemeral(claim).under("ephemeral"));
    }
    if let Some(image) = &volume.image {
        findings.also(image_volume(image, features).under("image"));
    }
    findings
}

fn exactly_one(volume: &Volume, features: &Features) -> Findings {
    let gated = GATED.map(|(source, _)| source);
    let known = || ALWAYS.into_iter().chain(gated);
    let used: Vec<_> = known().filter(|source| is_used(volume, source)).collect();
    match used.len() {
        0 => Findings::neither(known().filter(|source| {
            switch(VOLUME, source).is_none_or(|switch| switch.of(features).is_enabled())
        })),
        1 => Findings::none(),
        _ => Findings::both(used),
    }
}

fn empty_dir(dir: &EmptyDirVolumeSource) -> Findings {
    let mut findings = match dir.medium.as_deref() {
        None | Some("" | "Memory") => Findings::none(),
        Some(other) => Findings::invalid_value(other, "medium"),
    };
    if let Some(limit) = &dir.size_limit {
        findings.also(amount(limit, "sizeLimit"));
        if Amount::parse(&limit.0).is_ok_and(Amount::is_negative) {
            findings.also(Findings::invalid_value(&limit.0, "sizeLimit"));
        }
    }
    findings
}

fn ephemeral(source: &EphemeralVolumeSource) -> Findings {
    let template = source.volume_claim_template.as_ref();
    let Some(resources) = template.and_then(|template| template.spec.resources.as_ref()) else {
        return Findings::none();
    };
    let mut findings = amounts(resources.limits.as_ref(), "limits");
    findings.also(amounts(resources.requests.as_ref(), "requests"));
    findings.under("volumeClaimTemplate.spec.resources")
}

fn image_volume(image: &ImageVolumeSource, features: &Features) -> Findings {
    let mut findings = only_open(image, IMAGE_VOLUME, features, &[]);
    if image.reference.as_deref().unwrap_or_default().is_empty() {
        findings.also(Findings::missing(["reference"]));
    }
    match image.pull_policy.as_deref() {
        None | Some("" | "Always" | "Never" | "IfNotPresent") => {}
        Some(other) => findings.also(Findings::invalid_value(other, "pullPolicy")),
    }
    findings
}
