use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::*;
use crate::admission::{Policy, Verb};
use crate::api::certificate::Certificate;
use crate::api::configuration::Configuration;
use crate::api::domain_mapping::DomainMapping;
use crate::api::ingress::Ingress;
use crate::api::metric::Metric;
use crate::api::pod_autoscaler::PodAutoscaler;
use crate::api::revision::Revision;
use crate::api::route::Route;
use crate::api::serverless_service::ServerlessService;
use crate::api::service::Service;
use crate::config::test::data;
use crate::config::{Autoscaler, Defaults as DefaultSettings, Features, Settings};
use crate::default::Defaults;

mod pod;

/// A cluster's settings, `config-features` first.
fn policy(features: &[(&str, &str)]) -> Policy {
    let features = features
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Policy {
        features: Arc::new(Features::parse(&features).unwrap()),
        cluster_domain: "cluster.local".to_owned(),
        ..Policy::default()
    }
}

fn read<K: DeserializeOwned>(yaml: &str) -> K {
    serde_yaml_ng::from_str(yaml).unwrap_or_else(|e| panic!("{e}: {yaml}"))
}

/// The findings about an object with its defaults filled in.
fn judge<K: Validate + Defaults + DeserializeOwned>(
    yaml: &str,
    old: Option<&str>,
    policy: &Policy,
    verb: Verb,
) -> Findings {
    let cx = Context {
        policy,
        verb,
        user: "ada",
    };
    let fill = |yaml: &str| {
        let mut object: K = read(yaml);
        object.set_defaults(None, &cx).unwrap();
        object
    };
    fill(yaml).validate(old.map(fill).as_ref(), &cx)
}

#[track_caller]
fn refuses<K: Validate + Defaults + DeserializeOwned>(yaml: &str, want: &str) {
    let (errors, _) = judge::<K>(yaml, None, &policy(&[]), Verb::Create).part();
    assert_eq!(errors.to_string(), want, "{yaml}");
}

#[track_caller]
fn accepts<K: Validate + Defaults + DeserializeOwned>(yaml: &str) {
    refuses::<K>(yaml, "");
}

/// A Service whose template has these metadata and this spec.
fn service(metadata: &str, template: &str, spec: &str) -> String {
    format!(
        "{{metadata: {{name: shop, namespace: demo{metadata}}}, spec: {{template: {{metadata: {{{template}}}, spec: {spec}}}}}}}"
    )
}

const PLAIN: &str = "{containers: [{image: shop}]}";

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
        "must not set the field(s): spec.template.spec.nodeSelector",
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
         must not set the field(s): spec.template.spec.volumes[0].persistentVolumeClaim",
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
fn template_annotations_are_checked() {
    let with = |annotation: &str| service("", &format!("annotations: {{{annotation}}}"), PLAIN);
    let at = "spec.template.metadata.annotations";
    refuses::<Service>(
        &with("queue.sidecar.serving.knative.dev/cpu-resource-limit: 100mx"),
        &format!(
            "invalid value: 100mx: {at}.[queue.sidecar.serving.knative.dev/cpu-resource-limit]"
        ),
    );
    refuses::<Service>(
        &with("queue.sidecar.serving.knative.dev/resourcePercentage: '200'"),
        &format!(
            "expected 0.1 <= 200 <= 100: {at}.[queue.sidecar.serving.knative.dev/resourcePercentage]"
        ),
    );
    refuses::<Service>(
        &with("serving.knative.dev/progress-deadline: 1.5s"),
        &format!(
            "progress-deadline=1.5s is not at second precision: {at}.serving.knative.dev/progress-deadline"
        ),
    );
    accepts::<Service>(&with(
        "networking.knative.dev/httpOption: enabled, client.knative.dev/x: y",
    ));
    let deprecated = with("queue.sidecar.serving.knative.dev/resource-percentage: '20'");
    let (_, warnings) = judge::<Service>(
        &deprecated,
        None,
        &policy(&[("secure-pod-defaults", "enabled")]),
        Verb::Create,
    )
    .part();
    assert_eq!(
        warnings.to_string(),
        "Queue proxy resource percentage annotation is deprecated. Please use the available annotations to explicitly set \
         resource values per service: "
    );
}

