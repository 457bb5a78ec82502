//! `config-features`.

use super::*;
use crate::config::features::{Flag, SecurePodDefaults};

/// Every flag and how it starts.
const FLAGS: [(&str, &str); 33] = [
    ("multi-container", "enabled"),
    ("multi-container-probing", "disabled"),
    ("kubernetes.podspec-affinity", "disabled"),
    ("kubernetes.podspec-topologyspreadconstraints", "disabled"),
    ("kubernetes.podspec-hostaliases", "disabled"),
    ("kubernetes.podspec-nodeselector", "disabled"),
    ("kubernetes.podspec-tolerations", "disabled"),
    ("kubernetes.podspec-fieldref", "disabled"),
    ("kubernetes.podspec-runtimeclassname", "disabled"),
    ("kubernetes.podspec-dnspolicy", "disabled"),
    ("kubernetes.podspec-dnsconfig", "disabled"),
    ("kubernetes.podspec-securitycontext", "disabled"),
    ("kubernetes.podspec-shareprocessnamespace", "disabled"),
    ("kubernetes.podspec-hostipc", "disabled"),
    ("kubernetes.podspec-hostpid", "disabled"),
    ("kubernetes.podspec-hostnetwork", "disabled"),
    ("kubernetes.podspec-priorityclassname", "disabled"),
    ("kubernetes.podspec-schedulername", "disabled"),
    ("kubernetes.containerspec-addcapabilities", "disabled"),
    ("kubernetes.podspec-init-containers", "disabled"),
    ("kubernetes.podspec-volumes-emptydir", "enabled"),
    ("kubernetes.podspec-volumes-hostpath", "disabled"),
    ("kubernetes.podspec-volumes-csi", "disabled"),
    ("kubernetes.podspec-volumes-ephemeral", "disabled"),
    ("kubernetes.podspec-volumes-image", "disabled"),
    ("kubernetes.podspec-volumes-mount-propagation", "disabled"),
    ("kubernetes.podspec-persistent-volume-claim", "disabled"),
    ("kubernetes.podspec-persistent-volume-write", "disabled"),
    ("tag-header-based-routing", "disabled"),
    ("autodetect-http2", "disabled"),
    ("queueproxy.mount-podinfo", "disabled"),
    ("queueproxy.resource-defaults", "disabled"),
    ("secure-pod-defaults", "disabled"),
];

#[test]
fn config_8_2_flags_and_their_defaults() {
    let mut known = Features::keys();
    known.sort();
    let mut listed = FLAGS.map(|(key, _)| key.to_owned());
    listed.sort();
    assert_eq!(known, listed);
    // Writing the default changes nothing, writing another value does.
    assert_eq!(accepts::<Features>(&FLAGS), Features::default());
    for (key, default) in FLAGS {
        let other = if default == "enabled" {
            "Disabled"
        } else {
            "Enabled"
        };
        assert_ne!(
            accepts::<Features>(&[(key, other)]),
            Features::default(),
            "{key}"
        );
    }
}

#[test]
fn config_8_1_case_does_not_matter_and_other_words_change_nothing() {
    let f = accepts::<Features>(&[
        ("multi-container", "perhaps"),
        ("kubernetes.podspec-affinity", "aLLowed"),
        ("kubernetes.podspec-volumes-emptydir", ""),
        ("kubernetes.podspec-hostpid", " Enabled"),
        ("secure-pod-defaults", "Allowed"),
        ("autodetect-http2", "ENABLED"),
        ("queueproxy.mount-podinfo", "AllowRootBounded"),
    ]);
    let want = Features {
        pod_spec_affinity: Flag::Allowed,
        autodetect_http2: Flag::Enabled,
        ..Features::default()
    };
    assert_eq!(f, want);
    for (text, want) in [
        ("allowRootBounded", SecurePodDefaults::AllowRootBounded),
        ("ENABLED", SecurePodDefaults::Enabled),
        ("disabled", SecurePodDefaults::Disabled),
        ("Allowed", SecurePodDefaults::Disabled),
    ] {
        let f = accepts::<Features>(&[("secure-pod-defaults", text)]);
        assert_eq!(f.secure_pod_defaults, want, "{text}");
    }
}
