//! The keys of the ConfigMaps, as far as they cannot be read off the parsers: what is allowed, and how much works.

use ebb_core::names::Status::{self, Done, Foreign, NotYet, Partly};

/// A ConfigMap.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) name: &'static str,
    /// The file with its parser.
    pub(super) source: &'static str,
    pub(super) keys: &'static [Setting],
}

/// A key of a ConfigMap.
#[derive(Debug)]
pub(super) struct Setting {
    /// All spellings, the one to write first.
    pub(super) spellings: &'static [&'static str],
    /// The field that it sets; after the last dot, the name that its comment stands above.
    pub(super) field: &'static str,
    /// What may be written.
    pub(super) values: &'static str,
    /// What holds without it, where the shipped example does not show it.
    pub(super) default: Option<&'static str>,
    /// What code that reads it looks like, where that is not the field.
    pub(super) seen_as: &'static [&'static str],
    pub(super) status: Status,
}

macro_rules! settings {
    ($($key:tt => $field:literal, $values:literal, $(else $default:literal,)? $(as $seen:expr,)? $status:expr;)*) => {
        &[$(Setting {
            spellings: settings!(@spellings $key),
            field: $field,
            values: $values,
            default: settings!(@default $($default)?),
            seen_as: settings!(@seen $($seen)?),
            status: $status,
        }),*]
    };
    (@spellings $key:literal) => { &[$key] };
    (@spellings [$($key:literal),+]) => { &[$($key),+] };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
    (@seen) => { &[] };
    (@seen $seen:expr) => { &$seen };
}

const NO_ISSUER: Status = NotYet("no Certificates are handed to cert-manager");
const NO_TAGS: Status = NotYet("tags are not resolved to digests");
const NO_TRACES: Status = NotYet("no part makes traces");
const NO_REQUEST_LOG: Status = NotYet("no part writes request logs");
const NO_INTERNAL_TLS: Status = NotYet("handed to queue-proxy, which speaks no TLS yet");
const PLAIN_TEMPLATE: Status = Partly("variables, `range`, `with` and methods are refused");

