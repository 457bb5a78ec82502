use ebb_core::json::Node;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::review::GroupVersionKind;
use super::*;

pub(crate) fn admitter() -> Admitter {
    Admitter {
        autoscaler: Live::fixed(Autoscaler::default()),
        defaults: Live::fixed(Defaults::default()),
        features: Live::fixed(Features::default()),
        cluster_domain: "cluster.local".to_owned(),
        renamed: vec![("my-logging".to_owned(), "config-logging")],
        pods: None,
    }
}

fn node(object: Value) -> Node<'static> {
    Node::deserialize(object).unwrap()
}

fn request(operation: &str, kind: &str, object: Value) -> Request<'static> {
    Request {
        uid: "u".to_owned(),
        operation: operation.to_owned(),
        kind: GroupVersionKind {
            group: "serving.knative.dev".into(),
            version: "v1".into(),
            kind: kind.into(),
        },
        object: Some(node(object)),
        ..Request::default()
    }
}

fn config_map_object(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

fn config_map(name: &str, data: Value) -> Request<'static> {
    Request {
        kind: GroupVersionKind {
            group: String::new(),
            version: "v1".into(),
            kind: "ConfigMap".into(),
        },
        ..request("UPDATE", "", config_map_object(name, data))
    }
}

#[track_caller]
fn denied(response: &Response, want: &str) {
    let status = response
        .status
        .as_ref()
        .map(|status| (status.code, status.reason, status.message.as_str()));
    assert_eq!(status, Some((400, "BadRequest", want)));
    assert!(!response.allowed);
}

fn plain() -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": {"name": "hello", "uid": "x", "creationTimestamp": "2026-01-01T00:00:00.5Z"},
        "spec": {"template": {"spec": {"containers": [{"image": "shop", "resources": {"limits": {"cpu": 1}}}]}}},
    })
}

#[test]
fn defaulting_answers_with_a_patch_of_what_it_touches() {
    let response = admitter().default(&request("CREATE", "Service", plain()));
    assert!(response.allowed);
    assert_eq!(response.patch_type, Some("JSONPatch"));
    let steps = serde_json::to_value(response.patch).unwrap();
    let paths: Vec<&str> = steps
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["path"].as_str().unwrap())
        .collect();
    assert!(
        paths
            .iter()
            .all(|path| path.starts_with("/spec") || path.starts_with("/metadata/annotations")),
        "{paths:?}"
    );
    assert!(
        paths.contains(&"/spec/template/spec/containers/0/resources/limits/cpu"),
        "a number becomes a quantity: {paths:?}"
    );
}

#[test]
fn a_list_that_must_be_there_is_not_made_up() {
    let added = |spec: Value| {
        let object = json!({"metadata": {"name": "a"}, "spec": spec});
        let response = admitter().default(&request("CREATE", "Service", object));
        serde_json::to_string(&response.patch).unwrap()
    };
    let without = added(json!({"template": {"spec": {"timeoutSeconds": 5}}}));
    assert!(!without.contains("/containers"), "{without}");
    assert!(without.contains("/containerConcurrency"), "{without}");
    let empty = added(json!({"template": {"spec": {"containers": []}}}));
    assert!(!empty.contains("/containers"), "{empty}");
    let nothing = added(Value::Null);
    assert!(!nothing.contains("containers\""), "{nothing}");
}

#[test]
fn there_is_a_patch_even_when_nothing_changes() {
    let admitter = admitter();
    let mut object: Value = plain();
    let response = admitter.default(&request("CREATE", "Service", object.clone()));
    // Apply the patch by asking for the whole object again.
    let mut typed: ebb_core::api::service::Service =
        serde_json::from_value(object.clone()).unwrap();
    let policy = admitter.policy();
    let cx = Context {
        policy: &policy,
        verb: Verb::Create,
        user: "",
    };
    ebb_core::admission::Defaults::set_defaults(&mut typed, None, &cx).unwrap();
    object["spec"] = serde_json::to_value(&typed.spec).unwrap();
    object["metadata"]["annotations"] = serde_json::to_value(&typed.metadata.annotations).unwrap();
    assert_ne!(response.patch, Some(vec![]));
    let again = admitter.default(&request("CREATE", "Service", object));
    assert_eq!(again.patch, Some(vec![]));
}

