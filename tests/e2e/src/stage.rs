//! Where one test plays: a namespace that nobody else uses.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams,
};
use kube::runtime::wait::await_condition;
use serde_json::Value;

use crate::cluster::{self, Cluster};
use crate::report;
use crate::service::{Ksvc, condition, is_observed};
use crate::wait::{contained, eventually};

/// How long any test may take.
const TEST_WITHIN: Duration = Duration::from_secs(300);
/// How long a Service may take to become ready, on a machine that does much else.
pub const READY_WITHIN: Duration = Duration::from_secs(90);
/// How long a revision may take to have no pod any more, once nobody asks for it: a short window, the grace period
/// of 30 s, and a pod that ends in peace.
pub const ZERO_WITHIN: Duration = Duration::from_secs(150);

/// A namespace, and the cluster around it.
#[derive(Debug)]
pub struct Stage {
    /// The cluster.
    pub cluster: Cluster,
    /// Name of the namespace.
    pub namespace: String,
}

/// Plays a test on a stage of its own, and clears the stage. If the test fails, objects, events and logs are printed.
///
/// # Panics
/// If the test fails.
pub async fn play(name: &str, test: impl AsyncFnOnce(&Stage) -> Result<()>) {
    let stage = match Stage::set(name).await {
        Ok(stage) => stage,
        Err(error) => panic!("{error:#}"),
    };
    let outcome = contained(TEST_WITHIN, test(&stage)).await;
    if outcome.is_err() {
        report::print(&stage).await;
    }
    if std::env::var_os("EBB_E2E_KEEP").is_none() {
        stage.clear().await;
    }
    if let Err(error) = outcome {
        panic!("{name} in namespace {}: {error:#}", stage.namespace);
    }
}

impl Stage {
    async fn set(name: &str) -> Result<Self> {
        let cluster = Cluster::current().await?;
        let namespace = Namespace {
            metadata: ObjectMeta {
                // The API server completes the name, so that a test can run while its last run is still going away.
                generate_name: Some(format!("e2e-{name}-")),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let namespace = Api::all(cluster.client.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .context("cannot create a namespace")?
            .metadata
            .name
            .context("the namespace has no name")?;
        Ok(Self { cluster, namespace })
    }

    /// Lets the namespace go. Nobody waits for it: the next test has another.
    async fn clear(&self) {
        let namespaces = Api::<Namespace>::all(self.cluster.client.clone());
        if let Err(error) = namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await
        {
            eprintln!("namespace {} stays: {error}", self.namespace);
        }
    }

    /// Objects of a Knative kind in this namespace.
    #[must_use]
    pub fn api(&self, kind: &str) -> Api<DynamicObject> {
        cluster::api(&self.cluster.client, &self.namespace, kind)
    }

    /// One object of a Knative kind.
    ///
    /// # Errors
    /// If it is not there.
    pub async fn get(&self, kind: &str, name: &str) -> Result<DynamicObject> {
        self.api(kind)
            .get(name)
            .await
            .with_context(|| format!("{kind} {name}"))
    }

    /// Applies a Service, as kubectl does on the server's side.
    ///
    /// # Errors
    /// If the API server or an admission webhook refuses it.
    pub async fn apply(&self, service: &Ksvc) -> Result<DynamicObject> {
        self.api("Service")
            .patch(
                &service.name,
                &PatchParams::apply("ebb-e2e").force(),
                &Patch::Apply(service.manifest()),
            )
            .await
            .with_context(|| format!("cannot apply service {}", service.name))
    }

    /// Applies a Service and waits until what was applied is ready.
    ///
    /// # Errors
    /// If it is refused, or not ready in time.
    pub async fn deploy(&self, service: &Ksvc) -> Result<DynamicObject> {
        let generation = self.apply(service).await?.metadata.generation;
        self.settled("Service", &service.name, "Ready", "True", generation)
            .await
    }

    /// Waits until a condition of an object has a status, seen for at least `generation`.
    ///
    /// # Errors
    /// If that takes longer than [`READY_WITHIN`]; with the conditions as they are then.
    pub async fn settled(
        &self,
        kind: &str,
        name: &str,
        wanted: &str,
        status: &str,
        generation: Option<i64>,
    ) -> Result<DynamicObject> {
        let found = await_condition(self.api(kind), name, |object: Option<&DynamicObject>| {
            object.is_some_and(|object| {
                is_observed(object)
                    && object.metadata.generation >= generation
                    && condition(object, wanted)["status"] == status
            })
        });
        match tokio::time::timeout(READY_WITHIN, found).await {
            Ok(found) => found?.with_context(|| format!("{kind} {name} has gone")),
            Err(_) => {
                let now = self.get(kind, name).await?;
                Err(anyhow!(
                    "{kind} {name} has not {wanted}={status} within {} s: {}",
                    READY_WITHIN.as_secs(),
                    now.data["status"]["conditions"]
                ))
            }
        }
    }

    /// Pods of a revision that are not on their way out.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub async fn pods(&self, revision: &str) -> Result<Vec<Pod>> {
        let selector = format!("serving.knative.dev/revision={revision}");
        let pods = Api::<Pod>::namespaced(self.cluster.client.clone(), &self.namespace)
            .list(&ListParams::default().labels(&selector))
            .await?;
        Ok(pods
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .collect())
    }

    /// Waits until a revision has no pod, and is known to have none.
    ///
    /// # Errors
    /// If that takes longer than [`ZERO_WITHIN`].
    pub async fn at_zero(&self, revision: &str) -> Result<()> {
        eventually(
            &format!("{revision} goes to zero"),
            ZERO_WITHIN,
            async || {
                let pods = self.pods(revision).await?.len();
                Ok(if pods == 0 {
                    Ok(())
                } else {
                    Err(format!("{pods} pods"))
                })
            },
        )
        .await
    }

    /// The mode of a revision's ServerlessService: `Serve` or `Proxy`.
    ///
    /// # Errors
    /// If there is none.
    pub async fn mode(&self, revision: &str) -> Result<Value> {
        let service = self.get("ServerlessService", revision).await?;
        Ok(service.data["spec"]["mode"].clone())
    }
}
