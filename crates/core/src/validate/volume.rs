//! Rules about volumes and where they are mounted.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, EmptyDirVolumeSource, ImageVolumeSource, KeyToPath, Volume, VolumeMount,
    VolumeProjection,
};

use super::{Findings, only_allowed};
use crate::config::Features;
use crate::config::features::Flag;
use crate::quantity::Amount;
use crate::{go, syntax};

/// All rules about the volumes of a pod; paths are indexes. `mounted` are the names that any
/// container mounts.
pub(super) fn volumes(list: &[Volume], mounted: &BTreeSet<&str>, features: &Features) -> Findings {
    let mut seen = BTreeSet::new();
    let mut findings = Findings::none();
    for (i, entry) in list.iter().enumerate() {
        let mut own = volume(entry, features);
        if !seen.insert(entry.name.as_str()) {
            own.also(Findings::new(
                format!("duplicate volume name {}", go::quote(&entry.name)),
                ["name"],
            ));
        }
        if !mounted.contains(entry.name.as_str()) {
            own.also(Findings::new(
                format!("volume with name {} not mounted", go::quote(&entry.name)),
                ["name"],
            ));
        }
        findings.also(own.under(&format!("[{i}]")));
    }
    findings
}

fn volume(entry: &Volume, features: &Features) -> Findings {
    let mut findings = if entry.name.is_empty() {
        // What is off does not matter as long as the volume has no name.
        Findings::missing(["name"])
    } else if !syntax::dns1123_label(&entry.name).is_empty() {
        Findings::invalid_value(&entry.name, "name")
    } else {
        gates(entry, features)
    };
    findings.also(source(entry, features));
    findings
}

/// A source of volumes that is behind a flag.
struct Gate<'a> {
    source: &'static str,
    /// How the source is called in messages.
    title: &'static str,
    flag: Flag,
    is_used: bool,
    /// What the message names.
    subject: &'a str,
}

fn gated<'a>(entry: &'a Volume, f: &Features) -> [Gate<'a>; 6] {
    let gate = |source, title, flag, is_used| Gate {
        source,
        title,
        flag,
        is_used,
        subject: &entry.name,
    };
    let claim = entry.persistent_volume_claim.as_ref();
    [
        gate(
            "image",
            "Image volume",
            f.pod_spec_volumes_image,
            entry.image.is_some(),
        ),
        gate(
            "emptyDir",
            "EmptyDir volume",
            f.pod_spec_volumes_empty_dir,
            entry.empty_dir.is_some(),
        ),
        gate(
            "hostPath",
            "HostPath volume",
            f.pod_spec_volumes_host_path,
            entry.host_path.is_some(),
        ),
        gate(
            "csi",
            "CSI volume",
            f.pod_spec_volumes_csi,
            entry.csi.is_some(),
        ),
        gate(
            "ephemeral",
            "Ephemeral volume",
            f.pod_spec_volumes_ephemeral,
            entry.ephemeral.is_some(),
        ),
        Gate {
            source: "persistentVolumeClaim",
            title: "persistent volume claim",
            flag: f.pod_spec_persistent_volume_claim,
            is_used: claim.is_some(),
            subject: claim.map_or("", |claim| &claim.claim_name),
        },
    ]
}

/// A source that is off: the text appears unless the flag is Enabled, the field is refused as well
/// when it is Disabled.
fn gates(entry: &Volume, features: &Features) -> Findings {
    let mut findings = Findings::none();
    for Gate {
        source,
        title,
        flag,
        is_used,
        subject,
    } in gated(entry, features)
    {
        if !is_used || flag.is_enabled() {
            continue;
        }
        if flag == Flag::Disabled {
            findings.also(Findings::disallowed([source]));
        }
        let capitalized = if source == "persistentVolumeClaim" {
            "Persistent volume claim"
        } else {
            title
        };
        findings.also(Findings::placeless(format!(
            "{capitalized} support is disabled, but found {title} {subject}"
        )));
    }
    if let Some(claim) = &entry.persistent_volume_claim
        && claim.read_only != Some(true)
        && !features.pod_spec_persistent_volume_write.is_enabled()
    {
        findings.also(Findings::placeless(format!(
            "Persistent volume write support is disabled, but found persistent volume claim {} that is not read-only",
            claim.claim_name
        )));
    }
    let sources = ["configMap", "projected", "secret"];
    let known: Vec<&str> = ["name"]
        .into_iter()
        .chain(sources)
        .chain(gated(entry, features).iter().map(|g| g.source))
        .collect();
    findings.also(only_allowed(entry, &known));
    findings
}

