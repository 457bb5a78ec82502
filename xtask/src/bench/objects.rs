//! The objects of a service with one pod, as far as a proxy reads them.

use serde_json::{Value, json};

/// Under which the gateway serves it.
pub(super) const HOST: &str = "hello.bench.example.com";
/// What tells the activator which revision a request is for.
pub(super) const REVISION_HEADERS: &str =
    "Knative-Serving-Revision: hello-00001\r\nKnative-Serving-Namespace: bench\r\n";

/// Objects by the plural of their kind.
pub(super) fn all(app_port: u16) -> Vec<(&'static str, Value)> {
    vec![
        ("revisions", revision()),
        ("services", service("hello-00001", "Public", app_port)),
        (
            "services",
            service("hello-00001-private", "Private", app_port),
        ),
        ("endpointslices", slice("hello-00001", "Public", app_port)),
        (
            "endpointslices",
            slice("hello-00001-private", "Private", app_port),
        ),
        ("ingresses", ingress()),
    ]
}

fn metadata(name: &str, labels: Value) -> Value {
    json!({
        "name": name, "namespace": "bench", "uid": format!("uid-{name}"), "generation": 1,
        "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": labels,
    })
}

fn labels(service: &str, side: &str) -> Value {
    json!({
        "serving.knative.dev/revision": "hello-00001",
        "serving.knative.dev/revisionUID": "uid-hello-00001",
        "networking.internal.knative.dev/serverlessservice": "hello-00001",
        "networking.internal.knative.dev/serviceType": side,
        "kubernetes.io/service-name": service,
    })
}

fn revision() -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
        "metadata": metadata("hello-00001", json!({
            "serving.knative.dev/service": "hello",
            "serving.knative.dev/configuration": "hello",
        })),
        "spec": {
            "containerConcurrency": 0, "timeoutSeconds": 300,
            "containers": [{
                "name": "user-container", "image": "dev.local/ebb/hello:bench",
                "readinessProbe": {"tcpSocket": {"port": 0}, "successThreshold": 1},
            }],
        },
        "status": {
            "observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    })
}

fn service(name: &str, side: &str, port: u16) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": metadata(name, labels(name, side)),
        "spec": {
            "type": "ClusterIP", "clusterIP": "127.0.0.1", "clusterIPs": ["127.0.0.1"],
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": port}],
        },
    })
}

fn slice(service: &str, side: &str, port: u16) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": metadata(&format!("{service}-x"), labels(service, side)),
        "addressType": "IPv4",
        "endpoints": [{
            "addresses": ["127.0.0.1"],
            "conditions": {"ready": true, "serving": true, "terminating": false},
        }],
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    })
}

fn ingress() -> Value {
    let mut metadata = metadata("hello", json!({"serving.knative.dev/route": "hello"}));
    metadata["annotations"] = json!({
        "networking.knative.dev/ingress.class": "ebb.ingress.networking.knative.dev",
    });
    json!({
        "apiVersion": "networking.internal.knative.dev/v1alpha1", "kind": "Ingress",
        "metadata": metadata,
        "spec": {
            "httpOption": "Enabled",
            "rules": [{
                "hosts": [HOST], "visibility": "ExternalIP",
                "http": {"paths": [{
                    "splits": [{
                        "serviceName": "hello-00001", "serviceNamespace": "bench",
                        "servicePort": 80, "percent": 100,
                        "appendHeaders": {
                            "Knative-Serving-Revision": "hello-00001",
                            "Knative-Serving-Namespace": "bench",
                        },
                    }],
                }]},
            }],
        },
    })
}
