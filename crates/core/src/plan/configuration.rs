//! Configuration: one Revision for each generation of the template.
//!
//! A Configuration stamps out a Revision when its template changes and remembers two names: the Revision of the
//! present template and the newest one that ever became ready. The second never moves to an older generation, except
//! when the template names an older revision (a rollback by name).

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::meta::{self, Map};
use super::{Note, pass};
use crate::api::condition::{Condition, State};
use crate::api::configuration::{Configuration, ConfigurationCond, ConfigurationStatus};
use crate::api::meta::Conditioned;
use crate::api::revision::Revision;
use crate::names::{annotations, child, labels};

/// What the caches hold about a Configuration.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Every Revision with the Configuration's label.
    pub revisions: Vec<Arc<Revision>>,
    /// The Revision that the template names, if it names one, whoever owns it.
    pub named: Option<Arc<Revision>>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The Revision to create. Revisions are never changed.
    pub create: Option<Revision>,
    /// The status, should the creation succeed; see [`creation_failed`].
    pub status: ConfigurationStatus,
    pub notes: Vec<Note>,
}

/// Decides the next step for `configuration`.
pub fn plan(configuration: &Configuration, seen: &Seen, now: Timestamp) -> Plan {
    let mut plan = Plan {
        create: None,
        status: pass::begin(configuration, now),
        notes: Vec::new(),
    };
    match current(configuration, seen) {
        Current::Taken(name) => {
            let cause = format!("revisions.serving.knative.dev {name:?} already exists");
            fail(&mut plan.status, creation_failure(&cause), now);
        }
        Current::Found(revision) => {
            set_created(&mut plan.status, meta::name(&revision.metadata), now);
            judge(&mut plan, &revision, now);
            promote(&mut plan, configuration, seen, now);
        }
        Current::Missing => {
            let revision = revision(configuration, now);
            set_created(&mut plan.status, meta::name(&revision.metadata), now);
            plan.create = Some(revision);
        }
    }
    plan.status = pass::end(configuration, plan.status, now);
    plan
}

/// The status when the API server refused the planned Revision.
pub fn creation_failed(
    configuration: &Configuration,
    cause: &str,
    now: Timestamp,
) -> ConfigurationStatus {
    let mut status = pass::begin(configuration, now);
    fail(&mut status, creation_failure(cause), now);
    pass::end(configuration, status, now)
}

fn creation_failure(cause: &str) -> String {
    format!("Revision creation failed with message: {cause}.")
}

fn fail(status: &mut ConfigurationStatus, message: String, now: Timestamp) {
    status.conditions.set(
        ConfigurationCond::Ready,
        State::failed("RevisionFailed", message),
        now,
    );
}

/// The Revision of the present template.
enum Current {
    Found(Arc<Revision>),
    Missing,
    /// The name that the template asks for belongs to something else.
    Taken(String),
}

fn current(configuration: &Configuration, seen: &Seen) -> Current {
    let generation = generation_label(configuration);
    if let Some(name) = template_name(configuration) {
        return match &seen.named {
            None => Current::Missing,
            Some(revision) if is_of(revision, configuration, &generation) => {
                Current::Found(revision.clone())
            }
            Some(_) => Current::Taken(name.to_owned()),
        };
    }
    let found = seen.revisions.iter().find(|revision| {
        meta::label(&revision.metadata, labels::CONFIGURATION_GENERATION) == Some(&generation)
    });
    found.cloned().map_or(Current::Missing, Current::Found)
}

/// A named Revision is the wanted one if it was made for this generation, or says the same as an earlier one did.
fn is_of(revision: &Revision, configuration: &Configuration, generation: &str) -> bool {
    meta::is_controlled_by(&revision.metadata, &configuration.metadata)
        && (meta::label(&revision.metadata, labels::CONFIGURATION_GENERATION) == Some(generation)
            || revision.spec == configuration.spec.template.spec)
}

fn template_name(configuration: &Configuration) -> Option<&str> {
    configuration
        .spec
        .template
        .metadata
        .name
        .as_deref()
        .filter(|name| !name.is_empty())
}

fn generation_label(configuration: &Configuration) -> String {
    configuration
        .metadata
        .generation
        .unwrap_or_default()
        .to_string()
}

fn set_created(status: &mut ConfigurationStatus, name: &str, now: Timestamp) {
    status.latest_created_revision_name = name.to_owned();
    if status.latest_ready_revision_name != name {
        status
            .conditions
            .set(ConfigurationCond::Ready, State::unknown("", ""), now);
    }
}

