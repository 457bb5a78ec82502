//! `config-network`.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::*;
use crate::config::network::{DomainFields, HttpProtocol, MeshMode};

fn host(s: &Network, labels: &[(&str, &str)]) -> String {
    let fields = DomainFields {
        name: "shop",
        namespace: "demo",
        domain: "example.org",
        annotations: &BTreeMap::new(),
        labels: &map(labels),
    };
    s.host(fields).unwrap()
}

#[test]
fn config_12_defaults() {
    let s = Network::default();
    assert_eq!(s.ingress_class, "istio.ingress.networking.knative.dev");
    assert_eq!(
        s.certificate_class,
        "cert-manager.certificate.networking.knative.dev"
    );
    assert_eq!(host(&s, &[]), "shop.demo.example.org");
    assert_eq!(s.tag_label("blue", "shop").as_deref(), Ok("blue-shop"));
    assert_eq!(s.default_external_scheme, "http");
}

#[test]
fn config_12_every_key_is_read_in_both_spellings_and_the_new_one_wins() {
    let old = [
        ("ingress.class", "old"),
        ("certificate.class", "old"),
        ("domainTemplate", "{{.Name}}.old"),
        ("tagTemplate", "{{.Tag}}-old"),
        ("autoTLS", "Enabled"),
        ("httpProtocol", "Redirected"),
        ("rolloutDuration", "1"),
        ("autocreateClusterDomainClaims", "true"),
        ("defaultExternalScheme", "old"),
    ];
    let s = accepts::<Network>(&old);
    assert_eq!(s.ingress_class, "old");
    assert_eq!(s.certificate_class, "old");
    assert_eq!(host(&s, &[]), "shop.old");
    assert_eq!(s.tag_label("blue", "shop").as_deref(), Ok("blue-old"));
    assert!(s.external_domain_tls && s.autocreate_cluster_domain_claims);
    assert_eq!(s.http_protocol, HttpProtocol::Redirected);
    assert_eq!(s.rollout_duration, Duration::from_secs(1));
    assert_eq!(s.default_external_scheme, "old");

    let new = [
        ("ingress-class", "new"),
        ("certificate-class", "new"),
        ("domain-template", "{{.Name}}.new\n"),
        ("tag-template", "{{.Tag}}-new"),
        ("auto-tls", "Disabled"),
        ("http-protocol", "Enabled"),
        ("rollout-duration", "2"),
        ("autocreate-cluster-domain-claims", "false"),
        ("default-external-scheme", "new"),
        ("enable-mesh-pod-addressability", "true"),
    ];
    let s = accepts::<Network>(&[&old[..], &new[..]].concat());
    assert_eq!(s.ingress_class, "new");
    assert_eq!(s.certificate_class, "new");
    assert_eq!(host(&s, &[]), "shop.new");
    assert_eq!(s.tag_label("blue", "shop").as_deref(), Ok("blue-new"));
    assert!(!s.external_domain_tls && !s.autocreate_cluster_domain_claims);
    assert!(s.enable_mesh_pod_addressability);
    assert_eq!(s.http_protocol, HttpProtocol::Enabled);
    assert_eq!(s.rollout_duration, Duration::from_secs(2));
    assert_eq!(s.default_external_scheme, "new");
}

#[test]
fn config_12_a_template_may_use_labels_and_annotations() {
    let s = accepts::<Network>(&[(
        "domain-template",
        "{{.Name}}.{{index .Labels \"team\"}}{{index .Annotations \"none\"}}.{{.Domain}}",
    )]);
    assert_eq!(host(&s, &[("team", "till")]), "shop.till.example.org");
}

#[test]
fn config_12_templates_that_make_no_host_are_refused() {
    for (template, want) in [
        ("{{.Name}}/x", "domain template has url path: /x"),
        ("{{.Name}}?x", "domain template has url path: /?x"),
        ("", "empty hostname"),
        ("{{index .Labels \"none\"}}", "empty hostname"),
        (":80", "empty hostname"),
        (
            "{{.Name}} {{.Domain}}",
            "parse \"https://foo baz.com\": invalid character \" \" in host name",
        ),
        (
            "{{.Name}}\n.{{.Domain}}",
            "parse \"https://foo\\n.baz.com\": net/url: invalid control character in URL",
        ),
    ] {
        refuses::<Network>(&[("domain-template", template)], want);
    }
    for (key, template) in [
        ("domain-template", "{{.Nope}}"),
        ("domain-template", "{{.Tag}}"),
        ("domain-template", "{{"),
        ("tag-template", "{{.Namespace}}"),
        ("tag-template", "{{end}}"),
    ] {
        let text = Network::parse(&data([(key, template)]))
            .unwrap_err()
            .to_string();
        assert!(
            text.starts_with("template: ") && text.contains(key),
            "{text}"
        );
    }
}

