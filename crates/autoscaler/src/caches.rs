//! What the autoscaler watches, each kind once.

use ebb_core::api::metric::Metric;
use ebb_core::api::pod_autoscaler::PodAutoscaler;
use ebb_core::api::serverless_service::ServerlessService;
use ebb_core::names::labels;
use ebb_core::scale::Pod;
use ebb_process::Supervisor;
use ebb_runtime::cache::Options;
use ebb_runtime::{Cache, Key};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use tokio::sync::watch;

use crate::ownership::BUCKET_PREFIX;
use crate::reconcile;
use crate::scale_target::Deployment;

/// All caches of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caches {
    /// Of all classes; the others are passed over.
    pub autoscalers: Cache<PodAutoscaler>,
    /// Children of PodAutoscalers.
    pub services: Cache<ServerlessService>,
    /// Children of PodAutoscalers.
    pub metrics: Cache<Metric>,
    /// The pods of revisions.
    pub pods: Cache<Pod>,
    /// The Deployments of revisions.
    pub deployments: Cache<Deployment>,
    /// The Leases of the system namespace.
    pub leases: Cache<Lease>,
}

impl Caches {
    /// Starts the watches.
    #[must_use]
    pub fn start(supervisor: &Supervisor, client: &Client, system_namespace: &str) -> Self {
        let children = Options {
            keep_manager: Some(reconcile::POD_AUTOSCALER),
            ..Options::default()
        };
        let of_revisions = Options {
            labels: Some(labels::REVISION_UID),
            ..Options::default()
        };
        let leases = Api::namespaced(client.clone(), system_namespace);
        Self {
            autoscalers: Cache::start(supervisor, Api::all(client.clone()), Options::default()),
            services: Cache::start(supervisor, Api::all(client.clone()), children),
            metrics: Cache::start(supervisor, Api::all(client.clone()), children),
            pods: Cache::start(supervisor, Api::all(client.clone()), of_revisions),
            deployments: Cache::start(supervisor, Api::all(client.clone()), of_revisions),
            leases: Cache::start(supervisor, leases, Options::default()),
        }
    }

    /// Resolves once each has its first list.
    pub async fn ready(&self) {
        self.autoscalers.ready().await;
        self.services.ready().await;
        self.metrics.ready().await;
        self.pods.ready().await;
        self.deployments.ready().await;
        self.leases.ready().await;
    }

    /// A number that grows whenever a bucket's Lease has no holder any more: the replica that leads
    /// when another one is replaced should be there for the next request from zero, not a retry
    /// period later.
    #[must_use]
    pub fn given_up_buckets(&self) -> watch::Receiver<u64> {
        let (version, receiver) = watch::channel(0);
        self.leases.observe(move |change| {
            let lease = change.latest();
            let is_bucket = Key::of(&**lease).name.starts_with(BUCKET_PREFIX);
            let holder = change
                .after()
                .and_then(|lease| lease.spec.as_ref()?.holder_identity.as_ref());
            if is_bucket && holder.is_none_or(String::is_empty) {
                version.send_modify(|version| *version += 1);
            }
        });
        receiver
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bucket_without_holder_is_noticed() {
        let lease = |name: &str, version: &str, holder: &str| -> Lease {
            serde_json::from_value(json!({
                "metadata": { "name": name, "namespace": "ns", "resourceVersion": version },
                "spec": { "holderIdentity": holder },
            }))
            .unwrap()
        };
        let bucket = "autoscaler-bucket-00-of-01";
        let caches = Caches {
            autoscalers: Cache::detached(),
            services: Cache::detached(),
            metrics: Cache::detached(),
            pods: Cache::detached(),
            deployments: Cache::detached(),
            leases: Cache::of([lease(bucket, "1", "a_10.0.0.1")]),
        };
        let mut given_up = caches.given_up_buckets();
        caches
            .leases
            .insert(lease("somebody.else.00-of-01", "2", ""));
        caches.leases.insert(lease(bucket, "3", "a_10.0.0.1"));
        assert!(!given_up.has_changed().unwrap());
        caches.leases.insert(lease(bucket, "4", ""));
        assert!(given_up.has_changed().unwrap());
        given_up.mark_unchanged();
        caches.leases.remove(&Key::new("ns", bucket));
        assert!(given_up.has_changed().unwrap());
    }
}