/// Carries the newest Revision's verdict over.
fn judge(plan: &mut Plan, revision: &Revision, now: Timestamp) {
    let Some(ready) = revision
        .status
        .as_ref()
        .and_then(|status| status.conditions.ready())
    else {
        return;
    };
    let name = meta::name(&revision.metadata);
    let latest_ready = &plan.status.latest_ready_revision_name;
    if ready.is_true() && latest_ready.is_empty() {
        plan.notes.push(Note::normal(
            "ConfigurationReady",
            "Configuration becomes ready",
        ));
    }
    if ready.is_false() {
        let is_latest_ready = latest_ready == name;
        let message = format!("Revision {name:?} failed with message: {}.", ready.message);
        let known = plan
            .status
            .conditions
            .ready()
            .is_some_and(|c| Condition::is_false(c) && c.message == message);
        fail(&mut plan.status, message, now);
        if !known {
            plan.notes.push(if is_latest_ready {
                Note::warning(
                    "LatestReadyFailed",
                    format!("Latest ready revision {name:?} has failed"),
                )
            } else {
                Note::warning(
                    "LatestCreatedFailed",
                    format!("Latest created revision {name:?} has failed"),
                )
            });
        }
    }
}

/// Moves the latest ready name forward.
fn promote(plan: &mut Plan, configuration: &Configuration, seen: &Seen, now: Timestamp) {
    let Some(best) = newest_ready(configuration, seen, &plan.status.latest_ready_revision_name)
    else {
        return;
    };
    let name = meta::name(&best.metadata);
    if plan.status.latest_ready_revision_name != name {
        plan.status.latest_ready_revision_name = name.to_owned();
        plan.notes.push(Note::normal(
            "LatestReadyUpdate",
            format!("LatestReadyRevisionName updated to {name:?}"),
        ));
    }
    if plan.status.latest_created_revision_name == name {
        plan.status
            .conditions
            .set(ConfigurationCond::Ready, State::True, now);
    }
}

fn newest_ready<'a>(
    configuration: &Configuration,
    seen: &'a Seen,
    latest_ready: &str,
) -> Option<&'a Revision> {
    let named = template_name(configuration);
    let is_named = |revision: &Revision| named == Some(meta::name(&revision.metadata));
    let floor = seen
        .revisions
        .iter()
        .find(|r| meta::name(&r.metadata) == latest_ready)
        .map(|r| generation(r));
    let ceiling = configuration.metadata.generation.unwrap_or_default();
    let mut candidates: Vec<&Revision> = seen
        .revisions
        .iter()
        .map(Arc::as_ref)
        .filter(|r| {
            is_named(r) || floor.is_none_or(|floor| (floor..=ceiling).contains(&generation(r)))
        })
        .collect();
    candidates.sort_by_key(|r| (Reverse(is_named(r)), Reverse(generation(r))));
    candidates.into_iter().find(|r| r.is_ready())
}

fn generation(revision: &Revision) -> i64 {
    meta::label(&revision.metadata, labels::CONFIGURATION_GENERATION)
        .and_then(|g| g.parse().ok())
        .unwrap_or_default()
}

fn revision(configuration: &Configuration, now: Timestamp) -> Revision {
    let parent = &configuration.metadata;
    let template = &configuration.spec.template;
    let generation = parent.generation.unwrap_or_default();
    let name = template_name(configuration).map_or_else(
        || child::revision(meta::name(parent), generation),
        str::to_owned,
    );

    let mut metadata = template.metadata.clone();
    metadata.name = Some(name);
    metadata.generate_name = None;
    metadata.namespace.clone_from(&parent.namespace);
    metadata
        .owner_references
        .get_or_insert_default()
        .push(meta::controller_reference(configuration));

    let routes = meta::annotation(parent, annotations::ROUTES);
    let mut labels = metadata.labels.take().unwrap_or_default();
    stamp_labels(&mut labels, configuration, routes.is_some());
    metadata.labels = Some(labels);

    let mut notes = metadata.annotations.take().unwrap_or_default();
    notes.insert(
        annotations::ROUTING_STATE_MODIFIED.into(),
        now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    );
    if let Some(user) = meta::annotation(parent, annotations::LAST_MODIFIER) {
        notes.insert(annotations::CREATOR.into(), user.into());
    }
    if let Some(routes) = routes {
        notes.insert(annotations::ROUTES.into(), routes.into());
    }
    metadata.annotations = Some(notes);
    Revision {
        metadata,
        spec: template.spec.clone(),
        status: None,
    }
}

fn stamp_labels(labels: &mut Map, configuration: &Configuration, is_routed: bool) {
    let parent = &configuration.metadata;
    labels.insert(labels::CONFIGURATION.into(), meta::name(parent).into());
    labels.insert(labels::CONFIGURATION_UID.into(), meta::uid(parent).into());
    labels.insert(
        labels::CONFIGURATION_GENERATION.into(),
        generation_label(configuration),
    );
    for key in [labels::SERVICE, labels::SERVICE_UID] {
        if let Some(value) = meta::label(parent, key) {
            labels.insert(key.into(), value.into());
        }
    }
    let state = if is_routed {
        labels::ROUTING_STATE_ACTIVE
    } else {
        labels::ROUTING_STATE_PENDING
    };
    labels.insert(labels::ROUTING_STATE.into(), state.into());
}
