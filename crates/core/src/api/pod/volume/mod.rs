//! Rules about the volumes of a pod.

mod mount;
mod projected;
mod source;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{KeyToPath, Volume};

use super::fields::{VOLUME, only_open};
use crate::admission::Findings;
use crate::config::Features;
use crate::{go, syntax};

pub(super) use mount::{can_be_written, mounts};

/// All rules about volumes; paths are indexes. `mounted` are the names that any container mounts.
pub(super) fn volumes(list: &[Volume], mounted: &BTreeSet<&str>, features: &Features) -> Findings {
    let mut seen = BTreeSet::new();
    let mut findings = Findings::none();
    for (i, entry) in list.iter().enumerate() {
        let mut own = volume(entry, features);
        if !seen.insert(entry.name.as_str()) {
            own.also(name_is("duplicate volume name", entry, ""));
        }
        if !mounted.contains(entry.name.as_str()) {
            own.also(name_is("volume with name", entry, " not mounted"));
        }
        findings.also(own.under(&format!("[{i}]")));
    }
    findings
}

fn name_is(before: &str, volume: &Volume, after: &str) -> Findings {
    let name = go::quote(&volume.name);
    Findings::new(format!("{before} {name}{after}"), ["name"])
}

fn volume(entry: &Volume, features: &Features) -> Findings {
    let mut findings = if entry.name.is_empty() {
        // What is off does not matter as long as the volume has no name.
        Findings::missing(["name"])
    } else if !syntax::dns1123_label(&entry.name).is_empty() {
        Findings::invalid_value(&entry.name, "name")
    } else {
        let mut off = only_open(entry, VOLUME, features, &[]);
        off.also(source::off(entry, features));
        off
    };
    findings.also(source::source(entry, features));
    findings
}

/// The rules about which keys become which files. Upstream leaves the source's name out of the path.
fn items(items: Option<&[KeyToPath]>) -> Findings {
    let items = items.unwrap_or_default().iter().enumerate();
    items
        .map(|(i, item)| key_to_path(item).under_index("items", i))
        .collect()
}

fn key_to_path(item: &KeyToPath) -> Findings {
    let fields = [("key", &item.key), ("path", &item.path)];
    let absent = fields.into_iter().filter(|(_, text)| text.is_empty());
    absent.map(|(name, _)| Findings::missing([name])).collect()
}
