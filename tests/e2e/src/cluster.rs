//! The cluster under test: how to reach it, and which images it has.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{Node, Service};
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};

use crate::http::Gateway;

/// Where Ebb is installed.
pub const SYSTEM_NAMESPACE: &str = "knative-serving";

/// A cluster with Ebb on it.
#[derive(Clone)]
pub struct Cluster {
    /// The API server.
    pub client: Client,
    /// Where requests go.
    pub gateway: Gateway,
    /// Reference of the image that says hello.
    pub hello: String,
    /// Reference of the image that takes any load, see `samples/autoscale`.
    pub autoscale: String,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// The cluster of the current kubeconfig.
    ///
    /// # Errors
    /// If there is none, if Ebb is not on it, or if the environment does not name the sample images.
    pub async fn current() -> Result<Self> {
        let image = |variable: &str| {
            std::env::var(variable).with_context(|| {
                format!("{variable} is not set: run these tests with `cargo xtask test e2e`")
            })
        };
        let client = Client::try_default()
            .await
            .context("no cluster to test: run these tests with `cargo xtask test e2e`")?;
        Ok(Self {
            gateway: Gateway {
                address: gateway_address(&client).await?,
            },
            hello: image("EBB_E2E_HELLO")?,
            autoscale: image("EBB_E2E_AUTOSCALE")?,
            client,
        })
    }
}

/// The API of a Knative kind, by the kind's name.
#[must_use]
pub fn resource(kind: &str) -> ApiResource {
    let (group, version) = match kind {
        "Service" | "Configuration" | "Revision" | "Route" => ("serving.knative.dev", "v1"),
        "DomainMapping" => ("serving.knative.dev", "v1beta1"),
        "PodAutoscaler" | "Metric" => ("autoscaling.internal.knative.dev", "v1alpha1"),
        "Image" => ("caching.internal.knative.dev", "v1alpha1"),
        _ => ("networking.internal.knative.dev", "v1alpha1"),
    };
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// All objects of a Knative kind in a namespace.
#[must_use]
pub fn api(client: &Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource(kind))
}

/// The load balancer's address; where there is none, a node port of the first node.
async fn gateway_address(client: &Client) -> Result<SocketAddr> {
    let service = Api::<Service>::namespaced(client.clone(), SYSTEM_NAMESPACE)
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
    let node = Api::<Node>::all(client.clone())
        .list(&ListParams::default())
        .await?
        .items
        .into_iter()
        .flat_map(|node| {
            node.status
                .and_then(|status| status.addresses)
                .unwrap_or_default()
        })
        .find(|address| address.type_ == "InternalIP")
        .context("no node has an address")?;
    Ok(SocketAddr::new(node.address.parse()?, u16::try_from(port)?))
}
