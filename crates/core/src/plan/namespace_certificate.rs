//! Wildcard certificates of namespaces, for clusters that order one for all Routes of a namespace.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use serde::Serialize;

use super::meta::{self, Map};
use super::{Write, networking};
use crate::api::certificate::{Certificate, CertificateSpec};
use crate::config::Domain;
use crate::config::network::{DomainFields, Network};
use crate::names::labels;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    pub certificates: Vec<Write<Certificate>>,
    /// Names of certificates that are not wanted any more.
    pub obsolete: Vec<String>,
    /// Why the pass has to be repeated.
    pub failure: Option<String>,
}

/// Decides which wildcard certificates `namespace` has. `existing` are those in it that carry the domain's label.
pub fn plan(
    namespace: &Namespace,
    existing: &[Arc<Certificate>],
    network: &Network,
    domains: &Domain,
) -> Plan {
    let mut plan = Plan::default();
    let ours = || {
        existing
            .iter()
            .filter(|c| meta::is_controlled_by(&c.metadata, &namespace.metadata))
    };
    let is_selected = network
        .namespace_wildcard_cert_selector
        .as_ref()
        .is_some_and(|selector| matches(selector, meta::labels(&namespace.metadata)));
    let mut wanted_domains: Vec<&str> = Vec::new();
    if is_selected {
        for domain in domains.wildcard_domains() {
            wanted_domains.push(domain);
            match wildcard(namespace, domain, network) {
                Ok(dns_name) => plan
                    .certificates
                    .extend(write(namespace, &dns_name, domain, existing, network)),
                Err(failure) => plan.failure = Some(failure),
            }
        }
    }
    plan.obsolete = ours()
        .filter(|c| {
            !meta::label(&c.metadata, labels::WILDCARD_DOMAIN)
                .is_some_and(|d| wanted_domains.contains(&d))
        })
        .map(|c| meta::name(&c.metadata).to_owned())
        .collect();
    plan
}

/// `*.<namespace>.<domain>`, as the domain template makes it.
fn wildcard(namespace: &Namespace, domain: &str, network: &Network) -> Result<String, String> {
    let fields = DomainFields {
        name: "*",
        namespace: meta::name(&namespace.metadata),
        domain,
        annotations: &Map::new(),
        labels: &Map::new(),
    };
    let failure =
        |cause: String| format!("failed to apply domain template to domain {domain}: {cause}");
    let name = network
        .host(fields)
        .map_err(|error| failure(error.to_string()))?;
    match name.strip_prefix("*.") {
        Some(rest) if !rest.is_empty() => Ok(name),
        _ => Err(failure(format!("invalid DomainTemplate: {name}"))),
    }
}

fn write(
    namespace: &Namespace,
    dns_name: &str,
    domain: &str,
    existing: &[Arc<Certificate>],
    network: &Network,
) -> Option<Write<Certificate>> {
    let name = dns_name.trim_start_matches("*.");
    let live = existing.iter().find(|c| meta::name(&c.metadata) == name);
    let covers = |c: &Arc<Certificate>| c.spec.dns_names.iter().any(|covered| covered == dns_name);
    if live.is_none() && existing.iter().any(covers) {
        return None;
    }
    let labels = Map::from([(labels::WILDCARD_DOMAIN.to_owned(), domain.to_owned())]);
    let mut annotations = networking::certificate_annotations(&namespace.metadata, network);
    annotations.retain(|key, _| key == crate::names::annotations::CERTIFICATE_CLASS.canonical());
    let mut metadata = meta::child(namespace, name, labels, annotations);
    metadata.namespace.clone_from(&namespace.metadata.name);
    let wanted = Certificate {
        metadata,
        spec: CertificateSpec {
            dns_names: vec![dns_name.to_owned()],
            domain: String::new(),
            secret_name: name.to_owned(),
        },
        status: None,
    };
    match live {
        None => Some(Write::Create(wanted)),
        Some(live) if live.spec == wanted.spec => None,
        Some(_) => Some(Write::Update(wanted)),
    }
}

fn matches(selector: &LabelSelector, labels: &Map) -> bool {
    let by_value = selector
        .match_labels
        .iter()
        .flatten()
        .all(|(key, value)| labels.get(key) == Some(value));
    by_value
        && selector
            .match_expressions
            .iter()
            .flatten()
            .all(|requirement| holds(requirement, labels))
}

fn holds(
    LabelSelectorRequirement {
        key,
        operator,
        values,
    }: &LabelSelectorRequirement,
    labels: &Map,
) -> bool {
    let value = labels.get(key);
    let listed = value.is_some_and(|value| values.iter().flatten().any(|listed| listed == value));
    match operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}
