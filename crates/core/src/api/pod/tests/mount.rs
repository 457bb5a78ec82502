//! Rules about mounts.

use super::{INIT, check, hinted, init, stock};

const AT: &str = "spec.containers[0].volumeMounts";

/// A spec with these mounts and a secret called `v`.
fn mounts(list: &str) -> String {
    format!(
        "{{containers: [{{image: shop, volumeMounts: [{list}]}}], volumes: [{{name: v, secret: {{}}}}]}}"
    )
}

/// An init container that mounts this volume as it is written, for those are not filled in.
fn mounted_first(volume: &str, mount: &str) -> String {
    let pod = init(&format!(
        "volumeMounts: [{{name: v, mountPath: /v, {mount}}}]"
    ));
    format!(
        "{}, volumes: [{{name: v, {volume}}}]}}",
        pod.strip_suffix('}').unwrap()
    )
}

#[test]
fn api_7_8_paths() {
    let at = format!("{AT}[0].mountPath");
    for good in ["/v", "/tmp", "/var/log", "/dev/shm", "/a/../b", "/dev/log2"] {
        stock(
            &mounts(&format!("{{name: v, mountPath: {good}, subPath: s}}")),
            "",
        );
    }
    for (path, want) in [
        ("''", format!("missing field(s): {at}")),
        ("/", format!("mountPath \"/\" is a reserved path: {at}")),
        ("//", format!("mountPath \"/\" is a reserved path: {at}")),
        (
            "/dev/",
            format!("mountPath \"/dev\" is a reserved path: {at}"),
        ),
        (
            "/x/../dev",
            format!("mountPath \"/dev\" is a reserved path: {at}"),
        ),
        (
            "/dev//log/.",
            format!("mountPath \"/dev/log\" is a reserved path: {at}"),
        ),
        ("v", format!("invalid value: v: {at}")),
        ("../v", format!("invalid value: ../v: {at}")),
    ] {
        stock(&mounts(&format!("{{name: v, mountPath: {path}}}")), &want);
    }
    stock(
        &mounts("{name: v, mountPath: /data}, {name: v, mountPath: /data/}"),
        &format!("invalid value: \"/data/\" must be unique: {AT}[1].mountPath"),
    );
}

#[test]
fn api_7_8_mounts_have_a_volume() {
    stock(
        &mounts("{name: v, mountPath: /v}, {name: other, mountPath: /o}"),
        &format!("volumeMount has no matching volume: {AT}[1].name"),
    );
}

#[test]
fn api_7_8_some_fields_are_never_allowed() {
    for field in ["subPathExpr: x", "recursiveReadOnly: Disabled"] {
        let (name, _) = field.split_once(':').unwrap();
        stock(
            &mounts(&format!("{{name: v, mountPath: /v, {field}}}")),
            &format!("must not set the field(s): {AT}[0].{name}"),
        );
    }
}

#[test]
fn api_7_8_propagation() {
    let key = "kubernetes.podspec-volumes-mount-propagation";
    let with = |value: &str| {
        mounts(&format!(
            "{{name: v, mountPath: /v, mountPropagation: {value}}}"
        ))
    };
    let off = "Volume Mount Propagation support is disabled, but found volume mount v with mount propagation: ";
    let field = format!("must not set the field(s): {AT}[0].mountPropagation");
    for value in ["None", "HostToContainer"] {
        stock(&with(value), &hinted(&format!("{off}\n{field}"), key));
        check(&[(key, "Allowed")], &with(value), &hinted(off, key));
        check(&[(key, "Enabled")], &with(value), "");
    }
    check(
        &[(key, "Enabled")],
        &with("Bidirectional"),
        &format!(
            "mount propagation should be set to None or HostToContainer: {AT}[0].mountPropagation"
        ),
    );
}

#[test]
fn api_7_8_most_volumes_are_mounted_to_read() {
    let on = [
        INIT,
        ("kubernetes.podspec-volumes-hostpath", "Enabled"),
        ("kubernetes.podspec-volumes-csi", "Enabled"),
        ("kubernetes.podspec-volumes-image", "Enabled"),
        ("kubernetes.podspec-volumes-ephemeral", "Enabled"),
        ("kubernetes.podspec-persistent-volume-claim", "Enabled"),
        ("kubernetes.podspec-persistent-volume-write", "Enabled"),
    ];
    let text = format!("volume mount should be readOnly for this type of volume: {AT}[0].readOnly");
    for volume in [
        "secret: {}",
        "configMap: {name: a}",
        "projected: {}",
        "hostPath: {path: /x}",
        "csi: {driver: d}",
        "image: {reference: r}",
    ] {
        check(&on, &mounted_first(volume, ""), &text);
        check(&on, &mounted_first(volume, "readOnly: false"), &text);
        check(&on, &mounted_first(volume, "readOnly: true"), "");
    }
    for volume in [
        "emptyDir: {}",
        "ephemeral: {}",
        "persistentVolumeClaim: {claimName: c}",
    ] {
        check(&on, &mounted_first(volume, ""), "");
        check(&on, &mounted_first(volume, "readOnly: true"), "");
    }
    let claim = "persistentVolumeClaim: {claimName: c, readOnly: true}";
    check(
        &on,
        &mounted_first(claim, ""),
        &format!("volume is readOnly but volume mount is not: {AT}[0].readOnly"),
    );
    check(&on, &mounted_first(claim, "readOnly: true"), "");
}
