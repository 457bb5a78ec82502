//! Keys of annotations. A key that never had a second spelling is a plain text.

use super::Key;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = [$($key:literal),+];)*) => {
        $($(#[$doc])* pub const $name: Key = Key::new(&[$($key),+]);)*
    };
}

// === serving.knative.dev ===

/// Prefix of Serving's own keys.
pub const SERVING_PREFIX: &str = "serving.knative.dev";
/// User who made the object; immutable.
pub const CREATOR: &str = "serving.knative.dev/creator";
/// User who last changed the spec.
pub const LAST_MODIFIER: &str = "serving.knative.dev/lastModifier";
/// Sorted, comma-separated names of the Routes that lead here.
pub const ROUTES: &str = "serving.knative.dev/routes";
/// When the routing state of a Revision last changed, RFC 3339 in UTC.
pub const ROUTING_STATE_MODIFIED: &str = "serving.knative.dev/routingStateModified";
/// Legacy; only kept off children.
pub const LAST_PINNED: &str = "serving.knative.dev/lastPinned";
/// `true` keeps a Revision from being collected.
pub const NO_GC: &str = "serving.knative.dev/no-gc";
/// How long a Deployment may take, a Go duration in whole seconds.
pub const PROGRESS_DEADLINE: &str = "serving.knative.dev/progress-deadline";

keys! {
    /// How long traffic takes to move to a new revision, a Go duration in whole seconds.
    ROLLOUT_DURATION = ["serving.knative.dev/rollout-duration", "serving.knative.dev/rolloutDuration"];
}

// === queue.sidecar.serving.knative.dev ===

/// CPU request of queue-proxy.
pub const QUEUE_CPU_REQUEST: &str = "queue.sidecar.serving.knative.dev/cpu-resource-request";
/// CPU limit of queue-proxy.
pub const QUEUE_CPU_LIMIT: &str = "queue.sidecar.serving.knative.dev/cpu-resource-limit";
/// Memory request of queue-proxy.
pub const QUEUE_MEMORY_REQUEST: &str = "queue.sidecar.serving.knative.dev/memory-resource-request";
/// Memory limit of queue-proxy.
pub const QUEUE_MEMORY_LIMIT: &str = "queue.sidecar.serving.knative.dev/memory-resource-limit";
/// Ephemeral-storage request of queue-proxy.
pub const QUEUE_EPHEMERAL_STORAGE_REQUEST: &str =
    "queue.sidecar.serving.knative.dev/ephemeral-storage-resource-request";
/// Ephemeral-storage limit of queue-proxy.
pub const QUEUE_EPHEMERAL_STORAGE_LIMIT: &str =
    "queue.sidecar.serving.knative.dev/ephemeral-storage-resource-limit";

keys! {
    /// Deprecated: resources of queue-proxy in percent of the serving container's.
    QUEUE_RESOURCE_PERCENTAGE = [
        "queue.sidecar.serving.knative.dev/resource-percentage",
        "queue.sidecar.serving.knative.dev/resourcePercentage"
    ];
}

// === features.knative.dev ===

/// `enabled` mounts the pod's annotations into queue-proxy.
pub const QUEUE_POD_INFO: &str = "features.knative.dev/queueproxy-podinfo";
/// `enabled` lets HTTP/1 requests and responses stream at the same time.
pub const HTTP_FULL_DUPLEX: &str = "features.knative.dev/http-full-duplex";

// === autoscaling.knative.dev ===

/// Prefix of the autoscaling keys.
pub const AUTOSCALING_PREFIX: &str = "autoscaling.knative.dev";
/// Which autoscaler is in charge.
pub const CLASS: &str = "autoscaling.knative.dev/class";
/// What is measured.
pub const METRIC: &str = "autoscaling.knative.dev/metric";
/// The wanted value of the metric per replica.
pub const TARGET: &str = "autoscaling.knative.dev/target";
/// The averaging window.
pub const WINDOW: &str = "autoscaling.knative.dev/window";
/// Replicas to start with when leaving zero.
pub const ACTIVATION_SCALE: &str = "autoscaling.knative.dev/activation-scale";

keys! {
    /// The part of the target to aim at, in percent.
    TARGET_UTILIZATION = ["autoscaling.knative.dev/target-utilization-percentage", "autoscaling.knative.dev/targetUtilizationPercentage"];
    /// Spare capacity below which the activator stays in the path; -1 for always.
    TARGET_BURST_CAPACITY = ["autoscaling.knative.dev/target-burst-capacity", "autoscaling.knative.dev/targetBurstCapacity"];
    /// Fewest replicas while a route leads here.
    MIN_SCALE = ["autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/minScale"];
    /// Most replicas; 0 for no limit.
    MAX_SCALE = ["autoscaling.knative.dev/max-scale", "autoscaling.knative.dev/maxScale"];
    /// Replicas at creation.
    INITIAL_SCALE = ["autoscaling.knative.dev/initial-scale", "autoscaling.knative.dev/initialScale"];
    /// How long load stays low before a scale-down.
    SCALE_DOWN_DELAY = ["autoscaling.knative.dev/scale-down-delay", "autoscaling.knative.dev/scaleDownDelay"];
    /// How long the last replica lives on at least.
    SCALE_TO_ZERO_POD_RETENTION_PERIOD = [
        "autoscaling.knative.dev/scale-to-zero-pod-retention-period",
        "autoscaling.knative.dev/scaleToZeroPodRetentionPeriod"
    ];
    /// Panic window in percent of the stable one.
    PANIC_WINDOW_PERCENTAGE = ["autoscaling.knative.dev/panic-window-percentage", "autoscaling.knative.dev/panicWindowPercentage"];
    /// Load that counts as panic, in percent of the target.
    PANIC_THRESHOLD_PERCENTAGE = ["autoscaling.knative.dev/panic-threshold-percentage", "autoscaling.knative.dev/panicThresholdPercentage"];
    /// How samples in a window are weighted.
    METRIC_AGGREGATION_ALGORITHM = [
        "autoscaling.knative.dev/metric-aggregation-algorithm",
        "autoscaling.knative.dev/metricAggregationAlgorithm"
    ];
}

// === networking.knative.dev ===

/// Prefix of the networking keys.
pub const NETWORKING_PREFIX: &str = "networking.knative.dev";

keys! {
    /// Which networking layer programs an Ingress.
    INGRESS_CLASS = ["networking.knative.dev/ingress.class", "networking.knative.dev/ingress-class"];
    /// Which controller provides a Certificate.
    CERTIFICATE_CLASS = ["networking.knative.dev/certificate.class", "networking.knative.dev/certificate-class"];
    /// A Go boolean that turns certificates for external hosts off.
    DISABLE_EXTERNAL_DOMAIN_TLS = [
        "networking.knative.dev/disableAutoTLS",
        "networking.knative.dev/disable-auto-tls",
        "networking.knative.dev/disable-external-domain-tls"
    ];
    /// `enabled` or `redirected`.
    HTTP_PROTOCOL = ["networking.knative.dev/httpOption", "networking.knative.dev/http-protocol"];
}

/// State of a gradual rollout, JSON on the Ingress.
pub const ROLLOUT: &str = "networking.internal.knative.dev/rollout";
/// Hosts by tag, JSON on the Ingress.
pub const TAG_TO_HOST: &str = "networking.internal.knative.dev/tag-to-host";

// === others ===

/// Checksum of the `_example` block of a ConfigMap.
pub const EXAMPLE_CHECKSUM: &str = "knative.dev/example-checksum";
/// The container that `kubectl logs` and `exec` choose.
pub const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// What `kubectl apply` remembers; never copied to children.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
