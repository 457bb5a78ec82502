//! The rules of api.md section 7, with paths below `spec`.

use super::*;

#[track_caller]
fn check(features: &[(&str, &str)], spec: &str, want: &str) {
    let yaml = format!("{{metadata: {{name: a}}, spec: {spec}}}");
    let (errors, _) = judge::<Revision>(&yaml, None, &policy(features), Verb::Create).part();
    assert_eq!(errors.to_string(), want, "{spec}");
}

/// A spec with this container.
fn container(fields: &str) -> String {
    format!("{{containers: [{{image: shop, {fields}}}]}}")
}

#[test]
fn api_7_1_pod_fields_need_their_flags() {
    let fields = [
        ("affinity", "{nodeAffinity: {}}", "affinity"),
        (
            "topologyspreadconstraints",
            "[{maxSkew: 1, topologyKey: k, whenUnsatisfiable: DoNotSchedule}]",
            "topologySpreadConstraints",
        ),
        ("hostaliases", "[{ip: 10.0.0.1}]", "hostAliases"),
        ("nodeselector", "{a: b}", "nodeSelector"),
        ("runtimeclassname", "x", "runtimeClassName"),
        ("tolerations", "[{key: k}]", "tolerations"),
        ("shareprocessnamespace", "true", "shareProcessNamespace"),
        ("priorityclassname", "x", "priorityClassName"),
        ("schedulername", "x", "schedulerName"),
        ("dnspolicy", "None", "dnsPolicy"),
        ("dnsconfig", "{nameservers: [10.0.0.1]}", "dnsConfig"),
        ("hostipc", "true", "hostIPC"),
        ("hostpid", "true", "hostPID"),
        ("hostnetwork", "true", "hostNetwork"),
    ];
    for (flag, value, field) in fields {
        let spec = format!("{{{field}: {value}, containers: [{{image: shop}}]}}");
        check(
            &[],
            &spec,
            &format!("must not set the field(s): spec.{field}"),
        );
        for word in ["Enabled", "Allowed"] {
            check(&[(&format!("kubernetes.podspec-{flag}"), word)], &spec, "");
        }
    }
}

#[test]
fn api_7_1_other_fields_are_never_allowed() {
    for (field, value) in [
        ("restartPolicy", "Never"),
        ("nodeName", "n"),
        ("activeDeadlineSeconds", "1"),
        ("hostname", "h"),
    ] {
        check(
            &[],
            &format!("{{{field}: {value}, containers: [{{image: shop}}]}}"),
            &format!("must not set the field(s): spec.{field}"),
        );
    }
    check(
        &[],
        "{automountServiceAccountToken: false, containers: [{image: shop}]}",
        "",
    );
    check(
        &[],
        "{automountServiceAccountToken: true, containers: [{image: shop}]}",
        "must not set the field(s): spec.automountServiceAccountToken",
    );
}

#[test]
fn api_7_2_containers() {
    check(
        &[],
        &container("name: queue-proxy"),
        "\"queue-proxy\" is a reserved container name: spec.containers[0].name",
    );
    check(
        &[],
        "{containers: [{image: 'a b'}]}",
        "Failed to parse image reference: spec.containers[0].image\nimage: \"a b\", error: could not parse reference: a b",
    );
    check(
        &[],
        &container("terminationMessagePolicy: x"),
        "invalid value: x: spec.containers[0].terminationMessagePolicy",
    );
    check(
        &[],
        &container("resources: {claims: [{name: x}]}"),
        "must not set the field(s): spec.containers[0].resources.claims",
    );
    check(
        &[],
        &container("stdin: true, tty: true"),
        "must not set the field(s): spec.containers[0].stdin, spec.containers[0].tty",
    );
}

