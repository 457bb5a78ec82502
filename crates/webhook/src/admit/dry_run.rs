//! A server-side dry run of a Service or Configuration is a dry run of its pod, too: quotas and
//! security policies of the namespace then speak before anything is stored.

use ebb_core::admission::{Context, Policy, Verb};
use ebb_core::api::configuration::Configuration;
use ebb_core::api::revision::{Revision, RevisionTemplate, fill_in_spec};
use ebb_core::api::service::Service;
use ebb_core::json::Node;
use ebb_core::names::labels;
use ebb_core::{config, plan};
use k8s_openapi::api::core::v1::Pod;
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
    request: &Request<'_>,
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
fn template(request: &Request<'_>) -> Result<Option<RevisionTemplate>, String> {
    let has_template = request
        .object
        .as_ref()
        .and_then(|object| object.get("spec")?.get("template"))
        .is_some_and(Node::is_object);
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
    fill_in_spec(&mut revision.spec, &revision.metadata, cx).map_err(|cause| cause.to_string())?;
    // The settings that are defaults here shape the sidecar and the place to run only.
    let config = plan::revision::Config {
        autoscaler: &cx.policy.autoscaler,
        defaults: &cx.policy.defaults,
        deployment: &config::Deployment::default(),
        features: &cx.policy.features,
        logging: &config::Logging::default(),
        network: &config::Network::default(),
        observability: &config::Observability::default(),
        system_namespace: "",
    };
    let mut pod = Pod {
        spec: Some(plan::revision::user_pod(&revision, &config)),
        ..Pod::default()
    };
    pod.metadata.generate_name = Some("dry-run-validation".to_owned());
    pod.metadata.labels = revision.metadata.labels;
    pod.metadata.annotations = revision.metadata.annotations;
    Ok(pod)
}

#[cfg(test)]
mod tests {
    use ebb_runtime::fake;
    use serde::Deserialize as _;
    use serde_json::json;

    use super::super::review::GroupVersionKind;
    use super::*;

    fn request(kind: &str, labels: serde_json::Value) -> Request<'static> {
        let object = json!({
            "metadata": {"name": "shop", "labels": labels},
            "spec": {"template": {
                "metadata": {"labels": {"tier": "front"}},
                "spec": {"containers": [{"image": "shop"}]},
            }},
        });
        Request {
            operation: "CREATE".to_owned(),
            namespace: "demo".to_owned(),
            kind: GroupVersionKind {
                group: "serving.knative.dev".into(),
                version: "v1".into(),
                kind: kind.into(),
            },
            object: Some(Node::deserialize(object).unwrap()),
            ..Request::default()
        }
    }

    #[tokio::test]
    async fn the_pod_is_the_users_part_as_it_would_run() {
        let api = fake::Api::new();
        let outcome = try_pod(
            &api.client(),
            &request("Service", json!({})),
            &Policy::default(),
        )
        .await;
        assert_eq!(outcome, Ok(()));
        let [asked] = &api.take_asked()[..] else {
            panic!("one pod is tried")
        };
        assert_eq!(asked.path, "/api/v1/namespaces/demo/pods");
        assert!(asked.query.contains("dryRun=All"), "{}", asked.query);
        let pod = &asked.body;
        assert_eq!(pod["metadata"]["generateName"], "dry-run-validation");
        assert_eq!(pod["metadata"]["labels"], json!({"tier": "front"}));
        assert_eq!(pod["spec"]["terminationGracePeriodSeconds"], 300);
        let containers = pod["spec"]["containers"].as_array().map(Vec::len);
        assert_eq!(containers, Some(1), "no sidecar");
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["ports"][0]["containerPort"], 8080);
        assert_eq!(container.get("readinessProbe"), None, "it is the sidecar's");
    }

    #[tokio::test]
    async fn what_a_service_made_is_tried_with_the_service() {
        let api = fake::Api::new();
        let owned = request(
            "Configuration",
            json!({"serving.knative.dev/service": "shop"}),
        );
        try_pod(&api.client(), &owned, &Policy::default())
            .await
            .unwrap();
        try_pod(
            &api.client(),
            &request("Route", json!({})),
            &Policy::default(),
        )
        .await
        .unwrap();
        assert_eq!(api.take_asked(), []);
    }

    #[tokio::test]
    async fn a_refusal_is_told_with_its_place() {
        let api = fake::Api::new();
        api.set_away(true);
        let outcome = try_pod(
            &api.client(),
            &request("Service", json!({})),
            &Policy::default(),
        )
        .await;
        let text = outcome.unwrap_err();
        assert!(
            text.starts_with("dry run failed with ") && text.ends_with(": spec.template"),
            "{text}"
        );
    }
}