#[test]
fn config_12_tls_keys_interplay() {
    let external = |entries: &[(&str, &str)]| accepts::<Network>(entries).external_domain_tls;
    assert!(external(&[("external-domain-tls", "ENABLED")]));
    assert!(external(&[("auto-tls", "enabled")]));
    assert!(!external(&[
        ("auto-tls", "Enabled"),
        ("external-domain-tls", "no")
    ]));
    assert!(!external(&[("external-domain-tls", "true")]));

    let internal = |entries: &[(&str, &str)]| accepts::<Network>(entries).system_internal_tls;
    assert!(internal(&[("system-internal-tls", "enabled")]));
    assert!(internal(&[("internal-encryption", "true")]));
    assert!(internal(&[
        ("internal-encryption", "true"),
        ("system-internal-tls", "Disabled")
    ]));
    assert!(internal(&[
        ("internal-encryption", "false"),
        ("system-internal-tls", "Enabled")
    ]));
    assert!(!internal(&[("system-internal-tls", "")]));

    assert!(
        accepts::<Network>(&[("cluster-local-domain-tls", "Enabled")]).cluster_local_domain_tls
    );
    for key in ["system-internal-tls", "cluster-local-domain-tls"] {
        let want = format!("{key} with value: \"x\" in config-network ConfigMap is not supported");
        refuses::<Network>(&[(key, "x")], &want);
    }
}

#[test]
fn config_12_closed_sets() {
    for (text, want) in [
        ("Disabled", HttpProtocol::Disabled),
        ("REDIRECTED", HttpProtocol::Redirected),
        ("enabled", HttpProtocol::Enabled),
        ("", HttpProtocol::Enabled),
    ] {
        assert_eq!(
            accepts::<Network>(&[("http-protocol", text)]).http_protocol,
            want
        );
    }
    refuses::<Network>(
        &[("http-protocol", "x")],
        "httpProtocol x in config-network ConfigMap is not supported",
    );
    // Upstream shows the new key's value, whatever is to blame.
    refuses::<Network>(
        &[("httpProtocol", "x")],
        "httpProtocol  in config-network ConfigMap is not supported",
    );
    for (text, want) in [
        ("Enabled", MeshMode::Enabled),
        ("DISABLED", MeshMode::Disabled),
        ("auto", MeshMode::Auto),
        ("maybe", MeshMode::Auto),
    ] {
        let s = accepts::<Network>(&[("mesh-compatibility-mode", text)]);
        assert_eq!(s.mesh_compatibility_mode, want);
    }
}

#[test]
fn config_12_rollout_and_namespaces() {
    refuses::<Network>(
        &[("rollout-duration", "-1")],
        "rollout-duration must be a positive integer, but was -1",
    );
    let key = "namespace-wildcard-cert-selector";
    let selector = |text| accepts::<Network>(&[(key, text)]).namespace_wildcard_cert_selector;
    assert_eq!(selector(""), None);
    assert_eq!(selector("{}"), Some(LabelSelector::default()));
    let selected =
        selector("matchExpressions:\n- {key: a, operator: NotIn, values: [b]}\n").unwrap();
    assert_eq!(selected.match_expressions.unwrap()[0].operator, "NotIn");
    for text in ["{", "matchLabels: {a: 1}", "x"] {
        let text = Network::parse(&data([(key, text)]))
            .unwrap_err()
            .to_string();
        assert!(text.contains(key), "{text}");
    }
}

#[test]
fn a_bad_template_is_told_under_the_key_that_was_written() {
    for key in [
        "domainTemplate",
        "domain-template",
        "tagTemplate",
        "tag-template",
    ] {
        let errors = Network::parse(&data([(key, "{{.Nope}}")])).unwrap_err();
        let problem = &errors.problems()[0];
        assert_eq!(
            (problem.key.as_str(), problem.value.as_deref()),
            (key, Some("{{.Nope}}"))
        );
        assert!(problem.to_string().contains(key), "{problem}");
    }
}
