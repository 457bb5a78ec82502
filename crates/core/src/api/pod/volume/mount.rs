//! Rules about where a container mounts volumes.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Volume, VolumeMount};

use super::super::Scope;
use super::super::fields::{VOLUME_MOUNT, only_open};
use crate::admission::Findings;
use crate::config::Features;
use crate::config::features::switch;
use crate::go;

/// Paths that belong to the system, in their shortest spelling.
const RESERVED: [&str; 3] = ["/", "/dev", "/dev/log"];

/// All rules about the mounts of a container; paths are indexes.
pub(in crate::api::pod) fn mounts(list: &[VolumeMount], scope: &Scope<'_>) -> Findings {
    let mut seen = BTreeSet::new();
    let mut findings = Findings::none();
    for (i, entry) in list.iter().enumerate() {
        let place = clean(&entry.mount_path);
        let is_repeated = seen.contains(&place);
        let mut own = only_open(entry, VOLUME_MOUNT, scope.features, &[]);
        own.also(path(entry, &place, is_repeated));
        own.also(volume(
            entry,
            scope.volumes.get(entry.name.as_str()).copied(),
        ));
        own.also(propagation(entry, scope.features));
        findings.also(own.under(&format!("[{i}]")));
        seen.insert(place);
    }
    findings
}

fn path(mount: &VolumeMount, cleaned: &str, is_repeated: bool) -> Findings {
    let written = &mount.mount_path;
    let at = "mountPath";
    if written.is_empty() {
        Findings::missing([at])
    } else if RESERVED.contains(&cleaned) {
        Findings::new(
            format!("mountPath {} is a reserved path", go::quote(cleaned)),
            [at],
        )
    } else if !written.starts_with('/') {
        Findings::invalid_value(written, at)
    } else if is_repeated {
        Findings::invalid_value(format!("{} must be unique", go::quote(written)), at)
    } else {
        Findings::none()
    }
}

/// There is such a volume, and the mount is read-only where the volume is.
fn volume(mount: &VolumeMount, volume: Option<&Volume>) -> Findings {
    let mut findings = Findings::none();
    if volume.is_none() {
        findings.also(Findings::new(
            "volumeMount has no matching volume",
            ["name"],
        ));
    }
    if mount.read_only == Some(true) {
        return findings;
    }
    if !volume.is_some_and(can_be_written) {
        let message = "volume mount should be readOnly for this type of volume";
        findings.also(Findings::new(message, ["readOnly"]));
    }
    let claim = volume.and_then(|volume| volume.persistent_volume_claim.as_ref());
    if claim.is_some_and(|claim| claim.read_only == Some(true)) {
        let message = "volume is readOnly but volume mount is not";
        findings.also(Findings::new(message, ["readOnly"]));
    }
    findings
}

/// Whether a volume is of a kind that containers may write to.
pub(in crate::api::pod) fn can_be_written(volume: &Volume) -> bool {
    volume.empty_dir.is_some()
        || volume.persistent_volume_claim.is_some()
        || volume.ephemeral.is_some()
}

fn propagation(mount: &VolumeMount, features: &Features) -> Findings {
    let Some(value) = &mount.mount_propagation else {
        return Findings::none();
    };
    let mut findings = Findings::none();
    if !features.pod_spec_volumes_mount_propagation.is_enabled() {
        let text = format!(
            "Volume Mount Propagation support is disabled, but found volume mount {} with mount propagation",
            mount.name
        );
        let key = switch::pod_spec_volumes_mount_propagation.key;
        findings.also(Findings::placeless(text).allowed_by([key]));
    }
    if !matches!(value.as_str(), "None" | "HostToContainer") {
        let message = "mount propagation should be set to None or HostToContainer";
        findings.also(Findings::new(message, ["mountPropagation"]));
    }
    findings
}

/// The shortest spelling of a path: no doubled slashes, no `.`, no `..` where it can be resolved.
fn clean(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => {
                parts.pop();
            }
            ("..", None) if is_absolute => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        let cases = [
            ("/dev//log/", "/dev/log"),
            ("/a/../dev", "/dev"),
            ("/..", "/"),
            ("a/./b", "a/b"),
            ("", "."),
            ("../a", "../a"),
            ("a/..", "."),
        ];
        for (path, want) in cases {
            assert_eq!(clean(path), want, "{path}");
        }
    }
}
