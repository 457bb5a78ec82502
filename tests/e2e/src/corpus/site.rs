//! Where the corpus is played: a namespace, with nobody acting on what is stored in it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ServiceAccount};
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams,
};
use kube::core::ApiResource;
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::sync::Mutex;

use super::files::Set;
use super::kubectl::{Caller, filename};
use super::settings::{Data, Settings};
use crate::cluster::{self, SYSTEM_NAMESPACE};
use crate::wait::{contained, eventually};

/// The namespace; manifests and messages name it.
pub(super) const NAMESPACE: &str = "corpus";
/// Programs that would act on what is stored.
const STOPPED: [&str; 2] = ["controller", "autoscaler"];
/// Every kind with a namespace.
const KINDS: [&str; 12] = [
    "ConfigMap",
    "Service",
    "Configuration",
    "Revision",
    "Route",
    "DomainMapping",
    "PodAutoscaler",
    "Metric",
    "ServerlessService",
    "Ingress",
    "Certificate",
    "Image",
];
/// What every namespace has.
const ROOT_CERTIFICATE: &str = "kube-root-ca.crt";
/// How long programs may take to stop, and to be back.
const TURN_WITHIN: Duration = Duration::from_secs(120);
/// How long all of it may take.
const PLAY_WITHIN: Duration = Duration::from_secs(600);

