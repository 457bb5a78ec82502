//! A refusal names the flag that would have allowed it.

use std::collections::BTreeSet;

use super::{check, container, hinted, init, refusal, sidecar, stock};
use crate::admission::Verb;
use crate::admission::testing::{judge, policy};
use crate::api::revision::Revision;
use crate::config::{Features, Settings as _};

/// Flags that no refusal names: they change what happens, or they open what another flag does
/// and a good deal more (`secure-pod-defaults`).
const NAMELESS: [&str; 5] = [
    "tag-header-based-routing",
    "autodetect-http2",
    "queueproxy.mount-podinfo",
    "queueproxy.resource-defaults",
    "secure-pod-defaults",
];

/// A spec with this field of the pod.
fn pod(field: &str) -> String {
    format!("{{{field}, containers: [{{image: shop}}]}}")
}

/// A spec with this volume, mounted in this way.
fn volume(source: &str, mount: &str) -> String {
    format!(
        "{{containers: [{{image: shop, volumeMounts: [{{name: v, mountPath: /v, {mount}}}]}}], volumes: [{{name: v, {source}}}]}}"
    )
}

/// For each flag a spec that needs it and no other that is off.
fn needs() -> Vec<(&'static str, String)> {
    let pods = [
        ("affinity", "affinity: {}"),
        (
            "topologyspreadconstraints",
            "topologySpreadConstraints: [{maxSkew: 1, topologyKey: k, whenUnsatisfiable: w}]",
        ),
        ("hostaliases", "hostAliases: [{ip: 10.0.0.1}]"),
        ("nodeselector", "nodeSelector: {a: b}"),
        ("tolerations", "tolerations: [{}]"),
        ("runtimeclassname", "runtimeClassName: x"),
        ("dnspolicy", "dnsPolicy: None"),
        ("dnsconfig", "dnsConfig: {}"),
        ("securitycontext", "securityContext: {runAsUser: 1}"),
        ("shareprocessnamespace", "shareProcessNamespace: true"),
        ("hostipc", "hostIPC: true"),
        ("hostpid", "hostPID: true"),
        ("hostnetwork", "hostNetwork: true"),
        ("priorityclassname", "priorityClassName: x"),
        ("schedulername", "schedulerName: x"),
        ("init-containers", "initContainers: [{image: init}]"),
    ];
    let volumes = [
        ("volumes-emptydir", "emptyDir: {}"),
        ("volumes-hostpath", "hostPath: {path: /x}"),
        ("volumes-csi", "csi: {driver: d}"),
        ("volumes-ephemeral", "ephemeral: {}"),
        ("volumes-image", "image: {reference: r}"),
        (
            "persistent-volume-claim",
            "persistentVolumeClaim: {claimName: c, readOnly: true}",
        ),
    ];
    let key = |name: &str| -> &'static str { format!("kubernetes.podspec-{name}").leak() };
    let pods = pods.iter().map(|(name, field)| (key(name), pod(field)));
    let volumes = volumes
        .iter()
        .map(|(name, source)| (key(name), volume(source, "readOnly: true")));
    let field_ref = "env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]";
    let others = [
        ("multi-container", sidecar("")),
        (
            "multi-container-probing",
            sidecar("startupProbe: {exec: {}}"),
        ),
        (key("fieldref"), container(field_ref)),
        (
            "kubernetes.containerspec-addcapabilities",
            container("securityContext: {capabilities: {add: [CHOWN]}}"),
        ),
        (
            key("volumes-mount-propagation"),
            volume("secret: {}", "mountPropagation: None"),
        ),
        (
            key("persistent-volume-write"),
            volume("persistentVolumeClaim: {claimName: c}", ""),
        ),
    ];
    pods.chain(volumes).chain(others).collect()
}

#[test]
fn config_8_2_each_flag_is_named_where_it_would_help() {
    for (key, spec) in needs() {
        // Writing to a claim takes the claim.
        let claims = ("kubernetes.podspec-persistent-volume-claim", "enabled");
        let others = (key == "kubernetes.podspec-persistent-volume-write").then_some(claims);
        let set = |word| others.into_iter().chain([(key, word)]).collect::<Vec<_>>();

        let refused = refusal(&set("disabled"), &spec);
        let (text, _) = refused
            .split_once("\nto allow this")
            .unwrap_or_else(|| panic!("{key}: {refused}"));
        assert_eq!(refused, hinted(text, key));
        check(&set("enabled"), &spec, "");
    }
}

#[test]
fn config_8_2_no_flag_is_forgotten() {
    let needs = needs();
    let named = needs.iter().map(|(key, _)| (*key).to_owned());
    let all: BTreeSet<_> = named.chain(NAMELESS.map(str::to_owned)).collect();
    assert_eq!(all, Features::keys().into_iter().collect());
}

#[test]
fn what_no_flag_allows_names_none() {
    for spec in [
        pod("nodeName: n"),
        pod("automountServiceAccountToken: true"),
        container("securityContext: {privileged: true}"),
        container("tty: true"),
        volume("nfs: {path: /, server: s}, secret: {}", ""),
        volume("secret: {}", "subPathExpr: x"),
    ] {
        let text = refusal(&[], &spec);
        assert!(
            text.starts_with("must not set") && !text.contains('\n'),
            "{text}"
        );
    }
}

#[test]
fn several_flags_stand_on_lines_of_their_own_in_order() {
    stock(
        &pod("nodeName: n, tolerations: [{}], affinity: {}"),
        "must not set the field(s): spec.affinity, spec.nodeName, spec.tolerations\n\
         to allow this, set kubernetes.podspec-affinity to \"enabled\" in ConfigMap config-features\n\
         to allow this, set kubernetes.podspec-tolerations to \"enabled\" in ConfigMap config-features",
    );
    // Each once, and after all that is wrong.
    stock(
        &sidecar("livenessProbe: {exec: {}}, startupProbe: {exec: {}}, tty: true"),
        &hinted(
            "must not set the field(s): spec.containers[1].livenessProbe, spec.containers[1].startupProbe, spec.containers[1].tty",
            "multi-container-probing",
        ),
    );
}

#[test]
fn an_immutable_field_hides_the_flags_as_well() {
    let spec = |field: &str| format!("{{metadata: {{name: a}}, spec: {}}}", pod(field));
    let (old, new) = (
        spec("timeoutSeconds: 1"),
        spec("timeoutSeconds: 1, hostPID: true"),
    );
    let findings = judge::<Revision>(&new, Some(&old), &policy(&[]), Verb::Update);
    let text = findings.to_string();
    assert!(
        text.starts_with("Immutable fields changed (-old +new): spec\n"),
        "{text}"
    );
    assert!(!text.contains("config-features"), "{text}");
}

#[test]
fn warnings_name_no_flags() {
    let yaml = format!("{{metadata: {{name: a}}, spec: {}}}", init(""));
    let (errors, warnings) = judge::<Revision>(&yaml, None, &policy(&[]), Verb::Create).part();
    assert!(errors.to_string().contains("config-features"));
    assert!(!warnings.is_empty() && !warnings.to_string().contains("config-features"));
}
