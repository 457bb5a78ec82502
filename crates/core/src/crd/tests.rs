use serde_json::Value;

use super::*;

fn schema(name: &str) -> Value {
    let crd = all()
        .into_iter()
        .find(|crd| crd.metadata.name.as_deref() == Some(name))
        .unwrap();
    let schema = crd.spec.versions[0]
        .schema
        .clone()
        .unwrap()
        .open_api_v3_schema
        .unwrap();
    serde_json::to_value(schema).unwrap()
}

/// Follows properties, and items where there is a list.
fn at<'a>(schema: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(schema, |schema, name| {
        let schema = schema.get("items").unwrap_or(schema);
        schema
            .pointer(&format!("/properties/{name}"))
            .unwrap_or_else(|| panic!("{name} of {path} in {schema}"))
    })
}

#[test]
fn all_kinds_have_upstreams_names() {
    let names: Vec<String> = all()
        .iter()
        .filter_map(|crd| crd.metadata.name.clone())
        .collect();
    assert_eq!(
        names,
        [
            "certificates.networking.internal.knative.dev",
            "clusterdomainclaims.networking.internal.knative.dev",
            "configurations.serving.knative.dev",
            "domainmappings.serving.knative.dev",
            "images.caching.internal.knative.dev",
            "ingresses.networking.internal.knative.dev",
            "metrics.autoscaling.internal.knative.dev",
            "podautoscalers.autoscaling.internal.knative.dev",
            "revisions.serving.knative.dev",
            "routes.serving.knative.dev",
            "serverlessservices.networking.internal.knative.dev",
            "services.serving.knative.dev",
        ]
    );
}

#[test]
fn only_claims_are_cluster_wide() {
    let cluster: Vec<_> = all()
        .into_iter()
        .filter(|crd| crd.spec.scope == "Cluster")
        .map(|crd| crd.spec.names.kind)
        .collect();
    assert_eq!(cluster, ["ClusterDomainClaim"]);
}

#[test]
fn the_revision_spec_is_the_same_in_three_kinds() {
    let service = schema("services.serving.knative.dev");
    let configuration = schema("configurations.serving.knative.dev");
    let revision = schema("revisions.serving.knative.dev");
    let properties = |schema: &Value| schema["properties"].clone();
    let want = properties(at(&revision, "spec"));
    assert_eq!(properties(at(&service, "spec.template.spec")), want);
    assert_eq!(properties(at(&configuration, "spec.template.spec")), want);
}

#[test]
fn only_containers_are_required_in_a_revision_spec() {
    let revision = schema("revisions.serving.knative.dev");
    assert_eq!(
        at(&revision, "spec")["required"],
        serde_json::json!(["containers"])
    );
    let containers = at(&revision, "spec.containers");
    assert_eq!(containers["items"].get("required"), None);
    assert_eq!(
        at(&revision, "spec.containers.ports")["items"].get("required"),
        None
    );
    assert_eq!(
        at(&revision, "spec.containers.ports.protocol")["default"],
        "TCP"
    );
    assert_eq!(
        at(&revision, "spec.containers.readinessProbe.tcpSocket").get("required"),
        None
    );
    assert_eq!(
        at(&revision, "spec.containers.env")["items"]["required"],
        serde_json::json!(["name"])
    );
    assert_eq!(
        at(&revision, "spec.containers.env.valueFrom.secretKeyRef")["required"],
        serde_json::json!(["key"])
    );
    assert_eq!(
        at(&revision, "spec.volumes")["x-kubernetes-list-map-keys"],
        serde_json::json!(["name"])
    );
    assert_eq!(
        at(&revision, "spec.containers").get("x-kubernetes-list-type"),
        None
    );
}

#[test]
fn fields_behind_flags_are_open_and_others_are_dropped() {
    let revision = schema("revisions.serving.knative.dev");
    for path in [
        "spec.affinity",
        "spec.securityContext",
        "spec.volumes.emptyDir",
        "spec.containers.env.valueFrom.fieldRef",
    ] {
        assert_eq!(
            at(&revision, path)["x-kubernetes-preserve-unknown-fields"],
            true,
            "{path}"
        );
    }
    assert_eq!(
        at(&revision, "spec.tolerations")["items"]["x-kubernetes-preserve-unknown-fields"],
        true
    );
    let dropped = |path: &str, name: &str| {
        let schema = at(&revision, path);
        schema.get("items").unwrap_or(schema)["properties"]
            .get(name)
            .is_none()
    };
    assert!(
        dropped("spec", "nodeName")
            && dropped("spec.containers", "lifecycle")
            && dropped("spec.containers.ports", "hostPort")
    );
    assert!(dropped(
        "spec.containers.readinessProbe",
        "terminationGracePeriodSeconds"
    ));
}

