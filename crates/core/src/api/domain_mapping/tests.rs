//! Defaults and rules of DomainMapping, by example.

use serde_json::json;

use super::DomainMapping;
use crate::admission::testing::{accepts, created, refuses};
use crate::names::annotations::CREATOR;

#[test]
fn domain_mappings() {
    let mapping = |meta: &str, reference: &str| {
        format!("{{metadata: {{namespace: demo, {meta}}}, spec: {{ref: {{{reference}}}}}}}")
    };
    let good = "apiVersion: serving.knative.dev/v1, kind: Service, name: shop";
    accepts::<DomainMapping>(&mapping("name: shop.example.org", good));
    refuses::<DomainMapping>(
        &mapping("name: foo", good),
        "invalid name \"foo\": name: Invalid value: \"foo\": should be a domain with at least two segments separated by dots: metadata.name",
    );
    let long = "a".repeat(64);
    refuses::<DomainMapping>(
        &mapping(&format!("name: {long}.example.org"), good),
        &format!(
            "invalid name \"{long}.example.org\": name: Invalid value: \"{long}\": must be no more than 63 characters: metadata.name"
        ),
    );
    refuses::<DomainMapping>(
        &mapping("name: a.b.svc.cluster.local", good),
        "invalid name \"a.b.svc.cluster.local\": must not be a subdomain of cluster local domain \"cluster.local\": metadata.name",
    );
    refuses::<DomainMapping>(
        &mapping("name: a.b, generateName: x", "group: g, namespace: other"),
        "mismatched namespaces: spec.ref.namespace\nparent namespace: \"demo\" does not match ref: \"other\"\n\
         missing field(s): spec.ref.apiVersion, spec.ref.kind, spec.ref.name\n\
         must not set the field(s): metadata.generateName, spec.ref.group",
    );
}

#[test]
fn the_namespace_and_the_user_are_filled_in() {
    let got = created::<DomainMapping>(
        "{metadata: {name: a.b, namespace: demo}, spec: {ref: {name: x}}}",
    );
    assert_eq!(
        got["spec"]["ref"],
        json!({"kind": "", "name": "x", "namespace": "demo"})
    );
    assert_eq!(got["metadata"]["annotations"][CREATOR], "ada");
}
