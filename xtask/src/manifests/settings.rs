//! What differs from one installation to the next. Everything else in the manifests is fixed.

use std::collections::BTreeMap;

/// Namespace of the system.
pub(crate) const NAMESPACE: &str = "knative-serving";

/// The version that the manifests bear in their labels.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The choices of one installation.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Image reference of each component, by the component's name.
    pub(crate) images: BTreeMap<String, String>,
    /// Replicas of the webhook. Two, so that admission survives the loss of one: while no webhook answers, nothing
    /// of ours can be created.
    pub(crate) webhook_replicas: i32,
    /// Replicas of the gateway. Two, so that no request is lost with one: every request passes here.
    pub(crate) gateway_replicas: i32,
    /// Ingress class for routes that name none.
    pub(crate) ingress_class: String,
    /// Domain for routes that no other domain is chosen for; without one, routes stay inside the cluster.
    pub(crate) domain: Option<String>,
}

impl Settings {
    /// The choices of the manifests in `deploy/`: images by release, everything else by default.
    pub(crate) fn release() -> Self {
        let images = crate::images::components()
            .map(|name| {
                (
                    name.to_owned(),
                    format!("{}/{name}:v{VERSION}", crate::images::REPOSITORY),
                )
            })
            .collect();
        Self {
            images,
            webhook_replicas: 2,
            gateway_replicas: 2,
            ingress_class: "ebb.ingress.networking.knative.dev".to_owned(),
            domain: None,
        }
    }

    /// Image reference of component `name`.
    pub(super) fn image(&self, name: &str) -> String {
        self.images
            .get(name)
            .cloned()
            .expect("every component of the catalogue has an image")
    }
}