/// A cluster at rest.
pub struct Site {
    client: Client,
    pub(super) kubectl: Caller,
    /// Whose requests these are.
    pub(super) user: String,
    settings: Mutex<Settings>,
    /// Deployments that rest, and how many replicas they had.
    stopped: Mutex<Vec<(String, i32)>>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Site {
    /// Plays on a cluster at rest, and sets everything going again, whatever happened.
    ///
    /// # Panics
    /// If the test fails, or the cluster cannot be put back as it was.
    pub async fn play(test: impl AsyncFnOnce(&Self) -> Result<()>) {
        let site = match Self::new().await {
            Ok(site) => site,
            Err(error) => panic!("{error:#}"),
        };
        let outcome = contained(PLAY_WITHIN, async {
            site.begin().await?;
            test(&site).await
        })
        .await;
        let ended = site.end().await;
        if let Err(error) = outcome.and(ended) {
            panic!("{error:#}");
        }
    }

    async fn new() -> Result<Self> {
        let client = Client::try_default()
            .await
            .context("no cluster to test: run these tests with `cargo xtask test e2e`")?;
        let kubectl = Caller::new(NAMESPACE)?;
        Ok(Self {
            user: kubectl.user().await?,
            settings: Mutex::new(Settings::new(client.clone())),
            stopped: Mutex::default(),
            kubectl,
            client,
        })
    }

    async fn begin(&self) -> Result<()> {
        // Only a controller that works lets go of what a run has left.
        self.remove_namespace().await?;
        let namespaces = Api::<Namespace>::all(self.client.clone());
        eventually("the last run has gone", TURN_WITHIN, async || {
            let found = namespaces.get_opt(NAMESPACE).await?;
            Ok(found.map_or(Ok(()), |_| Err("it is still there".to_owned())))
        })
        .await?;
        for name in STOPPED {
            let Some(found) = self.deployments().get_opt(name).await? else {
                continue;
            };
            let replicas = found.spec.and_then(|spec| spec.replicas).unwrap_or(1);
            // One that a test before us left at rest is wanted again as well.
            let replicas = replicas.max(1);
            self.stopped.lock().await.push((name.to_owned(), replicas));
            self.scale(name, 0).await?;
        }
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(NAMESPACE.to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        namespaces
            .create(&PostParams::default(), &namespace)
            .await?;
        // No pod is admitted without it, not even a dry one.
        let accounts = Api::<ServiceAccount>::namespaced(self.client.clone(), NAMESPACE);
        eventually("there is a service account", TURN_WITHIN, async || {
            let found = accounts.get_opt("default").await?;
            Ok(found.map(|_| ()).ok_or_else(|| "none".to_owned()))
        })
        .await?;
        for name in STOPPED {
            let pods = Api::<Pod>::namespaced(self.client.clone(), SYSTEM_NAMESPACE);
            let own = ListParams::default().labels(&format!("app={name}"));
            eventually(&format!("{name} rests"), TURN_WITHIN, async || {
                let left = pods.list(&own).await?.items.len();
                Ok(if left == 0 {
                    Ok(())
                } else {
                    Err(format!("{left} pods"))
                })
            })
            .await?;
        }
        Ok(())
    }

    /// Puts everything back. Goes on after a failure, and tells of the first.
    async fn end(&self) -> Result<()> {
        let settings = self.settings.lock().await.put(&Data::new()).await;
        let namespace = self.remove_namespace().await;
        let stopped = self.stopped.lock().await;
        let back = stopped
            .iter()
            .map(|(name, replicas)| self.wake(name, *replicas));
        let back = try_join_all(back).await;
        settings.and(namespace).and(back.map(|_| ()))
    }

    async fn wake(&self, name: &str, replicas: i32) -> Result<()> {
        self.scale(name, replicas).await?;
        eventually(&format!("{name} is back"), TURN_WITHIN, async || {
            let found = self.deployments().get(name).await?;
            let ready = found
                .status
                .and_then(|status| status.ready_replicas)
                .unwrap_or(0);
            Ok(if ready == replicas {
                Ok(())
            } else {
                Err(format!("{ready} of {replicas}"))
            })
        })
        .await
    }

    async fn scale(&self, name: &str, replicas: i32) -> Result<()> {
        let change = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        self.deployments()
            .patch(name, &PatchParams::default(), &change)
            .await
            .with_context(|| format!("cannot scale {name}"))?;
        Ok(())
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE)
    }

    /// Lets the namespace go, if there is one. Nobody waits for it here: the next run does.
    async fn remove_namespace(&self) -> Result<()> {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        match namespaces.delete(NAMESPACE, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            removed => removed.map(drop).context("cannot remove the namespace"),
        }
    }

    /// Makes ready what the cases of a set rely on.
    pub(super) async fn prepare(&self, set: &Set) -> Result<()> {
        let prepared = async {
            self.settings.lock().await.put(&set.settings).await?;
            if let Some(needs) = &set.needs {
                self.kubectl.succeed(&["apply", &filename(needs)]).await?;
            }
            Ok::<_, anyhow::Error>(())
        };
        prepared.await.with_context(|| format!("set {}", set.name))
    }

    /// Removes what a set has left.
    pub(super) async fn clear(&self, set: &Set) -> Result<()> {
        for (kind, name) in self.stored().await? {
            self.api(&kind)
                .delete(&name, &DeleteParams::default())
                .await
                .with_context(|| format!("cannot delete {kind} {name}"))?;
        }
        if let Some(needs) = &set.needs {
            self.kubectl.succeed(&["delete", &filename(needs)]).await?;
        }
        Ok(())
    }

    /// Kind and name of everything of ours in the namespace.
    pub(super) async fn stored(&self) -> Result<Vec<(String, String)>> {
        let lists = KINDS.map(async |kind| {
            let objects = self.api(kind).list_metadata(&ListParams::default()).await?;
            let names = objects.items.iter().map(ResourceExt::name_any);
            let names = names.filter(|name| name != ROOT_CERTIFICATE);
            Ok::<_, kube::Error>(
                names
                    .map(|name| (kind.to_owned(), name))
                    .collect::<Vec<_>>(),
            )
        });
        Ok(try_join_all(lists).await?.concat())
    }

    /// The objects of a kind.
    pub(super) fn api(&self, kind: &str) -> Api<DynamicObject> {
        if kind == "ConfigMap" {
            let resource = ApiResource::erase::<ConfigMap>(&());
            Api::namespaced_with(self.client.clone(), NAMESPACE, &resource)
        } else if KINDS.contains(&kind) {
            cluster::api(&self.client, NAMESPACE, kind)
        } else {
            Api::all_with(self.client.clone(), &cluster::resource(kind))
        }
    }
}
