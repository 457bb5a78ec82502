//! Defaults and rules of Revision and of templates, by example.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Revision, RevisionTemplate};
use crate::admission::testing::{PLAIN, accepts, filled, judge, policy, read, refuses, service};
use crate::admission::{Context, Defaults as _, Policy, Validate as _, Verb};
use crate::api::service::Service;
use crate::config::test::data;
use crate::config::{self, Settings as _};
use crate::names::annotations::LAST_MODIFIER;

/// The spec of a new Revision with its defaults filled in.
fn defaults(policy: &Policy, spec: &str) -> Value {
    let yaml = format!("{{metadata: {{name: shop}}, spec: {spec}}}");
    filled::<Revision>(&yaml, None, policy, Verb::Create)["spec"].clone()
}

#[test]
fn a_kept_revision_name_keeps_the_template() {
    let old: Service = serde_yaml_ng::from_str("{metadata: {name: a}, spec: {template: {metadata: {name: a-1}, spec: {containers: [{name: c, image: i}]}}}}").unwrap();
    let same = "{metadata: {name: a}, spec: {template: {metadata: {name: a-1}, spec: {containers: [{name: c, image: i}]}}}}";
    let got = filled(same, Some(&old), &Policy::default(), Verb::Update);
    assert_eq!(
        got["spec"]["template"]["spec"]["timeoutSeconds"],
        Value::Null
    );
    let renamed = same.replace("a-1", "a-2");
    let got = filled(&renamed, Some(&old), &Policy::default(), Verb::Update);
    assert_eq!(got["spec"]["template"]["spec"]["timeoutSeconds"], 300);
}

#[test]
fn a_named_template_that_is_stored_never_meets_later_defaults() {
    let yaml = "{metadata: {name: a, annotations: {serving.knative.dev/creator: bob, serving.knative.dev/lastModifier: bob}}, \
                spec: {template: {metadata: {name: a-1}, spec: {containers: [{name: c, image: i}]}}}}";
    let stored: Service = read(yaml);
    let later = configured(&[("revision-cpu-request", "100m")]);

    // What a controller reconciles: a change here would be refused on the way to the Configuration.
    let got = filled::<Service>(yaml, None, &later, Verb::Update);
    let resources = &got["spec"]["template"]["spec"]["containers"][0]["resources"];
    assert_eq!(*resources, json!({}));

    // What admission compares: nobody changed the spec.
    let got = filled(yaml, Some(&stored), &later, Verb::Update);
    assert_eq!(got["metadata"]["annotations"][LAST_MODIFIER], "bob");

    let got = filled::<Service>(yaml, None, &later, Verb::Create);
    let resources = &got["spec"]["template"]["spec"]["containers"][0]["resources"];
    assert_eq!(*resources, json!({"requests": {"cpu": "100m"}}));
}

/// A cluster with this `config-defaults`.
fn configured(entries: &[(&str, &str)]) -> Policy {
    let entries = entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Policy {
        defaults: Arc::new(config::Defaults::parse(&entries.collect()).unwrap()),
        ..Policy::default()
    }
}

#[test]
fn api_6_4_1_to_3_timeouts() {
    let (total, first, idle) = (
        "revision-timeout-seconds",
        "revision-response-start-timeout-seconds",
        "revision-idle-timeout-seconds",
    );
    // The settings, what is written, then total, first byte and idle.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, [Option<i64>; 3]);
    let cases: &[Case<'_>] = &[
        (&[], "", [Some(300), None, None]),
        (&[], "timeoutSeconds: 0", [Some(300), None, None]),
        (&[], "timeoutSeconds: 600", [Some(600), Some(300), None]),
        (&[], "timeoutSeconds: 301", [Some(301), Some(300), None]),
        (&[], "timeoutSeconds: 10", [Some(10), None, None]),
        (
            &[],
            "timeoutSeconds: 600, responseStartTimeoutSeconds: 0",
            [Some(600), Some(0), None],
        ),
        (
            &[],
            "responseStartTimeoutSeconds: 900, idleTimeoutSeconds: 900",
            [Some(300), Some(900), Some(900)],
        ),
        (&[(total, "100")], "", [Some(100), None, None]),
        (
            &[(total, "100")],
            "timeoutSeconds: 101",
            [Some(101), Some(100), None],
        ),
        (
            &[(first, "60"), (idle, "50")],
            "",
            [Some(300), Some(60), Some(50)],
        ),
        (
            &[(first, "60"), (idle, "50")],
            "timeoutSeconds: 60",
            [Some(60), None, Some(50)],
        ),
        (
            &[(first, "60"), (idle, "50")],
            "timeoutSeconds: 50",
            [Some(50), None, None],
        ),
        (
            &[(first, "0"), (idle, "0")],
            "timeoutSeconds: 600",
            [Some(600), None, None],
        ),
        (
            &[(idle, "50")],
            "idleTimeoutSeconds: 0",
            [Some(300), None, Some(0)],
        ),
    ];
    for (entries, written, want) in cases {
        let spec = format!("{{containers: [{{image: i}}], {written}}}");
        let got = defaults(&configured(entries), &spec);
        let names = [
            "timeoutSeconds",
            "responseStartTimeoutSeconds",
            "idleTimeoutSeconds",
        ];
        let seconds = names.map(|name| got.get(name).and_then(Value::as_i64));
        assert_eq!(seconds, *want, "{entries:?} {written}");
    }
}

