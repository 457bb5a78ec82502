//! Rules about DomainMapping.

use super::{DomainMapping, Reference};
use crate::admission::{Context, Findings, Validate, metadata};
use crate::{go, syntax};

impl Validate for DomainMapping {
    fn validate(&self, old: Option<&Self>, cx: &Context<'_>) -> Findings {
        let mut findings = host_name(self, &cx.policy.cluster_domain).under("metadata");
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        findings.also(reference(&self.spec.ref_, namespace).under("spec.ref"));
        findings.also(metadata::user_annotations(
            &self.metadata,
            &self.spec,
            old.map(|old| (&old.metadata, &old.spec)),
        ));
        findings
    }
}

/// The name is a host name outside the cluster's own domain.
fn host_name(mapping: &DomainMapping, cluster_domain: &str) -> Findings {
    let mut findings = Findings::none();
    if mapping
        .metadata
        .generate_name
        .as_deref()
        .is_some_and(|prefix| !prefix.is_empty())
    {
        findings.also(Findings::disallowed(["generateName"]));
    }
    let name = mapping.metadata.name.as_deref().unwrap_or_default();
    if let Some(cause) = fully_qualified(name) {
        findings.also(Findings::new(
            format!("invalid name {}: {cause}", go::quote(name)),
            ["name"],
        ));
    } else if name.ends_with(&format!(".{cluster_domain}")) {
        findings.also(Findings::new(
            format!(
                "invalid name {}: must not be a subdomain of cluster local domain {}",
                go::quote(name),
                go::quote(cluster_domain)
            ),
            ["name"],
        ));
    }
    findings
}

/// What keeps a text from being a host name, in the words of Kubernetes.
fn fully_qualified(name: &str) -> Option<String> {
    let invalid =
        |text: &str, cause: &str| format!("name: Invalid value: {}: {cause}", go::quote(text));
    if name.is_empty() {
        return Some("name: Required value".to_owned());
    }
    let faults = syntax::dns1123_subdomain(name);
    if !faults.is_empty() {
        return Some(invalid(name, &faults.join(",")));
    }
    if !name.contains('.') {
        return Some(invalid(
            name,
            "should be a domain with at least two segments separated by dots",
        ));
    }
    name.split('.').find_map(|label| {
        let faults = syntax::dns1123_label(label);
        (!faults.is_empty()).then(|| invalid(label, &faults.join(",")))
    })
}

fn reference(reference: &Reference, namespace: &str) -> Findings {
    let mut findings = Findings::none();
    for (name, text) in [
        ("name", &reference.name),
        ("kind", &reference.kind),
        ("apiVersion", &reference.api_version),
    ] {
        if text.is_empty() {
            findings.also(Findings::missing([name]));
        }
    }
    if !reference.group.is_empty() {
        findings.also(Findings::disallowed(["group"]));
    }
    if reference.namespace != namespace {
        findings.also(
            Findings::new("mismatched namespaces", ["namespace"]).details(format!(
                "parent namespace: {} does not match ref: {}",
                go::quote(namespace),
                go::quote(&reference.namespace)
            )),
        );
    }
    findings
}
