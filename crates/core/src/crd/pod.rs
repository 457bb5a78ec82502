//! Which part of Kubernetes' schemas is let through.
//!
//! A field that is not listed is dropped by the API server before admission; one that is listed
//! as open reaches admission whole, which then decides by feature flag. Fields that are always
//! written, or that Kubernetes requires, but that users may leave out are marked `optional`.

use serde_json::{Value, json};

/// What is kept of a schema.
pub(super) enum Keep {
    /// All of it.
    All,
    /// An object whose fields are not looked at.
    Open,
    /// These fields of an object, of the items of a list or of the values of a map.
    Only(&'static [Field]),
}

/// A field that is kept.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) keep: Keep,
    pub(super) is_optional: bool,
    default: Option<&'static str>,
    key: Option<&'static str>,
}

impl Field {
    const fn new(name: &'static str, keep: Keep) -> Self {
        Self {
            name,
            keep,
            is_optional: false,
            default: None,
            key: None,
        }
    }

    /// Lets the field be absent although Kubernetes requires it.
    const fn optional(self) -> Self {
        Self {
            is_optional: true,
            ..self
        }
    }

    /// Fills the field in when it is absent.
    const fn or(self, default: &'static str) -> Self {
        Self {
            is_optional: true,
            default: Some(default),
            ..self
        }
    }

    /// Allows one item for each value of `key`.
    const fn keyed_by(self, key: &'static str) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// Adds what the field gets beyond its type.
    pub(super) fn finish(&self, mut schema: Value) -> Value {
        if let Some(default) = self.default {
            schema["default"] = default.into();
        }
        if let Some(key) = self.key {
            schema["x-kubernetes-list-type"] = "map".into();
            schema["x-kubernetes-list-map-keys"] = json!([key]);
        }
        schema
    }
}

const fn all(name: &'static str) -> Field {
    Field::new(name, Keep::All)
}

const fn open(name: &'static str) -> Field {
    Field::new(name, Keep::Open)
}

const fn only(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Keep::Only(fields))
}

/// What is kept of a type by its name in the generator.
pub(super) fn part_of(type_name: &str) -> &'static Keep {
    static ALL: Keep = Keep::All;
    static SERVICE: Keep = Keep::Only(&[all("template").optional(), all("traffic")]);
    static CONFIGURATION: Keep = Keep::Only(&[all("template").optional()]);
    static TEMPLATE: Keep = Keep::Only(&[all("metadata").optional(), all("spec").optional()]);
    static REVISION: Keep = Keep::Only(REVISION_SPEC);
    static REFERENCE: Keep = Keep::Only(OBJECT_REFERENCE);
    static NAME: Keep = Keep::Only(LOCAL_REFERENCE);
    match type_name {
        "ServiceSpec" => &SERVICE,
        "ConfigurationSpec" => &CONFIGURATION,
        "RevisionTemplate" => &TEMPLATE,
        "RevisionSpec" => &REVISION,
        "io.k8s.api.core.v1.ObjectReference" => &REFERENCE,
        "io.k8s.api.core.v1.LocalObjectReference" => &NAME,
        _ => &ALL,
    }
}

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
                "annotations": { "type": "object", "additionalProperties": { "type": "string" } },
                "finalizers": { "type": "array", "items": { "type": "string" } },
                "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                "name": { "type": "string" },
                "namespace": { "type": "string" },
            },
            "x-kubernetes-preserve-unknown-fields": true,
        }),
        _ => return None,
    })
}

const OBJECT_REFERENCE: &[Field] = &[all("apiVersion"), all("kind"), all("name")];
const LOCAL_REFERENCE: &[Field] = &[all("name").or("")];

