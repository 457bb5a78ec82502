//! `config-domain`.

use super::*;
use crate::names::labels;

#[track_caller]
fn goes_to(domain: &Domain, labels: &[(&str, &str)], want: &str) {
    assert_eq!(domain.lookup(&map(labels), "cluster.local"), want);
}

#[test]
fn config_7_the_example_works() {
    let domain = accepts::<Domain>(&[
        ("example.com", ""),
        ("internal.example.com", "selector: {tier: internal}\n"),
        ("svc.cluster.local", "selector: {app: secret}\n"),
    ]);
    goes_to(&domain, &[], "example.com");
    goes_to(&domain, &[("tier", "internal")], "internal.example.com");
    goes_to(&domain, &[("app", "secret")], "svc.cluster.local");
    let wildcards: Vec<_> = domain.wildcard_domains().collect();
    assert_eq!(wildcards, ["example.com"]);
}

#[test]
fn config_7_the_most_specific_domain_wins_and_ties_go_by_name() {
    let domain = accepts::<Domain>(&[
        ("_example", "anything: ["),
        ("example.org", ""),
        ("example.net", "selector:\n"),
        ("tier.example.org", "selector: {tier: internal}"),
        ("app.example.org", "selector: {app: shop}"),
        ("both.example.org", "selector: {app: shop, tier: internal}"),
        ("also.example.org", "selector: {app: shop, tier: internal}"),
    ]);
    goes_to(&domain, &[], "example.net");
    goes_to(&domain, &[("tier", "internal")], "tier.example.org");
    let both = [("tier", "internal"), ("app", "shop")];
    goes_to(&domain, &both, "also.example.org");
}

#[test]
fn config_7_a_route_for_the_cluster_stays_inside() {
    let domain = accepts::<Domain>(&[("example.org", "")]);
    let visibility = |value| [(labels::VISIBILITY, value)];
    goes_to(&domain, &visibility("cluster-local"), "svc.cluster.local");
    goes_to(&domain, &visibility("Cluster-Local"), "example.org");
}

#[test]
fn config_7_what_no_entry_is_for_stays_inside() {
    goes_to(&Domain::default(), &[], "svc.cluster.local");
    let domain = accepts::<Domain>(&[("a.example.org", "{selector: {a: b}, type: wildcard}")]);
    goes_to(&domain, &[], "svc.cluster.local");
    assert_eq!(domain.lookup(&Data::new(), "corp"), "svc.corp");
    let wildcards: Vec<_> = domain.wildcard_domains().collect();
    assert_eq!(wildcards, ["a.example.org"]);
}

#[test]
fn config_7_each_bad_entry_is_named() {
    let errors = Domain::parse(&data([
        ("a.org", "[1"),
        ("b.org", "x: {"),
        ("c.org", ""),
        ("d.org", "selector: {a: true}"),
        ("e.org", "a text"),
        ("not a domain", "{}"),
    ]))
    .unwrap_err();
    let keys: Vec<_> = errors.problems().iter().map(|p| p.key.as_str()).collect();
    assert_eq!(keys, ["a.org", "b.org", "d.org", "e.org"]);
    for line in errors
        .to_string()
        .lines()
        .filter(|line| line.ends_with(')'))
    {
        assert!(line.contains("must be empty or YAML"), "{line}");
    }
}
