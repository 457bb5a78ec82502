//! Rules that the internal kinds share: what they refer to and which protocol they speak.

use k8s_openapi::api::core::v1::ObjectReference;

use super::{Findings, only_allowed};
use crate::api::text::ProtocolType;
use crate::syntax;

/// A reference to an object in the same namespace: apiVersion, kind and name, and nothing else.
pub(crate) fn validate(reference: &ObjectReference) -> Findings {
    let mut findings = only_allowed(reference, &["apiVersion", "kind", "name"]);
    type Rule = fn(&str) -> Vec<String>;
    let rules = [
        ("kind", &reference.kind, syntax::c_identifier as Rule),
        ("apiVersion", &reference.api_version, syntax::qualified_name),
        ("name", &reference.name, syntax::dns1123_label),
    ];
    for (field, text, rule) in rules {
        let text = text.as_deref().unwrap_or_default();
        if text.is_empty() {
            findings.also(Findings::missing([field]));
            continue;
        }
        let faults = rule(text);
        if !faults.is_empty() {
            findings.also(Findings::invalid_value(text, field).details(faults.join(", ")));
        }
    }
    findings
}

/// The protocol of the pods must be known.
pub(crate) fn protocol(protocol: &ProtocolType) -> Findings {
    match protocol {
        ProtocolType::Http1 | ProtocolType::H2c => Findings::none(),
        ProtocolType::Unset => Findings::missing(["protocolType"]),
        ProtocolType::Other(text) => Findings::invalid_value(text, "protocolType"),
    }
}