/// All ConfigMaps but `config-features`, whose keys are flags.
pub(super) const MAPS: &[Map] = &[
    Map {
        name: "config-autoscaler",
        source: "crates/core/src/config/autoscaler.rs",
        keys: settings! {
            "container-concurrency-target-percentage" => "container_concurrency_target_fraction", "percent; up to 1.0 a fraction", Done;
            "container-concurrency-target-default" => "container_concurrency_target_default", "number", Done;
            "requests-per-second-target-default" => "requests_per_second_target_default", "0.01 and more", Done;
            "target-burst-capacity" => "target_burst_capacity", "0 and more, or -1", Done;
            "stable-window" => "stable_window", "6s to 1h", as ["config.stable_window"], Done;
            "panic-window-percentage" => "panic_window_percentage", "1 to 100", Done;
            "panic-threshold-percentage" => "panic_threshold_percentage", "number", Done;
            "max-scale-up-rate" => "max_scale_up_rate", "above 1", Done;
            "max-scale-down-rate" => "max_scale_down_rate", "above 1", Done;
            "enable-scale-to-zero" => "enable_scale_to_zero", "boolean", Done;
            "scale-to-zero-grace-period" => "scale_to_zero_grace_period", "above 0s", Done;
            "scale-to-zero-pod-retention-period" => "scale_to_zero_pod_retention_period", "duration", Done;
            "scale-down-delay" => "scale_down_delay", "duration", as ["config.scale_down_delay"], Done;
            "pod-autoscaler-class" => "pod_autoscaler_class", "a class", Partly("nothing scales revisions of the class `hpa` yet");
            "activator-capacity" => "activator_capacity", "1 and more", as ["config.activator_capacity"], Done;
            "initial-scale" => "initial_scale", "number", as ["config.initial_scale", "autoscaler.initial_scale"], Done;
            "allow-zero-initial-scale" => "allow_zero_initial_scale", "boolean", Done;
            "min-scale" => "min_scale", "number", as ["config.min_scale"], Done;
            "max-scale" => "max_scale", "number", as ["config.max_scale"], Done;
            "max-scale-limit" => "max_scale_limit", "number", Done;
        },
    },
    Map {
        name: "config-certmanager",
        source: "crates/core/src/config/cert_manager.rs",
        keys: settings! {
            "issuerRef" => "issuer", "kind, name, group", as ["CertManager"], NO_ISSUER;
            "clusterLocalIssuerRef" => "cluster_local_issuer", "kind, name, group", NO_ISSUER;
            "systemInternalIssuerRef" => "system_internal_issuer", "kind, name, group", NO_ISSUER;
        },
    },
    Map {
        name: "config-defaults",
        source: "crates/core/src/config/defaults.rs",
        keys: settings! {
            "revision-timeout-seconds" => "revision_timeout_seconds", "seconds", Done;
            "max-revision-timeout-seconds" => "max_revision_timeout_seconds", "seconds", Done;
            "revision-response-start-timeout-seconds" => "revision_response_start_timeout_seconds",
                "seconds, up to `revision-timeout-seconds`", else "`revision-timeout-seconds`", Done;
            "revision-idle-timeout-seconds" => "revision_idle_timeout_seconds", "seconds, up to `revision-timeout-seconds`", Done;
            "revision-cpu-request" => "revision_cpu_request", "quantity", else "unset", Done;
            "revision-memory-request" => "revision_memory_request", "quantity", else "unset", Done;
            "revision-ephemeral-storage-request" => "revision_ephemeral_storage_request", "quantity", else "unset", Done;
            "revision-cpu-limit" => "revision_cpu_limit", "quantity", else "unset", Done;
            "revision-memory-limit" => "revision_memory_limit", "quantity", else "unset", Done;
            "revision-ephemeral-storage-limit" => "revision_ephemeral_storage_limit", "quantity", else "unset", Done;
            "container-name-template" => "container_name_template", "template", PLAIN_TEMPLATE;
            "init-container-name-template" => "init_container_name_template", "template", PLAIN_TEMPLATE;
            "container-concurrency" => "container_concurrency", "0 to the limit", as ["defaults.container_concurrency", "config.container_concurrency"], Done;
            "container-concurrency-max-limit" => "container_concurrency_max_limit", "1 and more", Done;
            "allow-container-concurrency-zero" => "allow_container_concurrency_zero", "boolean", Done;
            "enable-service-links" => "enable_service_links", "boolean or `default`", as ["defaults.enable_service_links"], Done;
        },
    },
    Map {
        name: "config-deployment",
        source: "crates/core/src/config/deployment.rs",
        keys: settings! {
            ["queue-sidecar-image", "queueSidecarImage"] => "queue_sidecar_image", "image", else "required; set by the manifests", Done;
            ["registries-skipping-tag-resolving", "registriesSkippingTagResolving"] => "registries_skipping_tag_resolving", "hosts", NO_TAGS;
            ["digest-resolution-timeout", "digestResolutionTimeout"] => "digest_resolution_timeout", "above 0s", NO_TAGS;
            ["progress-deadline", "progressDeadline"] => "progress_deadline", "above 0s",
                as ["deployment.progress_deadline", "deployment.get().progress_deadline"], Done;
            ["queue-sidecar-cpu-request", "queueSidecarCPURequest"] => "queue_sidecar_cpu_request", "quantity", Done;
            ["queue-sidecar-cpu-limit", "queueSidecarCPULimit"] => "queue_sidecar_cpu_limit", "quantity", else "unset", Done;
            ["queue-sidecar-memory-request", "queueSidecarMemoryRequest"] => "queue_sidecar_memory_request", "quantity", else "unset", Done;
            ["queue-sidecar-memory-limit", "queueSidecarMemoryLimit"] => "queue_sidecar_memory_limit", "quantity", else "unset", Done;
            ["queue-sidecar-ephemeral-storage-request", "queueSidecarEphemeralStorageRequest"] =>
                "queue_sidecar_ephemeral_storage_request", "quantity", else "unset", Done;
            ["queue-sidecar-ephemeral-storage-limit", "queueSidecarEphemeralStorageLimit"] =>
                "queue_sidecar_ephemeral_storage_limit", "quantity", else "unset", Done;
            "queue-sidecar-token-audiences" => "queue_sidecar_token_audiences", "texts", Done;
            "queue-sidecar-rootca" => "queue_sidecar_rootca", "text", Done;
            "queue-sidecar-tls-min-version" => "queue_sidecar_tls_min_version", "`1.2`, `1.3`", NO_INTERNAL_TLS;
            "queue-sidecar-tls-max-version" => "queue_sidecar_tls_max_version", "`1.2`, `1.3`", NO_INTERNAL_TLS;
            "queue-sidecar-tls-cipher-suites" => "queue_sidecar_tls_cipher_suites", "IANA names", NO_INTERNAL_TLS;
            "queue-sidecar-tls-curve-preferences" => "queue_sidecar_tls_curve_preferences", "names", NO_INTERNAL_TLS;
            "default-affinity-type" => "default_affinity_type", "that or `none`", Done;
            "runtime-class-name" => "runtime_class_name", "class: selector", else "none", as [".runtime_class_for"], Done;
            "pod-is-always-schedulable" => "pod_is_always_schedulable", "boolean", Done;
        },
    },
    Map {
        name: "config-domain",
        source: "crates/core/src/config/domain.rs",
        keys: settings! {
            "*" => "domains", "A base domain; `selector` and `type` in the value say for which Routes.",
                else "`svc.<cluster domain>`", as [".wildcard_domains", ".domain\n            .lookup", ".domain.lookup"], Done;
        },
    },
    Map {
        name: "config-gc",
        source: "crates/core/src/config/gc.rs",
        keys: settings! {
            "retain-since-create-time" => "retain_since_create_time", "duration or `disabled`", Done;
            "retain-since-last-active-time" => "retain_since_last_active_time", "duration or `disabled`", Done;
            "min-non-active-revisions" => "min_non_active_revisions", "number", Done;
            "max-non-active-revisions" => "max_non_active_revisions", "number or `disabled`", Done;
        },
    },
    Map {
        name: "config-leader-election",
        source: "crates/core/src/config/leader_election.rs",
        keys: settings! {
            ["lease-duration", "leaseDuration"] => "lease_duration", "duration", as ["Timing::try_from"], Done;
            ["renew-deadline", "renewDeadline"] => "renew_deadline", "duration", as ["Timing::try_from"], Done;
            ["retry-period", "retryPeriod"] => "retry_period", "duration", as ["Timing::try_from"], Done;
            "buckets" => "buckets", "1 to 10", as ["election.buckets", "config.buckets"], Done;
            "map-lease-prefix.*" => "lease_prefixes", "name of a Lease", else "`<component>.<reconciler>`", Done;
        },
    },
    Map {
        name: "config-logging",
        source: "crates/core/src/config/logging.rs",
        keys: settings! {
            "zap-logger-config" => "zap_logger_config", "JSON of zap", else "JSON, `info`",
                as [".level_of", ".zap_logger_config"], Partly("only `level` is looked at; the shape of the lines is fixed");
            "loglevel.*" => "levels", "The level of one program: `debug`, `info`, `warn`, `error`, `dpanic`, `panic`, `fatal`.",
                else "`level` of `zap-logger-config`", as [".level_of", ".queueproxy_level"], Done;
        },
    },
    Map {
        name: "config-network",
        source: "crates/core/src/config/network.rs",
        keys: settings! {
            ["ingress-class", "ingress.class"] => "ingress_class", "a class", else "`istio.ingress.networking.knative.dev`; the manifests set ours", Done;
            ["certificate-class", "certificate.class"] => "certificate_class", "a class", Partly("only wildcard Certificates of namespaces are written");
            ["domain-template", "domainTemplate"] => "domain_template", "template", as ["DomainFields"], PLAIN_TEMPLATE;
            ["tag-template", "tagTemplate"] => "tag_template", "template", as [".tag_label"], PLAIN_TEMPLATE;
            "external-domain-tls" => "external_domain_tls", "`Enabled`, `Disabled`", Partly("it settles the condition, but no certificates are ordered");
            ["auto-tls", "autoTLS"] => "external_domain_tls", "deprecated: as `external-domain-tls`", else "unset", Partly("as `external-domain-tls`");
            "cluster-local-domain-tls" => "cluster_local_domain_tls", "`Enabled`, `Disabled`", Partly("it settles the condition, but no certificates are ordered");
            "system-internal-tls" => "system_internal_tls", "`Enabled`, `Disabled`",
                NotYet("leave it off: pods would wait for a Secret that nobody makes");
            "internal-encryption" => "system_internal_tls", "deprecated: `true` turns `system-internal-tls` on", else "`false`", NotYet("as `system-internal-tls`");
            ["http-protocol", "httpProtocol"] => "http_protocol", "`Enabled`, `Redirected`, `Disabled`", as ["network.http_protocol"], Done;
            "namespace-wildcard-cert-selector" => "namespace_wildcard_cert_selector", "label selector",
                Partly("Certificates are written, but nothing here fulfils them, and Routes do not reuse them");
            ["rollout-duration", "rolloutDuration"] => "rollout_duration", "seconds", as ["network.rollout_duration"], Done;
            ["autocreate-cluster-domain-claims", "autocreateClusterDomainClaims"] => "autocreate_cluster_domain_claims", "boolean", Done;
            "enable-mesh-pod-addressability" => "enable_mesh_pod_addressability", "boolean", NotYet("pods are always addressed directly");
            "mesh-compatibility-mode" => "mesh_compatibility_mode", "`auto`, `enabled`, `disabled`", NotYet("pods are always addressed directly");
            ["default-external-scheme", "defaultExternalScheme"] => "default_external_scheme", "`http`, `https`", Done;
        },
    },
    Map {
        name: "config-observability",
        source: "crates/core/src/config/observability.rs",
        keys: settings! {
            "metrics-protocol" => "metrics.protocol", "`none`, `prometheus`, `http/protobuf`, `grpc`",
                as ["observability.metrics"], NotYet("our programs always serve metrics for Prometheus, and nothing else");
            "metrics-endpoint" => "metrics.endpoint", "URL or address",
                as ["observability.metrics"], NotYet("the port is `METRICS_PROMETHEUS_PORT`; nothing is pushed");
            "metrics-export-interval" => "metrics.export_interval", "duration",
                as ["observability.metrics"], NotYet("nothing is pushed");
            "request-metrics-protocol" => "request_metrics.protocol", "`none`, `prometheus`, `http/protobuf`, `grpc`",
                as [".request_metrics"], Partly("`none` and `prometheus`; nothing is pushed");
            "request-metrics-endpoint" => "request_metrics.endpoint", "URL or address",
                as [".request_metrics"], Partly("for `prometheus`, where the port counts");
            "request-metrics-export-interval" => "request_metrics.export_interval", "duration",
                as [".request_metrics.export_interval"], NotYet("nothing is pushed");
            "tracing-protocol" => "tracing_protocol", "`none`, `stdout`, `http/protobuf`, `grpc`", NO_TRACES;
            "tracing-endpoint" => "tracing_endpoint", "URL", NO_TRACES;
            "tracing-sampling-rate" => "tracing_sampling_rate", "0 to 1", NO_TRACES;
            "runtime-profiling" => "runtime_profiling", "`enabled`, `disabled`",
                NotYet("queue-proxy declares the port; profiles cannot be taken");
            "runtime-export-interval" => "runtime_export_interval", "duration", NotYet("no figures of a Go runtime to read");
            "logging.enable-var-log-collection" => "enable_var_log_collection", "boolean", Done;
            "logging.revision-url-template" => "revision_url_template", "URL", Done;
            "logging.enable-request-log" => "enable_request_log", "boolean", NO_REQUEST_LOG;
            "logging.request-log-template" => "request_log_template", "template", else "a line of JSON", NO_REQUEST_LOG;
            "logging.enable-probe-request-log" => "enable_probe_request_log", "boolean", NO_REQUEST_LOG;
        },
    },
    Map {
        name: "config-tracing",
        source: "",
        keys: settings! {
            "_example" => "", "Deprecated; says that `config-observability` took its place.", else "shipped", as ["config-tracing"], Foreign("nobody reads it, upstream neither");
        },
    },
];