/// Exactly one source, and its own rules.
fn source(entry: &Volume, features: &Features) -> Findings {
    let mut findings = Findings::none();
    let mut used = Vec::new();
    if let Some(secret) = &entry.secret {
        used.push("secret");
        findings.also(items(secret.items.as_deref()));
    }
    if let Some(map) = &entry.config_map {
        used.push("configMap");
        findings.also(items(map.items.as_deref()));
    }
    if let Some(projected) = &entry.projected {
        used.push("projected");
        for (i, part) in projected.sources.iter().flatten().enumerate() {
            findings.also(projection(part).under_index("projected", i));
        }
    }
    if let Some(dir) = &entry.empty_dir {
        findings.also(empty_dir(dir).under("emptyDir"));
    }
    if let Some(image) = &entry.image {
        findings.also(image_source(image).under("image"));
    }
    let gated = gated(entry, features);
    used.extend(
        gated
            .iter()
            .filter(|gate| gate.is_used)
            .map(|gate| gate.source),
    );
    match used.len() {
        0 => {
            let open = gated
                .iter()
                .filter(|gate| gate.flag.is_enabled())
                .map(|gate| gate.source);
            findings.also(Findings::neither(
                ["secret", "configMap", "projected"].into_iter().chain(open),
            ));
        }
        1 => {}
        _ => findings.also(Findings::both(used)),
    }
    findings
}

fn items(items: Option<&[KeyToPath]>) -> Findings {
    let items = items.unwrap_or_default().iter().enumerate();
    items
        .map(|(i, item)| key_to_path(item).under_index("items", i))
        .collect()
}

fn key_to_path(item: &KeyToPath) -> Findings {
    let fields = [("key", &item.key), ("path", &item.path)];
    fields
        .into_iter()
        .filter(|(_, text)| text.is_empty())
        .map(|(name, _)| Findings::missing([name]))
        .collect()
}

fn empty_dir(dir: &EmptyDirVolumeSource) -> Findings {
    let mut findings = match dir.medium.as_deref() {
        None | Some("" | "Memory") => Findings::none(),
        Some(other) => Findings::invalid_value(other, "medium"),
    };
    if let Some(limit) = &dir.size_limit
        && Amount::parse(&limit.0).is_ok_and(Amount::is_negative)
    {
        findings.also(Findings::invalid_value(&limit.0, "sizeLimit"));
    }
    findings
}

fn image_source(image: &ImageVolumeSource) -> Findings {
    let mut findings = only_allowed(image, &["reference", "pullPolicy"]);
    if image.reference.as_deref().unwrap_or_default().is_empty() {
        findings.also(Findings::missing(["reference"]));
    }
    match image.pull_policy.as_deref() {
        None | Some("" | "Always" | "Never" | "IfNotPresent") => {}
        Some(other) => findings.also(Findings::invalid_value(other, "pullPolicy")),
    }
    findings
}

fn projection(part: &VolumeProjection) -> Findings {
    const SOURCES: [&str; 4] = ["configMap", "downwardAPI", "secret", "serviceAccountToken"];
    let mut findings = only_allowed(part, &SOURCES);
    let mut used = Vec::new();
    if let Some(secret) = &part.secret {
        used.push("secret");
        findings.also(named(&secret.name, secret.items.as_deref()).under("secret"));
    }
    if let Some(map) = &part.config_map {
        used.push("configMap");
        findings.also(named(&map.name, map.items.as_deref()).under("configMap"));
    }
    if let Some(downward) = &part.downward_api {
        used.push("downwardAPI");
        for (i, file) in downward.items.iter().flatten().enumerate() {
            findings.also(
                downward_file(file)
                    .under_index("items", i)
                    .under("downwardAPI"),
            );
        }
    }
    if let Some(token) = &part.service_account_token {
        used.push("serviceAccountToken");
        if token.path.is_empty() {
            findings.also(Findings::missing(["serviceAccountToken.path"]));
        }
    }
    match used.len() {
        0 => findings.also(Findings::neither(SOURCES)),
        1 => {}
        _ => findings.also(Findings::both(used)),
    }
    findings
}

