//! Labeler: tells Revisions and Configurations which Routes lead to them.
//!
//! A Revision that some Route leads to is `active`, one that no Route leads to any more is in `reserve`: it may then
//! scale to zero whatever its minimum says, and be collected. The labeler owns the Route's finalizer, and writes no
//! status.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::meta;
use crate::api::configuration::Configuration;
use crate::api::meta::Conditioned;
use crate::api::revision::Revision;
use crate::api::route::Route;
use crate::names::{ROUTE_FINALIZER, annotations, labels};

/// What the caches hold in the Route's namespace.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub configurations: Vec<Arc<Configuration>>,
    pub revisions: Vec<Arc<Revision>>,
}

/// Merge patches, to be sent in this order, and what becomes of the finalizer afterwards.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    pub revisions: Vec<Patch>,
    pub configurations: Vec<Patch>,
    pub finalizer: Finalizer,
}

/// A merge patch of one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Patch {
    pub name: String,
    pub body: Value,
    /// Whether the Route is added or taken away; the words of the error when the patch fails.
    pub adds: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Finalizer {
    #[default]
    Keep,
    /// Put it there before anything is written elsewhere.
    Add,
    /// Drop it once everything else is done.
    Drop,
}

/// Decides what to write for `route`, which may be on its way out.
pub fn plan(route: &Route, seen: &Seen, now: Timestamp) -> Plan {
    let has_finalizer = route
        .metadata
        .finalizers
        .iter()
        .flatten()
        .any(|f| f == ROUTE_FINALIZER);
    let is_leaving = route.metadata.deletion_timestamp.is_some();
    if is_leaving && !has_finalizer {
        return Plan::default();
    }
    let targets = if is_leaving {
        Targets::default()
    } else {
        targets(route, seen)
    };
    // While the Route is undecided its old targets may still be serving.
    let may_remove = is_leaving || route.is_ready() || route.is_failed();
    let name = meta::name(&route.metadata);
    let finalizer = match (is_leaving, has_finalizer) {
        (true, _) => Finalizer::Drop,
        (false, true) => Finalizer::Keep,
        (false, false) => Finalizer::Add,
    };
    let change = |meta: &_, wanted: &BTreeSet<String>| {
        let is_wanted = wanted.contains(meta::name(meta));
        (is_wanted || may_remove).then_some(is_wanted)
    };
    let mut plan = Plan {
        finalizer,
        ..Plan::default()
    };
    for revision in &seen.revisions {
        if let Some(adds) = change(&revision.metadata, &targets.revisions) {
            plan.revisions
                .extend(revision_patch(revision, name, adds, now));
        }
    }
    for configuration in &seen.configurations {
        if let Some(adds) = change(&configuration.metadata, &targets.configurations) {
            plan.configurations
                .extend(configuration_patch(configuration, name, adds));
        }
    }
    plan.revisions.sort_by_key(|patch| patch.adds);
    plan.configurations.sort_by_key(|patch| patch.adds);
    plan
}

#[derive(Default)]
struct Targets {
    revisions: BTreeSet<String>,
    configurations: BTreeSet<String>,
}

/// Everything that the Route serves or is meant to serve, as far as it exists. With the newest revision of a followed
/// Configuration, which gets traffic as soon as it is ready.
fn targets(route: &Route, seen: &Seen) -> Targets {
    let mut targets = Targets::default();
    let served = route.status.iter().flat_map(|status| &status.traffic);
    for target in served.chain(&route.spec.traffic) {
        let mut configuration = target.configuration_name.as_str();
        if !target.revision_name.is_empty() {
            let Some(revision) = seen
                .revisions
                .iter()
                .find(|r| meta::name(&r.metadata) == target.revision_name)
            else {
                continue;
            };
            targets.revisions.insert(target.revision_name.clone());
            configuration = meta::controller_of(&revision.metadata)
                .map(|o| o.name.as_str())
                .unwrap_or_default();
        }
        let Some(configuration) = seen
            .configurations
            .iter()
            .find(|c| meta::name(&c.metadata) == configuration)
        else {
            continue;
        };
        targets
            .configurations
            .insert(meta::name(&configuration.metadata).to_owned());
        let newest = configuration
            .status
            .as_ref()
            .map(|s| s.latest_created_revision_name.as_str())
            .unwrap_or_default();
        if target.latest_revision == Some(true)
            && seen
                .revisions
                .iter()
                .any(|r| meta::name(&r.metadata) == newest)
        {
            targets.revisions.insert(newest.to_owned());
        }
    }
    targets
}

fn revision_patch(revision: &Revision, route: &str, adds: bool, now: Timestamp) -> Option<Patch> {
    let (routes, changed) = routes_after(&revision.metadata, route, adds);
    let state = match (&routes, adds) {
        (Some(_), _) => labels::ROUTING_STATE_ACTIVE,
        (None, _) => labels::ROUTING_STATE_RESERVE,
    };
    // A revision that never had anything to do with this Route is left alone.
    let moves =
        (adds || changed) && meta::label(&revision.metadata, labels::ROUTING_STATE) != Some(state);
    if !changed && !moves {
        return None;
    }
    let mut body = json!({"metadata": {"annotations": {(annotations::ROUTES): routes}}});
    if moves {
        let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        body["metadata"]["annotations"][annotations::ROUTING_STATE_MODIFIED] = json!(time);
        body["metadata"]["labels"] = json!({(labels::ROUTING_STATE): state});
    }
    Some(Patch {
        name: meta::name(&revision.metadata).to_owned(),
        body,
        adds,
    })
}

fn configuration_patch(configuration: &Configuration, route: &str, adds: bool) -> Option<Patch> {
    let (routes, changed) = routes_after(&configuration.metadata, route, adds);
    let body = json!({"metadata": {"annotations": {(annotations::ROUTES): routes}}});
    changed.then(|| Patch {
        name: meta::name(&configuration.metadata).to_owned(),
        body,
        adds,
    })
}

/// The annotation with the Route added or taken away (none when it was the last), and whether that changes it.
fn routes_after(
    object: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    route: &str,
    adds: bool,
) -> (Option<String>, bool) {
    let mut routes: BTreeSet<&str> = meta::routes(object).collect();
    let changed = if adds {
        routes.insert(route)
    } else {
        routes.remove(route)
    };
    let text = routes.into_iter().collect::<Vec<_>>().join(",");
    ((!text.is_empty()).then_some(text), changed)
}