#[test]
fn api_7_2_environment() {
    check(
        &[],
        &container("env: [{value: x}]"),
        "missing field(s): spec.containers[0].env[0].name",
    );
    check(
        &[],
        &container("env: [{name: PORT, value: x}]"),
        "\"PORT\" is a reserved environment variable: spec.containers[0].env[0].name",
    );
    let field = container("env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]");
    check(
        &[],
        &field,
        "must not set the field(s): spec.containers[0].env[0].valueFrom.fieldRef",
    );
    check(&[("kubernetes.podspec-fieldref", "Allowed")], &field, "");
    let neither = "spec.containers[0].envFrom.configMapRef, spec.containers[0].envFrom.secretRef";
    check(
        &[],
        &container("envFrom: [{prefix: x}]"),
        &format!("expected exactly one, got neither: {neither}"),
    );
    check(
        &[],
        &container("envFrom: [{configMapRef: {name: a}, secretRef: {name: b}}]"),
        &format!("expected exactly one, got both: {neither}"),
    );
    check(
        &[],
        &container("envFrom: [{prefix: x}, {secretRef: {name: b}}]"),
        "expected exactly one, got neither: spec.containers[0].envFrom.secretRef[1].configMapRef, \
         spec.containers[0].envFrom.secretRef[1].secretRef",
    );
    check(
        &[],
        "{containers: [{image: shop, ports: [{containerPort: 80}]}, {image: side, env: [{name: PORT, value: x}]}]}",
        "",
    );
}

#[test]
fn api_7_2_ports() {
    let ports = |list: &str| container(&format!("ports: [{list}]"));
    check(&[], &ports("{containerPort: 0}"), "");
    check(&[], &ports("{containerPort: 8112, name: h2c}"), "");
    check(
        &[],
        &ports("{containerPort: 65536}"),
        "expected 0 <= 65536 <= 65535: spec.containers[0].ports.containerPort",
    );
    check(
        &[],
        &ports("{containerPort: 8012}"),
        "invalid value: 8012 is a reserved port: spec.containers[0].ports.containerPort\n8012 is a reserved port, please use a different value",
    );
    check(
        &[],
        &ports("{containerPort: 80, name: foo}"),
        "Port name foo is not allowed: spec.containers[0].ports\nName must be empty, or one of: 'h2c', 'http1'",
    );
    check(
        &[],
        &ports("{containerPort: 80, hostPort: 80}"),
        "must not set the field(s): spec.containers[0].ports.hostPort",
    );
    check(
        &[],
        &ports("{containerPort: 80}, {containerPort: 81}"),
        "more than one container port is set: spec.containers[*].ports\nOnly a single port is allowed across all containers",
    );
    check(
        &[],
        "{containers: [{image: shop}, {image: side}]}",
        "missing field(s): spec.containers[*].ports",
    );
}

#[test]
fn api_7_3_probes() {
    let probe = |fields: &str| container(&format!("livenessProbe: {{{fields}}}"));
    let at = "spec.containers[0].livenessProbe";
    check(&[], &probe("httpGet: {path: /}"), "");
    check(
        &[],
        &probe("periodSeconds: 1"),
        &format!(
            "expected exactly one, got neither: {at}.exec, {at}.grpc, {at}.httpGet, {at}.tcpSocket"
        ),
    );
    check(
        &[],
        &probe("exec: {command: [a]}, grpc: {port: 1}"),
        &format!("expected exactly one, got both: {at}.exec, {at}.gRPC"),
    );
    check(
        &[],
        &probe("httpGet: {port: foo}"),
        &format!("invalid value: foo: {at}.httpGet.port\nProbe port must match container port"),
    );
    check(
        &[],
        &probe("httpGet: {port: foo}, tcpSocket: {port: 1}"),
        &format!(
            "expected exactly one, got both: {at}.httpGet, {at}.tcpSocket\n\
             invalid value: foo: {at}.tcpSocket.httpGet.port\nProbe port must match container port"
        ),
    );
    check(
        &[],
        &container(
            "ports: [{containerPort: 80, name: h2c}], livenessProbe: {tcpSocket: {port: h2c}}",
        ),
        "",
    );
}

#[test]
fn api_7_3_readiness_timing() {
    let probe = |fields: &str| container(&format!("readinessProbe: {{{fields}}}"));
    let at = "spec.containers[0].readinessProbe";
    check(
        &[],
        &probe("periodSeconds: -1"),
        &format!("expected 0 <= -1 <= 2147483647: {at}.periodSeconds"),
    );
    check(
        &[],
        &probe("failureThreshold: 2, timeoutSeconds: 2"),
        &format!(
            "failureThreshold is disallowed when periodSeconds is zero: {at}.failureThreshold\n\
             timeoutSeconds is disallowed when periodSeconds is zero: {at}.timeoutSeconds"
        ),
    );
    check(
        &[],
        &probe("periodSeconds: 1, timeoutSeconds: -1"),
        &format!("expected 1 <= -1 <= 2147483647: {at}.timeoutSeconds"),
    );
    check(
        &[],
        &probe("successThreshold: -1"),
        &format!("expected 1 <= -1 <= 2147483647: {at}.successThreshold"),
    );
}

