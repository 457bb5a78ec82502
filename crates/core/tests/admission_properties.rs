//! Whatever somebody writes, admission neither panics nor contradicts itself.
//!
//! Objects are made of the API's own words in random places: close enough to real ones to get
//! past decoding often, far enough to hit what no author of a manifest meant.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use ebb_core::admission::{Context, Defaults, Policy, Validate, Verb, diff};
use ebb_core::api::{
    certificate::Certificate, configuration::Configuration, domain_mapping::DomainMapping,
    ingress::Ingress, metric::Metric, pod_autoscaler::PodAutoscaler, revision::Revision,
    route::Route, serverless_service::ServerlessService, service::Service,
};
use ebb_core::config::{self, Settings as _};
use ebb_core::json::Node;
use proptest::prelude::*;
use serde::{Deserialize as _, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const WORDS: &[&str] = &[
    "metadata",
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "ownerReferences",
    "kind",
    "uid",
    "apiVersion",
    "spec",
    "template",
    "traffic",
    "tag",
    "percent",
    "revisionName",
    "configurationName",
    "latestRevision",
    "url",
    "containers",
    "initContainers",
    "image",
    "ports",
    "containerPort",
    "protocol",
    "env",
    "value",
    "valueFrom",
    "envFrom",
    "configMapRef",
    "secretRef",
    "resources",
    "limits",
    "requests",
    "cpu",
    "memory",
    "readinessProbe",
    "livenessProbe",
    "httpGet",
    "tcpSocket",
    "exec",
    "grpc",
    "port",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
    "timeoutSeconds",
    "securityContext",
    "capabilities",
    "add",
    "drop",
    "runAsUser",
    "seccompProfile",
    "type",
    "volumes",
    "volumeMounts",
    "mountPath",
    "emptyDir",
    "secret",
    "projected",
    "sources",
    "items",
    "key",
    "path",
    "persistentVolumeClaim",
    "claimName",
    "containerConcurrency",
    "ref",
    "tls",
    "secretName",
    "scaleTargetRef",
    "protocolType",
    "mode",
    "objectRef",
    "numActivators",
    "rules",
    "hosts",
    "http",
    "paths",
    "splits",
    "serviceName",
    "serviceNamespace",
    "servicePort",
    "dnsNames",
    "domain",
    "autoscaling.knative.dev/min-scale",
    "autoscaling.knative.dev/maxScale",
    "autoscaling.knative.dev/window",
    "serving.knative.dev/rollout-duration",
    "serving.knative.dev/creator",
    "queue.sidecar.serving.knative.dev/resource-percentage",
    "networking.knative.dev/x",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(WORDS).prop_map(str::to_owned),
        1 => prop::sample::select(&["", "a", "1", "-1", "x.example.org", "/", "..", "100m", "1h", "ä\u{0}", "true"][..]).prop_map(str::to_owned),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(&[0_i64, 1, -1, 100, 8012, 65_536, i64::MAX, i64::MIN][..])
            .prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 96, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::btree_map(word(), inner, 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// An object whose outline is right, so that the random parts get looked at.
fn object() -> impl Strategy<Value = Value> {
    (tree(), tree(), tree(), tree()).prop_map(|(metadata, spec, container, traffic)| {
        let mut object = json!({
            "metadata": {"name": "shop", "namespace": "demo"},
            "spec": {"template": {"spec": {"containers": [{}]}}},
        });
        merge(&mut object["metadata"], metadata);
        merge(
            &mut object["spec"]["template"]["spec"]["containers"][0],
            container,
        );
        merge(&mut object["spec"], spec);
        if traffic.is_array() {
            object["spec"]["traffic"] = traffic;
        }
        object
    })
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        for (name, value) in from {
            into.entry(name).or_insert(value);
        }
    }
}

fn admit<K>(object: &Value, old: &Value) -> Result<(), TestCaseError>
where
    K: Defaults + Validate + DeserializeOwned + Serialize + Clone,
{
    let Ok(mut new) = serde_json::from_value::<K>(object.clone()) else {
        return Ok(());
    };
    let mut old = serde_json::from_value::<K>(old.clone()).ok();
    let written = Node::deserialize(object).unwrap();
    let policy = Policy {
        cluster_domain: "cluster.local".to_owned(),
        ..Policy::default()
    };
    for verb in [Verb::Create, Verb::Update, Verb::UpdateStatus] {
        let cx = Context {
            policy: &policy,
            verb,
            user: "ada",
        };
        if let Some(old) = &mut old {
            old.set_defaults(None, &cx).unwrap();
        }
        new.set_defaults(old.as_ref(), &cx).unwrap();
        let once = serde_json::to_value(&new).unwrap();
        new.set_defaults(old.as_ref(), &cx).unwrap();
        prop_assert_eq!(
            &serde_json::to_value(&new).unwrap(),
            &once,
            "defaults applied twice differ"
        );
        let findings = new.validate(old.as_ref(), &cx);
        prop_assert_eq!(
            findings.to_string(),
            new.validate(old.as_ref(), &cx).to_string()
        );
        let reread: K = serde_json::from_value(once.clone()).unwrap();
        prop_assert_eq!(
            &serde_json::to_value(&reread).unwrap(),
            &once,
            "what is stored reads differently"
        );
        prop_assert_eq!(
            diff("", Some(&written), &new).unwrap(),
            diff("", Some(&written), &once).unwrap(),
            "a type and its tree are patched differently"
        );
    }
    Ok(())
}

/// A Service that nobody can object to.
fn good() -> impl Strategy<Value = Value> {
    (
        "[a-z]([-a-z0-9]{0,30}[a-z0-9])?",
        "[a-z]{2,9}(/[a-z]{2,9})?(:[a-z0-9]{1,9})?",
        prop::option::of(1..=600),
        prop::option::of(0..=1000),
        prop::option::of(1024..8000),
        prop::option::of(1..4000),
        prop::collection::btree_map("[A-Z_]{1,8}", "\\PC{0,20}", 0..4),
        0..=100,
    )
        .prop_map(
            |(name, image, timeout, concurrency, port, millis, env, percent)| {
                let env: Vec<Value> = env
                    .into_iter()
                    .map(|(name, value)| json!({"name": name, "value": value}))
                    .collect();
                let mut container = json!({"image": image, "env": env});
                if let Some(port) = port {
                    container["ports"] = json!([{"containerPort": port}]);
                }
                if let Some(millis) = millis {
                    container["resources"] = json!({"limits": {"cpu": format!("{millis}m")}});
                }
                let spec = json!({
                    "containers": [container], "timeoutSeconds": timeout, "containerConcurrency": concurrency,
                });
                let old = json!({"revisionName": format!("{name}-00001"), "percent": 100 - percent, "tag": "old"});
                json!({
                    "metadata": {"name": name, "namespace": "demo"},
                    "spec": {"template": {"spec": spec}, "traffic": [{"latestRevision": true, "percent": percent}, old]},
                })
            },
        )
}

/// Fills a new object in and writes it once more as it is stored: nothing is refused, and nothing more filled in.
fn stays_good<K>(object: &Value) -> Result<(), TestCaseError>
where
    K: Defaults + Validate + DeserializeOwned + Serialize + Clone,
{
    let policy = Policy::default();
    let context = |verb| Context {
        policy: &policy,
        verb,
        user: "ada",
    };
    let refused = |new: &K, old, cx: &Context<'_>| new.validate(old, cx).part().0.to_string();
    let mut stored: K = serde_json::from_value(object.clone()).unwrap();
    let cx = context(Verb::Create);
    stored.set_defaults(None, &cx).unwrap();
    prop_assert_eq!(refused(&stored, None, &cx), "");

    let cx = context(Verb::Update);
    let mut again = stored.clone();
    again.set_defaults(Some(&stored), &cx).unwrap();
    prop_assert_eq!(refused(&again, Some(&stored), &cx), "");
    prop_assert_eq!(
        serde_json::to_value(&again).unwrap(),
        serde_json::to_value(&stored).unwrap()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_object_is_judged_without_a_panic_and_defaults_are_idempotent(new in object(), old in object()) {
        admit::<Service>(&new, &old)?;
        admit::<Configuration>(&new, &old)?;
        admit::<Route>(&new, &old)?;
        admit::<DomainMapping>(&new, &old)?;
        admit::<PodAutoscaler>(&new, &old)?;
        admit::<Metric>(&new, &old)?;
        admit::<ServerlessService>(&new, &old)?;
        admit::<Ingress>(&new, &old)?;
        admit::<Certificate>(&new, &old)?;
        let revision = |object: &Value| json!({"metadata": object["metadata"], "spec": object["spec"]["template"]["spec"]});
        admit::<Revision>(&revision(&new), &revision(&old))?;
    }

    #[test]
    fn a_good_object_stays_good_with_its_defaults(service in good()) {
        stays_good::<Service>(&service)?;
        let spec = &service["spec"];
        stays_good::<Configuration>(&json!({"metadata": service["metadata"], "spec": {"template": spec["template"]}}))?;
        stays_good::<Revision>(&json!({"metadata": service["metadata"], "spec": spec["template"]["spec"]}))?;
    }

    #[test]
    fn any_config_map_is_judged_without_a_panic(
        entries in prop::collection::btree_map(prop::sample::select(KEYS).prop_map(str::to_owned), value(), 0..8),
    ) {
        for name in MAPS {
            let _ = config::check(name, &entries).map_err(|problems| problems.to_string());
        }
    }
}

const MAPS: &[&str] = &[
    config::Autoscaler::NAME,
    config::CertManager::NAME,
    config::Defaults::NAME,
    config::Deployment::NAME,
    config::Domain::NAME,
    config::Features::NAME,
    config::Gc::NAME,
    config::LeaderElection::NAME,
    config::Logging::NAME,
    config::Network::NAME,
    config::Observability::NAME,
];

const KEYS: &[&str] = &[
    "_example",
    "min-scale",
    "max-scale",
    "max-scale-limit",
    "stable-window",
    "activator-capacity",
    "target-burst-capacity",
    "container-concurrency-target-percentage",
    "issuerRef",
    "revision-timeout-seconds",
    "container-concurrency",
    "revision-cpu-limit",
    "container-name-template",
    "queue-sidecar-image",
    "progress-deadline",
    "runtime-class-name",
    "example.org",
    "multi-container",
    "retain-since-create-time",
    "max-non-active-revisions",
    "buckets",
    "lease-duration",
    "loglevel.webhook",
    "zap-logger-config",
    "domain-template",
    "tag-template",
    "rollout-duration",
    "namespace-wildcard-cert-selector",
    "http-protocol",
    "metrics-protocol",
    "tracing-sampling-rate",
    "logging.request-log-template",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(
            &[
                "",
                "0",
                "1",
                "-1",
                "1e308",
                "nan",
                "inf",
                "9223372036854775808",
                "1h",
                "-1h",
                "1.5s",
                "{{",
                "{{.Name}}",
                "{{index .Labels \"a\"}}",
                "{a: b}",
                "[",
                "selector: {a: b}",
                "kata: {selector: {a: 1}}",
                "disabled",
                "Enabled",
                "true",
                "100m",
                "1Ki",
                "a,b",
            ][..]
        )
        .prop_map(str::to_owned),
        ".{0,24}",
    ]
}
