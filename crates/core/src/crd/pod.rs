//! Which part of the types' schemas is let through.
//!
//! What users may write of a pod is said in `crate::api::pod`. A field that is not listed is dropped by
//! the API server before admission; one that is open reaches admission whole, which then decides by
//! feature flag.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::api::pod::fields::{Field, Kept, NAME, POD, all};

/// What is kept of a schema.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    /// All of it.
    All,
    /// An object whose fields are not looked at.
    Open,
    /// These fields of an object, of the items of a list or of the values of a map.
    Only(&'static [Field]),
}

/// What is kept of a field's schema; `None` when it is not even named.
pub(super) fn keep(field: &Field) -> Option<Keep> {
    match field.kept {
        Kept::All => Some(Keep::All),
        Kept::Open => Some(Keep::Open),
        Kept::Listed => Some(Keep::Only(field.fields)),
        Kept::Dropped => None,
    }
}

/// Adds what a field gets beyond its type.
pub(super) fn finish(field: &Field, mut schema: Value) -> Value {
    if let Some(key) = field.flag() {
        let text = schema["description"].as_str().unwrap_or_default();
        let gap = match text {
            "" => "",
            text if text.ends_with('.') => " ",
            // Some of Kubernetes' own texts have no full stop.
            _ => ". ",
        };
        schema["description"] =
            format!("{text}{gap}Needs {key} in ConfigMap config-features.").into();
    }
    if let Some(default) = field.default {
        schema["default"] = default.into();
    }
    if let Some(key) = field.key {
        schema["x-kubernetes-list-type"] = "map".into();
        schema["x-kubernetes-list-map-keys"] = json!([key]);
    }
    schema
}

/// What is kept of a type by its name in the generator.
pub(super) fn part_of(type_name: &str) -> Keep {
    match type_name {
        "ServiceSpec" => Keep::Only(const { &[all("template").optional(), all("traffic")] }),
        "ConfigurationSpec" => Keep::Only(const { &[all("template").optional()] }),
        "RevisionTemplate" => {
            Keep::Only(const { &[all("metadata").optional(), all("spec").optional()] })
        }
        "RevisionSpec" => Keep::Only(&REVISION),
        "io.k8s.api.core.v1.ObjectReference" => {
            Keep::Only(const { &[all("apiVersion"), all("kind"), all("name")] })
        }
        "io.k8s.api.core.v1.LocalObjectReference" => Keep::Only(NAME),
        _ => Keep::All,
    }
}

/// The pod's fields and a revision's own.
static REVISION: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let own = [
        all("containerConcurrency"),
        all("idleTimeoutSeconds"),
        all("responseStartTimeoutSeconds"),
        all("timeoutSeconds"),
    ];
    [POD, &own].concat()
});

/// The schema of a type whose own says too little or too much.
pub(super) fn replacement(type_name: &str) -> Option<Value> {
    Some(match type_name {
        "io.k8s.apimachinery.pkg.api.resource.Quantity" => json!({
            "anyOf": [{ "type": "integer" }, { "type": "string" }],
            "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
            "x-kubernetes-int-or-string": true,
        }),
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString" => json!({
            "anyOf": [{ "type": "integer" }, { "type": "string" }],
            "x-kubernetes-int-or-string": true,
        }),
        // Only templates hold metadata below the top.
        "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" => json!({
            "type": "object",
            "properties": {
                "annotations": {
                    "type": "object",
                    "additionalProperties": { "type": "string" },
                    "description": "Annotations of what is made from the template; those of autoscaling.knative.dev set how a revision scales.",
                },
                "finalizers": {
                    "type": "array",
                    "items": { "type": "string" },
                    "description": "Finalizers of what is made from the template.",
                },
                "labels": {
                    "type": "object",
                    "additionalProperties": { "type": "string" },
                    "description": "Labels of what is made from the template, and of its pods.",
                },
                "name": {
                    "type": "string",
                    "description": "A name for the next revision; it begins with the name of the Service or Configuration and a dash. Without one a name is made up.",
                },
                "namespace": {
                    "type": "string",
                    "description": "Not used: what is made lives in the namespace of its maker.",
                },
            },
            "x-kubernetes-preserve-unknown-fields": true,
        }),
        _ => return None,
    })
}