const REVISION_SPEC: &[Field] = &[
    open("affinity"),
    all("automountServiceAccountToken"),
    all("containerConcurrency"),
    only("containers", CONTAINER),
    open("dnsConfig"),
    all("dnsPolicy"),
    all("enableServiceLinks"),
    open("hostAliases"),
    all("hostIPC"),
    all("hostNetwork"),
    all("hostPID"),
    all("idleTimeoutSeconds"),
    only("imagePullSecrets", LOCAL_REFERENCE).keyed_by("name"),
    open("initContainers"),
    all("nodeSelector"),
    all("priorityClassName"),
    all("responseStartTimeoutSeconds"),
    all("runtimeClassName"),
    all("schedulerName"),
    open("securityContext"),
    all("serviceAccountName"),
    all("shareProcessNamespace"),
    all("timeoutSeconds"),
    open("tolerations"),
    open("topologySpreadConstraints"),
    only("volumes", VOLUME).keyed_by("name"),
];

const CONTAINER: &[Field] = &[
    all("args"),
    all("command"),
    only("env", ENV).keyed_by("name"),
    only("envFrom", ENV_FROM),
    all("image"),
    all("imagePullPolicy"),
    only("livenessProbe", PROBE),
    all("name").optional(),
    only("ports", PORT),
    only("readinessProbe", PROBE),
    only("resources", RESOURCES),
    only("securityContext", SECURITY_CONTEXT),
    only("startupProbe", PROBE),
    all("terminationMessagePath"),
    all("terminationMessagePolicy"),
    only("volumeMounts", VOLUME_MOUNT).keyed_by("mountPath"),
    all("workingDir"),
];

const ENV: &[Field] = &[
    all("name"),
    all("value"),
    only(
        "valueFrom",
        &[
            only("configMapKeyRef", KEY_REFERENCE),
            open("fieldRef"),
            open("resourceFieldRef"),
            only("secretKeyRef", KEY_REFERENCE),
        ],
    ),
];

const KEY_REFERENCE: &[Field] = &[all("key"), all("name").or(""), all("optional")];

const ENV_FROM: &[Field] = &[
    only("configMapRef", &[all("name").or(""), all("optional")]),
    all("prefix"),
    only("secretRef", &[all("name").or(""), all("optional")]),
];

const PORT: &[Field] = &[
    all("containerPort").optional(),
    all("name"),
    all("protocol").or("TCP"),
];

const RESOURCES: &[Field] = &[all("claims"), all("limits"), all("requests")];

const SECURITY_CONTEXT: &[Field] = &[
    all("allowPrivilegeEscalation"),
    all("capabilities"),
    all("privileged"),
    all("readOnlyRootFilesystem"),
    all("runAsGroup"),
    all("runAsNonRoot"),
    all("runAsUser"),
    all("seccompProfile"),
];

const PROBE: &[Field] = &[
    all("exec"),
    all("failureThreshold"),
    only("grpc", &[all("port").optional(), all("service").or("")]),
    only(
        "httpGet",
        &[
            all("host"),
            all("httpHeaders"),
            all("path"),
            all("port").optional(),
            all("scheme"),
        ],
    ),
    all("initialDelaySeconds"),
    all("periodSeconds"),
    all("successThreshold"),
    only("tcpSocket", &[all("host"), all("port").optional()]),
    all("timeoutSeconds"),
];

const VOLUME_MOUNT: &[Field] = &[
    all("mountPath"),
    all("mountPropagation"),
    all("name"),
    all("readOnly"),
    all("subPath"),
];

const VOLUME: &[Field] = &[
    only(
        "configMap",
        &[
            all("defaultMode"),
            all("items"),
            all("name").or(""),
            all("optional"),
        ],
    ),
    open("csi"),
    open("emptyDir"),
    open("ephemeral"),
    open("hostPath"),
    open("image"),
    all("name"),
    open("persistentVolumeClaim"),
    only(
        "projected",
        &[
            all("defaultMode"),
            only(
                "sources",
                &[
                    only(
                        "configMap",
                        &[all("items"), all("name").or(""), all("optional")],
                    ),
                    all("downwardAPI"),
                    only(
                        "secret",
                        &[all("items"), all("name").or(""), all("optional")],
                    ),
                    all("serviceAccountToken"),
                ],
            ),
        ],
    ),
    all("secret"),
];
