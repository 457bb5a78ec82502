//! Kubernetes Events: what `kubectl describe` shows at the end.
//!
//! Recording never waits and never fails. Events go through a bounded channel to one task; when the API server cannot
//! keep up they are dropped, since an Event is a courtesy. An Event that repeats within ten minutes raises the count
//! of the first one, as client-go does.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use ebb_process::log::Chain;
use ebb_process::{Stop, Supervisor};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams};
use kube::{Client, Resource};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::{Key, request};

/// Events that may wait to be written. A burst at start-up fits; a flood does not deserve memory.
const QUEUE: usize = 512;
/// A repetition within this time counts as the same Event.
const SAME: Duration = Duration::from_secs(600);

/// Whether something went as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It did.
    Normal,
    /// It did not.
    Warning,
}

#[derive(Debug)]
struct Note {
    about: ObjectReference,
    kind: Kind,
    reason: &'static str,
    message: String,
    component: &'static str,
    at: Timestamp,
}

/// Records Events in the name of one source component. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    component: &'static str,
    notes: mpsc::Sender<Note>,
}

impl Recorder {
    /// Starts the task that writes Events. `component` is `source.component`, such as `route-controller`.
    pub fn start(supervisor: &Supervisor, client: Client, component: &'static str) -> Self {
        let (notes, incoming) = mpsc::channel(QUEUE);
        supervisor.spawn(
            "events",
            write_all(
                Sink {
                    client,
                    known: HashMap::new(),
                },
                incoming,
                supervisor.stop(),
            ),
        );
        Self { component, notes }
    }

    /// A recorder that forgets everything. For tests.
    pub fn silent() -> Self {
        Self {
            component: "",
            notes: mpsc::channel(1).0,
        }
    }

    /// The same recorder for another source component.
    pub fn named(&self, component: &'static str) -> Self {
        Self {
            component,
            notes: self.notes.clone(),
        }
    }

    /// Records that all went well with `object`.
    pub fn normal<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        self.record(object, Kind::Normal, reason, message.into());
    }

    /// Records that something is wrong with `object`.
    pub fn warning<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        self.record(object, Kind::Warning, reason, message.into());
    }

    fn record<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        kind: Kind,
        reason: &'static str,
        message: String,
    ) {
        let note = Note {
            about: object.object_ref(&()),
            kind,
            reason,
            message,
            component: self.component,
            at: Timestamp::now(),
        };
        if self.notes.try_send(note).is_err() {
            tracing::debug!(reason, "event dropped");
        }
    }
}

/// What makes two Events the same.
type Identity = (Option<String>, Kind, &'static str, String, &'static str);

struct Known {
    key: Key,
    count: i32,
    last: Instant,
}

struct Sink {
    client: Client,
    known: HashMap<Identity, Known>,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("known", &self.known.len())
            .finish_non_exhaustive()
    }
}

async fn write_all(
    mut sink: Sink,
    mut notes: mpsc::Receiver<Note>,
    stop: Stop,
) -> Result<(), Infallible> {
    loop {
        let note = tokio::select! {
            note = notes.recv() => note,
            () = stop.triggered() => return Ok(()),
        };
        match note {
            Some(note) => {
                if let Err(error) = sink.write(note).await {
                    tracing::debug!(error = %Chain(&error), "event not written");
                }
            }
            // Every recorder is gone; the task still belongs to a process that runs.
            None => stop.triggered().await,
        }
    }
}

impl Sink {
    async fn write(&mut self, note: Note) -> kube::Result<()> {
        let now = Instant::now();
        self.known.retain(|_, known| now - known.last < SAME);
        let identity = (
            note.about.uid.clone(),
            note.kind,
            note.reason,
            note.message.clone(),
            note.component,
        );
        if let Some(known) = self.known.get_mut(&identity) {
            let patch = json!({"count": known.count + 1, "lastTimestamp": Time(note.at)});
            let params = PatchParams::default();
            request::patch::<Event, Event>(
                &self.client,
                &known.key,
                None,
                &params,
                &Patch::Merge(&patch),
            )
            .await?;
            known.count += 1;
            known.last = now;
            return Ok(());
        }
        let event = event(&note);
        request::create(&self.client, &event).await?;
        self.known.insert(
            identity,
            Known {
                key: Key::of(&event),
                count: 1,
                last: now,
            },
        );
        Ok(())
    }
}

fn event(note: &Note) -> Event {
    // Events about objects without a namespace live in `default`.
    let namespace = note
        .about
        .namespace
        .clone()
        .unwrap_or_else(|| "default".into());
    let name = format!(
        "{}.{:x}",
        note.about.name.as_deref().unwrap_or_default(),
        note.at.as_nanosecond()
    );
    let kind = match note.kind {
        Kind::Normal => "Normal",
        Kind::Warning => "Warning",
    };
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace),
            ..Default::default()
        },
        involved_object: note.about.clone(),
        type_: Some(kind.into()),
        reason: Some(note.reason.into()),
        message: Some(note.message.clone()),
        source: Some(EventSource {
            component: Some(note.component.into()),
            host: None,
        }),
        count: Some(1),
        first_timestamp: Some(Time(note.at)),
        last_timestamp: Some(Time(note.at)),
        ..Default::default()
    }
}
