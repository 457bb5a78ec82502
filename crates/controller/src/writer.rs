//! Carries plans out: children, status and Events in the name of one reconciler.

use std::fmt;
use std::sync::Arc;

use ebb_core::plan::{Note, NoteKind, Write};
use ebb_process::log::Chain;
use ebb_runtime::apply::{self, Applied, Applier};
use ebb_runtime::cache::Object;
use ebb_runtime::events::Recorder;
use ebb_runtime::reconcile::{Action, Error};
use ebb_runtime::status::StatusWriter;
use ebb_runtime::{Key, request};
use kube::api::{Patch, PatchParams};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Field managers: one a reconciler, so that `managedFields` says who wants what.
pub(crate) mod manager {
    pub(crate) const CONFIGURATION: &str = "ebb-configuration";
    pub(crate) const DOMAIN_MAPPING: &str = "ebb-domain-mapping";
    pub(crate) const GC: &str = "ebb-gc";
    pub(crate) const LABELER: &str = "ebb-labeler";
    pub(crate) const NAMESPACE_CERTIFICATE: &str = "ebb-nscert";
    pub(crate) const REVISION: &str = "ebb-revision";
    /// Holds a Deployment's replicas until the autoscaler first writes them.
    pub(crate) const REVISION_REPLICAS: &str = "ebb-revision-replicas";
    pub(crate) const ROUTE: &str = "ebb-route";
    pub(crate) const SERVERLESS_SERVICE: &str = "ebb-serverlessservice";
    pub(crate) const SERVICE: &str = "ebb-service";
}

/// How Events call a child.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Called {
    /// `Created Route "x"`, `Failed to create Route "x": …`
    Named(&'static str),
    /// `Created Ingress "x"`, `Failed to create Ingress: …`
    ByKind(&'static str),
    /// Not at all.
    Silently,
}

/// What one reconciler writes with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) client: Client,
    manager: &'static str,
    applier: Applier,
    status: StatusWriter,
    events: Recorder,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("applier", &self.applier)
            .finish_non_exhaustive()
    }
}

/// A plan that asks to be tried again; the text is for the Event.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unfinished(String);

impl Writer {
    /// `source` is the component of Events.
    pub(crate) fn new(
        client: &Client,
        manager: &'static str,
        events: &Recorder,
        source: &'static str,
    ) -> Self {
        Self {
            client: client.clone(),
            manager,
            applier: Applier::new(client.clone(), manager),
            status: StatusWriter::new(client.clone()),
            events: events.named(source),
        }
    }

