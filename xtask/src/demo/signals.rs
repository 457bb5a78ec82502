//! What the autoscaler thinks of a revision: its gauges, read through the API server, and the objects it writes.

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ListParams};
use serde_json::Value;

use super::stage::Stage;
use crate::manifests::NAMESPACE as SYSTEM;

/// The autoscaler's view at one moment. Parts that cannot be seen are absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct View {
    /// Pods it wants.
    pub(super) wanted: Option<i64>,
    /// `Serve` or `Proxy`: whether requests go to pods directly or through the activator.
    pub(super) mode: Option<String>,
    pub(super) gauges: Gauges,
}

/// Figures from the autoscaler's metrics.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Gauges {
    /// Requests in work, averaged over the stable window and over the panic window.
    pub(super) stable: Option<f64>,
    pub(super) panic: Option<f64>,
    pub(super) is_panicking: Option<bool>,
}

/// Looks at `revision` of the demo's namespace.
pub(super) async fn view(stage: &Stage, revision: &str) -> View {
    let autoscalers = stage.api(
        "autoscaling.internal.knative.dev",
        "v1alpha1",
        "PodAutoscaler",
    );
    let services = stage.api(
        "networking.internal.knative.dev",
        "v1alpha1",
        "ServerlessService",
    );
    let (autoscaler, service, gauges) = tokio::join!(
        autoscalers.get(revision),
        services.get(revision),
        gauges(&stage.client, revision)
    );
    let member = |value: &Value, pointer: &str| value.pointer(pointer).cloned();
    View {
        wanted: autoscaler
            .ok()
            .and_then(|object| member(&object.data, "/status/desiredScale"))
            .and_then(|scale| scale.as_i64()),
        mode: service
            .ok()
            .and_then(|object| member(&object.data, "/spec/mode"))
            .and_then(|mode| mode.as_str().map(str::to_owned)),
        gauges: gauges.unwrap_or_default(),
    }
}

async fn gauges(client: &Client, revision: &str) -> Option<Gauges> {
    let pods = Api::<Pod>::namespaced(client.clone(), SYSTEM);
    let found = pods
        .list(&ListParams::default().labels("app=autoscaler"))
        .await
        .ok()?;
    let pod = found.items.into_iter().find_map(|pod| pod.metadata.name)?;
    let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{pod}:9090/proxy/metrics");
    let text = client
        .request_text(http::Request::get(path).body(Vec::new()).ok()?)
        .await
        .ok()?;
    Some(parse(&text, revision))
}

/// Picks a revision's gauges out of a metrics page in Prometheus form.
fn parse(page: &str, revision: &str) -> Gauges {
    let label = format!("=\"{revision}\"");
    let gauge = |name: &str| {
        page.lines()
            .filter(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('{'))
            })
            .find(|line| line.contains(&label))
            .and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    Gauges {
        stable: gauge("kn_revision_concurrency_stable"),
        panic: gauge("kn_revision_concurrency_panic"),
        is_panicking: gauge("kn_revision_panic_mode").map(|value| value > 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_those_of_the_revision_that_was_asked_for() {
        let page = "\
# TYPE kn_revision_concurrency_stable gauge
kn_revision_concurrency_stable{kn_revision_name=\"other-00001\",k8s_namespace_name=\"a\"} 3
kn_revision_concurrency_stable{kn_revision_name=\"mine-00001\",k8s_namespace_name=\"a\"} 48.5
kn_revision_concurrency_stable_x{kn_revision_name=\"mine-00001\"} 1
kn_revision_panic_mode{kn_revision_name=\"mine-00001\",k8s_namespace_name=\"a\"} 1
";
        let expected = Gauges {
            stable: Some(48.5),
            panic: None,
            is_panicking: Some(true),
        };
        assert_eq!(parse(page, "mine-00001"), expected);
    }
}