#[test]
fn api_7_3_probes_on_sidecars() {
    let side = |probe: &str| {
        format!(
            "{{containers: [{{image: shop, ports: [{{containerPort: 80}}]}}, {{image: side, {probe}}}]}}"
        )
    };
    check(
        &[],
        &side("livenessProbe: {periodSeconds: 5, tcpSocket: {port: 80}}"),
        "must not set the field(s): spec.containers[1].livenessProbe, spec.containers[1].livenessProbe.periodSeconds",
    );
    check(
        &[],
        &side("readinessProbe: {exec: {command: [a]}}"),
        "must not set the field(s): spec.containers[1].readinessProbe, spec.containers[1].readinessProbe.successThreshold",
    );
    let probing = [("multi-container-probing", "Enabled")];
    check(
        &probing,
        &side("livenessProbe: {tcpSocket: {port: 80}}"),
        "",
    );
    check(
        &probing,
        &side("livenessProbe: {tcpSocket: {}}"),
        "invalid value: 0: spec.containers[1].livenessProbe.tcpSocket.port\nProbe port must be specified",
    );
}

#[test]
fn api_7_4_security_contexts() {
    let at = "spec.containers[0].securityContext";
    let secure = |fields: &str| container(&format!("securityContext: {{{fields}}}"));
    check(
        &[],
        &secure("privileged: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true"),
        "",
    );
    check(
        &[],
        &secure("privileged: true"),
        &format!("must not set the field(s): {at}.privileged"),
    );
    check(
        &[],
        &secure("runAsUser: -1"),
        &format!("expected 0 <= -1 <= 2147483647: {at}.runAsUser"),
    );
    let add = secure("capabilities: {add: [NET_BIND_SERVICE]}");
    check(
        &[],
        &add,
        &format!("must not set the field(s): {at}.capabilities.add"),
    );
    check(
        &[("kubernetes.containerspec-addcapabilities", "Allowed")],
        &add,
        &format!("must not set the field(s): {at}.capabilities.add"),
    );
    check(
        &[("kubernetes.containerspec-addcapabilities", "Enabled")],
        &add,
        "",
    );
    check(&[("secure-pod-defaults", "AllowRootBounded")], &add, "");

    let pod =
        |fields: &str| format!("{{securityContext: {{{fields}}}, containers: [{{image: shop}}]}}");
    check(
        &[],
        &pod("runAsUser: 1"),
        "must not set the field(s): spec.securityContext, spec.securityContext.runAsUser",
    );
    let permitted = [("kubernetes.podspec-securitycontext", "Allowed")];
    check(
        &permitted,
        &pod("runAsUser: 1, supplementalGroups: [1]"),
        "",
    );
    check(
        &permitted,
        &pod("supplementalGroups: [1, -1]"),
        "expected 0 <= -1 <= 2147483647: spec.securityContext.supplementalGroups[1]",
    );
    let secured = [("secure-pod-defaults", "Enabled")];
    check(&secured, &pod("seccompProfile: {type: Unconfined}"), "");
    check(
        &secured,
        &pod("seccompProfile: {type: Localhost, localhostProfile: x}"),
        "must not set the field(s): spec.securityContext.seccompProfile",
    );
}

#[test]
fn api_7_4_warnings_name_what_is_weak() {
    let warnings = |context: &str| {
        let yaml = format!(
            "{{metadata: {{name: a}}, spec: {{containers: [{{image: shop, securityContext: {{{context}}}}}]}}}}"
        );
        judge::<Revision>(&yaml, None, &policy(&[]), Verb::Create)
            .part()
            .1
            .to_string()
    };
    let secure = "runAsNonRoot: true, allowPrivilegeEscalation: false, seccompProfile: {type: RuntimeDefault}";
    assert_eq!(
        warnings(&format!("{secure}, capabilities: {{drop: [ALL]}}")),
        ""
    );
    assert_eq!(
        warnings(&format!("{secure}, capabilities: {{drop: [all]}}")),
        "invalid value: all: spec.containers[0].securityContext.capabilities.drop\nMust be spelled as 'ALL'"
    );
    assert!(warnings("capabilities: {}").contains("securityContext.capabilities.drop"));
}