#[test]
fn what_cannot_be_read_is_denied_with_the_stage() {
    let admitter = admitter();
    let text = |response: Response| {
        response
            .status
            .map(|status| status.message)
            .unwrap_or_default()
    };
    let bad = json!({"metadata": {"name": "a"}, "spec": {"traffic": "all"}});
    assert!(
        text(admitter.default(&request("CREATE", "Service", bad.clone())))
            .starts_with("mutation failed: cannot decode incoming new object: ")
    );
    let mut update = request("UPDATE", "Service", plain());
    update.old_object = Some(node(bad));
    assert!(
        text(admitter.default(&update))
            .starts_with("mutation failed: cannot decode incoming old object: ")
    );
    denied(
        &admitter.default(&request("CREATE", "Gadget", plain())),
        "mutation failed: unhandled kind: serving.knative.dev/v1, Kind=Gadget",
    );
    denied(
        &admitter.default(&Request {
            object: None,
            ..request("CREATE", "Service", plain())
        }),
        "mutation failed: the new object may not be nil",
    );
}

#[tokio::test]
async fn validation_denies_and_warns() {
    let admitter = admitter();
    let mut object = plain();
    object["spec"]["template"]["spec"]["containers"][0]["image"] = "".into();
    let response = admitter
        .validate(&request("CREATE", "Service", object))
        .await;
    let message = &response.status.as_ref().unwrap().message;
    assert!(message.starts_with("validation failed: "), "{message}");
    assert!(
        message.contains("missing field(s): spec.template.spec.containers[0].image"),
        "{message}"
    );
    assert_eq!(response.warnings.len(), 1);
    assert!(response.warnings[0].starts_with("Kubernetes default value is insecure"));
    denied(
        &admitter
            .validate(&request("CREATE", "Gadget", plain()))
            .await,
        "decoding request failed: unhandled kind: serving.knative.dev/v1, Kind=Gadget",
    );
}

#[tokio::test]
async fn an_object_full_of_faults_is_denied_in_a_message_one_can_send() {
    const MANY: usize = 2_000;
    let repeat = |entry: Value| Value::from(vec![entry; MANY]);
    let mut sources = vec![json!({"configMapRef": {"name": "a"}}); MANY];
    sources[0] = json!({});
    let specs = [
        json!({"containers": repeat(json!({}))}),
        json!({"containers": repeat(json!({"name": "same", "image": "", "ports": [{"containerPort": 1}]}))}),
        json!({"containers": [{"image": "shop", "envFrom": sources}]}),
        json!({"containers": [{"image": "shop"}], "volumes": repeat(json!({"name": "same"}))}),
    ];
    for spec in specs {
        let mut object = plain();
        object["spec"]["template"]["spec"] = spec;
        let request = request("CREATE", "Service", object);
        let response = admitter().validate(&request).await;
        let message = response.status.unwrap().message;
        assert!(message.len() < 3 << 20, "{}", message.len());
    }
}

#[tokio::test]
async fn deletes_pass_unseen() {
    let delete = Request {
        object: None,
        ..request("DELETE", "Service", plain())
    };
    assert_eq!(admitter().validate(&delete).await, Response::allow());
    assert_eq!(admitter().default(&delete), Response::allow());
}

#[test]
fn config_maps_are_judged_by_name() {
    let admitter = admitter();
    let bad = json!({"min-scale": "-1"});
    denied(
        &admitter.config_map(&config_map("config-autoscaler", bad.clone())),
        "validation failed: min-scale = -1, must be at least 0",
    );
    assert!(
        admitter
            .config_map(&config_map("somebody-elses", bad))
            .allowed
    );
    let loud = json!({"loglevel.webhook": "loud"});
    assert!(
        !admitter
            .config_map(&config_map("my-logging", loud.clone()))
            .allowed
    );
    assert!(
        admitter
            .config_map(&config_map("config-logging", loud))
            .allowed,
        "another map stands for it"
    );
}

#[test]
fn an_edited_example_is_refused_first() {
    let mut object = config_map_object(
        "config-autoscaler",
        json!({"_example": "edited", "min-scale": "-1"}),
    );
    object["metadata"]["annotations"] = json!({"knative.dev/example-checksum": "00000000"});
    let request = Request {
        object: Some(node(object)),
        ..config_map("config-autoscaler", json!({}))
    };
    let response = admitter().config_map(&request);
    let message = response.status.unwrap().message;
    assert!(
        message.starts_with("validation failed: the update modifies a key in \"_example\""),
        "{message}"
    );
}

#[test]
fn answers_have_the_form_of_the_api() {
    let answer = review::Answer {
        api_version: "admission.k8s.io/v1".to_owned(),
        kind: "AdmissionReview".to_owned(),
        response: Response {
            uid: "u".to_owned(),
            ..Response::patch(vec![])
        },
    };
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "response": {"uid": "u", "allowed": true, "patch": "W10=", "patchType": "JSONPatch"},
        })
    );
}
