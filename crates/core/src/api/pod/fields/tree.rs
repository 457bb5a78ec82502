//! The fields themselves, from the pod down.

use super::{Field, all, dropped, only, open};
use crate::config::features::switch;

pub(crate) const POD: &[Field] = &[
    open("affinity").permitted(switch::pod_spec_affinity),
    // Only turning it off is allowed.
    all("automountServiceAccountToken").closed(),
    only("containers", CONTAINER),
    open("dnsConfig").permitted(switch::pod_spec_dns_config),
    all("dnsPolicy").permitted(switch::pod_spec_dns_policy),
    all("enableServiceLinks"),
    open("hostAliases").permitted(switch::pod_spec_host_aliases),
    all("hostIPC").permitted(switch::pod_spec_host_ipc),
    all("hostNetwork").permitted(switch::pod_spec_host_network),
    all("hostPID").permitted(switch::pod_spec_host_pid),
    only("imagePullSecrets", NAME).keyed_by("name"),
    // What is in them is as in `containers`.
    open("initContainers").permitted(switch::pod_spec_init_containers),
    all("nodeSelector").permitted(switch::pod_spec_node_selector),
    all("priorityClassName").permitted(switch::pod_spec_priority_class_name),
    all("runtimeClassName").permitted(switch::pod_spec_runtime_class_name),
    all("schedulerName").permitted(switch::pod_spec_scheduler_name),
    // Open as well where containers get secure defaults.
    open("securityContext").permitted(switch::pod_spec_security_context),
    all("serviceAccountName"),
    all("shareProcessNamespace").permitted(switch::pod_spec_share_process_namespace),
    open("tolerations").permitted(switch::pod_spec_tolerations),
    open("topologySpreadConstraints").permitted(switch::pod_spec_topology_spread_constraints),
    only("volumes", VOLUME).keyed_by("name"),
];

/// A reference to something by its name alone.
pub(crate) const NAME: &[Field] = &[all("name").or("")];

/// The pod's security context.
pub(crate) const POD_SECURITY: &[Field] = &[
    all("fsGroup").permitted(switch::pod_spec_security_context),
    all("runAsGroup").permitted(switch::pod_spec_security_context),
    all("runAsNonRoot").permitted(switch::pod_spec_security_context),
    all("runAsUser").permitted(switch::pod_spec_security_context),
    // The plain ones also where containers get secure defaults.
    all("seccompProfile").permitted(switch::pod_spec_security_context),
    all("supplementalGroups").permitted(switch::pod_spec_security_context),
];

pub(crate) const CONTAINER: &[Field] = &[
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
    only("securityContext", SECURITY),
    only("startupProbe", PROBE),
    all("terminationMessagePath"),
    all("terminationMessagePolicy"),
    only("volumeMounts", VOLUME_MOUNT).keyed_by("mountPath"),
    all("workingDir"),
];

pub(crate) const ENV: &[Field] = &[all("name"), all("value"), only("valueFrom", ENV_SOURCE)];

pub(crate) const ENV_SOURCE: &[Field] = &[
    only("configMapKeyRef", KEY_REFERENCE),
    open("fieldRef").permitted(switch::pod_spec_field_ref),
    open("resourceFieldRef").permitted(switch::pod_spec_field_ref),
    only("secretKeyRef", KEY_REFERENCE),
];

const KEY_REFERENCE: &[Field] = &[all("key"), all("name").or(""), all("optional")];

pub(crate) const ENV_FROM: &[Field] = &[
    only("configMapRef", OPTIONAL_REFERENCE),
    all("prefix"),
    only("secretRef", OPTIONAL_REFERENCE),
];

const OPTIONAL_REFERENCE: &[Field] = &[all("name").or(""), all("optional")];

pub(crate) const PORT: &[Field] = &[
    all("containerPort").optional(),
    all("name"),
    all("protocol").or("TCP"),
];

pub(crate) const RESOURCES: &[Field] = &[all("claims").closed(), all("limits"), all("requests")];

/// A container's security context.
pub(crate) const SECURITY: &[Field] = &[
    all("allowPrivilegeEscalation"),
    only("capabilities", CAPABILITIES),
    // Only turning it off is allowed.
    all("privileged").closed(),
    all("readOnlyRootFilesystem"),
    all("runAsGroup"),
    all("runAsNonRoot"),
    all("runAsUser"),
    all("seccompProfile"),
];

pub(crate) const CAPABILITIES: &[Field] = &[
    // What the secure defaults add is open where they are given.
    all("add").enabled(switch::container_spec_add_capabilities),
    all("drop"),
];

pub(crate) const PROBE: &[Field] = &[
    only("exec", EXEC),
    all("failureThreshold"),
    only("grpc", GRPC),
    only("httpGet", HTTP_GET),
    all("initialDelaySeconds"),
    all("periodSeconds"),
    all("successThreshold"),
    only("tcpSocket", TCP_SOCKET),
    dropped("terminationGracePeriodSeconds"),
    all("timeoutSeconds"),
];

pub(crate) const EXEC: &[Field] = &[all("command")];
pub(crate) const GRPC: &[Field] = &[all("port").optional(), all("service").or("")];
pub(crate) const TCP_SOCKET: &[Field] = &[all("host"), all("port").optional()];
pub(crate) const HTTP_GET: &[Field] = &[
    all("host"),
    all("httpHeaders"),
    all("path"),
    all("port").optional(),
    all("scheme"),
];

pub(crate) const VOLUME_MOUNT: &[Field] = &[
    all("mountPath"),
    all("mountPropagation").permitted(switch::pod_spec_volumes_mount_propagation),
    all("name"),
    all("readOnly"),
    all("subPath"),
];

pub(crate) const VOLUME: &[Field] = &[
    only(
        "configMap",
        &[
            all("defaultMode"),
            all("items"),
            all("name").or(""),
            all("optional"),
        ],
    ),
    open("csi").permitted(switch::pod_spec_volumes_csi),
    open("emptyDir").permitted(switch::pod_spec_volumes_empty_dir),
    open("ephemeral").permitted(switch::pod_spec_volumes_ephemeral),
    open("hostPath").permitted(switch::pod_spec_volumes_host_path),
    open("image").permitted(switch::pod_spec_volumes_image),
    all("name"),
    open("persistentVolumeClaim").permitted(switch::pod_spec_persistent_volume_claim),
    only(
        "projected",
        &[all("defaultMode"), only("sources", PROJECTION)],
    ),
    all("secret"),
];

pub(crate) const PROJECTION: &[Field] = &[
    only("configMap", PROJECTED_ITEMS),
    all("downwardAPI"),
    only("secret", PROJECTED_ITEMS),
    all("serviceAccountToken"),
];

const PROJECTED_ITEMS: &[Field] = &[all("items"), all("name").or(""), all("optional")];

/// A volume from an image.
pub(crate) const IMAGE_VOLUME: &[Field] = &[all("pullPolicy"), all("reference")];