#[test]
fn a_revision_name_of_the_users_carries_the_parents() {
    let named = |name: &str| service("", &format!("name: {name}"), PLAIN);
    accepts::<Service>(&named("shop-blue"));
    refuses::<Service>(
        &named("foo"),
        "invalid value: \"foo\" must have prefix \"shop-\": spec.template.metadata.name",
    );
    refuses::<Service>(
        &format!(
            "{{metadata: {{generateName: a-}}, spec: {{template: {{metadata: {{name: a-b}}, spec: {PLAIN}}}}}}}"
        ),
        "must not set the field(s): spec.template.metadata.name",
    );
}

#[test]
fn a_kept_revision_name_needs_a_kept_template() {
    let old = service(
        "",
        "name: shop-1",
        "{containers: [{name: c, image: busybox}]}",
    );
    let new = service(
        "",
        "name: shop-1",
        "{containers: [{name: c, image: helloworld}]}",
    );
    let findings = judge::<Service>(&new, Some(&old), &policy(&[]), Verb::Update)
        .part()
        .0;
    assert_eq!(
        findings.to_string(),
        "Saw the following changes without a name change (-old +new): spec.template.metadata.name\n\
         {*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0].Image:\n\t-: \"busybox\"\n\t+: \"helloworld\"\n"
    );
    assert!(
        judge::<Service>(&old, Some(&old), &policy(&[]), Verb::Update)
            .part()
            .0
            .is_empty()
    );
}

