use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::*;
use crate::admission::{Policy, Verb};
use crate::api::configuration::Configuration;
use crate::api::domain_mapping::DomainMapping;
use crate::api::ingress::Ingress;
use crate::api::pod_autoscaler::PodAutoscaler;
use crate::api::revision::Revision;
use crate::api::route::Route;
use crate::api::service::Service;
use crate::config::{Features, Settings};
use crate::names::annotations::{CREATOR, LAST_MODIFIER};

/// The object as admission would leave it, defaults applied twice to show that it is enough.
fn filled<K: Defaults + Serialize + DeserializeOwned + Clone>(
    yaml: &str,
    old: Option<&K>,
    policy: &Policy,
    verb: Verb,
) -> Value {
    let cx = Context {
        policy,
        verb,
        user: "ada",
    };
    let mut object: K = serde_yaml_ng::from_str(yaml).unwrap();
    let old = old.map(|old| {
        let mut old = old.clone();
        old.set_defaults(None, &cx).unwrap();
        old
    });
    object.set_defaults(old.as_ref(), &cx).unwrap();
    let once = serde_json::to_value(&object).unwrap();
    object.set_defaults(old.as_ref(), &cx).unwrap();
    assert_eq!(
        serde_json::to_value(&object).unwrap(),
        once,
        "not idempotent"
    );
    once
}

fn created<K: Defaults + Serialize + DeserializeOwned + Clone>(yaml: &str) -> Value {
    filled::<K>(yaml, None, &Policy::default(), Verb::Create)
}

fn features<const N: usize>(entries: [(&str, &str); N]) -> Policy {
    let features = Features::parse(&crate::config::test::data(entries)).unwrap();
    Policy {
        features: Arc::new(features),
        ..Policy::default()
    }
}

fn pod(policy: &Policy, yaml: &str) -> Value {
    let yaml = format!("{{metadata: {{name: shop}}, spec: {yaml}}}");
    filled::<Revision>(&yaml, None, policy, Verb::Create)["spec"].clone()
}

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
fn owned_children_do_not_record_the_user() {
    let owned =
        "metadata: {name: a, ownerReferences: [{apiVersion: v1, kind: Service, name: a, uid: u}]}";
    let got = created::<Route>(&format!(
        "{{{owned}, spec: {{traffic: [{{revisionName: r}}]}}}}"
    ));
    assert_eq!(got["metadata"].get("annotations"), None);
    assert_eq!(
        got["spec"]["traffic"],
        json!([{"revisionName": "r", "latestRevision": false, "percent": 0}])
    );
    let got = created::<Configuration>(&format!("{{{owned}}}"));
    assert_eq!(got["metadata"].get("annotations"), None);
    assert_eq!(created::<Route>("{metadata: {name: a}}")["spec"], json!({}));
}

#[test]
fn a_long_timeout_gets_a_limit_on_the_first_byte() {
    let got = pod(
        &Policy::default(),
        "{timeoutSeconds: 600, containers: [{image: i}]}",
    );
    assert_eq!(got["responseStartTimeoutSeconds"], 300);
    assert_eq!(got.get("idleTimeoutSeconds"), None);
    let got = pod(
        &Policy::default(),
        "{timeoutSeconds: 0, containers: [{image: i}]}",
    );
    assert_eq!(got["timeoutSeconds"], 300);
}

