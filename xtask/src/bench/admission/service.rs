//! Services as users write them: a small one, and one of 100 KB.

use serde_json::{Value, json};

/// Containers of the large service.
const CONTAINERS: usize = 3;
/// Environment variables of each of its containers.
const VARIABLES: usize = 245;
/// Its volumes; each container mounts every third.
const VOLUMES: usize = 60;
/// Its annotations, of a quarter of a kilobyte each.
const ANNOTATIONS: usize = 20;

/// What most people write.
pub(super) fn small() -> Value {
    service(
        json!({}),
        json!({
            "containers": [{
                "image": "registry.example.com/shop/front:1.0",
                "env": [{"name": "TARGET", "value": "world"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
            }],
        }),
    )
}

/// About 100 KB: three containers with all that generators of manifests put into them.
pub(super) fn large() -> Value {
    let annotations: serde_json::Map<String, Value> = (0..ANNOTATIONS)
        .map(|n| {
            let text = "who runs this, whom to call, and where its dashboards are; ".repeat(4);
            (
                format!("example.com/note-{n:02}"),
                format!("{n} {text}").into(),
            )
        })
        .collect();
    let containers: Vec<Value> = (0..CONTAINERS).map(container).collect();
    let volumes: Vec<Value> = (0..VOLUMES).map(volume).collect();
    service(
        Value::Object(annotations),
        json!({
            "containerConcurrency": 80,
            "timeoutSeconds": 120,
            "serviceAccountName": "front",
            "containers": containers,
            "volumes": volumes,
        }),
    )
}

fn service(annotations: Value, spec: Value) -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": "front", "namespace": "shop",
            "labels": {"app.kubernetes.io/name": "front", "app.kubernetes.io/part-of": "shop"},
            "annotations": annotations,
        },
        "spec": {"template": {
            "metadata": {
                "labels": {"app.kubernetes.io/name": "front"},
                "annotations": {
                    "autoscaling.knative.dev/min-scale": "2",
                    "autoscaling.knative.dev/max-scale": "40",
                    "autoscaling.knative.dev/target": "60",
                    "autoscaling.knative.dev/window": "90s",
                },
            },
            "spec": spec,
        }},
    })
}

/// The first one serves, the others are side-cars.
fn container(index: usize) -> Value {
    let variables: Vec<Value> = (0..VARIABLES).map(variable).collect();
    let mounts: Vec<Value> = (index..VOLUMES)
        .step_by(CONTAINERS)
        .map(|n| {
            json!({"name": format!("volume-{n:02}"), "mountPath": format!("/etc/shop/part-{n:02}"), "readOnly": true})
        })
        .collect();
    let mut container = json!({
        "name": format!("part-{index}"),
        "image": format!("registry.example.com/shop/part-{index}@sha256:{}", "0123456789abcdef".repeat(4)),
        "args": ["--config=/etc/shop/part-00/config.yaml", "--verbose"],
        "env": variables,
        "envFrom": [{"configMapRef": {"name": "common"}}, {"secretRef": {"name": "common"}}],
        "resources": {
            "requests": {"cpu": "250m", "memory": "256Mi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false, "runAsNonRoot": true, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    });
    if index == 0 {
        container["ports"] = json!([{"containerPort": 8080}]);
        container["readinessProbe"] =
            json!({"httpGet": {"path": "/healthz"}, "periodSeconds": 5, "timeoutSeconds": 2});
        container["livenessProbe"] =
            json!({"httpGet": {"path": "/livez"}, "periodSeconds": 10, "timeoutSeconds": 2});
    }
    container
}

fn variable(n: usize) -> Value {
    let name = format!("SHOP_SETTING_{n:03}");
    match n % 8 {
        0 => {
            json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "front-secrets", "key": format!("setting-{n:03}")}}})
        }
        1 => {
            json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": "front-settings", "key": format!("setting-{n:03}"), "optional": true}}})
        }
        _ => {
            json!({"name": name, "value": format!("https://backend-{n:03}.shop.svc.cluster.local:8443/v1/items?limit={n}&order=price")})
        }
    }
}

fn volume(n: usize) -> Value {
    let name = format!("volume-{n:02}");
    match n % 3 {
        0 => {
            json!({"name": name, "configMap": {"name": format!("front-{n:02}"), "items": [{"key": "config.yaml", "path": "config.yaml"}]}})
        }
        1 => json!({"name": name, "secret": {"secretName": format!("front-{n:02}")}}),
        _ => json!({"name": name, "projected": {"sources": [
            {"configMap": {"name": format!("front-{n:02}")}}, {"secret": {"name": format!("front-{n:02}")}},
        ]}}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_large_service_has_100_kb() {
        let bytes = large().to_string().len();
        assert!((100_000..110_000).contains(&bytes), "{bytes}");
    }
}
