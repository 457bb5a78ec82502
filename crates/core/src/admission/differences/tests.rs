//! Differences by example.

use super::{of_specs, of_templates};
use crate::admission::testing::read;
use crate::api::revision::{RevisionSpec, RevisionTemplate};

#[track_caller]
fn check(old: &str, new: &str, want: &str) {
    let (old, new) = (read::<RevisionSpec>(old), read::<RevisionSpec>(new));
    assert_eq!(of_specs(&old, &new).unwrap_or_default(), want);
}

/// A spec with one container of these fields.
fn container(fields: &str) -> String {
    format!("{{containers: [{{name: a, {fields}}}]}}")
}

#[test]
fn api_3_5_a_changed_leaf_is_shown_with_both_sides() {
    let (old, new) = (container("image: busybox"), container("image: helloworld"));
    check(
        &old,
        &new,
        "{v1.RevisionSpec}.PodSpec.Containers[0].Image:\n\t-: \"busybox\"\n\t+: \"helloworld\"\n",
    );
    let template = |spec: &str| read::<RevisionTemplate>(&format!("{{spec: {spec}}}"));
    assert_eq!(
        of_templates(&template(&old), &template(&new)).as_deref(),
        Some(
            "{*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0].Image:\n\t-: \"busybox\"\n\t+: \"helloworld\"\n"
        )
    );
}

#[test]
fn api_3_5_amounts_worth_the_same_do_not_differ() {
    let of = |cpu: &str| container(&format!("resources: {{limits: {{cpu: {cpu}}}}}"));
    check(&of("1000m"), &of("1"), "");
    check(
        &of("1"),
        &of("200m"),
        "{v1.RevisionSpec}.PodSpec.Containers[0].Resources.Limits[\"cpu\"]:\n\
         \t-: resource.Quantity: \"1\"\n\t+: resource.Quantity: \"200m\"\n",
    );
    check(
        &container("env: [{name: A, value: '1'}]"),
        &container("env: [{name: A, value: '1000m'}]"),
        "{v1.RevisionSpec}.PodSpec.Containers[0].Env[0].Value:\n\t-: \"1\"\n\t+: \"1000m\"\n",
    );
}

#[test]
fn api_3_5_what_comes_or_goes_is_shown_once_with_its_type() {
    check(
        &container("env: [{name: A, value: x}]"),
        &container("env: [{name: A, value: x}, {name: B, value: y}]"),
        "{v1.RevisionSpec}.PodSpec.Containers[0].Env[?->1]:\n\t+: v1.EnvVar: \"{Name:B Value:y}\"\n",
    );
    check(
        &container("env: [{name: A, value: x}, {name: B, value: y}]"),
        &container("env: [{name: B, value: y}]"),
        "{v1.RevisionSpec}.PodSpec.Containers[0].Env[0->?]:\n\t-: v1.EnvVar: \"{Name:A Value:x}\"\n",
    );
    check(
        &container("args: [a, b]"),
        &container("args: [a, c, d]"),
        "{v1.RevisionSpec}.PodSpec.Containers[0].Args[1]:\n\t-: \"b\"\n\t+: \"c\"\n\
         {v1.RevisionSpec}.PodSpec.Containers[0].Args[?->2]:\n\t+: \"d\"\n",
    );
}

#[test]
fn a_member_that_is_not_written_shows_the_zero_of_its_type() {
    let of = |fields: &str| container(fields);
    let check = |fields: &str, path: &str, sides: &str| {
        check(
            &container("image: i"),
            &of(&format!("image: i, {fields}")),
            &format!("{{v1.RevisionSpec}}.PodSpec.Containers[0].{path}:\n{sides}"),
        );
    };
    check("workingDir: /a", "WorkingDir", "\t-: \"\"\n\t+: \"/a\"\n");
    check("args: [a]", "Args", "\t-: \"[]\"\n\t+: \"[a]\"\n");
    check(
        "resources: {limits: {cpu: 1}}",
        "Resources.Limits",
        "\t-: \"map[]\"\n\t+: \"map[cpu:1]\"\n",
    );
    check(
        "livenessProbe: {exec: {command: [a]}}",
        "LivenessProbe",
        "\t-: \"<nil>\"\n\t+: \"&{Exec:{Command:[a]}}\"\n",
    );
}

#[test]
fn a_report_that_nobody_would_read_ends() {
    let of = |value: &str| {
        let entries: Vec<String> = (0..5000)
            .map(|n| format!("{{name: N{n}, value: {value}}}"))
            .collect();
        read::<RevisionSpec>(&container(&format!("env: [{}]", entries.join(", "))))
    };
    let text = of_specs(&of("a"), &of("b")).unwrap();
    assert!(text.len() < 70_000, "{}", text.len());
    let shown = text.matches(".Value:\n").count();
    assert!(
        text.ends_with(&format!("\nand {} more\n", 5000 - shown)),
        "{shown}"
    );
}

#[test]
fn pointers_and_embedded_structs_are_written_as_go_does() {
    check(
        "{containers: [], timeoutSeconds: 5, volumes: [{name: v, configMap: {name: a}}]}",
        "{containers: [], timeoutSeconds: 6, volumes: [{name: v, configMap: {name: b}}]}",
        "{v1.RevisionSpec}.PodSpec.Volumes[0].VolumeSource.ConfigMap.LocalObjectReference.Name:\n\t-: \"a\"\n\t+: \"b\"\n\
         *{v1.RevisionSpec}.TimeoutSeconds:\n\t-: \"5\"\n\t+: \"6\"\n",
    );
    check(
        &container("readinessProbe: {httpGet: {path: /a, port: 1}}"),
        &container("readinessProbe: {httpGet: {path: /a, port: 2}}"),
        "{v1.RevisionSpec}.PodSpec.Containers[0].ReadinessProbe.ProbeHandler.HTTPGet.Port:\n\t-: \"1\"\n\t+: \"2\"\n",
    );
}

#[test]
fn fields_that_nobody_described_are_seen_as_well() {
    check(
        "{containers: [], affinity: {nodeAffinity: {}}}",
        "{containers: []}",
        "{v1.RevisionSpec}.PodSpec.Affinity:\n\t-: \"{NodeAffinity:{}}\"\n\t+: \"<nil>\"\n",
    );
    check(
        "{containers: [], nodeName: a, initContainers: [{name: a, stdin: true}]}",
        "{containers: [], nodeName: b, initContainers: [{name: a}]}",
        "{v1.RevisionSpec}.PodSpec.InitContainers[0].Stdin:\n\t-: \"true\"\n\t+: \"<nil>\"\n\
         {v1.RevisionSpec}.NodeName:\n\t-: \"a\"\n\t+: \"b\"\n",
    );
}
