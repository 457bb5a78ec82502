//! Rules about volumes.

use super::{check, hinted, stock};

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
        "secret: {}",
        "configMap: {name: c, items: [{key: a, path: b}]}",
        "emptyDir: {}",
        "emptyDir: {medium: Memory, sizeLimit: 1Gi}",
        "emptyDir: {medium: '', sizeLimit: 0}",
        "projected: {}",
    ] {
        stock(&volume(good), "");
    }
    let at = "spec.volumes[0]";
    for (fields, want) in [
        (
            "secret: {items: [{}]}",
            format!("missing field(s): {at}.items[0].key, {at}.items[0].path"),
        ),
        (
            "configMap: {items: [{key: a, path: b}, {key: a}]}",
            format!("missing field(s): {at}.items[1].path"),
        ),
        (
            "emptyDir: {medium: Tape}",
            format!("invalid value: Tape: {at}.emptyDir.medium"),
        ),
        (
            "emptyDir: {sizeLimit: '-1024Mi'}",
            format!("invalid value: -1Gi: {at}.emptyDir.sizeLimit"),
        ),
        (
            "emptyDir: {sizeLimit: lots}",
            format!(
                "invalid value: lots: {at}.emptyDir.sizeLimit\n\
                 quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            ),
        ),
        (
            "nfs: {path: /, server: s}, secret: {}",
            format!("must not set the field(s): {at}.nfs"),
        ),
        (
            "downwardAPI: {}, secret: {}",
            format!("must not set the field(s): {at}.downwardAPI"),
        ),
    ] {
        stock(&volume(fields), &want);
    }
}

#[test]
fn api_7_7_exactly_one_source() {
    let neither = |names: &[&str]| {
        let paths: Vec<_> = names
            .iter()
            .map(|name| format!("spec.volumes[0].{name}"))
            .collect();
        format!("expected exactly one, got neither: {}", paths.join(", "))
    };
    stock(
        &volume(""),
        &neither(&["configMap", "emptyDir", "projected", "secret"]),
    );
    check(
        &[("kubernetes.podspec-volumes-emptydir", "Allowed")],
        &volume(""),
        &neither(&["configMap", "projected", "secret"]),
    );
    check(
        &[
            ("kubernetes.podspec-volumes-csi", "Enabled"),
            ("kubernetes.podspec-volumes-image", "Enabled"),
            ("kubernetes.podspec-volumes-ephemeral", "Enabled"),
            ("kubernetes.podspec-volumes-hostpath", "Enabled"),
            ("kubernetes.podspec-persistent-volume-claim", "Enabled"),
        ],
        &volume(""),
        &neither(&[
            "configMap",
            "csi",
            "emptyDir",
            "ephemeral",
            "hostPath",
            "image",
            "persistentVolumeClaim",
            "projected",
            "secret",
        ]),
    );
    stock(
        &volume("secret: {}, configMap: {}, emptyDir: {}"),
        "expected exactly one, got both: spec.volumes[0].configMap, spec.volumes[0].emptyDir, spec.volumes[0].secret",
    );
}

#[test]
fn api_7_7_volumes_behind_flags() {
    let sources = [
        ("hostpath", "hostPath: {path: /x}", "hostPath", "HostPath"),
        ("csi", "csi: {driver: d}", "csi", "CSI"),
        ("ephemeral", "ephemeral: {}", "ephemeral", "Ephemeral"),
        ("image", "image: {reference: r}", "image", "Image"),
        ("emptydir", "emptyDir: {}", "emptyDir", "EmptyDir"),
    ];
    for (flag, source, field, title) in sources {
        let key = format!("kubernetes.podspec-volumes-{flag}");
        let text = format!("{title} volume support is disabled, but found {title} volume v: ");
        let both = format!("{text}\nmust not set the field(s): spec.volumes[0].{field}");
        check(&[(&key, "Disabled")], &volume(source), &hinted(&both, &key));
        check(&[(&key, "Allowed")], &volume(source), &hinted(&text, &key));
        check(&[(&key, "Enabled")], &volume(source), "");
    }
}

#[test]
fn api_7_7_claims() {
    let (claim, write) = (
        "kubernetes.podspec-persistent-volume-claim",
        "kubernetes.podspec-persistent-volume-write",
    );
    let to_write = volume("persistentVolumeClaim: {claimName: data, readOnly: false}");
    let to_read = to_write
        .replace("readOnly: false", "readOnly: true")
        .replace("mountPath: /v", "mountPath: /v, readOnly: true");
    let off =
        "Persistent volume claim support is disabled, but found persistent volume claim data: ";
    let read_only = "Persistent volume write support is disabled, but found persistent volume claim data that is not read-only: ";
    let field = "must not set the field(s): spec.volumes[0].persistentVolumeClaim";

    stock(&to_read, &hinted(&format!("{off}\n{field}"), claim));
    stock(
        &to_write,
        &format!(
            "{}\nto allow this, set {write} to \"enabled\" in ConfigMap config-features",
            hinted(&format!("{off}\n{read_only}\n{field}"), claim)
        ),
    );
    check(&[(claim, "Allowed")], &to_read, &hinted(off, claim));
    check(&[(claim, "Enabled")], &to_read, "");
    for word in ["Disabled", "Allowed"] {
        check(
            &[(claim, "Enabled"), (write, word)],
            &to_write,
            &hinted(read_only, write),
        );
    }
    check(&[(claim, "Enabled"), (write, "Enabled")], &to_write, "");
}