#[test]
fn api_7_5_number_of_containers() {
    check(&[], "{containers: []}", "missing field(s): spec.containers");
    let two = "{containers: [{image: shop, ports: [{containerPort: 80}]}, {image: side}]}";
    check(&[], two, "");
    check(
        &[("multi-container", "Disabled")],
        two,
        "multi-container is off, but found 2 containers: ",
    );
    check(
        &[],
        "{containers: [{image: shop, name: x, ports: [{containerPort: 80}]}, {image: side, name: x}]}",
        "duplicate container name \"x\": spec.containers[1].name",
    );
}

#[test]
fn api_7_6_init_containers() {
    let spec = |fields: &str| {
        format!(
            "{{containers: [{{image: shop, name: main}}], initContainers: [{{image: init, {fields}}}]}}"
        )
    };
    check(
        &[],
        &spec("name: first"),
        "must not set the field(s): spec.initContainers\npod spec support for init-containers is off, but found 1 init containers: ",
    );
    let on = [("kubernetes.podspec-init-containers", "Enabled")];
    check(
        &on,
        &spec(
            "name: first, env: [{name: PORT, value: x}], ports: [{containerPort: 1, name: any, protocol: UDP}]",
        ),
        "",
    );
    check(
        &on,
        &spec("name: main"),
        "duplicate container name \"main\": spec.containers[0].name",
    );
    check(
        &on,
        &spec("name: first, livenessProbe: {exec: {command: [a]}}"),
        "field not allowed in an init container: spec.containers[0].livenessProbe",
    );
}

/// A spec with this volume, mounted.
fn volume(fields: &str) -> String {
    format!(
        "{{containers: [{{image: shop, volumeMounts: [{{name: v, mountPath: /v}}]}}], volumes: [{{name: v, {fields}}}]}}"
    )
}

#[test]
fn api_7_7_volumes() {
    for good in [
        "secret: {secretName: s}",
        "configMap: {name: c, items: [{key: a, path: b}]}",
        "emptyDir: {medium: Memory, sizeLimit: 1Gi}",
    ] {
        check(&[], &volume(good), "");
    }
    check(
        &[],
        &volume("secret: {items: [{}]}"),
        "missing field(s): spec.volumes[0].items[0].key, spec.volumes[0].items[0].path",
    );
    check(
        &[],
        &volume("emptyDir: {medium: Tape}"),
        "invalid value: Tape: spec.volumes[0].emptyDir.medium",
    );
    check(
        &[],
        &volume("emptyDir: {sizeLimit: '-1'}"),
        "invalid value: -1: spec.volumes[0].emptyDir.sizeLimit",
    );
    check(
        &[],
        &volume(""),
        "expected exactly one, got neither: spec.volumes[0].configMap, spec.volumes[0].emptyDir, spec.volumes[0].projected, spec.volumes[0].secret",
    );
    check(
        &[],
        &volume("secret: {}, configMap: {}"),
        "expected exactly one, got both: spec.volumes[0].configMap, spec.volumes[0].secret",
    );
    check(
        &[],
        "{containers: [{image: shop}], volumes: [{name: v, secret: {}}]}",
        "volume with name \"v\" not mounted: spec.volumes[0].name",
    );
    check(
        &[],
        &volume("nfs: {path: /, server: s}, secret: {}"),
        "must not set the field(s): spec.volumes[0].nfs",
    );
}

#[test]
fn api_7_7_volumes_behind_flags() {
    let sources = [
        (
            "volumes-hostpath",
            "hostPath: {path: /x}",
            "hostPath",
            "HostPath",
        ),
        ("volumes-csi", "csi: {driver: d}", "csi", "CSI"),
        (
            "volumes-ephemeral",
            "ephemeral: {}",
            "ephemeral",
            "Ephemeral",
        ),
        ("volumes-image", "image: {reference: r}", "image", "Image"),
    ];
    for (flag, source, field, title) in sources {
        let key = format!("kubernetes.podspec-{flag}");
        let text = format!("{title} volume support is disabled, but found {title} volume v: ");
        let mut both = [
            text.clone(),
            format!("must not set the field(s): spec.volumes[0].{field}"),
        ];
        both.sort();
        check(&[], &volume(source), &both.join("\n"));
        check(&[(&key, "Allowed")], &volume(source), &text);
        check(&[(&key, "Enabled")], &volume(source), "");
    }
    check(
        &[("kubernetes.podspec-volumes-image", "Enabled")],
        &volume("image: {pullPolicy: Sometimes}"),
        "invalid value: Sometimes: spec.volumes[0].image.pullPolicy\nmissing field(s): spec.volumes[0].image.reference",
    );
    check(
        &[("kubernetes.podspec-volumes-emptydir", "Disabled")],
        &volume("emptyDir: {}"),
        "EmptyDir volume support is disabled, but found EmptyDir volume v: \nmust not set the field(s): spec.volumes[0].emptyDir",
    );
}

