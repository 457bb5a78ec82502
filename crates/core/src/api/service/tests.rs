//! Defaults and rules of Service, by example.

use serde_json::json;

use super::Service;
use crate::admission::testing::{
    PLAIN, accepts, created, filled, judge, policy, read, refuses, service,
};
use crate::admission::{Context, Policy, Validate as _, Verb};
use crate::api::configuration::Configuration;
use crate::names::annotations::{CREATOR, LAST_MODIFIER};

#[test]
fn a_minimal_service_is_stored_as_upstream_stores_it() {
    let got = created::<Service>(
        "{metadata: {name: hello}, spec: {template: {spec: {containers: [{image: registry.example/hello:1}]}}}}",
    );
    insta::assert_snapshot!(serde_yaml_ng::to_string(&got).unwrap(), @r"
    apiVersion: serving.knative.dev/v1
    kind: Service
    metadata:
      annotations:
        serving.knative.dev/creator: ada
        serving.knative.dev/lastModifier: ada
      name: hello
    spec:
      template:
        metadata: {}
        spec:
          containerConcurrency: 0
          containers:
          - image: registry.example/hello:1
            name: user-container
            readinessProbe:
              successThreshold: 1
              tcpSocket:
                port: 0
            resources: {}
          enableServiceLinks: false
          timeoutSeconds: 300
      traffic:
      - latestRevision: true
        percent: 100
    ");
}

#[test]
fn the_last_modifier_changes_with_the_spec_only() {
    let yaml = "{metadata: {name: a, annotations: {serving.knative.dev/creator: bob, serving.knative.dev/lastModifier: bob}}, \
                spec: {template: {spec: {containers: [{name: c, image: i}]}}}}";
    let old: Service = serde_yaml_ng::from_str(yaml).unwrap();
    let got = filled(yaml, Some(&old), &Policy::default(), Verb::Update);
    assert_eq!(
        got["metadata"]["annotations"],
        json!({CREATOR: "bob", LAST_MODIFIER: "bob"})
    );
    let got = filled(
        &yaml.replace("image: i", "image: j"),
        Some(&old),
        &Policy::default(),
        Verb::Update,
    );
    assert_eq!(
        got["metadata"]["annotations"],
        json!({CREATOR: "bob", LAST_MODIFIER: "ada"})
    );
}

#[test]
fn a_plain_service_passes_with_one_warning() {
    let findings = judge::<Service>(&service("", "", PLAIN), None, &policy(&[]), Verb::Create);
    let (errors, warnings) = findings.part();
    assert!(errors.is_empty(), "{errors}");
    assert_eq!(
        warnings.to_string(),
        "Kubernetes default value is insecure, Knative may default this to secure in a future release: \
         spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation, \
         spec.template.spec.containers[0].securityContext.capabilities, \
         spec.template.spec.containers[0].securityContext.runAsNonRoot, \
         spec.template.spec.containers[0].securityContext.seccompProfile"
    );
}

#[test]
fn api_13_2_worked_examples() {
    let check = |yaml: &str, want: &str| refuses::<Service>(yaml, want);
    check(
        &service("", "", "{containers: [{name: c}]}"),
        "missing field(s): spec.template.spec.containers[0].image",
    );
    check(
        &service(
            "",
            "",
            "{containerConcurrency: -1, containers: [{image: shop}]}",
        ),
        "expected 0 <= -1 <= 1000: spec.template.spec.containerConcurrency",
    );
    check(
        &service(
            ", annotations: {autoscaling.knative.dev/min-scale: '1'}",
            "",
            PLAIN,
        ),
        "invalid key name \"autoscaling.knative.dev/min-scale\": metadata.annotations\n\
         autoscaling annotations must be put under \"spec.template.metadata.annotations\" to work",
    );
    check(
        &service(
            "",
            "annotations: {autoscaling.knative.dev/min-scale: '-1'}",
            PLAIN,
        ),
        "expected 0 <= -1 <= 2147483647: spec.template.metadata.annotations.autoscaling.knative.dev/min-scale",
    );
    check(
        &service(
            "",
            "",
            "{containers: [{ports: [{containerPort: 80, protocol: UDP}]}]}",
        ),
        "invalid value: UDP: spec.template.spec.containers[0].ports.protocol\n\
         missing field(s): spec.template.spec.containers[0].image",
    );
    check(
        &service(
            "",
            "",
            "{nodeSelector: {a: b}, containers: [{image: shop}]}",
        ),
        "must not set the field(s): spec.template.spec.nodeSelector\n\
         to allow this, set kubernetes.podspec-nodeselector to \"enabled\" in ConfigMap config-features",
    );
    check(
        &service(
            "",
            "",
            "{containers: [{image: shop, volumeMounts: [{name: data, mountPath: /data}]}], \
             volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]}",
        ),
        "Persistent volume claim support is disabled, but found persistent volume claim data: \n\
         Persistent volume write support is disabled, but found persistent volume claim data that is not read-only: \n\
         must not set the field(s): spec.template.spec.volumes[0].persistentVolumeClaim\n\
         to allow this, set kubernetes.podspec-persistent-volume-claim to \"enabled\" in ConfigMap config-features\n\
         to allow this, set kubernetes.podspec-persistent-volume-write to \"enabled\" in ConfigMap config-features",
    );
    check(
        "{metadata: {name: shop}, spec: {traffic: [{percent: 90}], template: {spec: {containers: [{image: shop}]}}}}",
        "Traffic targets sum to 90, want 100: spec.traffic",
    );
    check(
        &service("", "annotations: {networking.knative.dev/foo: x}", PLAIN),
        "invalid key name \"networking.knative.dev/foo\": spec.template.metadata.annotations",
    );
}

#[test]
fn names_fit_into_host_names() {
    let rule = "[a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, \
                and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is \
                '[a-z]([-a-z0-9]*[a-z0-9])?')]";
    let named =
        |meta: &str| format!("{{metadata: {{{meta}}}, spec: {{template: {{spec: {PLAIN}}}}}}}");
    refuses::<Service>(
        &named("name: 1a"),
        &format!("not a DNS 1035 label: {rule}: metadata.name"),
    );
    refuses::<Service>(
        &named("generateName: 1-"),
        &format!("not a DNS 1035 label prefix: {rule}: metadata.generateName"),
    );
    refuses::<Service>(
        &named(""),
        "name or generateName is required: metadata.name",
    );
    accepts::<Service>(&named("generateName: a-"));
}

#[test]
fn rollout_durations_are_whole_seconds() {
    let with = |value: &str| {
        service(
            &format!(", annotations: {{serving.knative.dev/rolloutDuration: '{value}'}}"),
            "",
            PLAIN,
        )
    };
    let key = "metadata.annotations.serving.knative.dev/rolloutDuration";
    refuses::<Service>(&with("x"), &format!("invalid value: x: {key}"));
    refuses::<Service>(
        &with("0.3s"),
        &format!("rollout-duration=0.3s is not at second precision: {key}"),
    );
    refuses::<Service>(
        &with("-1s"),
        &format!("rollout-duration=-1s must be positive: {key}"),
    );
    accepts::<Service>(&with("10s"));
    accepts::<Service>(&with(""));
}

#[test]
fn a_status_update_does_not_look_at_the_spec_of_a_service() {
    let bad = service("", "", "{containers: []}");
    assert!(judge::<Service>(&bad, Some(&bad), &policy(&[]), Verb::UpdateStatus).is_empty());
    assert!(judge::<Configuration>(&bad, Some(&bad), &policy(&[]), Verb::UpdateStatus).is_empty());
}

#[test]
fn the_creator_stays_and_the_modifier_follows_the_spec() {
    let by = |creator: &str, modifier: &str, image: &str| -> Service {
        read(&service(
            &format!(
                ", annotations: {{serving.knative.dev/creator: {creator}, serving.knative.dev/lastModifier: {modifier}}}"
            ),
            "",
            &format!("{{containers: [{{name: c, image: {image}}}]}}"),
        ))
    };
    let old = by("bob", "bob", "shop");
    let check = |new: Service, want: &str| {
        let policy = policy(&[]);
        let cx = Context {
            policy: &policy,
            verb: Verb::UpdateStatus,
            user: "ada",
        };
        assert_eq!(new.validate(Some(&old), &cx).to_string(), want);
    };
    check(
        by("eve", "bob", "shop"),
        "annotation value is immutable: metadata.annotations.serving.knative.dev/creator",
    );
    check(
        by("bob", "eve", "shop"),
        "invalid value: eve: metadata.annotations.serving.knative.dev/lastModifier",
    );
    check(by("bob", "eve", "other"), "");
}
