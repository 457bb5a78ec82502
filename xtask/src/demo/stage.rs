//! Where the demo plays: a namespace of its own, the way in, and what can be seen from the outside.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Node, Service};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::http::Gateway;
use super::pods::Pods;
use crate::progress::Step;

/// Namespace of everything that the demo makes.
pub(super) const NAMESPACE: &str = "ebb-demo";

const FIELD_MANAGER: &str = "ebb-demo";
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Period of a probe that does not say, and what a time of whole seconds may be off.
const PROBE_PERIOD: Duration = Duration::from_secs(11);

/// How long a service may take to become ready.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How long the namespace may take to go.
const GONE_WITHIN: Duration = Duration::from_secs(120);

/// What every step of the demo needs.
pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) gateway: Gateway,
    pub(super) pods: Pods,
    /// References of the sample images.
    pub(super) hello: String,
    pub(super) autoscale: String,
}

impl Stage {
    /// An empty namespace and the gateway's address.
    pub(super) async fn set(client: Client, hello: String, autoscale: String) -> Result<Self> {
        remove_namespace(&client).await?;
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE },
        });
        Api::<Namespace>::all(client.clone())
            .patch(
                NAMESPACE,
                &PatchParams::apply(FIELD_MANAGER).force(),
                &Patch::Apply(namespace),
            )
            .await
            .with_context(|| format!("cannot create namespace {NAMESPACE}"))?;
        kubelets_settle(&client).await?;
        let gateway = Gateway {
            address: gateway_address(&client).await?,
        };
        let pods = Pods::follow(&client, NAMESPACE);
        Ok(Self {
            client,
            gateway,
            pods,
            hello,
            autoscale,
        })
    }

    /// Applies a service with template `annotations` and traffic as given (`null` for none).
    pub(super) async fn apply(&self, name: &str, template: Value, traffic: Value) -> Result<()> {
        let mut spec = json!({ "template": template });
        if !traffic.is_null() {
            spec["traffic"] = traffic;
        }
        let service = json!({
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": { "name": name },
            "spec": spec,
        });
        self.services()
            .patch(
                name,
                &PatchParams::apply(FIELD_MANAGER).force(),
                &Patch::Apply(service),
            )
            .await
            .with_context(|| format!("cannot apply service {name}"))?;
        Ok(())
    }

    /// Waits until `name` is ready for the generation that was applied last, and returns it.
    pub(super) async fn ready(&self, name: &str) -> Result<DynamicObject> {
        let services = self.services();
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let service = services
                .get(name)
                .await
                .with_context(|| format!("cannot read service {name}"))?;
            let observed = service.data["status"]["observedGeneration"].as_i64();
            let condition = ready_condition(&service);
            let text = |member: &str| condition[member].as_str().unwrap_or_default().to_owned();
            if observed.is_some() && observed == service.metadata.generation {
                match condition["status"].as_str() {
                    Some("True") => return Ok(service),
                    Some("False") => bail!(
                        "service {name} is not ready: {}: {}\nsee `kubectl -n {NAMESPACE} describe ksvc {name}`",
                        text("reason"),
                        text("message")
                    ),
                    _ => {}
                }
            }
            if Instant::now() > deadline {
                bail!(
                    "service {name} is not ready after {} s: {}: {}",
                    READY_WITHIN.as_secs(),
                    text("reason"),
                    text("message")
                );
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    fn services(&self) -> Api<DynamicObject> {
        self.api("serving.knative.dev", "v1", "Service")
    }

    /// The API of one of our kinds, in the demo's namespace.
    pub(super) fn api(&self, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), NAMESPACE, &resource)
    }
}

/// Host name of a service, out of its URL.
pub(super) fn host(service: &DynamicObject) -> Result<String> {
    let url = url(service)?;
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    Ok(host.trim_end_matches('/').to_owned())
}

/// URL of a service.
pub(super) fn url(service: &DynamicObject) -> Result<&str> {
    service.data["status"]["url"]
        .as_str()
        .context("the service is ready but has no URL")
}

fn ready_condition(object: &DynamicObject) -> Value {
    let conditions = object.data["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Ready")
        .cloned()
        .unwrap_or_default()
}

/// Waits until every kubelet is older than the usual period of a probe.
///
/// Up to that age it delays the first probe of each container by a random part of the period, so that a restarted kubelet
/// does not probe everything at once. The first service on a new cluster would seem to take ten seconds to start.
async fn kubelets_settle(client: &Client) -> Result<()> {
    let nodes = Api::<Node>::all(client.clone())
        .list(&ListParams::default())
        .await
        .context("cannot list nodes")?;
    let youngest = nodes
        .items
        .into_iter()
        .flat_map(|node| {
            node.status
                .and_then(|status| status.conditions)
                .unwrap_or_default()
        })
        .filter(|condition| condition.type_ == "Ready")
        .filter_map(|condition| Some(condition.last_transition_time?.0))
        .max();
    if let Some(ready_since) = youngest {
        let age = Timestamp::now().duration_since(ready_since).unsigned_abs();
        if let Some(rest) = PROBE_PERIOD.checked_sub(age) {
            let step = Step::begin("let the new node settle");
            tokio::time::sleep(rest).await;
            step.done();
        }
    }
    Ok(())
}

/// Removes the demo's namespace and waits until it is gone.
pub(super) async fn remove_namespace(client: &Client) -> Result<()> {
    let namespaces = Api::<Namespace>::all(client.clone());
    let deadline = Instant::now() + GONE_WITHIN;
    while namespaces.get_opt(NAMESPACE).await?.is_some() {
        // Repeated, since a namespace can come back to life only through somebody else.
        let _ = namespaces.delete(NAMESPACE, &DeleteParams::default()).await;
        if Instant::now() > deadline {
            bail!(
                "namespace {NAMESPACE} does not go away; see `kubectl get namespace {NAMESPACE} -o yaml`"
            );
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(())
}

/// Where requests come in: the load balancer's address, else a port of the first node.
pub(super) async fn gateway_address(client: &Client) -> Result<SocketAddr> {
    let services = Api::<Service>::namespaced(client.clone(), crate::manifests::NAMESPACE);
    let service = services
        .get("ebb-gateway")
        .await
        .context("there is no gateway; is Ebb installed?")?;
    let balancer = service
        .status
        .and_then(|status| status.load_balancer?.ingress)
        .and_then(|ingress| ingress.into_iter().find_map(|one| one.ip));
    if let Some(address) = balancer {
        return Ok(SocketAddr::new(address.parse::<IpAddr>()?, 80));
    }
    let port = service
        .spec
        .and_then(|spec| spec.ports)
        .and_then(|ports| ports.into_iter().find(|port| port.port == 80)?.node_port)
        .context("the gateway's Service has neither an address nor a node port")?;
    let nodes = Api::<Node>::all(client.clone())
        .list(&ListParams::default())
        .await?;
    let node = nodes
        .items
        .into_iter()
        .flat_map(|node| {
            node.status
                .and_then(|status| status.addresses)
                .unwrap_or_default()
        })
        .find(|address| address.type_ == "InternalIP")
        .ok_or_else(|| anyhow!("no node has an address"))?;
    Ok(SocketAddr::new(node.address.parse()?, u16::try_from(port)?))
}