#[test]
fn api_7_7_a_bad_volume_name_hides_what_is_off() {
    check(
        &[],
        "{containers: [{image: shop, volumeMounts: [{name: V, mountPath: /v}]}], volumes: [{name: V, hostPath: {path: /x}}]}",
        "invalid value: V: spec.volumes[0].name",
    );
}

#[test]
fn api_7_7_projected_volumes() {
    let projected = |sources: &str| volume(&format!("projected: {{sources: [{sources}]}}"));
    let at = "spec.volumes[0].projected[0]";
    check(
        &[],
        &projected("{secret: {name: s}}, {serviceAccountToken: {path: p}}"),
        "",
    );
    check(
        &[],
        &projected("{secret: {items: [{key: a}]}}"),
        &format!("missing field(s): {at}.secret.items[0].path, {at}.secret.name"),
    );
    check(
        &[],
        &projected(
            "{downwardAPI: {items: [{path: p, fieldRef: {fieldPath: a}, resourceFieldRef: {resource: b}}]}}",
        ),
        &format!(
            "Within a single item, cannot set both: {at}.downwardAPI.items[0].fieldRef, {at}.downwardAPI.items[0].resourceFieldRef"
        ),
    );
    check(
        &[],
        &projected("{secret: {name: a}, configMap: {name: b}}"),
        &format!("expected exactly one, got both: {at}.configMap, {at}.secret"),
    );
}

#[test]
fn api_7_8_volume_mounts() {
    let mounts = |list: &str| {
        format!(
            "{{containers: [{{image: shop, volumeMounts: [{list}]}}], volumes: [{{name: v, secret: {{}}}}]}}"
        )
    };
    let at = "spec.containers[0].volumeMounts";
    check(
        &[],
        &mounts("{name: v, mountPath: /v}, {name: other, mountPath: /o}"),
        &format!("volumeMount has no matching volume: {at}[1].name"),
    );
    check(
        &[],
        &mounts("{name: v, mountPath: ''}"),
        &format!("missing field(s): {at}[0].mountPath"),
    );
    check(
        &[],
        &mounts("{name: v, mountPath: /dev/}"),
        &format!("mountPath \"/dev\" is a reserved path: {at}[0].mountPath"),
    );
    check(
        &[],
        &mounts("{name: v, mountPath: v}"),
        &format!("invalid value: v: {at}[0].mountPath"),
    );
    check(
        &[],
        &mounts("{name: v, mountPath: /data}, {name: v, mountPath: /data/}"),
        &format!("invalid value: \"/data/\" must be unique: {at}[1].mountPath"),
    );
    check(
        &[],
        &mounts("{name: v, mountPath: /v, subPathExpr: x}"),
        &format!("must not set the field(s): {at}[0].subPathExpr"),
    );
    let propagated = mounts("{name: v, mountPath: /v, mountPropagation: Bidirectional}");
    check(
        &[("kubernetes.podspec-volumes-mount-propagation", "Enabled")],
        &propagated,
        &format!(
            "mount propagation should be set to None or HostToContainer: {at}[0].mountPropagation"
        ),
    );
    check(
        &[("kubernetes.podspec-volumes-mount-propagation", "Allowed")],
        &propagated.replace("Bidirectional", "None"),
        "Volume Mount Propagation support is disabled, but found volume mount v with mount propagation: ",
    );
    check(
        &[("kubernetes.podspec-persistent-volume-claim", "Enabled")],
        &volume("persistentVolumeClaim: {claimName: c, readOnly: true}"),
        &format!("volume is readOnly but volume mount is not: {at}[0].readOnly"),
    );
}

#[test]
fn service_accounts_have_names() {
    let yaml =
        "{metadata: {name: a}, spec: {serviceAccountName: A_b, containers: [{image: shop}]}}";
    let text = judge::<Revision>(yaml, None, &policy(&[]), Verb::Create)
        .part()
        .0
        .to_string();
    assert!(
        text.starts_with(
            "invalid value: A_b: spec.serviceAccountName\na lowercase RFC 1123 subdomain"
        ),
        "{text}"
    );
}