#[test]
fn api_7_7_volumes_from_images() {
    let on = [("kubernetes.podspec-volumes-image", "Enabled")];
    for policy in ["''", "Always", "Never", "IfNotPresent"] {
        check(
            &on,
            &volume(&format!("image: {{reference: r, pullPolicy: {policy}}}")),
            "",
        );
    }
    check(
        &on,
        &volume("image: {pullPolicy: Sometimes}"),
        "invalid value: Sometimes: spec.volumes[0].image.pullPolicy\nmissing field(s): spec.volumes[0].image.reference",
    );
}

#[test]
fn quantities_of_ephemeral_volumes_can_be_read() {
    check(
        &[("kubernetes.podspec-volumes-ephemeral", "Enabled")],
        &volume(
            "ephemeral: {volumeClaimTemplate: {spec: {resources: {requests: {storage: 1mm}}}}}",
        ),
        "invalid value: 1mm: spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests.storage\n\
         unable to parse quantity's suffix",
    );
}

#[test]
fn api_7_7_names_of_volumes() {
    let named = |name: &str| volume("secret: {}").replace("name: v", &format!("name: {name}"));
    stock(&named("V"), "invalid value: V: spec.volumes[0].name");
    stock(&named("''"), "missing field(s): spec.volumes[0].name");
    stock(
        "{containers: [{image: shop}], volumes: [{name: v, secret: {}}]}",
        "volume with name \"v\" not mounted: spec.volumes[0].name",
    );
    stock(
        &volume("secret: {}").replace("{}}]}", "{}}, {name: v, configMap: {}}]}"),
        "duplicate volume name \"v\": spec.volumes[1].name",
    );
    check(
        &[super::INIT],
        "{containers: [{image: shop}], initContainers: [{image: init, volumeMounts: [{name: v, mountPath: /v, readOnly: true}]}], \
         volumes: [{name: v, secret: {}}]}",
        "",
    );
}

#[test]
fn api_16_5_a_bad_name_hides_what_is_off() {
    for (name, want) in [
        ("V", "invalid value: V: spec.volumes[0].name"),
        ("''", "missing field(s): spec.volumes[0].name"),
    ] {
        stock(
            &volume("hostPath: {path: /x}").replace("name: v", &format!("name: {name}")),
            want,
        );
    }
}

#[test]
fn api_7_7_projected_volumes() {
    let projected = |sources: &str| volume(&format!("projected: {{sources: [{sources}]}}"));
    stock(
        &projected(
            "{secret: {name: s}}, {configMap: {name: c, items: [{key: a, path: b}]}}, {serviceAccountToken: {path: p}}, \
             {downwardAPI: {items: [{path: p, fieldRef: {fieldPath: a}}]}}",
        ),
        "",
    );
    let at = "spec.volumes[0].projected[0]";
    for (source, want) in [
        (
            "{secret: {items: [{key: a}]}}",
            format!("missing field(s): {at}.secret.items[0].path, {at}.secret.name"),
        ),
        (
            "{configMap: {}}",
            format!("missing field(s): {at}.configMap.name"),
        ),
        (
            "{serviceAccountToken: {}}",
            format!("missing field(s): {at}.serviceAccountToken.path"),
        ),
        (
            "{downwardAPI: {items: [{fieldRef: {fieldPath: a}}]}}",
            format!("missing field(s): {at}.downwardAPI.items[0].path"),
        ),
        (
            "{downwardAPI: {items: [{path: p}]}}",
            format!(
                "expected exactly one, got neither: {at}.downwardAPI.items[0].fieldRef, {at}.downwardAPI.items[0].resourceFieldRef"
            ),
        ),
        (
            "{downwardAPI: {items: [{path: p, fieldRef: {fieldPath: a}, resourceFieldRef: {resource: b}}]}}",
            format!(
                "Within a single item, cannot set both: {at}.downwardAPI.items[0].fieldRef, {at}.downwardAPI.items[0].resourceFieldRef"
            ),
        ),
        (
            "{downwardAPI: {items: [{path: p, resourceFieldRef: {resource: b, divisor: 1mm}}]}}",
            format!(
                "invalid value: 1mm: {at}.downwardAPI.items[0].resourceFieldRef.divisor\nunable to parse quantity's suffix"
            ),
        ),
        (
            "{secret: {name: a}, configMap: {name: b}}",
            format!("expected exactly one, got both: {at}.configMap, {at}.secret"),
        ),
        (
            "{}",
            format!(
                "expected exactly one, got neither: {at}.configMap, {at}.downwardAPI, {at}.secret, {at}.serviceAccountToken"
            ),
        ),
        (
            "{secret: {name: a}, clusterTrustBundle: {path: p}}",
            format!("must not set the field(s): {at}.clusterTrustBundle"),
        ),
    ] {
        stock(&projected(source), &want);
    }
}
