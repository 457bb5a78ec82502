use std::sync::Arc;

use super::build::*;
use crate::api::domain_claim::ClusterDomainClaim;
use crate::api::domain_mapping::DomainMapping;
use crate::config::Network;
use crate::plan::domain_mapping::{Plan, Seen, plan, released};

fn mapping() -> DomainMapping {
    let mapping: DomainMapping = object(
        "
metadata: {name: shop.example.org, namespace: demo}
spec: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: shop}}
",
    );
    applied(&mapping, 1)
}

fn seen(claimed_by: Option<&str>, address: &str) -> Seen {
    Seen {
        claim: claimed_by.map(|ns| {
            Arc::new(object::<ClusterDomainClaim>(&format!(
                "{{metadata: {{name: shop.example.org}}, spec: {{namespace: {ns}}}}}"
            )))
        }),
        ingress: None,
        address: Ok(address.to_owned()),
    }
}

fn run(seen: &Seen, autocreate: bool) -> Plan {
    let network = Network {
        autocreate_cluster_domain_claims: autocreate,
        ..Network::default()
    };
    plan(&mapping(), seen, &network, "cluster.local", now())
}

#[test]
fn claimed_name_leads_to_the_service_under_its_own_host() {
    insta::assert_yaml_snapshot!(run(
        &seen(Some("demo"), "http://shop.demo.svc.cluster.local"),
        false
    ));
}

#[test]
fn claim_is_made_only_when_the_cluster_says_so() {
    let seen = seen(None, "http://shop.demo.svc.cluster.local");
    let made = run(&seen, true);
    assert_eq!(made.claim.unwrap().spec.namespace, "demo");
    let denied = run(&seen, false);
    assert_eq!((denied.claim, denied.ingress), (None, None));
    assert_eq!(
        denied.failure.as_deref(),
        Some(
            "no ClusterDomainClaim found for domain \"shop.example.org\" (and autocreate-cluster-domain-claims property is not true)"
        )
    );
}

#[test]
fn name_of_another_namespace_is_refused() {
    let got = run(
        &seen(Some("other"), "http://shop.demo.svc.cluster.local"),
        true,
    );
    assert_eq!((&got.claim, &got.ingress), (&None, &None));
    assert!(conditions(&got.status.conditions).contains(
        &"DomainClaimed=False DomainAlreadyClaimed: The domain name is already in use by another DomainMapping".into()
    ));
}

#[test]
fn only_services_of_the_own_namespace_can_be_mapped() {
    for (address, want) in [
        (
            "http://shop.demo.svc.cluster.local/x",
            "resolved URI \"http://shop.demo.svc.cluster.local/x\" contains a path",
        ),
        (
            "http://shop.example.com",
            "resolved URI \"http://shop.example.com\" must be of the form {name}.{namespace}.svc.cluster.local",
        ),
        (
            "http://shop.other.svc.cluster.local",
            "resolved URI \"http://shop.other.svc.cluster.local\" must be in same namespace as DomainMapping",
        ),
    ] {
        let got = run(&seen(Some("demo"), address), false);
        assert_eq!(got.failure.as_deref(), Some(want));
        assert!(
            conditions(&got.status.conditions)
                .contains(&format!("ReferenceResolved=False ResolveFailed: {want}"))
        );
        assert_eq!(got.ingress, None);
    }
    assert_eq!(
        run(
            &seen(Some("demo"), "http://shop.demo.svc.cluster.local/"),
            false
        )
        .failure,
        None
    );
}

#[test]
fn own_certificate_makes_it_https() {
    let mut mapping = mapping();
    mapping.spec.tls = object("{secretName: shop-cert}");
    let seen = seen(Some("demo"), "http://shop.demo.svc.cluster.local");
    let got = plan(&mapping, &seen, &Network::default(), "cluster.local", now());
    assert_eq!(got.status.url.as_deref(), Some("https://shop.example.org"));
    assert_eq!(
        got.ingress.unwrap().object().spec.tls[0].secret_name,
        "shop-cert"
    );
}

#[test]
fn only_a_claim_that_was_made_for_the_mapping_is_given_back() {
    let ours = seen(Some("demo"), "").claim;
    let theirs = seen(Some("other"), "").claim;
    let auto = Network {
        autocreate_cluster_domain_claims: true,
        ..Network::default()
    };
    assert!(released(&mapping(), ours.as_deref(), &auto).is_some());
    assert!(released(&mapping(), theirs.as_deref(), &auto).is_none());
    assert!(released(&mapping(), ours.as_deref(), &Network::default()).is_none());
}
