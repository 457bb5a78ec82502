//! Revision collector: keeps the number of Revisions of a Configuration in bounds.
//!
//! Only revisions in reserve are ever collected. What is served, was never routed, is the newest ready one or is
//! marked to be kept stays, whatever the bounds say.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::meta;
use crate::api::configuration::Configuration;
use crate::api::revision::Revision;
use crate::config::gc::Gc;
use crate::names::{annotations, labels};

/// Names of the revisions to delete, the longest unused first.
///
/// `revisions` are those with the Configuration's label.
pub fn plan(
    configuration: &Configuration,
    revisions: &[Arc<Revision>],
    rules: &Gc,
    now: Timestamp,
) -> Vec<String> {
    let never =
        rules.retain_since_create_time.is_none() && rules.retain_since_last_active_time.is_none();
    let least = rules.min_non_active_revisions;
    if (rules.max_non_active_revisions.is_none() && never) || revisions.len() <= least {
        return Vec::new();
    }
    let latest_ready = configuration
        .status
        .as_ref()
        .map(|s| s.latest_ready_revision_name.as_str())
        .unwrap_or_default();
    let mut idle: Vec<&Revision> = revisions
        .iter()
        .map(Arc::as_ref)
        .filter(|r| !is_kept(r, latest_ready))
        .collect();
    if idle.len() <= least {
        return Vec::new();
    }
    idle.sort_by_key(|revision| last_active(revision));

    let spare = idle.len() - least;
    let (stale, mut fresh): (Vec<&Revision>, Vec<&Revision>) = idle
        .into_iter()
        .partition(|revision| !never && is_stale(revision, rules, now));
    // Stale ones that the lower bound saves count as remaining.
    let saved = stale.len().saturating_sub(spare);
    let mut doomed: Vec<&Revision> = stale[..stale.len() - saved].to_vec();
    if let Some(most) = rules.max_non_active_revisions.filter(|_| saved == 0) {
        let excess = fresh.len().saturating_sub(most);
        doomed.extend(fresh.drain(..excess));
    }
    doomed
        .into_iter()
        .map(|revision| meta::name(&revision.metadata).to_owned())
        .collect()
}

fn is_kept(revision: &Revision, latest_ready: &str) -> bool {
    let meta = &revision.metadata;
    meta::name(meta) == latest_ready
        || meta::annotation(meta, annotations::NO_GC)
            .is_some_and(|v| v.eq_ignore_ascii_case("true"))
        || meta::label(meta, labels::ROUTING_STATE) != Some(labels::ROUTING_STATE_RESERVE)
}

fn is_stale(revision: &Revision, rules: &Gc, now: Timestamp) -> bool {
    let older = |since: Timestamp, limit: Option<SignedDuration>| {
        limit.is_none_or(|limit| now.duration_since(since) >= limit)
    };
    older(created(revision), rules.retain_since_create_time)
        && older(last_active(revision), rules.retain_since_last_active_time)
}

fn created(revision: &Revision) -> Timestamp {
    revision
        .metadata
        .creation_timestamp
        .as_ref()
        .map_or(Timestamp::MIN, |time| time.0)
}

fn last_active(revision: &Revision) -> Timestamp {
    meta::annotation(&revision.metadata, annotations::ROUTING_STATE_MODIFIED)
        .and_then(|time| time.parse().ok())
        .unwrap_or_else(|| created(revision))
}
