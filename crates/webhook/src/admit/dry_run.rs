//! A server-side dry run of a Service or Configuration is a dry run of its pod, too: quotas and
//! security policies of the namespace then speak before anything is stored.

use ebb_core::admission::{Context, Policy, Verb};
use ebb_core::api::configuration::Configuration;
use ebb_core::api::revision::{Revision, RevisionTemplate};
use ebb_core::api::service::Service;
use ebb_core::default::revision_spec;
use ebb_core::names::{labels, ports};
use ebb_core::plan::revision::readiness;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::PostParams;
use kube::{Api, Client};

use super::review::Request;
use super::{context, decode, verb};

/// Creates the pod without storing it.
///
/// # Errors
/// The text that follows `validation callback failed: `.
pub(super) async fn try_pod(
    client: &Client,
    request: &Request,
    policy: &Policy,
) -> Result<(), String> {
    let Some(verb @ (Verb::Create | Verb::Update)) = verb(request) else {
        return Ok(());
    };
    let Some(template) = template(request)? else {
        return Ok(());
    };
    let cx = Context {
        verb: Verb::Create,
        ..context(request, policy, verb)
    };
    let pod = pod(template, &cx)?;
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let outcome = Api::<Pod>::namespaced(client.clone(), &request.namespace)
        .create(&params, &pod)
        .await;
    let Err(cause) = outcome else { return Ok(()) };
    let text = match &cause {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    };
    if text.contains("does not support dry run") {
        tracing::warn!(
            cause = text,
            "a webhook of the cluster cannot dry-run pods; skipped"
        );
        return Ok(());
    }
    Err(format!("dry run failed with {text}: spec.template"))
}

/// The template of a kind that has one; what a Service made was tried with the Service.
fn template(request: &Request) -> Result<Option<RevisionTemplate>, String> {
    let has_template = request
        .object
        .as_ref()
        .is_some_and(|object| object["spec"]["template"].is_object());
    match (request.kind.group.as_str(), request.kind.kind.as_str()) {
        ("serving.knative.dev", "Service") if has_template => {
            Ok(Some(decode::<Service>(request)?.0.spec.template))
        }
        ("serving.knative.dev", "Configuration") if has_template => {
            let configuration = decode::<Configuration>(request)?.0;
            let service = configuration
                .metadata
                .labels
                .as_ref()
                .and_then(|all| all.get(labels::SERVICE));
            Ok(service
                .is_none_or(String::is_empty)
                .then_some(configuration.spec.template))
        }
        _ => Ok(None),
    }
}

/// The user's part of the pod that the template would make: no sidecar of ours.
fn pod(template: RevisionTemplate, cx: &Context<'_>) -> Result<Pod, String> {
    let mut revision = Revision {
        metadata: template.metadata,
        spec: template.spec,
        ..Revision::default()
    };
    revision_spec(&mut revision.spec, &revision.metadata, cx).map_err(|cause| cause.to_string())?;
    let mut spec = PodSpec {
        termination_grace_period_seconds: revision.spec.timeout_seconds,
        ..revision.spec.pod
    };
    spec.containers.iter_mut().for_each(give_probes_to_kubelet);
    let mut pod = Pod {
        spec: Some(spec),
        ..Pod::default()
    };
    pod.metadata.generate_name = Some("dry-run-validation".to_owned());
    pod.metadata.labels = revision.metadata.labels;
    pod.metadata.annotations = revision.metadata.annotations;
    Ok(pod)
}

/// Leaves what the kubelet would be asked to probe: most readiness probes are the queue-proxy's, and a port that was
/// left open is the container's.
fn give_probes_to_kubelet(container: &mut Container) {
    container.readiness_probe = container.readiness_probe.take().filter(readiness::stays);
    let port = container
        .ports
        .as_ref()
        .and_then(|all| all.first())
        .map_or(ports::DEFAULT_USER.into(), |port| port.container_port);
    for probe in [&mut container.liveness_probe, &mut container.startup_probe]
        .into_iter()
        .flatten()
    {
        let open = match (&mut probe.http_get, &mut probe.tcp_socket) {
            (Some(http), _) => &mut http.port,
            (None, Some(tcp)) => &mut tcp.port,
            (None, None) => continue,
        };
        if *open == IntOrString::Int(0) {
            *open = IntOrString::Int(port);
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Probe, TCPSocketAction};

    use super::*;

    #[test]
    fn a_probe_without_a_port_is_none_that_the_api_server_would_refuse() {
        let tcp = Probe {
            tcp_socket: Some(TCPSocketAction::default()),
            ..Probe::default()
        };
        let mut container = Container {
            readiness_probe: Some(tcp.clone()),
            liveness_probe: Some(tcp),
            ..Container::default()
        };
        give_probes_to_kubelet(&mut container);
        assert_eq!(container.readiness_probe, None);
        let port = container.liveness_probe.unwrap().tcp_socket.unwrap().port;
        assert_eq!(port, IntOrString::Int(8080));
    }
}
