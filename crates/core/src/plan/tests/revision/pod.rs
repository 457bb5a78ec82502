//! The pod: the user's containers, and the queue-proxy beside them.

use super::*;

#[test]
fn environment_of_queue_proxy_has_the_published_order() {
    let got = Cluster::new().plan(&plain(), &Seen::default());
    let names: Vec<&str> = container(&got, "queue-proxy")
        .env
        .iter()
        .flatten()
        .map(|variable| variable.name.as_str())
        .collect();
    assert_eq!(
        names,
        "SERVING_NAMESPACE SERVING_SERVICE SERVING_CONFIGURATION SERVING_REVISION QUEUE_SERVING_PORT \
         QUEUE_SERVING_TLS_PORT CONTAINER_CONCURRENCY REVISION_TIMEOUT_SECONDS \
         REVISION_RESPONSE_START_TIMEOUT_SECONDS REVISION_IDLE_TIMEOUT_SECONDS SERVING_POD SERVING_POD_IP \
         SERVING_LOGGING_CONFIG SERVING_LOGGING_LEVEL USER_PORT SYSTEM_NAMESPACE SERVING_READINESS_PROBE HOST_IP \
         ENABLE_HTTP2_AUTO_DETECTION ENABLE_HTTP_FULL_DUPLEX ROOT_CA QUEUE_PROXY_TLS_MIN_VERSION \
         QUEUE_PROXY_TLS_MAX_VERSION QUEUE_PROXY_TLS_CIPHER_SUITES QUEUE_PROXY_TLS_CURVE_PREFERENCES \
         ENABLE_MULTI_CONTAINER_PROBES OBSERVABILITY_CONFIG"
            .split_whitespace()
            .collect::<Vec<_>>()
    );
}

#[test]
fn queue_proxy_is_never_told_of_less_than_nothing() {
    let revision = revision_of(
        "{}",
        "{containers: [{name: user-container, image: 'dev.local/x:1'}], containerConcurrency: -1, timeoutSeconds: -5, \
         idleTimeoutSeconds: -1, responseStartTimeoutSeconds: 9223372036854775807}",
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    let told = env(container(&got, "queue-proxy"));
    for (name, want) in [
        ("CONTAINER_CONCURRENCY", "0"),
        ("REVISION_TIMEOUT_SECONDS", "0"),
        ("REVISION_IDLE_TIMEOUT_SECONDS", "0"),
        ("REVISION_RESPONSE_START_TIMEOUT_SECONDS", "2147483647"),
    ] {
        assert_eq!(told[name], want, "{name}");
    }
}

#[test]
fn h2c_port_changes_the_queue_port_and_the_protocol() {
    let revision = revision_of(
        "{}",
        "{containers: [{name: user-container, image: 'dev.local/x:1', ports: [{name: h2c, containerPort: 9000}]}]}",
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    let queue = container(&got, "queue-proxy");
    assert_eq!(
        (env(queue)["QUEUE_SERVING_PORT"], env(queue)["USER_PORT"]),
        ("8013", "9000")
    );
    assert_eq!(queue.ports.as_ref().unwrap()[2].container_port, 8013);
    assert_eq!(queue.readiness_probe, None, "the user has none");
    let user = container(&got, "user-container");
    assert_eq!(env(user)["PORT"], "9000");
    assert_eq!(
        user.ports.as_ref().unwrap()[0].name.as_deref(),
        Some("user-port")
    );
    assert_eq!(
        got.pod_autoscaler
            .unwrap()
            .object()
            .spec
            .protocol_type
            .as_str(),
        "h2c"
    );
}

#[test]
fn sidecars_keep_no_ports_and_get_no_port_variable() {
    let revision = revision_of(
        "{}",
        "{containers: [{name: side, image: 'dev.local/s:1'}, {name: main, image: 'dev.local/m:1', ports: [{containerPort: 80}], livenessProbe: {httpGet: {port: 81}}}]}",
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    let (side, main) = (container(&got, "side"), container(&got, "main"));
    assert_eq!(side.ports, None);
    assert!(!env(side).contains_key("PORT"));
    assert_eq!(env(side)["K_REVISION"], "hello-00001");
    assert_eq!(env(main)["PORT"], "80");
    let port = |container: &Container| {
        serde_json::to_value(&container.liveness_probe).unwrap()["httpGet"]["port"].clone()
    };
    assert_eq!(port(main), 80);
    let probing = Cluster::features(&[("multi-container-probing", "enabled")])
        .plan(&revision, &Seen::default());
    assert_eq!(
        port(container(&probing, "main")),
        81,
        "with multi-container probing the number is respected"
    );
    assert_eq!(
        env(container(&probing, "queue-proxy"))["SERVING_READINESS_PROBE"],
        "[null]"
    );
    let names: Vec<&str> = got
        .images
        .iter()
        .map(|i| i.metadata.name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["hello-00001-cache-side", "hello-00001-cache-main"]);
}

#[test]
fn resources_of_queue_proxy_follow_the_annotations() {
    let revision = revision_of(
        "{queue.sidecar.serving.knative.dev/resource-percentage: '20', queue.sidecar.serving.knative.dev/memory-resource-limit: 1Gi, queue.sidecar.serving.knative.dev/cpu-resource-limit: nonsense}",
        "{containers: [{name: c, image: 'dev.local/x:1', resources: {requests: {cpu: 400m, memory: 1Gi}, limits: {cpu: '100'}}}]}",
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    let resources = container(&got, "queue-proxy").resources.clone().unwrap();
    let amounts = |amounts: Option<
        BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>,
    >| {
        amounts
            .unwrap_or_default()
            .into_iter()
            .map(|(name, amount)| format!("{name}={}", amount.0))
            .collect::<Vec<_>>()
    };
    assert_eq!(amounts(resources.requests), ["cpu=80m", "memory=200Mi"]);
    assert_eq!(amounts(resources.limits), ["cpu=500m", "memory=1Gi"]);
}

#[test]
fn image_named_by_digest_is_its_own_digest() {
    let digest = format!("dev.local/x@sha256:{}", "a".repeat(64));
    let revision = revision_of(
        "{}",
        &format!("{{containers: [{{name: c, image: '{digest}'}}]}}"),
    );
    let got = Cluster::new().plan(&revision, &Seen::default());
    assert_eq!(got.status.container_statuses[0].image_digest, digest);
    assert_eq!(got.images[0].spec.image, digest);
    let tagged = Cluster::new().plan(&plain(), &Seen::default());
    assert_eq!(tagged.status.container_statuses[0].image_digest, "");
}
