//! How a revision's spec looks as Go structs: their order, names, embedding and what is a pointer.
//! Only what users may write is described; the rest is shown as it is.

/// A Go struct.
pub(super) struct Struct {
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
}

impl Struct {
    /// Whether a member of this name in JSON is here or in an embedded struct.
    pub(super) fn describes(&self, json: &str) -> bool {
        self.fields.iter().any(|field| match field.shape {
            Shape::Embedded(kind) => kind.describes(json),
            _ => field.json == json,
        })
    }
}

/// A member of a Go struct; an embedded struct has no name in JSON.
pub(super) struct Field {
    pub(super) json: &'static str,
    pub(super) go: &'static str,
    pub(super) shape: Shape,
}

/// What a member is, and so what it shows when it is not written.
pub(super) enum Shape {
    Text,
    Number,
    Flag,
    /// A pointer to a text, number or flag.
    Pointer,
    Struct(&'static Struct),
    /// A struct whose members are the outer one's.
    Embedded(&'static Struct),
    /// A pointer to a struct.
    Optional(&'static Struct),
    List(&'static Struct),
    /// A list or a map of texts.
    Texts,
    /// A map of amounts.
    Amounts,
    /// One of them.
    Amount,
    /// An element of a list, or an entry of a map.
    Member,
    /// Something that is not described.
    Any,
}

use Shape::{Amounts, Any, Flag, List, Number, Optional, Pointer, Text, Texts};

const fn field(json: &'static str, go: &'static str, shape: Shape) -> Field {
    Field { json, go, shape }
}

const fn embedded(go: &'static str, kind: &'static Struct) -> Field {
    field("", go, Shape::Embedded(kind))
}

macro_rules! structs {
    ($($id:ident = $name:literal { $($field:expr),* $(,)? })*) => {
        $(pub(super) static $id: Struct = Struct { name: $name, fields: &[$($field),*] };)*
    };
}

structs! {
    TEMPLATE = "v1.RevisionTemplateSpec" {
        field("metadata", "ObjectMeta", Shape::Struct(&OBJECT_META)),
        field("spec", "Spec", Shape::Struct(&REVISION_SPEC)),
    }
    OBJECT_META = "v1.ObjectMeta" {
        field("name", "Name", Text), field("generateName", "GenerateName", Text),
        field("namespace", "Namespace", Text), field("labels", "Labels", Texts),
        field("annotations", "Annotations", Texts), field("ownerReferences", "OwnerReferences", Any),
        field("finalizers", "Finalizers", Texts),
    }
    REVISION_SPEC = "v1.RevisionSpec" {
        embedded("PodSpec", &POD_SPEC),
        field("containerConcurrency", "ContainerConcurrency", Pointer),
        field("timeoutSeconds", "TimeoutSeconds", Pointer),
        field("responseStartTimeoutSeconds", "ResponseStartTimeoutSeconds", Pointer),
        field("idleTimeoutSeconds", "IdleTimeoutSeconds", Pointer),
    }
    POD_SPEC = "v1.PodSpec" {
        field("volumes", "Volumes", List(&VOLUME)),
        field("initContainers", "InitContainers", List(&CONTAINER)),
        field("containers", "Containers", List(&CONTAINER)),
        field("dnsPolicy", "DNSPolicy", Text), field("nodeSelector", "NodeSelector", Texts),
        field("serviceAccountName", "ServiceAccountName", Text),
        field("automountServiceAccountToken", "AutomountServiceAccountToken", Pointer),
        field("hostNetwork", "HostNetwork", Flag), field("hostPID", "HostPID", Flag),
        field("hostIPC", "HostIPC", Flag),
        field("shareProcessNamespace", "ShareProcessNamespace", Pointer),
        field("securityContext", "SecurityContext", Optional(&POD_SECURITY_CONTEXT)),
        field("imagePullSecrets", "ImagePullSecrets", List(&LOCAL_REFERENCE)),
        field("affinity", "Affinity", Any), field("schedulerName", "SchedulerName", Text),
        field("tolerations", "Tolerations", Any), field("hostAliases", "HostAliases", Any),
        field("priorityClassName", "PriorityClassName", Text), field("dnsConfig", "DNSConfig", Any),
        field("runtimeClassName", "RuntimeClassName", Pointer),
        field("enableServiceLinks", "EnableServiceLinks", Pointer),
        field("topologySpreadConstraints", "TopologySpreadConstraints", Any),
    }
    CONTAINER = "v1.Container" {
        field("name", "Name", Text), field("image", "Image", Text), field("command", "Command", Texts),
        field("args", "Args", Texts), field("workingDir", "WorkingDir", Text),
        field("ports", "Ports", List(&CONTAINER_PORT)),
        field("envFrom", "EnvFrom", List(&ENV_FROM)), field("env", "Env", List(&ENV)),
        field("resources", "Resources", Shape::Struct(&RESOURCES)),
        field("volumeMounts", "VolumeMounts", List(&VOLUME_MOUNT)),
        field("livenessProbe", "LivenessProbe", Optional(&PROBE)),
        field("readinessProbe", "ReadinessProbe", Optional(&PROBE)),
        field("startupProbe", "StartupProbe", Optional(&PROBE)),
        field("terminationMessagePath", "TerminationMessagePath", Text),
        field("terminationMessagePolicy", "TerminationMessagePolicy", Text),
        field("imagePullPolicy", "ImagePullPolicy", Text),
        field("securityContext", "SecurityContext", Optional(&SECURITY_CONTEXT)),
    }
    CONTAINER_PORT = "v1.ContainerPort" {
        field("name", "Name", Text), field("containerPort", "ContainerPort", Number),
        field("protocol", "Protocol", Text),
    }
    ENV = "v1.EnvVar" {
        field("name", "Name", Text), field("value", "Value", Text),
        field("valueFrom", "ValueFrom", Optional(&ENV_SOURCE)),
    }
    ENV_SOURCE = "v1.EnvVarSource" {
        field("fieldRef", "FieldRef", Any), field("resourceFieldRef", "ResourceFieldRef", Any),
        field("configMapKeyRef", "ConfigMapKeyRef", Optional(&KEY_REFERENCE)),
        field("secretKeyRef", "SecretKeyRef", Optional(&KEY_REFERENCE)),
    }
    KEY_REFERENCE = "v1.SecretKeySelector" {
        embedded("LocalObjectReference", &LOCAL_REFERENCE),
        field("key", "Key", Text), field("optional", "Optional", Pointer),
    }
    ENV_FROM = "v1.EnvFromSource" {
        field("prefix", "Prefix", Text),
        field("configMapRef", "ConfigMapRef", Optional(&ENV_REFERENCE)),
        field("secretRef", "SecretRef", Optional(&ENV_REFERENCE)),
    }
    ENV_REFERENCE = "v1.SecretEnvSource" {
        embedded("LocalObjectReference", &LOCAL_REFERENCE), field("optional", "Optional", Pointer),
    }
    LOCAL_REFERENCE = "v1.LocalObjectReference" { field("name", "Name", Text) }
    RESOURCES = "v1.ResourceRequirements" {
        field("limits", "Limits", Amounts), field("requests", "Requests", Amounts),
    }
    VOLUME_MOUNT = "v1.VolumeMount" {
        field("name", "Name", Text), field("readOnly", "ReadOnly", Flag),
        field("mountPath", "MountPath", Text), field("subPath", "SubPath", Text),
        field("mountPropagation", "MountPropagation", Pointer),
    }
    PROBE = "v1.Probe" {
        embedded("ProbeHandler", &PROBE_HANDLER),
        field("initialDelaySeconds", "InitialDelaySeconds", Number),
        field("timeoutSeconds", "TimeoutSeconds", Number),
        field("periodSeconds", "PeriodSeconds", Number),
        field("successThreshold", "SuccessThreshold", Number),
        field("failureThreshold", "FailureThreshold", Number),
        field("terminationGracePeriodSeconds", "TerminationGracePeriodSeconds", Pointer),
    }
    PROBE_HANDLER = "v1.ProbeHandler" {
        field("exec", "Exec", Optional(&EXEC)), field("httpGet", "HTTPGet", Optional(&HTTP_GET)),
        field("tcpSocket", "TCPSocket", Optional(&TCP_SOCKET)), field("grpc", "GRPC", Optional(&GRPC)),
    }
    EXEC = "v1.ExecAction" { field("command", "Command", Texts) }
    HTTP_GET = "v1.HTTPGetAction" {
        field("path", "Path", Text), field("port", "Port", Any), field("host", "Host", Text),
        field("scheme", "Scheme", Text), field("httpHeaders", "HTTPHeaders", List(&HTTP_HEADER)),
    }
    HTTP_HEADER = "v1.HTTPHeader" { field("name", "Name", Text), field("value", "Value", Text) }
    TCP_SOCKET = "v1.TCPSocketAction" { field("port", "Port", Any), field("host", "Host", Text) }
    GRPC = "v1.GRPCAction" { field("port", "Port", Number), field("service", "Service", Pointer) }
    SECURITY_CONTEXT = "v1.SecurityContext" {
        field("capabilities", "Capabilities", Optional(&CAPABILITIES)),
        field("privileged", "Privileged", Pointer), field("runAsUser", "RunAsUser", Pointer),
        field("runAsGroup", "RunAsGroup", Pointer), field("runAsNonRoot", "RunAsNonRoot", Pointer),
        field("readOnlyRootFilesystem", "ReadOnlyRootFilesystem", Pointer),
        field("allowPrivilegeEscalation", "AllowPrivilegeEscalation", Pointer),
        field("seccompProfile", "SeccompProfile", Optional(&SECCOMP_PROFILE)),
    }
    POD_SECURITY_CONTEXT = "v1.PodSecurityContext" {
        field("runAsUser", "RunAsUser", Pointer), field("runAsGroup", "RunAsGroup", Pointer),
        field("runAsNonRoot", "RunAsNonRoot", Pointer),
        field("supplementalGroups", "SupplementalGroups", Any), field("fsGroup", "FSGroup", Pointer),
        field("seccompProfile", "SeccompProfile", Optional(&SECCOMP_PROFILE)),
    }
    CAPABILITIES = "v1.Capabilities" { field("add", "Add", Texts), field("drop", "Drop", Texts) }
    SECCOMP_PROFILE = "v1.SeccompProfile" {
        field("type", "Type", Text), field("localhostProfile", "LocalhostProfile", Pointer),
    }
    VOLUME = "v1.Volume" {
        field("name", "Name", Text), embedded("VolumeSource", &VOLUME_SOURCE),
    }
    VOLUME_SOURCE = "v1.VolumeSource" {
        field("hostPath", "HostPath", Any), field("emptyDir", "EmptyDir", Any),
        field("secret", "Secret", Optional(&SECRET)),
        field("persistentVolumeClaim", "PersistentVolumeClaim", Optional(&CLAIM)),
        field("configMap", "ConfigMap", Optional(&CONFIG_MAP)), field("projected", "Projected", Any),
        field("csi", "CSI", Any), field("ephemeral", "Ephemeral", Any), field("image", "Image", Any),
    }
    SECRET = "v1.SecretVolumeSource" {
        field("secretName", "SecretName", Text), field("items", "Items", List(&KEY_TO_PATH)),
        field("defaultMode", "DefaultMode", Pointer), field("optional", "Optional", Pointer),
    }
    CONFIG_MAP = "v1.ConfigMapVolumeSource" {
        embedded("LocalObjectReference", &LOCAL_REFERENCE), field("items", "Items", List(&KEY_TO_PATH)),
        field("defaultMode", "DefaultMode", Pointer), field("optional", "Optional", Pointer),
    }
    KEY_TO_PATH = "v1.KeyToPath" {
        field("key", "Key", Text), field("path", "Path", Text), field("mode", "Mode", Pointer),
    }
    CLAIM = "v1.PersistentVolumeClaimVolumeSource" {
        field("claimName", "ClaimName", Text), field("readOnly", "ReadOnly", Flag),
    }
}

/// The Go name of a member that is not described above.
pub(super) fn go_name(json: &str) -> String {
    let mut letters = json.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