#[test]
fn api_6_4_4_concurrency() {
    let concurrency = |entries: &[(&str, &str)], written: &str| {
        let spec = format!("{{containers: [{{image: i}}]{written}}}");
        defaults(&configured(entries), &spec)["containerConcurrency"].as_i64()
    };
    assert_eq!(concurrency(&[], ""), Some(0));
    let ten = [("container-concurrency", "10")];
    assert_eq!(concurrency(&ten, ""), Some(10));
    assert_eq!(concurrency(&ten, ", containerConcurrency: 0"), Some(0));
    assert_eq!(concurrency(&ten, ", containerConcurrency: 5"), Some(5));
}

#[test]
fn api_6_4_templates_are_filled_in_on_updates_as_well() {
    let yaml = "{metadata: {name: a}, spec: {template: {spec: {containers: [{image: i}]}}}}";
    let old: Service = serde_yaml_ng::from_str(yaml).unwrap();
    let got = filled(yaml, Some(&old), &Policy::default(), Verb::Update);
    let spec = &got["spec"]["template"]["spec"];
    assert_eq!(
        *spec,
        json!({
            "containerConcurrency": 0,
            "timeoutSeconds": 300,
            "containers": [{
                "name": "user-container",
                "image": "i",
                "resources": {},
                "readinessProbe": {"successThreshold": 1, "tcpSocket": {"port": 0}},
            }],
        })
    );
}

#[test]
fn api_2_5_empty_metadata_of_a_template_is_left_out() {
    let metadata = |written: &str| {
        let yaml = service("", written, PLAIN);
        filled::<Service>(&yaml, None, &Policy::default(), Verb::Create)["spec"]["template"]["metadata"].clone()
    };
    for empty in [
        "",
        "name: '', generateName: '', namespace: ''",
        "labels: {}, annotations: {}, finalizers: []",
    ] {
        assert_eq!(metadata(empty), json!({}), "{empty}");
    }
    let kept = "labels: {a: ''}, name: shop-1";
    assert_eq!(
        metadata(kept),
        json!({"labels": {"a": ""}, "name": "shop-1"})
    );
}

#[test]
fn an_existing_revision_is_left_alone() {
    let old: Revision =
        serde_yaml_ng::from_str("{metadata: {name: a}, spec: {containers: [{image: i}]}}").unwrap();
    let got = filled(
        "{metadata: {name: a}, spec: {containers: [{image: i}]}}",
        Some(&old),
        &Policy::default(),
        Verb::Update,
    );
    assert_eq!(
        got["spec"],
        json!({"containers": [{"name": "", "image": "i", "resources": {}}]})
    );
}

#[test]
fn service_links_are_set_on_creation_only() {
    let old: Service = serde_yaml_ng::from_str(
        "{metadata: {name: a}, spec: {template: {spec: {containers: [{name: c, image: i}]}}}}",
    )
    .unwrap();
    let yaml =
        "{metadata: {name: a}, spec: {template: {spec: {containers: [{name: c, image: j}]}}}}";
    let got = filled(yaml, Some(&old), &Policy::default(), Verb::Update);
    assert_eq!(
        got["spec"]["template"]["spec"].get("enableServiceLinks"),
        None
    );
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

/// It may have been stored while nobody was asked, or before we wrote objects as upstream does.
#[test]
fn what_upstream_cannot_tell_apart_is_no_change_of_a_stored_object() {
    let policy = policy(&[]);
    let cx = Context {
        policy: &policy,
        verb: Verb::Update,
        user: "ada",
    };
    let spec = "{containers: [{name: c, image: shop, imagePullPolicy: '', env: [], resources: {limits: {cpu: 1000m}}}]}";
    let stored: Revision = read(&format!("{{metadata: {{name: shop-1}}, spec: {spec}}}"));
    let mut written = stored.clone();
    written.set_defaults(Some(&stored), &cx).unwrap();
    assert_eq!(written.validate(Some(&stored), &cx).to_string(), "");

    let stored: Service = read(&service("", "name: shop-1, labels: {}", spec));
    let mut written = stored.clone();
    written.set_defaults(Some(&stored), &cx).unwrap();
    let (errors, _) = written.validate(Some(&stored), &cx).part();
    assert_eq!(errors.to_string(), "");
}

#[test]
fn limits_of_config_defaults_hold() {
    let defaults = config::Defaults::parse(&data([
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
fn a_part_of_a_template_that_is_null_is_empty() {
    let read = |text| serde_json::from_str::<RevisionTemplate>(text).unwrap();
    assert_eq!(read(r#"{"metadata": null}"#), RevisionTemplate::default());
    assert_eq!(read(r#"{"spec": null}"#), RevisionTemplate::default());
}
