//! Which fields of a pod users may write.

use super::{check, hinted, stock};

/// A pod with this field beside its container.
fn pod(field: &str) -> String {
    format!("{{{field}, containers: [{{image: shop}}]}}")
}

#[test]
fn api_7_1_pod_fields_need_their_flags() {
    let fields = [
        ("affinity", "affinity: {nodeAffinity: {}}"),
        (
            "topologyspreadconstraints",
            "topologySpreadConstraints: [{maxSkew: 1, topologyKey: k, whenUnsatisfiable: DoNotSchedule}]",
        ),
        ("hostaliases", "hostAliases: [{ip: 10.0.0.1}]"),
        ("nodeselector", "nodeSelector: {a: b}"),
        ("runtimeclassname", "runtimeClassName: x"),
        ("tolerations", "tolerations: [{key: k}]"),
        ("shareprocessnamespace", "shareProcessNamespace: true"),
        ("priorityclassname", "priorityClassName: x"),
        ("schedulername", "schedulerName: x"),
        ("dnspolicy", "dnsPolicy: None"),
        ("dnsconfig", "dnsConfig: {nameservers: [10.0.0.1]}"),
        ("hostipc", "hostIPC: true"),
        ("hostpid", "hostPID: true"),
        ("hostnetwork", "hostNetwork: true"),
        ("securitycontext", "securityContext: {}"),
    ];
    for (flag, field) in fields {
        let key = format!("kubernetes.podspec-{flag}");
        let (name, _) = field.split_once(':').unwrap();
        let text = format!("must not set the field(s): spec.{name}");
        stock(&pod(field), &hinted(&text, &key));
        for word in ["Enabled", "Allowed"] {
            check(&[(&key, word)], &pod(field), "");
        }
    }
    for word in ["Enabled", "AllowRootBounded"] {
        check(
            &[("secure-pod-defaults", word)],
            &pod("securityContext: {}"),
            "",
        );
    }
}

#[test]
fn api_7_1_some_fields_are_always_allowed() {
    for field in [
        "volumes: []",
        "serviceAccountName: default",
        "imagePullSecrets: [{name: a}, {}]",
        "enableServiceLinks: true",
        "automountServiceAccountToken: false",
    ] {
        stock(&pod(field), "");
    }
}

#[test]
fn api_7_1_other_fields_are_never_allowed() {
    for field in [
        "restartPolicy: Never",
        "terminationGracePeriodSeconds: 0",
        "activeDeadlineSeconds: 1",
        "nodeName: n",
        "hostname: h",
        "subdomain: s",
        "priority: 0",
        "readinessGates: [{conditionType: a}]",
        "ephemeralContainers: [{name: a}]",
        "overhead: {cpu: 1}",
        "os: {name: linux}",
        "schedulingGates: [{name: a}]",
        "resourceClaims: [{name: a}]",
        "hostUsers: false",
        "setHostnameAsFQDN: false",
        "preemptionPolicy: Never",
        "resources: {}",
        "serviceAccount: a",
        "automountServiceAccountToken: true",
    ] {
        let (name, _) = field.split_once(':').unwrap();
        stock(
            &pod(field),
            &format!("must not set the field(s): spec.{name}"),
        );
    }
}

#[test]
fn api_7_1_a_value_that_means_its_absence_is_none() {
    for field in [
        "hostNetwork: false",
        "hostIPC: false",
        "hostPID: false",
        "nodeName: ''",
        "dnsPolicy: ''",
        "nodeSelector: {}",
        "tolerations: []",
        "initContainers: []",
        "affinity: null",
    ] {
        stock(&pod(field), "");
    }
    let key = "kubernetes.podspec-shareprocessnamespace";
    let text = "must not set the field(s): spec.shareProcessNamespace";
    stock(&pod("shareProcessNamespace: false"), &hinted(text, key));
}

#[test]
fn api_7_1_service_accounts_have_names() {
    stock(&pod("serviceAccountName: ''"), "");
    let faults = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
        and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
        '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    stock(
        &pod("serviceAccountName: A_b"),
        &format!("invalid value: A_b: spec.serviceAccountName\n{faults}"),
    );
    let long = "a".repeat(254);
    stock(
        &pod(&format!("serviceAccountName: {long}")),
        &format!(
            "invalid value: {long}: spec.serviceAccountName\nmust be no more than 253 characters"
        ),
    );
}
