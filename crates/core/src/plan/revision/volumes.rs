//! What the queue-proxy and log collection mount. Each volume is there only while something asks for it.

use k8s_openapi::api::core::v1::{
    Container, DownwardAPIVolumeFile, DownwardAPIVolumeSource, EmptyDirVolumeSource, EnvVar,
    EnvVarSource, ObjectFieldSelector, ProjectedVolumeSource, SecretVolumeSource,
    ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};

use super::{Input, meta};
use crate::names::annotations;

const POD_INFO: &str = "pod-info";
const TOKENS: &str = "knative-token-volume";
const CERTIFICATES: &str = "server-certs";
const VAR_LOG: &str = "knative-var-log";
const SERVING_CERTIFICATES_SECRET: &str = "serving-certs";
/// Seconds that a projected token lives.
const TOKEN_LIFETIME: i64 = 3600;

/// Volumes of the queue-proxy with its mounts.
pub(super) fn of_queue_proxy(input: &Input<'_>) -> Vec<(Volume, VolumeMount)> {
    let mut volumes = Vec::new();
    if wants_pod_info(input) {
        volumes.push((pod_info(), mount(POD_INFO, "/etc/podinfo", true)));
    }
    let audiences: Vec<&String> = input
        .config
        .deployment
        .queue_sidecar_token_audiences
        .iter()
        .filter(|a| !a.is_empty())
        .collect();
    if !audiences.is_empty() {
        volumes.push((
            tokens(&audiences),
            mount(TOKENS, "/var/run/secrets/tokens", false),
        ));
    }
    if input.is_system_tls() {
        volumes.push((
            certificates(),
            mount(CERTIFICATES, "/var/lib/knative/certs", true),
        ));
    }
    volumes
}

fn wants_pod_info(input: &Input<'_>) -> bool {
    let flag = input.config.features.queueproxy_mount_podinfo;
    let asked = meta::annotation(input.meta(), annotations::QUEUE_POD_INFO)
        .is_some_and(|value| value.eq_ignore_ascii_case("enabled"));
    flag.is_enabled() || (flag.is_permitted() && asked)
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

fn pod_info() -> Volume {
    let file = DownwardAPIVolumeFile {
        path: "annotations".into(),
        field_ref: Some(ObjectFieldSelector {
            field_path: "metadata.annotations".into(),
            api_version: None,
        }),
        ..DownwardAPIVolumeFile::default()
    };
    let source = DownwardAPIVolumeSource {
        items: Some(vec![file]),
        default_mode: None,
    };
    Volume {
        name: POD_INFO.into(),
        downward_api: Some(source),
        ..Volume::default()
    }
}

fn tokens(audiences: &[&String]) -> Volume {
    let token = |audience: &&String| VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            audience: Some((*audience).clone()),
            expiration_seconds: Some(TOKEN_LIFETIME),
            path: (*audience).clone(),
        }),
        ..VolumeProjection::default()
    };
    let sources = Some(audiences.iter().map(token).collect());
    Volume {
        name: TOKENS.into(),
        projected: Some(ProjectedVolumeSource {
            sources,
            default_mode: None,
        }),
        ..Volume::default()
    }
}

fn certificates() -> Volume {
    let secret = SecretVolumeSource {
        secret_name: Some(SERVING_CERTIFICATES_SECRET.into()),
        ..SecretVolumeSource::default()
    };
    Volume {
        name: CERTIFICATES.into(),
        secret: Some(secret),
        ..Volume::default()
    }
}

/// The volume in which a node agent finds the containers' logs.
pub(super) fn var_log() -> Volume {
    Volume {
        name: VAR_LOG.into(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    }
}

/// Gives a user container its own directory in that volume, named by pod and container.
pub(super) fn collect_var_log(container: &mut Container) {
    let directory = format!(
        "$(K_INTERNAL_POD_NAMESPACE)_$(K_INTERNAL_POD_NAME)_{}",
        container.name
    );
    container
        .volume_mounts
        .get_or_insert_default()
        .push(VolumeMount {
            sub_path_expr: Some(directory),
            ..mount(VAR_LOG, "/var/log", false)
        });
    let field = |name: &str, path: &str| EnvVar {
        name: name.into(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: path.into(),
                api_version: None,
            }),
            ..EnvVarSource::default()
        }),
    };
    container.env.get_or_insert_default().extend([
        field("K_INTERNAL_POD_NAME", "metadata.name"),
        field("K_INTERNAL_POD_NAMESPACE", "metadata.namespace"),
    ]);
}
