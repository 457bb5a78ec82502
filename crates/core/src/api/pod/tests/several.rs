//! How many containers there are, and of which sort.

use super::{INIT, check, hinted, init, stock};

const TWO: &str = "{containers: [{image: shop, ports: [{containerPort: 80}]}, {image: side}]}";

#[test]
fn api_7_5_number_of_containers() {
    stock("{containers: []}", "missing field(s): spec.containers");
    stock("{}", "missing field(s): spec.containers");
    stock(TWO, "");
    let key = "multi-container";
    for word in ["Disabled", "Allowed"] {
        let text = "multi-container is off, but found 2 containers: ";
        check(&[(key, word)], TWO, &hinted(text, key));
    }
    // A word that is none leaves the flag as it is.
    check(&[(key, "perhaps")], TWO, "");
}

#[test]
fn api_7_5_names_are_unique() {
    let spec = |first: &str| {
        format!(
            "{{containers: [{{name: x, ports: [{{containerPort: 80}}], {first}}}, {{image: side, name: x}}]}}"
        )
    };
    stock(
        &spec("image: shop"),
        "duplicate container name \"x\": spec.containers[1].name",
    );
    // Oddly, what was found before moves below it.
    stock(
        &spec("image: ''"),
        "duplicate container name \"x\": spec.containers[1].name\n\
         missing field(s): spec.containers[1].containers[0].image",
    );
}

#[test]
fn api_7_6_init_containers_need_their_flag() {
    let key = "kubernetes.podspec-init-containers";
    let text = "pod spec support for init-containers is off, but found 1 init containers: ";
    let both = format!("must not set the field(s): spec.initContainers\n{text}");
    stock(&init(""), &hinted(&both, key));
    check(&[(key, "Allowed")], &init(""), &hinted(text, key));
    check(&[(key, "Enabled")], &init(""), "");
}

#[test]
fn api_7_6_names_differ_from_those_of_containers() {
    check(
        &[INIT],
        &init("name: main"),
        "duplicate container name \"main\": spec.containers[0].name",
    );
    let twice = "{containers: [{image: shop}], initContainers: [{image: one, name: a}, {image: two, name: a}]}";
    check(&[INIT], twice, "");
    check(
        &[INIT],
        "{containers: [{image: shop, name: main}], initContainers: [{name: a}, {image: two, name: main}]}",
        "duplicate container name \"main\": spec.containers[1].name\n\
         missing field(s): spec.containers[1].containers[0].image",
    );
}

#[test]
fn api_7_6_rules_of_containers_hold_for_init_containers() {
    for (fields, want) in [
        (
            "restartPolicy: Always",
            "must not set the field(s): spec.containers[0].restartPolicy",
        ),
        ("image: ''", "missing field(s): spec.containers[0].image"),
        (
            "name: queue-proxy",
            "\"queue-proxy\" is a reserved container name: spec.containers[0].name",
        ),
        (
            "securityContext: {privileged: true}",
            "must not set the field(s): spec.containers[0].securityContext.privileged",
        ),
        (
            "volumeMounts: [{name: v, mountPath: /v, readOnly: true}]",
            "volumeMount has no matching volume: spec.containers[0].volumeMounts[0].name",
        ),
    ] {
        let spec = init(fields).replace("image: init, image: ''", "image: ''");
        check(&[INIT], &spec, want);
    }
}
