//! Environment variables (and one flag) that programs read, or find in the pods that the controller makes.

use ebb_core::names::Status::{self, Done, Foreign, NotYet, Partly};

/// An environment variable.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) default: &'static str,
    pub(super) status: Status,
}

/// Variables with something in common.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) variables: &'static [Variable],
}

macro_rules! variables {
    ($($name:literal => $meaning:literal, $(else $default:literal,)? $status:expr;)*) => {
        &[$(Variable {
            name: $name,
            meaning: $meaning,
            default: concat!($($default)?),
            status: $status,
        }),*]
    };
}

const NO_TLS: Status = NotYet("it speaks no TLS");
const NO_REGISTRY: Status = NotYet("it asks no registry");
const NO_EXPORTER: Status = NotYet("no OpenTelemetry exporter");
const PLAIN_METRICS: Status = NotYet("metrics are served in plain text on all interfaces");
const NO_STATEFUL_SET: Status = NotYet("no StatefulSet mode; replicas share buckets by Leases");

/// All variables.
pub(super) const GROUPS: &[Group] = &[
    Group {
        title: "Programs of the system",
        variables: variables! {
            "SYSTEM_NAMESPACE" => "Namespace of the system.", else "`knative-serving`; required by the activator", Done;
            "SYSTEM_RESOURCE_LABEL" => "Label that ConfigMaps must carry to be watched.", Done;
            "CONFIG_LOGGING_NAME" => "Name of the ConfigMap about logs.", else "`config-logging`", Done;
            "CONFIG_OBSERVABILITY_NAME" => "Name of the ConfigMap about metrics and traces.", else "`config-observability`",
                Partly("autoscaler and activator ask that it is there and good, but do not act upon it yet");
            "CONFIG_LEADERELECTION_NAME" => "Name of the ConfigMap about leader election.", else "`config-leader-election`", Done;
            "CLUSTER_DOMAIN" => "DNS domain of the cluster.", else "that of the resolver, `cluster.local`", Done;
            "KUBERNETES_MIN_VERSION" => "Oldest API server to work with.", else "`v1.34.0`", Done;
            "POD_NAME" => "Name of the pod.", else "required by activator and autoscaler", Done;
            "POD_IP" => "Address of the pod.", else "required by activator and autoscaler", Done;
            "PROFILING_PORT" => "Where profiles are served.", else "8008", Partly("the port answers 404: there are no profiles");
            "METRICS_PROMETHEUS_PORT" => "Where metrics are served.", else "9090",
                Partly("the gateway calls it `METRICS_PORT`; queue-proxy has no such variable");
            "METRICS_PROMETHEUS_HOST" => "Address at which metrics are served.", else "all interfaces", PLAIN_METRICS;
            "METRICS_PROMETHEUS_TLS_CERT" => "Certificate of the metrics port.", PLAIN_METRICS;
            "METRICS_PROMETHEUS_TLS_KEY" => "Key of the metrics port.", PLAIN_METRICS;
            "METRICS_PROMETHEUS_TLS_CLIENT_AUTH" => "`none`, `optional` or `require`.", PLAIN_METRICS;
            "METRICS_PROMETHEUS_TLS_CLIENT_CA_FILE" => "Who signs the clients' certificates.", PLAIN_METRICS;
            "METRICS_PROMETHEUS_TLS_MIN_VERSION" => "Lowest TLS version.", PLAIN_METRICS;
            "METRICS_PROMETHEUS_TLS_MAX_VERSION" => "Highest TLS version.", PLAIN_METRICS;
            "METRICS_PROMETHEUS_TLS_CIPHER_SUITES" => "Cipher suites of TLS 1.2.", PLAIN_METRICS;
            "METRICS_PROMETHEUS_TLS_CURVE_PREFERENCES" => "Key-exchange groups.", PLAIN_METRICS;
            "OTEL_SERVICE_NAME" => "Name of the service in metrics and traces.", NO_EXPORTER;
            "OTEL_EXPORTER_OTLP_ENDPOINT" => "Where metrics and traces go.", NO_EXPORTER;
            "OTEL_METRIC_EXPORT_INTERVAL" => "How often metrics are pushed.", NO_EXPORTER;
            "OTEL_TRACES_SAMPLER" => "Which requests are traced.", NO_EXPORTER;
            "OTEL_TRACES_SAMPLER_ARG" => "Which share of requests is traced.", NO_EXPORTER;
            "KUBE_API_QPS" => "Requests a second to the API server, on average.", NotYet("the client has no limit of its own");
            "KUBE_API_BURST" => "Requests a second to the API server, at most.", NotYet("the client has no limit of its own");
            "K_THREADS_PER_CONTROLLER" => "Objects of a kind that are worked on at once.", NotYet("the number is fixed");
            "STATEFUL_CONTROLLER_ORDINAL" => "Which bucket is this pod's.", NO_STATEFUL_SET;
            "STATEFUL_SERVICE_NAME" => "Service of the StatefulSet.", NO_STATEFUL_SET;
            "STATEFUL_SERVICE_PORT" => "Port of that Service.", NO_STATEFUL_SET;
            "STATEFUL_SERVICE_PROTOCOL" => "Protocol of that Service.", NO_STATEFUL_SET;
        },
    },
    Group {
        title: "Controller",
        variables: variables! {
            "--reconciliation-timeout" => "Deadline of one reconcile.", else "`30s`", Done;
            "SSL_CERT_FILE" => "Whom to trust as a registry, a file.", NO_REGISTRY;
            "SSL_CERT_DIR" => "Whom to trust as a registry, a directory.", NO_REGISTRY;
            "TAG_TO_DIGEST_TLS_MIN_VERSION" => "Lowest TLS version towards registries.", NO_REGISTRY;
            "TAG_TO_DIGEST_TLS_MAX_VERSION" => "Highest TLS version towards registries.", NO_REGISTRY;
            "TAG_TO_DIGEST_TLS_CIPHER_SUITES" => "Cipher suites towards registries.", NO_REGISTRY;
            "TAG_TO_DIGEST_TLS_CURVE_PREFERENCES" => "Key-exchange groups towards registries.", NO_REGISTRY;
        },
    },
    Group {
        title: "Webhook",
        variables: variables! {
            "WEBHOOK_NAME" => "Service that the API server calls.", else "required", Done;
            "WEBHOOK_PORT" => "Where it listens.", else "8443", Done;
            "WEBHOOK_DISABLE_NAMESPACE_OWNERSHIP" => "Leaves the owners of the webhook configurations alone.", else "`false`", Done;
            "WEBHOOK_TLS_MIN_VERSION" => "Lowest TLS version.", else "`1.3`", Done;
            "WEBHOOK_TLS_MAX_VERSION" => "Highest TLS version.", Done;
            "WEBHOOK_TLS_CIPHER_SUITES" => "Cipher suites of TLS 1.2.", Done;
            "WEBHOOK_TLS_CURVE_PREFERENCES" => "Key-exchange groups.", Partly("`X25519MLKEM768` and `P-521` are left out, with a warning");
        },
    },
    Group {
        title: "Activator",
        variables: variables! {
            "MAX_IDLE_PROXY_CONNS" => "Idle connections kept to all pods.", else "1000", NotYet("only the limit for each pod counts");
            "MAX_IDLE_PROXY_CONNS_PER_HOST" => "Idle connections kept to one pod.", else "100", Done;
            "PROBE_TIMEOUT" => "How long an address is probed at full pace.", else "`300ms`", Done;
            "PROBE_FREQUENCY" => "Pace of the probes when that is over.", else "`200ms`", Done;
            "ACTIVATOR_TLS_MIN_VERSION" => "Lowest TLS version.", else "`1.3`", NO_TLS;
            "ACTIVATOR_TLS_MAX_VERSION" => "Highest TLS version.", NO_TLS;
            "ACTIVATOR_TLS_CIPHER_SUITES" => "Cipher suites of TLS 1.2.", NO_TLS;
            "ACTIVATOR_TLS_CURVE_PREFERENCES" => "Key-exchange groups.", NO_TLS;
        },
    },
    Group {
        title: "queue-proxy",
        variables: variables! {
            "SERVING_NAMESPACE" => "Namespace of the revision.", else "required", Done;
            "SERVING_SERVICE" => "Service at the top.", Done;
            "SERVING_CONFIGURATION" => "Configuration of the revision.", else "required", Done;
            "SERVING_REVISION" => "Name of the revision.", else "required", Done;
            "QUEUE_SERVING_PORT" => "Where requests arrive.", else "required", Done;
            "QUEUE_SERVING_TLS_PORT" => "Where requests arrive over TLS.", else "required", NO_TLS;
            "CONTAINER_CONCURRENCY" => "Requests at once; below 1 for no limit.", else "required", Done;
            "REVISION_TIMEOUT_SECONDS" => "The longest a request may take.", else "required", Done;
            "REVISION_RESPONSE_START_TIMEOUT_SECONDS" => "The longest wait for an answer's begin.", else "none", Done;
            "REVISION_IDLE_TIMEOUT_SECONDS" => "The longest silence.", else "none", Done;
            "SERVING_POD" => "Name of the pod in statistics.", else "required", Done;
            "SERVING_POD_IP" => "Address of the pod, for request logs.", else "required", NotYet("there are no request logs");
            "SERVING_LOGGING_CONFIG" => "`zap-logger-config`.", else "required", Partly("only `level` is looked at");
            "SERVING_LOGGING_LEVEL" => "`loglevel.queueproxy`.", else "required", Done;
            "USER_PORT" => "Where the user container listens.", else "required", Done;
            "SERVING_READINESS_PROBE" => "Probe of the user container, JSON.", else "always ready", Done;
            "HOST_IP" => "Address of the node, for extensions.", Done;
            "ENABLE_HTTP2_AUTO_DETECTION" => "Probes try HTTP/2 first.", else "`false`", Done;
            "ENABLE_HTTP_FULL_DUPLEX" => "Streaming both ways at once; always on here.", else "`false`", Done;
            "ENABLE_MULTI_CONTAINER_PROBES" => "The probe is a list, one for each container.", else "`false`", Done;
            "ROOT_CA" => "`queue-sidecar-rootca`, for extensions.", Done;
            "QUEUE_PROXY_TLS_MIN_VERSION" => "Lowest TLS version.", else "`1.3`", NO_TLS;
            "QUEUE_PROXY_TLS_MAX_VERSION" => "Highest TLS version.", NO_TLS;
            "QUEUE_PROXY_TLS_CIPHER_SUITES" => "Cipher suites of TLS 1.2.", NO_TLS;
            "QUEUE_PROXY_TLS_CURVE_PREFERENCES" => "Key-exchange groups.", NO_TLS;
            "OBSERVABILITY_CONFIG" => "`config-observability`, JSON.", Partly("metrics for Prometheus; no request logs, traces or profiles");
            "HOSTNAME" => "Name of the pod in metrics and traces.", Foreign("`SERVING_POD` says the same");
        },
    },
    Group {
        title: "User containers",
        variables: variables! {
            "PORT" => "Where to listen.", Done;
            "K_REVISION" => "Name of the revision.", Done;
            "K_CONFIGURATION" => "Configuration of the revision.", Done;
            "K_SERVICE" => "Service at the top.", Done;
            "K_INTERNAL_POD_NAME" => "Name of the pod, where `/var/log` is collected.", Done;
            "K_INTERNAL_POD_NAMESPACE" => "Namespace of the pod, where `/var/log` is collected.", Done;
        },
    },
    Group {
        title: "Ebb's own",
        variables: variables! {
            "POD_UID" => "UID of the pod, so that a restarted container keeps its Leases.", Done;
            "PROBE_PORT" => "Where the controller answers the kubelet.", else "8080", Done;
            "STATS_PORT" => "Where the autoscaler takes statistics.", else "8080", Done;
            "METRICS_PORT" => "Where the gateway serves metrics.", else "9090", Done;
            "HTTP_PORT" => "Where the gateway takes requests of the world.", else "8080", Done;
            "HTTPS_PORT" => "Where the gateway takes requests of the world over TLS.", else "8443", Done;
            "INTERNAL_HTTP_PORT" => "Where the gateway takes requests of the cluster.", else "8081", Done;
            "ADMIN_PORT" => "Where gateways ask one another what they serve.", else "9000", Done;
        },
    },
    Group {
        title: "Other networking layers",
        variables: variables! {
            "PROBE_MAX_RETRY_DELAY_SECONDS" => "The longest pause between probes of an Ingress.", Foreign("our gateways tell what they serve");
            "INGRESS_CLASS" => "Class that upstream's conformance tests use.", Foreign("only those tests read it");
            "UPSTREAM_TLS_CERT" => "Turns the tests of TLS to backends on.", Foreign("only those tests read it");
            "UPSTREAM_CA_CERT" => "Who signed the certificates of the tests' backends.", Foreign("only those tests read it");
            "SERVER_NAME" => "Name in the certificates of the tests' backends.", Foreign("only those tests read it");
            "KOURIER_GATEWAY_NAMESPACE" => "Namespace of Kourier's gateway.", Foreign("only net-kourier reads it");
            "KOURIER_HTTPOPTION_DISABLED" => "Switches redirects of Kourier off.", Foreign("only net-kourier reads it");
            "CERTS_SECRET_NAME" => "Default certificate of Kourier's gateway.", Foreign("only net-kourier reads it");
            "CERTS_SECRET_NAMESPACE" => "Namespace of Kourier's default certificate.", Foreign("only net-kourier reads it");
        },
    },
];