#[test]
fn nameless_containers_avoid_written_names() {
    let names = |list: &Value| {
        list.as_array()
            .unwrap()
            .iter()
            .map(|c| c["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let got = pod(
        &Policy::default(),
        "{containers: [{image: i}, {image: i, name: user-container-0}, {image: i}], initContainers: [{image: i}, {image: i}]}",
    );
    assert_eq!(
        names(&got["containers"]),
        ["user-container-1", "user-container-0", "user-container-2"]
    );
    assert_eq!(
        names(&got["initContainers"]),
        ["init-container-0", "init-container-1"]
    );
    let got = pod(
        &Policy::default(),
        "{containers: [{image: i}], initContainers: [{image: i, name: user-container}]}",
    );
    assert_eq!(names(&got["containers"]), ["user-container-0"]);
}

#[test]
fn only_the_serving_container_gets_a_probe() {
    let got = pod(
        &Policy::default(),
        "{containers: [{image: i, ports: [{containerPort: 80}]}, {image: i}, {image: i, readinessProbe: {periodSeconds: 5, grpc: {port: 1}}}]}",
    );
    assert_eq!(
        got["containers"][0]["readinessProbe"],
        json!({"successThreshold": 1, "tcpSocket": {"port": 0}})
    );
    assert_eq!(got["containers"][1].get("readinessProbe"), None);
    assert_eq!(
        got["containers"][2]["readinessProbe"],
        json!({"periodSeconds": 5, "failureThreshold": 3, "timeoutSeconds": 1, "successThreshold": 1, "grpc": {"port": 1, "service": ""}})
    );
}

#[test]
fn mounts_are_read_only_unless_the_volume_can_be_written() {
    let got = pod(
        &Policy::default(),
        "{containers: [{image: i, volumeMounts: [{name: s, mountPath: /s, readOnly: false}, {name: e, mountPath: /e}]}], \
         volumes: [{name: s, secret: {secretName: s}}, {name: e, emptyDir: {}}]}",
    );
    let mounts = &got["containers"][0]["volumeMounts"];
    assert_eq!(mounts[0]["readOnly"], true);
    assert_eq!(mounts[1].get("readOnly"), None);
}

#[test]
fn secure_defaults_fill_what_is_unset() {
    let yaml = "{containers: [{image: i, ports: [{containerPort: 80}]}]}";
    let security = |mode| {
        pod(&features([("secure-pod-defaults", mode)]), yaml)["containers"][0]["securityContext"]
            .clone()
    };
    let bounded = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    assert_eq!(security("AllowRootBounded"), bounded);
    let mut enabled = bounded;
    enabled["runAsNonRoot"] = true.into();
    assert_eq!(security("Enabled"), enabled);
    assert_eq!(security("Disabled"), Value::Null);
}

#[test]
fn the_pods_own_security_context_counts_as_set() {
    let yaml = "{securityContext: {runAsNonRoot: false, seccompProfile: {type: Unconfined}}, containers: [{image: i}]}";
    let got = pod(&features([("secure-pod-defaults", "Enabled")]), yaml);
    assert_eq!(
        got["containers"][0]["securityContext"],
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
    );
}

#[test]
fn configured_resources_are_defaults() {
    let defaults = crate::config::Defaults::parse(&crate::config::test::data([
        ("revision-cpu-request", "100m"),
        ("revision-memory-limit", "1Gi"),
    ]));
    let policy = Policy {
        defaults: Arc::new(defaults.unwrap()),
        ..Policy::default()
    };
    let got = pod(
        &policy,
        "{containers: [{image: i, resources: {requests: {cpu: 1}}}, {image: j}]}",
    );
    assert_eq!(
        got["containers"][0]["resources"],
        json!({"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}})
    );
    assert_eq!(
        got["containers"][1]["resources"],
        json!({"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}})
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
fn other_kinds() {
    let got = created::<DomainMapping>(
        "{metadata: {name: a.b, namespace: demo}, spec: {ref: {name: x}}}",
    );
    assert_eq!(
        got["spec"]["ref"],
        json!({"kind": "", "name": "x", "namespace": "demo"})
    );
    assert_eq!(got["metadata"]["annotations"][CREATOR], "ada");

    let annotations =
        |yaml: &str| created::<PodAutoscaler>(yaml)["metadata"]["annotations"].clone();
    assert_eq!(
        annotations("{metadata: {name: a}}"),
        json!({"autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev", "autoscaling.knative.dev/metric": "concurrency"})
    );
    assert_eq!(
        annotations("{metadata: {name: a, annotations: {autoscaling.knative.dev/class: mine}}}"),
        json!({"autoscaling.knative.dev/class": "mine", "autoscaling.knative.dev/metric": ""})
    );

    let got = created::<Ingress>(
        "{metadata: {name: a}, spec: {rules: [{}, {visibility: ClusterLocal, http: {paths: [{splits: [{serviceName: s}]}]}}]}}",
    );
    assert_eq!(got["spec"]["rules"][0]["visibility"], "ExternalIP");
    assert_eq!(got["spec"]["rules"][1]["visibility"], "ClusterLocal");
    assert_eq!(
        got["spec"]["rules"][1]["http"]["paths"][0]["splits"][0]["percent"],
        100
    );
}