#[test]
fn explanations_name_the_flag_that_a_field_needs() {
    let revision = schema("revisions.serving.knative.dev");
    for (path, key) in [
        ("spec.affinity", "kubernetes.podspec-affinity"),
        ("spec.volumes.csi", "kubernetes.podspec-volumes-csi"),
        (
            "spec.containers.env.valueFrom.fieldRef",
            "kubernetes.podspec-fieldref",
        ),
        (
            "spec.containers.securityContext.capabilities.add",
            "kubernetes.containerspec-addcapabilities",
        ),
    ] {
        let text = at(&revision, path)["description"].as_str().unwrap();
        let end = format!(". Needs {key} in ConfigMap config-features.");
        assert!(text.ends_with(&end), "{path}: {text}");
    }
    let plain = at(&revision, "spec.containers.image")["description"].to_string();
    assert!(!plain.contains("config-features"));
}

#[test]
fn required_fields_of_the_internal_kinds_are_upstreams() {
    let required = |name: &str, path: &str| {
        let schema = schema(name);
        let at = at(&schema, path);
        at.get("items").unwrap_or(at)["required"].to_string()
    };
    assert_eq!(
        required("podautoscalers.autoscaling.internal.knative.dev", "spec"),
        r#"["protocolType","scaleTargetRef"]"#
    );
    assert_eq!(
        required("podautoscalers.autoscaling.internal.knative.dev", "status"),
        r#"["metricsServiceName","serviceName"]"#
    );
    assert_eq!(
        required("metrics.autoscaling.internal.knative.dev", "spec"),
        r#"["panicWindow","scrapeTarget","stableWindow"]"#
    );
    assert_eq!(
        required("serverlessservices.networking.internal.knative.dev", "spec"),
        r#"["objectRef","protocolType"]"#
    );
    assert_eq!(
        required("certificates.networking.internal.knative.dev", "spec"),
        r#"["dnsNames","secretName"]"#
    );
    assert_eq!(
        required(
            "ingresses.networking.internal.knative.dev",
            "spec.rules.http.paths.splits"
        ),
        r#"["serviceName","serviceNamespace","servicePort"]"#
    );
    assert_eq!(
        required("domainmappings.serving.knative.dev", "spec.ref"),
        r#"["kind","name"]"#
    );
    assert_eq!(
        required("services.serving.knative.dev", "status.conditions"),
        r#"["status","type"]"#
    );
    assert_eq!(required("services.serving.knative.dev", "spec"), "null");
}

/// The rules of a structural schema that a mistake here would break.
#[test]
fn schemas_are_structural() {
    fn check(path: &str, schema: &Value) {
        let is_open = schema.get("x-kubernetes-preserve-unknown-fields").is_some();
        let is_either = schema.get("x-kubernetes-int-or-string").is_some();
        assert!(
            is_either || schema.get("type").is_some_and(Value::is_string),
            "no type: {path}: {schema}"
        );
        assert!(
            schema.get("$ref").is_none() && schema.get("nullable").is_none(),
            "{path}"
        );
        assert!(is_either || schema.get("anyOf").is_none(), "{path}");
        let fields = schema["properties"].as_object();
        if schema["type"] == "object" && !path.ends_with(".metadata") && !path.ends_with(".status")
        {
            assert!(
                is_open || fields.is_some() || schema.get("additionalProperties").is_some(),
                "nothing known: {path}"
            );
        }
        if schema["type"] == "array" {
            assert!(schema.get("items").is_some(), "{path}");
        }
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            assert!(
                fields.is_some_and(|f| f.contains_key(name)),
                "{path} requires {name}"
            );
        }
        for (name, field) in fields.into_iter().flatten() {
            check(&format!("{path}.{name}"), field);
        }
        for word in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(word) {
                check(&format!("{path}[]"), inner);
            }
        }
        // A list keyed by a field needs that field in each item.
        for key in schema["x-kubernetes-list-map-keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let item = &schema["items"];
            let has_default = !item["properties"][key]["default"].is_null();
            assert!(
                has_default
                    || item["required"]
                        .as_array()
                        .is_some_and(|r| r.iter().any(|n| n == key)),
                "{path}"
            );
        }
    }
    for crd in all() {
        let name = crd.metadata.name.unwrap();
        check(&name, &schema(&name));
    }
}

#[test]
fn kubectl_explains_every_kind_and_every_field() {
    fn undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
        let described = schema["description"]
            .as_str()
            .is_some_and(|it| !it.is_empty());
        // The API server itself explains these three of every kind.
        let common = ["apiVersion", "kind", "metadata"].map(|field| format!(".{field}"));
        if !described && !common.contains(&path.to_owned()) {
            found.push(path.to_owned());
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            undescribed(&format!("{path}.{name}"), field, found);
        }
        let items = schema["items"]["properties"].as_object();
        for (name, field) in items.into_iter().flatten() {
            undescribed(&format!("{path}[].{name}"), field, found);
        }
    }
    for definition in all() {
        let mut found = Vec::new();
        undescribed(
            "",
            &schema(definition.metadata.name.as_deref().unwrap()),
            &mut found,
        );
        assert!(
            found.is_empty(),
            "{}: {found:?}",
            definition.spec.names.kind
        );
    }
}
