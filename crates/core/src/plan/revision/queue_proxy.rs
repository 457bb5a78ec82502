//! The side-car that stands before the user's container.
//!
//! Its environment is the whole contract between controller and queue-proxy (controllers.md 6.4.4): every variable is
//! always present, in this order, so that a pod template does not change when nothing was changed.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, ObjectFieldSelector,
    SeccompProfile, SecurityContext, VolumeMount,
};

use super::{Input, meta, readiness, resources, volumes};
use crate::names::{annotations, containers, labels, ports};

/// Builds the container for a revision whose pod serves `serving` on `user_port`.
///
/// # Errors
/// When a side-car's readiness probe cannot be run from the queue-proxy.
pub(super) fn container(input: &Input<'_>) -> Result<Container, readiness::MissingPort> {
    let deployment = &input.config.deployment;
    Ok(Container {
        name: containers::QUEUE_PROXY.into(),
        image: Some(deployment.queue_sidecar_image.clone()),
        env: Some(environment(input)?),
        ports: Some(declared_ports(input)),
        readiness_probe: input
            .serving_container()
            .and_then(|user| readiness::of_queue_proxy(user, input.queue_port())),
        resources: Some(resources::of_queue_proxy(input)),
        security_context: Some(locked_down()),
        volume_mounts: mounts(input),
        ..Container::default()
    })
}

fn declared_ports(input: &Input<'_>) -> Vec<ContainerPort> {
    let port = |name: &str, number: u16| ContainerPort {
        name: Some(name.into()),
        container_port: number.into(),
        ..ContainerPort::default()
    };
    let mut declared = vec![
        port(ports::AUTOSCALING_METRICS_NAME, ports::AUTOSCALING_METRICS),
        port(ports::USER_METRICS_NAME, ports::USER_METRICS),
    ];
    if input.config.observability.runtime_profiling.is_enabled() {
        declared.push(port(ports::PROFILING_NAME, ports::PROFILING));
    }
    declared.push(port(ports::QUEUE_PORT_NAME, input.queue_port()));
    declared.push(port(ports::HTTPS_PORT_NAME, ports::HTTPS));
    declared
}

fn locked_down() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            add: None,
            drop: Some(vec!["ALL".into()]),
        }),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".into(),
            localhost_profile: None,
        }),
        ..SecurityContext::default()
    }
}

fn mounts(input: &Input<'_>) -> Option<Vec<VolumeMount>> {
    let mounts: Vec<VolumeMount> = volumes::of_queue_proxy(input)
        .into_iter()
        .map(|(_, mount)| mount)
        .collect();
    (!mounts.is_empty()).then_some(mounts)
}

fn environment(input: &Input<'_>) -> Result<Vec<EnvVar>, readiness::MissingPort> {
    let config = input.config;
    let (deployment, features) = (config.deployment, config.features);
    let spec = input.spec;
    let label = |key: &str| meta::label(input.meta(), key).unwrap_or_default();
    // Admission lets any number of seconds through for two of them; below zero none is meant.
    let seconds = |value: Option<i64>| value.unwrap_or(0).clamp(0, i32::MAX.into()).to_string();
    let configuration = meta::controller_of(input.meta())
        .filter(|owner| owner.kind == "Configuration")
        .map(|owner| owner.name.as_str())
        .unwrap_or_default();
    let full_duplex = meta::annotation(input.meta(), annotations::HTTP_FULL_DUPLEX)
        .is_some_and(|value| value.eq_ignore_ascii_case("enabled"));
    let multi = features.multi_container_probing.is_enabled();
    let probes = match input.serving_container() {
        None => String::new(),
        Some(user) if multi => readiness::all(user, input.user_port(), input.sidecars())?,
        Some(user) => readiness::single(user, input.user_port()),
    };
    Ok(vec![
        text("SERVING_NAMESPACE", meta::namespace(input.meta())),
        text("SERVING_SERVICE", label(labels::SERVICE)),
        text("SERVING_CONFIGURATION", configuration),
        text("SERVING_REVISION", input.name()),
        text("QUEUE_SERVING_PORT", input.queue_port().to_string()),
        text("QUEUE_SERVING_TLS_PORT", ports::HTTPS.to_string()),
        text(
            "CONTAINER_CONCURRENCY",
            spec.concurrency().max(0).to_string(),
        ),
        text("REVISION_TIMEOUT_SECONDS", seconds(spec.timeout_seconds)),
        text(
            "REVISION_RESPONSE_START_TIMEOUT_SECONDS",
            seconds(spec.response_start_timeout_seconds),
        ),
        text(
            "REVISION_IDLE_TIMEOUT_SECONDS",
            seconds(spec.idle_timeout_seconds),
        ),
        field("SERVING_POD", "metadata.name", None),
        field("SERVING_POD_IP", "status.podIP", None),
        text(
            "SERVING_LOGGING_CONFIG",
            config.logging.zap_logger_config.clone(),
        ),
        text("SERVING_LOGGING_LEVEL", config.logging.queueproxy_level()),
        text("USER_PORT", input.user_port().to_string()),
        text("SYSTEM_NAMESPACE", config.system_namespace),
        text("SERVING_READINESS_PROBE", probes),
        field("HOST_IP", "status.hostIP", Some("v1")),
        text(
            "ENABLE_HTTP2_AUTO_DETECTION",
            features.autodetect_http2.is_enabled().to_string(),
        ),
        text("ENABLE_HTTP_FULL_DUPLEX", full_duplex.to_string()),
        text("ROOT_CA", deployment.queue_sidecar_rootca.clone()),
        text(
            "QUEUE_PROXY_TLS_MIN_VERSION",
            deployment.queue_sidecar_tls_min_version.clone(),
        ),
        text(
            "QUEUE_PROXY_TLS_MAX_VERSION",
            deployment.queue_sidecar_tls_max_version.clone(),
        ),
        text(
            "QUEUE_PROXY_TLS_CIPHER_SUITES",
            deployment.queue_sidecar_tls_cipher_suites.clone(),
        ),
        text(
            "QUEUE_PROXY_TLS_CURVE_PREFERENCES",
            deployment.queue_sidecar_tls_curve_preferences.clone(),
        ),
        text("ENABLE_MULTI_CONTAINER_PROBES", multi.to_string()),
        text("OBSERVABILITY_CONFIG", config.observability.to_json()),
    ])
}

/// The empty text is spelled out: a variable without a value would still be the same to the process, but the API
/// server drops it, and the template should read as it is stored.
fn text(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar {
        name: name.into(),
        value: Some(value.into()),
        value_from: None,
    }
}

fn field(name: &str, path: &str, api_version: Option<&str>) -> EnvVar {
    let selector = ObjectFieldSelector {
        field_path: path.into(),
        api_version: api_version.map(str::to_owned),
    };
    EnvVar {
        name: name.into(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(selector),
            ..EnvVarSource::default()
        }),
    }
}
