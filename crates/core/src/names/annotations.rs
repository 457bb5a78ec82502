//! Keys of annotations. A key that never had a second spelling is a plain text.

use super::known::Status::{Done, Foreign, Partly};
use super::known::known;

/// Prefix of the autoscaling keys.
pub const AUTOSCALING_PREFIX: &str = "autoscaling.knative.dev";
/// Prefix of the networking keys.
pub const NETWORKING_PREFIX: &str = "networking.knative.dev";

known! {
    /// Every annotation that we know.
    ALL;

    // === serving.knative.dev ===

    /// User who made the object; immutable.
    CREATOR = "serving.knative.dev/creator", on "Service, Configuration, Route, DomainMapping, Revision", Done;
    /// User who last changed the spec.
    LAST_MODIFIER = "serving.knative.dev/lastModifier", on "Service, Configuration, Route, DomainMapping", Done;
    /// Sorted, comma-separated names of the Routes that lead here.
    ROUTES = "serving.knative.dev/routes", on "Configuration, Revision", Done;
    /// When the routing state of a Revision last changed, RFC 3339 in UTC.
    ROUTING_STATE_MODIFIED = "serving.knative.dev/routingStateModified", on "Revision", Done;
    /// Legacy; only kept off children.
    LAST_PINNED = "serving.knative.dev/lastPinned", on "Revision", Done;
    /// `true` keeps a Revision from being collected.
    NO_GC = "serving.knative.dev/no-gc", on "Revision", else "`false`", Done;
    /// How long a Deployment may take, a Go duration in whole seconds.
    PROGRESS_DEADLINE = "serving.knative.dev/progress-deadline", on "template", else "`progress-deadline`", Done;
    /// How long traffic takes to move to a new revision, a Go duration in whole seconds.
    ROLLOUT_DURATION = ["serving.knative.dev/rollout-duration", "serving.knative.dev/rolloutDuration"],
        on "Service, Route", else "`rollout-duration`", Done;

    // === queue.sidecar.serving.knative.dev ===

    /// CPU request of queue-proxy.
    QUEUE_CPU_REQUEST = "queue.sidecar.serving.knative.dev/cpu-resource-request",
        on "template", else "`queue-sidecar-cpu-request`", Done;
    /// CPU limit of queue-proxy.
    QUEUE_CPU_LIMIT = "queue.sidecar.serving.knative.dev/cpu-resource-limit",
        on "template", else "`queue-sidecar-cpu-limit`", Done;
    /// Memory request of queue-proxy.
    QUEUE_MEMORY_REQUEST = "queue.sidecar.serving.knative.dev/memory-resource-request",
        on "template", else "`queue-sidecar-memory-request`", Done;
    /// Memory limit of queue-proxy.
    QUEUE_MEMORY_LIMIT = "queue.sidecar.serving.knative.dev/memory-resource-limit",
        on "template", else "`queue-sidecar-memory-limit`", Done;
    /// Ephemeral-storage request of queue-proxy.
    QUEUE_EPHEMERAL_STORAGE_REQUEST = "queue.sidecar.serving.knative.dev/ephemeral-storage-resource-request",
        on "template", else "`queue-sidecar-ephemeral-storage-request`", Done;
    /// Ephemeral-storage limit of queue-proxy.
    QUEUE_EPHEMERAL_STORAGE_LIMIT = "queue.sidecar.serving.knative.dev/ephemeral-storage-resource-limit",
        on "template", else "`queue-sidecar-ephemeral-storage-limit`", Done;
    /// Deprecated: resources of queue-proxy in percent of the serving container's, 0.1 to 100.
    QUEUE_RESOURCE_PERCENTAGE = [
        "queue.sidecar.serving.knative.dev/resource-percentage",
        "queue.sidecar.serving.knative.dev/resourcePercentage"
    ], on "template", Done;

    // === features.knative.dev ===

    /// `enabled` mounts the pod's annotations into queue-proxy.
    QUEUE_POD_INFO = "features.knative.dev/queueproxy-podinfo", on "template", else "off", Done;
    /// `enabled` lets HTTP/1 requests and responses stream at the same time, as our programs always do.
    HTTP_FULL_DUPLEX = "features.knative.dev/http-full-duplex", on "template", else "off", Done;
    /// Once asked for a dry run of the pod.
    POD_SPEC_DRY_RUN = "features.knative.dev/podspec-dryrun", on "template",
        Foreign("gone upstream; every server-side dry run tries the pod");

    // === autoscaling.knative.dev ===

    /// Which autoscaler is in charge.
    CLASS = "autoscaling.knative.dev/class", on "template, PodAutoscaler", else "`pod-autoscaler-class`",
        Partly("nothing scales revisions of the class `hpa` yet");
    /// What is measured: `concurrency` or `rps`; for HPA `cpu`, `memory` or a metric of one's own.
    METRIC = "autoscaling.knative.dev/metric", on "template, PodAutoscaler", else "`concurrency`; HPA: `cpu`",
        Partly("those of HPA are accepted and written, but nobody measures them");
    /// The wanted value of the metric per replica, 0.01 and more.
    TARGET = "autoscaling.knative.dev/target", on "template, PodAutoscaler",
        else "limit or target of the cluster", Done;
    /// The part of the target to aim at, in percent, 1 to 100.
    TARGET_UTILIZATION = ["autoscaling.knative.dev/target-utilization-percentage", "autoscaling.knative.dev/targetUtilizationPercentage"],
        on "template, PodAutoscaler", else "`container-concurrency-target-percentage`; rps: 70", Done;
    /// Spare capacity below which the activator stays in the path; 0 for only at zero, -1 for always.
    TARGET_BURST_CAPACITY = ["autoscaling.knative.dev/target-burst-capacity", "autoscaling.knative.dev/targetBurstCapacity"],
        on "template, PodAutoscaler", else "`target-burst-capacity`", Done;
    /// Fewest replicas while a route leads here.
    MIN_SCALE = ["autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/minScale"],
        on "template, PodAutoscaler", else "`min-scale`", Done;
    /// Most replicas; 0 for no limit.
    MAX_SCALE = ["autoscaling.knative.dev/max-scale", "autoscaling.knative.dev/maxScale"],
        on "template, PodAutoscaler", else "`max-scale`", Done;
    /// Replicas at creation; 0 only where the cluster allows it.
    INITIAL_SCALE = ["autoscaling.knative.dev/initial-scale", "autoscaling.knative.dev/initialScale"],
        on "template, PodAutoscaler", else "`initial-scale`", Done;
    /// Replicas to start with when leaving zero, 2 and more.
    ACTIVATION_SCALE = "autoscaling.knative.dev/activation-scale", on "template, PodAutoscaler", else "none", Done;
    /// How long load stays low before a scale-down, up to 1h in whole seconds.
    SCALE_DOWN_DELAY = ["autoscaling.knative.dev/scale-down-delay", "autoscaling.knative.dev/scaleDownDelay"],
        on "template, PodAutoscaler", else "`scale-down-delay`", Done;
    /// How long the last replica lives on at least, up to 1h.
    SCALE_TO_ZERO_POD_RETENTION_PERIOD = [
        "autoscaling.knative.dev/scale-to-zero-pod-retention-period",
        "autoscaling.knative.dev/scaleToZeroPodRetentionPeriod"
    ], on "template, PodAutoscaler", else "`scale-to-zero-pod-retention-period`", Done;
    /// The averaging window, 6s to 1h in whole seconds.
    WINDOW = "autoscaling.knative.dev/window", on "template, PodAutoscaler", else "`stable-window`", Done;
    /// Panic window in percent of the stable one, 1 to 100.
    PANIC_WINDOW_PERCENTAGE = ["autoscaling.knative.dev/panic-window-percentage", "autoscaling.knative.dev/panicWindowPercentage"],
        on "template, PodAutoscaler", else "`panic-window-percentage`", Done;
    /// Load that counts as panic, in percent of the target, 110 to 1000.
    PANIC_THRESHOLD_PERCENTAGE = ["autoscaling.knative.dev/panic-threshold-percentage", "autoscaling.knative.dev/panicThresholdPercentage"],
        on "template, PodAutoscaler", else "`panic-threshold-percentage`", Done;
    /// How samples in a window are weighted: `linear` or `weighted-exponential`.
    METRIC_AGGREGATION_ALGORITHM = [
        "autoscaling.knative.dev/metric-aggregation-algorithm",
        "autoscaling.knative.dev/metricAggregationAlgorithm"
    ], on "template, PodAutoscaler, Metric", else "`linear`", Done;

    // === networking.knative.dev ===

    /// Which networking layer programs an Ingress.
    INGRESS_CLASS = ["networking.knative.dev/ingress.class", "networking.knative.dev/ingress-class"],
        on "Service, Route, DomainMapping, Ingress", else "`ingress-class`", Done;
    /// Which controller provides a Certificate.
    CERTIFICATE_CLASS = ["networking.knative.dev/certificate.class", "networking.knative.dev/certificate-class"],
        on "Service, Route, DomainMapping, Namespace, Certificate", else "`certificate-class`",
        Partly("only wildcard Certificates of namespaces are written");
    /// A Go boolean that turns certificates for external hosts off.
    DISABLE_EXTERNAL_DOMAIN_TLS = [
        "networking.knative.dev/disableAutoTLS",
        "networking.knative.dev/disable-auto-tls",
        "networking.knative.dev/disable-external-domain-tls"
    ], on "Service, Route, DomainMapping", else "`false`",
        Partly("it settles the condition, but no certificates are ordered where it is off");
    /// What plain HTTP gets: `enabled` or `redirected`.
    HTTP_PROTOCOL = ["networking.knative.dev/httpOption", "networking.knative.dev/http-protocol"],
        on "Service, Route, DomainMapping", else "`http-protocol`", Done;

    // === networking.internal.knative.dev ===

    /// State of a gradual rollout, JSON.
    ROLLOUT = "networking.internal.knative.dev/rollout", on "Ingress", Done;
    /// Hosts by tag, JSON.
    TAG_TO_HOST = "networking.internal.knative.dev/tag-to-host", on "Ingress", Done;

    // === others ===

    /// Checksum of the `_example` block.
    EXAMPLE_CHECKSUM = "knative.dev/example-checksum", on "ConfigMap", Done;
    /// The container that `kubectl logs` and `exec` choose.
    DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container", on "Pod", Done;
    /// What `kubectl apply` remembers; never copied to children.
    LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration", on "every object of a user", Done;
    /// When `kubectl rollout restart` was called.
    RESTARTED_AT = "kubectl.kubernetes.io/restartedAt", on "Deployment",
        Foreign("left alone, since each key has its own field manager");
    /// What `kn` remembers of the user's image.
    CLIENT_USER_IMAGE = "client.knative.dev/user-image", on "template", Foreign("copied like any other key");
    /// When `kn` last updated a Service.
    CLIENT_UPDATE_TIMESTAMP = "client.knative.dev/updateTimestamp", on "template", Foreign("copied like any other key");
    /// `true` makes Kourier speak HTTP/1.1 to a backend.
    KOURIER_DISABLE_HTTP2 = "kourier.knative.dev/disable-http2", on "Ingress", Foreign("only Kourier reads it");
}