fn named(name: &str, list: Option<&[KeyToPath]>) -> Findings {
    let mut findings = items(list);
    if name.is_empty() {
        findings.also(Findings::missing(["name"]));
    }
    findings
}

fn downward_file(file: &DownwardAPIVolumeFile) -> Findings {
    let mut findings = Findings::none();
    if file.path.is_empty() {
        findings.also(Findings::missing(["path"]));
    }
    let names = ["fieldRef", "resourceFieldRef"];
    match (&file.field_ref, &file.resource_field_ref) {
        (None, None) => findings.also(Findings::neither(names)),
        (Some(_), Some(_)) => findings.also(Findings::new(
            "Within a single item, cannot set both",
            names,
        )),
        _ => {}
    }
    findings
}

/// All rules about the mounts of a container; paths are indexes.
pub(super) fn mounts(
    list: &[VolumeMount],
    volumes: &BTreeMap<&str, &Volume>,
    features: &Features,
) -> Findings {
    let mut seen = BTreeSet::new();
    let mut findings = Findings::none();
    for (i, entry) in list.iter().enumerate() {
        let path = clean(&entry.mount_path);
        let is_repeated = !seen.insert(path.clone());
        let mut own = mount_path(entry, &path, is_repeated);
        own.also(mount(
            entry,
            volumes.get(entry.name.as_str()).copied(),
            features,
        ));
        findings.also(own.under(&format!("[{i}]")));
    }
    findings
}

fn mount_path(entry: &VolumeMount, path: &str, is_repeated: bool) -> Findings {
    const RESERVED: [&str; 3] = ["/", "/dev", "/dev/log"];
    let written = &entry.mount_path;
    if written.is_empty() {
        Findings::missing(["mountPath"])
    } else if RESERVED.contains(&path) {
        Findings::new(
            format!("mountPath {} is a reserved path", go::quote(path)),
            ["mountPath"],
        )
    } else if !written.starts_with('/') {
        Findings::invalid_value(written, "mountPath")
    } else if is_repeated {
        Findings::invalid_value(
            format!("{} must be unique", go::quote(written)),
            "mountPath",
        )
    } else {
        Findings::none()
    }
}

fn mount(entry: &VolumeMount, volume: Option<&Volume>, features: &Features) -> Findings {
    let propagation = features.pod_spec_volumes_mount_propagation;
    let mut allowed = vec!["name", "readOnly", "mountPath", "subPath"];
    if propagation.is_permitted() {
        allowed.push("mountPropagation");
    }
    let mut findings = only_allowed(entry, &allowed);
    if volume.is_none() {
        findings.also(Findings::new(
            "volumeMount has no matching volume",
            ["name"],
        ));
    }
    let claim = volume.and_then(|v| v.persistent_volume_claim.as_ref());
    let is_writable =
        claim.is_some() || volume.is_some_and(|v| v.empty_dir.is_some() || v.ephemeral.is_some());
    if entry.read_only != Some(true) {
        if !is_writable {
            findings.also(Findings::new(
                "volume mount should be readOnly for this type of volume",
                ["readOnly"],
            ));
        }
        if claim.is_some_and(|claim| claim.read_only == Some(true)) {
            findings.also(Findings::new(
                "volume is readOnly but volume mount is not",
                ["readOnly"],
            ));
        }
    }
    if let Some(value) = &entry.mount_propagation {
        if !propagation.is_enabled() {
            findings.also(Findings::placeless(format!(
                "Volume Mount Propagation support is disabled, but found volume mount {} with mount propagation",
                entry.name
            )));
        }
        if !matches!(value.as_str(), "None" | "HostToContainer") {
            findings.also(Findings::new(
                "mount propagation should be set to None or HostToContainer",
                ["mountPropagation"],
            ));
        }
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
