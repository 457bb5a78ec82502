//! What a PodAutoscaler scales: reads `spec.replicas`, writes the `/scale` subresource.
//!
//! Deployments, which is what revisions have, are read from a cache that holds nothing but their
//! replicas. Any other kind with a `/scale` subresource is asked for on the spot.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation};
use k8s_openapi::api::apps::v1;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Client, Resource};
use parking_lot::Mutex;
use serde::Deserialize;

use ebb_runtime::{Cache, Key, request};

/// A Deployment of which only the wanted replicas are kept.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Deployment {
    /// Name, namespace, version.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// The part that scaling looks at.
    #[serde(default)]
    pub spec: DeploymentSpec,
}

/// The part of a Deployment's spec that scaling looks at.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct DeploymentSpec {
    /// Wanted pods; none means one.
    pub replicas: Option<i32>,
}

impl Resource for Deployment {
    type DynamicType = ();
    type Scope = <v1::Deployment as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        v1::Deployment::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        v1::Deployment::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        v1::Deployment::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        v1::Deployment::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// A scale target that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The reference names no kind.
    #[error("scale target {name:?} has no apiVersion and kind")]
    Nameless {
        /// The name it does give.
        name: String,
    },
    /// It could not be read.
    #[error("failed to get scale target {kind} {name:?}")]
    Get {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// What the API said.
        source: Box<kube::Error>,
    },
    /// It could not be written.
    #[error("failed to apply scale {replicas} to scale target {name:?}")]
    Apply {
        /// The wanted pods.
        replicas: u32,
        /// Its name.
        name: String,
        /// What the API said.
        source: Box<kube::Error>,
    },
}

impl Error {
    /// Whether the target does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Get { source, .. } if request::is_not_found(source))
    }
}

/// What was written to a Deployment that the cache shows at this version.
#[derive(Debug)]
struct Written {
    version: Option<String>,
    replicas: u32,
}

/// Reads and writes scale targets. Cheap to clone.
#[derive(Clone)]
pub struct ScaleTargets {
    client: Client,
    deployments: Cache<Deployment>,
    /// What the cache does not show yet. Without it the pass that follows a write, by a few
    /// milliseconds, would write again.
    written: Arc<Mutex<HashMap<Key, Written>>>,
}

impl fmt::Debug for ScaleTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScaleTargets")
            .field("deployments", &self.deployments)
            .finish_non_exhaustive()
    }
}

impl ScaleTargets {
    /// Targets of which the Deployments are in `deployments`.
    #[must_use]
    pub fn new(client: Client, deployments: Cache<Deployment>) -> Self {
        Self {
            client,
            deployments,
            written: Arc::default(),
        }
    }

    /// The target's `spec.replicas`; one where it does not say.
    ///
    /// # Errors
    /// When it is not in the cache and cannot be read from the API server either.
    pub async fn replicas(&self, namespace: &str, target: &ObjectReference) -> Result<u32, Error> {
        if let Some(known) = self.cached(namespace, target) {
            return Ok(known);
        }
        let (api, name) = self.api(namespace, target)?;
        let scale = api.get_scale(name).await.map_err(|source| Error::Get {
            kind: target.kind.clone().unwrap_or_default(),
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        Ok(pods(scale.spec.and_then(|spec| spec.replicas)))
    }

    /// The target's `spec.replicas` if the cache, or what was just written, tells.
    #[must_use]
    pub fn cached(&self, namespace: &str, target: &ObjectReference) -> Option<u32> {
        let (key, deployment) = self.deployment(namespace, target)?;
        let mut written = self.written.lock();
        match written.get(&key) {
            Some(last) if last.version == deployment.metadata.resource_version => {
                Some(last.replicas)
            }
            _ => {
                written.remove(&key);
                Some(pods(deployment.spec.replicas))
            }
        }
    }

    fn deployment(
        &self,
        namespace: &str,
        target: &ObjectReference,
    ) -> Option<(Key, Arc<Deployment>)> {
        let is_deployment = target.kind.as_deref() == Some("Deployment")
            && target.api_version.as_deref() == Some("apps/v1");
        let name = target.name.as_deref().filter(|_| is_deployment)?;
        let key = Key::new(namespace, name);
        let deployment = self.deployments.by_key(&key)?;
        Some((key, deployment))
    }

    /// Writes `replicas` to the target's `/scale`.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn write(
        &self,
        namespace: &str,
        target: &ObjectReference,
        replicas: u32,
    ) -> Result<(), Error> {
        let (api, name) = self.api(namespace, target)?;
        let shown = self.deployment(namespace, target);
        let patch = Patch::Json::<()>(set_replicas(replicas));
        let applied = api.patch_scale(name, &PatchParams::default(), &patch).await;
        applied.map_err(|source| Error::Apply {
            replicas,
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        if let Some((key, deployment)) = shown {
            let version = deployment.metadata.resource_version.clone();
            self.written
                .lock()
                .insert(key, Written { version, replicas });
        }
        Ok(())
    }

    fn api<'a>(
        &self,
        namespace: &str,
        target: &'a ObjectReference,
    ) -> Result<(Api<DynamicObject>, &'a str), Error> {
        let name = target.name.as_deref().unwrap_or_default();
        let (Some(version), Some(kind)) = (&target.api_version, &target.kind) else {
            return Err(Error::Nameless {
                name: name.to_owned(),
            });
        };
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api = Api::namespaced_with(self.client.clone(), namespace, &kind);
        Ok((api, name))
    }
}

/// One operation: "add" also replaces, and works where the field is missing.
fn set_replicas(replicas: u32) -> json_patch::Patch {
    json_patch::Patch(vec![PatchOperation::Add(AddOperation {
        path: PointerBuf::from_tokens(["spec", "replicas"]),
        value: replicas.into(),
    })])
}

/// Kubernetes keeps replicas ≥ 0 and takes none for one.
fn pods(replicas: Option<i32>) -> u32 {
    replicas.map_or(1, |replicas| u32::try_from(replicas).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_patch_sets_replicas_whether_or_not_they_are_there() {
        let patch = serde_json::to_value(set_replicas(3)).unwrap();
        let expected = json!([{ "op": "add", "path": "/spec/replicas", "value": 3 }]);
        assert_eq!(patch, expected);
    }

    #[test]
    fn no_replicas_mean_one() {
        assert_eq!(pods(None), 1);
        assert_eq!(pods(Some(0)), 0);
    }

    #[test]
    fn only_replicas_are_kept_of_a_deployment() {
        let deployment: Deployment = serde_json::from_value(json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "d", "namespace": "n" },
            "spec": { "replicas": 4, "template": { "spec": { "containers": [] } } },
            "status": { "replicas": 4 },
        }))
        .unwrap();
        assert_eq!(deployment.spec.replicas, Some(4));
    }
}
