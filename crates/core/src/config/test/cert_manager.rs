//! `config-certmanager`.

use super::*;
use crate::config::cert_manager::Issuer;

#[test]
fn config_4_members_left_out_keep_their_defaults() {
    let s = accepts::<CertManager>(&[
        ("issuerRef", "kind: ClusterIssuer\nname: corp-acme\n"),
        (
            "clusterLocalIssuerRef",
            "{kind: Issuer, group: example.org}",
        ),
        ("systemInternalIssuerRef", "name:\n"),
    ]);
    let default = Issuer::default;
    assert_eq!(
        (default().kind.as_str(), default().name.as_str()),
        ("ClusterIssuer", "knative-selfsigned-issuer")
    );
    let issuer = Issuer {
        name: "corp-acme".into(),
        ..default()
    };
    let cluster_local_issuer = Issuer {
        kind: "Issuer".into(),
        group: "example.org".into(),
        ..default()
    };
    assert_eq!(
        s,
        CertManager {
            issuer,
            cluster_local_issuer,
            system_internal_issuer: default(),
        }
    );
}

#[test]
fn config_4_other_shapes_are_refused() {
    for text in [
        "[1, 2]",
        "just a text",
        "name: 5",
        "name: [a]",
        "kind: {",
        "name: true",
    ] {
        let errors = CertManager::parse(&data([("issuerRef", text)])).unwrap_err();
        assert_eq!(errors.problems().len(), 1, "{text}");
        assert!(
            errors.to_string().contains("issuerRef must be YAML"),
            "{text}"
        );
    }
}
