//! Rules about the shares of the traffic.

use std::collections::BTreeMap;

use super::TrafficTarget;
use crate::admission::Findings;
use crate::{go, syntax};

/// Who lists the targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Parent {
    /// A Service, whose targets follow its own Configuration.
    Service,
    /// A Route on its own.
    Route,
}

/// All rules, with paths below `traffic`.
pub(in crate::api) fn traffic(targets: &[TrafficTarget], parent: Parent) -> Findings {
    let mut findings: Findings = targets
        .iter()
        .enumerate()
        .map(|(i, entry)| target(entry, parent).under(&format!("[{i}]")))
        .collect();
    findings.also(tags(targets));
    let sum: i64 = targets
        .iter()
        .filter_map(|t| t.percent)
        .fold(0, i64::saturating_add);
    if sum != 100 {
        findings.also(Findings::new(
            format!("Traffic targets sum to {sum}, want 100"),
            [""],
        ));
    }
    findings.under("traffic")
}

fn target(entry: &TrafficTarget, parent: Parent) -> Findings {
    let mut findings = revision_or_configuration(entry, parent);
    findings.also(latest(entry));
    if let Some(percent) = entry.percent
        && !(0..=100).contains(&percent)
    {
        findings.also(Findings::out_of_bounds(percent, 0, 100, "percent"));
    }
    if entry.url.is_some() {
        findings.also(Findings::disallowed(["url"]));
    }
    findings
}

/// A target follows a Configuration or names a revision.
fn revision_or_configuration(entry: &TrafficTarget, parent: Parent) -> Findings {
    let (configuration, revision) = (
        entry.configuration_name.as_str(),
        entry.revision_name.as_str(),
    );
    let names = ["configurationName", "revisionName"];
    if parent == Parent::Service && !configuration.is_empty() {
        return Findings::disallowed(["configurationName"]);
    }
    match (configuration, revision) {
        ("", "") if parent == Parent::Route => Findings::neither(names),
        ("", "") => Findings::none(),
        ("", revision) => qualified(revision, "revisionName"),
        (configuration, "") => qualified(configuration, "configurationName"),
        _ => Findings::both(names),
    }
}

fn qualified(name: &str, path: &str) -> Findings {
    let faults = syntax::qualified_name(name);
    if faults.is_empty() {
        Findings::none()
    } else {
        Findings::invalid_key(name, path).details(faults.join(", "))
    }
}

/// `latestRevision` says the same as the presence of a revision's name.
fn latest(entry: &TrafficTarget) -> Findings {
    let names_revision = !entry.revision_name.is_empty();
    match entry.latest_revision {
        Some(latest) if latest == names_revision => Findings::new(
            format!(
                "may not set revisionName {} when latestRevision is {latest}",
                go::quote(&entry.revision_name)
            ),
            ["latestRevision"],
        ),
        _ => Findings::none(),
    }
}

/// Tags are parts of host names, and each stands for one target.
fn tags(targets: &[TrafficTarget]) -> Findings {
    let mut findings = Findings::none();
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, entry) in targets
        .iter()
        .enumerate()
        .filter(|(_, entry)| !entry.tag.is_empty())
    {
        let faults = syntax::dns1035_label(&entry.tag);
        if !faults.is_empty() {
            // Upstream puts the index behind the field.
            findings.also(Findings::invalid_value(
                format!("not a DNS 1035 label: {}", go::list(&faults)),
                format!("tag[{i}]"),
            ));
        }
        places.entry(&entry.tag).or_default().push(i);
    }
    for (tag, places) in places.into_iter().filter(|(_, places)| places.len() > 1) {
        findings.also(Findings::new(
            format!("Multiple definitions for {}", go::quote(tag)),
            places.into_iter().map(|i| format!("[{i}].tag")),
        ));
    }
    findings
}