    /// Writes a child and tells about its creation.
    pub(crate) async fn child<P, K>(
        &self,
        parent: &P,
        write: &Write<K>,
        live: Option<&K>,
        called: Called,
    ) -> Result<(), Error>
    where
        P: Resource<DynamicType = ()>,
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        let name = write.object().meta().name.as_deref().unwrap_or_default();
        let outcome = self.applier.apply(write.object(), live).await;
        if write.is_create() {
            self.tell_creation(
                parent,
                name,
                called,
                outcome
                    .as_ref()
                    .map(Applied::is_written)
                    .map_err(|e| e as _),
            );
        }
        Ok(outcome.map(drop)?)
    }

    /// Tells how the creation of a child went: `Ok(false)` if it was there already.
    pub(crate) fn tell_creation<P: Resource<DynamicType = ()>>(
        &self,
        parent: &P,
        name: &str,
        called: Called,
        outcome: Result<bool, &(dyn std::error::Error + 'static)>,
    ) {
        let (kind, failed) = match called {
            Called::Named(kind) => (kind, format!("{kind} {name:?}")),
            Called::ByKind(kind) => (kind, kind.to_owned()),
            Called::Silently => return,
        };
        match outcome {
            Ok(true) => self
                .events
                .normal(parent, "Created", format!("Created {kind} {name:?}")),
            Ok(false) => {}
            Err(error) => {
                self.events.warning(
                    parent,
                    "CreationFailed",
                    format!("Failed to create {failed}: {}", Chain(error)),
                );
            }
        }
    }

    /// Applies an object of no particular parent.
    pub(crate) async fn apply<K>(&self, wanted: &K, live: Option<&K>) -> Result<(), Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        Ok(self.applier.apply(wanted, live).await.map(drop)?)
    }

    /// Creates an object that must not exist yet.
    pub(crate) async fn create<K>(&self, wanted: &K) -> Result<K, ebb_runtime::apply::Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        self.applier.create(wanted).await
    }

    /// Deletes just this incarnation.
    pub(crate) async fn delete<K: Resource<DynamicType = ()>>(
        &self,
        live: &K,
    ) -> Result<(), Error> {
        Ok(self.applier.delete(live).await?)
    }

    /// Sends a merge patch.
    pub(crate) async fn merge<K>(&self, key: &Key, body: &Value) -> kube::Result<()>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        let params = PatchParams {
            field_manager: Some(self.manager.into()),
            ..PatchParams::default()
        };
        request::patch::<K, K>(&self.client, key, None, &params, &Patch::Merge(body))
            .await
            .map(drop)
    }

    /// Puts our finalizer on an object or takes it off; others' stay as they are.
    pub(crate) async fn set_finalizer<K>(
        &self,
        object: &K,
        finalizer: &str,
        present: bool,
    ) -> Result<(), Error>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        let mut finalizers = object.meta().finalizers.clone().unwrap_or_default();
        finalizers.retain(|known| known != finalizer);
        if present {
            finalizers.push(finalizer.to_owned());
        }
        let version = &object.meta().resource_version;
        let body = json!({"metadata": {"finalizers": finalizers, "resourceVersion": version}});
        let name = object.meta().name.as_deref().unwrap_or_default();
        match self.merge::<K>(&Key::of(object), &body).await {
            Ok(()) => {
                self.events.normal(
                    object,
                    "FinalizerUpdate",
                    format!("Updated {name:?} finalizers"),
                );
                Ok(())
            }
            Err(error) if request::is_not_found(&error) => Ok(()),
            Err(error) => {
                if !request::is_conflict(&error) {
                    let text = format!(
                        "Failed to update finalizers for {name:?}: {}",
                        Chain(&error)
                    );
                    self.events.warning(object, "FinalizerUpdateFailed", text);
                }
                Err(error.into())
            }
        }
    }

    /// Records the Events of a plan.
    pub(crate) fn notes<K: Resource<DynamicType = ()>>(&self, object: &K, notes: Vec<Note>) {
        for Note {
            kind,
            reason,
            message,
        } in notes
        {
            match kind {
                NoteKind::Normal => self.events.normal(object, reason, message),
                NoteKind::Warning => self.events.warning(object, reason, message),
            }
        }
    }

    /// Records that something went well.
    pub(crate) fn normal<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        reason: &'static str,
        text: String,
    ) {
        self.events.normal(object, reason, text);
    }

    /// Records that something went wrong.
    pub(crate) fn warning<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        reason: &'static str,
        text: String,
    ) {
        self.events.warning(object, reason, text);
    }

    /// Ends a pass. The status is written whether or not the writes before it went well; the first error counts.
    pub(crate) async fn finish<K, S>(
        &self,
        object: &K,
        status: &S,
        outcome: Result<(), Error>,
        failure: Option<String>,
    ) -> Result<Action, Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone,
        S: Serialize,
    {
        let written = self.status.write(object, status).await;
        if let Err(error) = &written
            && !error.is_conflict()
        {
            self.events
                .warning(object, "UpdateFailed", Chain(error).to_string());
        }
        match outcome.and(written.map(drop).map_err(Error::from)) {
            // Everything in the namespace goes, the parent too: there is nothing left to try.
            Err(error) if is_namespace_ending(&error) => return Ok(Action::Done),
            outcome => outcome?,
        }
        match failure {
            Some(text) => Err(Error::transient(Unfinished(text))),
            None => Ok(Action::Done),
        }
    }

    /// Tells about an error that ended a pass.
    pub(crate) fn report<K: Object>(&self, object: Option<Arc<K>>, error: &Error) {
        if let Some(object) = object {
            self.events
                .warning(&*object, "InternalError", Chain(error).to_string());
        }
    }
}

/// Whether the API server takes nothing new because the namespace is being deleted.
fn is_namespace_ending(error: &Error) -> bool {
    let (Error::Transient(cause) | Error::Permanent(cause) | Error::Conflict(cause)) = error;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(cause.as_ref());
    while let Some(error) = cause {
        if let Some(kube::Error::Api(status)) = error
            .downcast_ref::<apply::Error>()
            .map(apply::Error::cause)
        {
            let causes = status.details.iter().flat_map(|details| &details.causes);
            return causes
                .into_iter()
                .any(|cause| cause.reason == "NamespaceTerminating");
        }
        cause = error.source();
    }
    false
}

/// The first error of several writes that ran beside each other.
pub(crate) fn first_error(
    outcomes: impl IntoIterator<Item = Result<(), Error>>,
) -> Result<(), Error> {
    outcomes.into_iter().collect()
}