#[test]
fn a_revision_keeps_its_spec() {
    let revision = |image: &str| {
        format!("{{metadata: {{name: a}}, spec: {{containers: [{{name: c, image: {image}}}]}}}}")
    };
    let findings = judge::<Revision>(
        &revision("helloworld"),
        Some(&revision("busybox")),
        &policy(&[]),
        Verb::Update,
    );
    assert_eq!(
        findings.to_string(),
        "Immutable fields changed (-old +new): spec\n\
         {v1.RevisionSpec}.PodSpec.Containers[0].Image:\n\t-: \"busybox\"\n\t+: \"helloworld\"\n"
    );
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

#[test]
fn api_8_5_traffic() {
    let route =
        |targets: &str| format!("{{metadata: {{name: shop}}, spec: {{traffic: [{targets}]}}}}");
    let check = |targets: &str, want: &str| refuses::<Route>(&route(targets), want);
    accepts::<Route>(&route(
        "{revisionName: a, percent: 100}, {configurationName: b, tag: blue}, {revisionName: a, tag: green}",
    ));
    check("", "Traffic targets sum to 0, want 100: spec.traffic");
    check(
        "{revisionName: a, percent: 101}",
        "Traffic targets sum to 101, want 100: spec.traffic\nexpected 0 <= 101 <= 100: spec.traffic[0].percent",
    );
    check(
        "{revisionName: a, configurationName: b, percent: 100}",
        "expected exactly one, got both: spec.traffic[0].configurationName, spec.traffic[0].revisionName",
    );
    check(
        "{percent: 100}",
        "expected exactly one, got neither: spec.traffic[0].configurationName, spec.traffic[0].revisionName",
    );
    check(
        "{revisionName: foo, latestRevision: true, percent: 100}",
        "may not set revisionName \"foo\" when latestRevision is true: spec.traffic[0].latestRevision",
    );
    check(
        "{configurationName: foo, latestRevision: false, percent: 100}",
        "may not set revisionName \"\" when latestRevision is false: spec.traffic[0].latestRevision",
    );
    check(
        "{revisionName: a, percent: 100, url: 'http://x'}",
        "must not set the field(s): spec.traffic[0].url",
    );
    check(
        "{revisionName: a, percent: 50, tag: blue}, {revisionName: b, percent: 50, tag: blue}",
        "Multiple definitions for \"blue\": spec.traffic[0].tag, spec.traffic[1].tag",
    );
    let text = judge::<Route>(
        &route("{revisionName: b@r, percent: 100}"),
        None,
        &policy(&[]),
        Verb::Create,
    )
    .to_string();
    assert!(
        text.starts_with(
            "invalid key name \"b@r\": spec.traffic[0].revisionName\nname part must consist of"
        ),
        "{text}"
    );
    let text = judge::<Route>(
        &route("{revisionName: b, percent: 100, tag: X}"),
        None,
        &policy(&[]),
        Verb::Create,
    )
    .to_string();
    assert!(
        text.starts_with("invalid value: not a DNS 1035 label: [")
            && text.ends_with("]: spec.traffic.tag[0]"),
        "{text}"
    );
    refuses::<Service>(
        "{metadata: {name: shop}, spec: {traffic: [{configurationName: a, percent: 100}], template: {spec: {containers: [{image: shop}]}}}}",
        "must not set the field(s): spec.traffic[0].configurationName",
    );
}

#[test]
fn a_label_that_names_a_parent_needs_that_owner() {
    let route = |owners: &str| {
        format!(
            "{{metadata: {{name: shop, labels: {{serving.knative.dev/service: shop}}{owners}}}, spec: {{traffic: [{{revisionName: a, percent: 100}}]}}}}"
        )
    };
    refuses::<Route>(
        &route(""),
        "missing field(s): metadata.labels.serving.knative.dev/service",
    );
    accepts::<Route>(&route(
        ", ownerReferences: [{apiVersion: v1, kind: Service, name: shop, uid: u}]",
    ));
    refuses::<Revision>(
        "{metadata: {name: a, labels: {serving.knative.dev/configuration: b}}, spec: {containers: [{image: shop}]}}",
        "missing field(s): metadata.labels.serving.knative.dev/configuration",
    );
}

#[test]
fn api_10_3_autoscaling_annotations() {
    let with = |annotations: &str| {
        format!(
            "{{metadata: {{name: a, annotations: {{{annotations}}}}}, spec: {{containers: [{{image: shop}}]}}}}"
        )
    };
    let check = |annotations: &str, want: &str| refuses::<Revision>(&with(annotations), want);
    let at = "metadata.annotations.autoscaling.knative.dev";
    let one = |key: &str, value: &str, want: &str| {
        check(
            &format!("autoscaling.knative.dev/{key}: '{value}'"),
            &format!("{want}: {at}/{key}"),
        );
    };
    one("class", "foo.knative.dev", "invalid value: foo.knative.dev");
    one("metric", "cpu", "invalid value: cpu");
    one("target", "0.001", "target 0.001 should be at least 0.01");
    one("target", "x", "invalid value: x");
    one(
        "target-utilization-percentage",
        "101",
        "expected 1 <= 101 <= 100",
    );
    one("target-burst-capacity", "-2", "invalid value: -2");
    one("min-scale", "-1", "expected 0 <= -1 <= 2147483647");
    one("min-scale", "x", "invalid value: x");
    one("minScale", "x", "invalid value: x");
    one("scale-down-delay", "2h", "expected 0s <= 2h <= 1h0m0s");
    one(
        "scale-down-delay",
        "1.5s",
        "must be specified with at most second precision",
    );
    one(
        "scale-to-zero-pod-retention-period",
        "2h",
        "expected 0s <= 2h <= 1h0m0s",
    );
    one("window", "5s", "expected 6s <= 5s <= 1h0m0s");
    one(
        "window",
        "6.5s",
        "must be specified with at most second precision",
    );
    one("panic-window-percentage", "0.5", "expected 1 <= 0.5 <= 100");
    one(
        "panic-threshold-percentage",
        "100",
        "expected 110 <= 100 <= 1000",
    );
    one(
        "activation-scale",
        "1",
        "activation-scale=1 must be greater than 1",
    );
    check(
        "autoscaling.knative.dev/min-scale: '5', autoscaling.knative.dev/max-scale: '3'",
        &format!("max-scale=3 is less than min-scale=5: {at}/max-scale, {at}/min-scale"),
    );
    check(
        "autoscaling.knative.dev/min-scale: '5', autoscaling.knative.dev/activation-scale: '3'",
        &format!("min-scale=5 is greater than activation-scale=3: {at}/activation-scale"),
    );
    check(
        "autoscaling.knative.dev/max-scale: '2', autoscaling.knative.dev/activation-scale: '3'",
        &format!("max-scale=2 is less than activation-scale=3: {at}/activation-scale"),
    );
    check(
        "autoscaling.knative.dev/initial-scale: '-2'",
        &format!("invalid value: -2: {at}/initial-scale must be greater than 0"),
    );
    check(
        "autoscaling.knative.dev/initial-scale: '0'",
        &format!("invalid value: 0: {at}/initial-scale=0 not allowed by cluster"),
    );
    check(
        "autoscaling.knative.dev/class: kpa.autoscaling.knative.dev, autoscaling.knative.dev/metric-aggregation-algorithm: x",
        &format!("invalid value: x: {at}/metric-aggregation-algorithm"),
    );
    accepts::<Revision>(&with(
        "autoscaling.knative.dev/class: mine, autoscaling.knative.dev/metric: any, autoscaling.knative.dev/other: x",
    ));
    accepts::<Revision>(&with(
        "autoscaling.knative.dev/class: hpa.autoscaling.knative.dev, autoscaling.knative.dev/metric: cpu",
    ));
    accepts::<Revision>(&with(
        "autoscaling.knative.dev/target: '10', autoscaling.knative.dev/minScale: '0', autoscaling.knative.dev/maxScale: '10'",
    ));
}

#[test]
fn the_clusters_scale_limit_holds() {
    let autoscaler =
        Autoscaler::parse(&data([("max-scale-limit", "10"), ("max-scale", "10")])).unwrap();
    let policy = Policy {
        autoscaler: Arc::new(autoscaler),
        ..policy(&[])
    };
    let check = |max: &str, want: &str| {
        let yaml = format!(
            "{{metadata: {{name: a, annotations: {{autoscaling.knative.dev/max-scale: '{max}'}}}}, spec: {{containers: [{{image: shop}}]}}}}"
        );
        let (errors, _) = judge::<Revision>(&yaml, None, &policy, Verb::Create).part();
        assert_eq!(errors.to_string(), want);
    };
    check("10", "");
    check(
        "20",
        "expected 1 <= 20 <= 10: metadata.annotations.autoscaling.knative.dev/max-scale",
    );
    check(
        "0",
        "max-scale=0 (unlimited), must be less than 10: metadata.annotations.autoscaling.knative.dev/max-scale",
    );
}

#[test]
fn limits_of_config_defaults_hold() {
    let defaults = DefaultSettings::parse(&data([
        ("allow-container-concurrency-zero", "false"),
        ("container-concurrency", "1"),
    ]))
    .unwrap();
    let policy = Policy {
        defaults: Arc::new(defaults),
        ..policy(&[])
    };
    let yaml = service(
        "",
        "",
        "{containerConcurrency: 0, timeoutSeconds: 601, containers: [{image: shop}]}",
    );
    let (errors, _) = judge::<Service>(&yaml, None, &policy, Verb::Create).part();
    assert_eq!(
        errors.to_string(),
        "expected 0 <= 601 <= 600: spec.template.spec.timeoutSeconds\n\
         expected 1 <= 0 <= 1000: spec.template.spec.containerConcurrency"
    );
}

#[test]
fn domain_mappings() {
    let mapping = |meta: &str, reference: &str| {
        format!("{{metadata: {{namespace: demo, {meta}}}, spec: {{ref: {{{reference}}}}}}}")
    };
    let good = "apiVersion: serving.knative.dev/v1, kind: Service, name: shop";
    accepts::<DomainMapping>(&mapping("name: shop.example.org", good));
    refuses::<DomainMapping>(
        &mapping("name: foo", good),
        "invalid name \"foo\": name: Invalid value: \"foo\": should be a domain with at least two segments separated by dots: metadata.name",
    );
    refuses::<DomainMapping>(
        &mapping("name: a.b.svc.cluster.local", good),
        "invalid name \"a.b.svc.cluster.local\": must not be a subdomain of cluster local domain \"cluster.local\": metadata.name",
    );
    refuses::<DomainMapping>(
        &mapping("name: a.b, generateName: x", "group: g, namespace: other"),
        "mismatched namespaces: spec.ref.namespace\nparent namespace: \"demo\" does not match ref: \"other\"\n\
         missing field(s): spec.ref.apiVersion, spec.ref.kind, spec.ref.name\n\
         must not set the field(s): metadata.generateName, spec.ref.group",
    );
}

#[test]
fn internal_kinds() {
    accepts::<PodAutoscaler>(
        "{metadata: {name: a}, spec: {protocolType: http1, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}}}",
    );
    refuses::<PodAutoscaler>("{metadata: {name: a}}", "missing field(s): spec");
    refuses::<PodAutoscaler>(
        "{metadata: {name: a}, spec: {containerConcurrency: -1, protocolType: x, scaleTargetRef: {apiVersion: apps/v1, kind: a-b, uid: u}}}",
        "expected 0 <= -1 <= 1000: spec.containerConcurrency\n\
         invalid value: a-b: spec.scaleTargetRef.kind\na valid C identifier must start with alphabetic character or '_', followed \
         by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is \
         '[A-Za-z_][A-Za-z0-9_]*')\n\
         invalid value: x: spec.protocolType\n\
         missing field(s): spec.scaleTargetRef.name\n\
         must not set the field(s): spec.scaleTargetRef.uid",
    );
    refuses::<Metric>("{metadata: {name: a}}", "missing field(s): spec");
    accepts::<Metric>("{metadata: {name: a}, spec: {stableWindow: 1}}");
    refuses::<ServerlessService>("{metadata: {name: a}}", "missing field(s): spec");
    refuses::<ServerlessService>(
        "{metadata: {name: a, annotations: {networking.knative.dev/x: y}}, spec: {numActivators: -1, mode: X, \
         protocolType: http1, objectRef: {apiVersion: apps/v1, kind: Deployment, name: a}}}",
        "invalid key name \"networking.knative.dev/x\": annotations\n\
         invalid value: -1: spec.numActivators\ninvalid value: X: spec.mode",
    );
    refuses::<Certificate>(
        "{metadata: {name: a}, spec: {dnsNames: [''], domain: example.org}}",
        "invalid value: : spec.dnsNames[0]\n\
         invalid value: domain: spec.domain must be a suffix of, or match exactly, at least one entry in dnsNames\n\
         missing field(s): spec.secretName",
    );
    accepts::<Certificate>(
        "{metadata: {name: a}, spec: {dnsNames: [a.example.org], domain: example.org, secretName: s}}",
    );
}

#[test]
fn ingresses() {
    let check = |spec: &str, want: &str| {
        refuses::<Ingress>(
            &format!("{{metadata: {{name: a, namespace: demo}}, spec: {spec}}}"),
            want,
        )
    };
    let split = "serviceNamespace: demo, serviceName: s, servicePort: 80";
    check("{}", "missing field(s): spec");
    check(
        "{httpOption: x}",
        "invalid value: x: spec.httpOption\nmissing field(s): spec.rules",
    );
    check(
        "{rules: [{hosts: [a]}]}",
        "missing field(s): spec.rules[0].http",
    );
    check(
        "{rules: [{http: {paths: []}}]}",
        "missing field(s): spec.rules[0].http.paths",
    );
    check(
        "{rules: [{http: {paths: [{path: /a}]}}]}",
        "missing field(s): spec.rules[0].http.paths[0].splits",
    );
    check(
        &format!("{{rules: [{{http: {{paths: [{{splits: [{{{split}, percent: 90}}]}}]}}}}]}}"),
        "traffic split percentage must total to 100, but was 90: spec.rules[0].http.paths[0].splits",
    );
    check(
        &format!("{{rules: [{{http: {{paths: [{{splits: [{{{split}, percent: 101}}]}}]}}}}]}}"),
        "invalid value: 101: spec.rules[0].http.paths[0].splits[0].percent",
    );
    check(
        "{rules: [{http: {paths: [{splits: [{serviceNamespace: other, serviceName: s, servicePort: 80}]}]}}]}",
        "service namespace must match ingress namespace: spec.rules[0].http.paths[0].splits[0].serviceNamespace",
    );
    check(
        &format!(
            "{{tls: [{{hosts: [a]}}], rules: [{{http: {{paths: [{{splits: [{{{split}}}]}}]}}}}]}}"
        ),
        "missing field(s): spec.tls[0].secretName, spec.tls[0].secretNamespace",
    );
    check(
        &format!("{{rules: [{{http: {{paths: [{{splits: [{{{split}}}]}}]}}}}]}}"),
        "",
    );
}
