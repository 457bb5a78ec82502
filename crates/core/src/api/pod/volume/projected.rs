//! Rules about the parts of a projected volume.

use k8s_openapi::api::core::v1::{
    DownwardAPIProjection, DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection,
};

use super::super::amount::amount;
use super::super::fields::{PROJECTION, only_open};
use super::items;
use crate::admission::Findings;
use crate::config::Features;

/// The parts of a volume, if it is projected.
pub(super) fn parts(volume: &Volume) -> impl Iterator<Item = &VolumeProjection> {
    let projected = volume.projected.iter();
    projected.flat_map(|projected| projected.sources.iter().flatten())
}

/// All rules about a part: exactly one source, and its own rules.
pub(super) fn part(part: &VolumeProjection, features: &Features) -> Findings {
    let mut findings = only_open(part, PROJECTION, features, &[]);
    findings.also(exactly_one(part));
    if let Some(secret) = &part.secret {
        findings.also(named(&secret.name, secret.items.as_deref()).under("secret"));
    }
    if let Some(map) = &part.config_map {
        findings.also(named(&map.name, map.items.as_deref()).under("configMap"));
    }
    if let Some(downward) = &part.downward_api {
        findings.also(files(downward).under("downwardAPI"));
    }
    if part
        .service_account_token
        .as_ref()
        .is_some_and(|token| token.path.is_empty())
    {
        findings.also(Findings::missing(["serviceAccountToken.path"]));
    }
    findings
}

fn exactly_one(part: &VolumeProjection) -> Findings {
    let sources = [
        ("configMap", part.config_map.is_some()),
        ("downwardAPI", part.downward_api.is_some()),
        ("secret", part.secret.is_some()),
        ("serviceAccountToken", part.service_account_token.is_some()),
    ];
    let used: Vec<_> = sources.iter().filter(|(_, is_used)| *is_used).collect();
    match used.len() {
        0 => Findings::neither(sources.map(|(name, _)| name)),
        1 => Findings::none(),
        _ => Findings::both(used.into_iter().map(|(name, _)| *name)),
    }
}

fn named(name: &str, list: Option<&[KeyToPath]>) -> Findings {
    let mut findings = items(list);
    if name.is_empty() {
        findings.also(Findings::missing(["name"]));
    }
    findings
}

fn files(downward: &DownwardAPIProjection) -> Findings {
    let files = downward.items.iter().flatten().enumerate();
    files
        .map(|(i, entry)| file(entry).under_index("items", i))
        .collect()
}

fn file(file: &DownwardAPIVolumeFile) -> Findings {
    let mut findings = Findings::none();
    if file.path.is_empty() {
        findings.also(Findings::missing(["path"]));
    }
    let names = ["fieldRef", "resourceFieldRef"];
    findings.also(match (&file.field_ref, &file.resource_field_ref) {
        (None, None) => Findings::neither(names),
        (Some(_), Some(_)) => Findings::new("Within a single item, cannot set both", names),
        _ => Findings::none(),
    });
    let resource = file.resource_field_ref.as_ref();
    if let Some(divisor) = resource.and_then(|resource| resource.divisor.as_ref()) {
        findings.also(amount(divisor, "resourceFieldRef.divisor"));
    }
    findings
}
