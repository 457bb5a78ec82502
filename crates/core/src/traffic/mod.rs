//! Where a Route's requests go: from named targets to revisions that are ready.
//!
//! [`resolve`] answers all of it or reports the one problem that the user should see; half a split is never served.
//! Names of hosts are in [`host`], the step by step move to a new revision in [`rollout`].

pub mod host;
pub mod rollout;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::condition::State;
use crate::api::configuration::Configuration;
use crate::api::meta::Conditioned;
use crate::api::revision::Revision;
use crate::api::route::{Route, TrafficTarget};
use crate::api::text::ProtocolType;
use crate::meta;
use crate::names::labels;

use rollout::{Follower, Rollout, Share};

/// The objects that a Route names, as far as they exist.
#[derive(Clone, Debug, Default)]
pub struct Referents {
    pub configurations: BTreeMap<String, Arc<Configuration>>,
    pub revisions: BTreeMap<String, Arc<Revision>>,
}

/// A share of the requests and the revision that gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub tag: String,
    pub revision: String,
    /// The Configuration that is followed; empty for a pinned revision.
    pub configuration: String,
    pub is_latest: bool,
    pub percent: i64,
    pub protocol: ProtocolType,
}

/// The whole traffic of a Route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    /// In the order of the spec; entries that say the same are one.
    pub listed: Vec<Target>,
    /// By tag. The empty tag is the main host and shares out everything; each group adds up to 100.
    pub groups: BTreeMap<String, Vec<Target>>,
    /// Protocol of each revision that is named.
    protocols: BTreeMap<String, ProtocolType>,
}

/// Why no traffic can be assigned: the state of `AllTrafficAssigned`.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub state: State,
    /// A failure outweighs whatever is merely not ready yet.
    is_failure: bool,
}

impl Problem {
    fn failure(reason: &str, message: String) -> Self {
        Self {
            state: State::failed(reason, message),
            is_failure: true,
        }
    }

    fn waiting(message: String) -> Self {
        Self {
            state: State::unknown("RevisionMissing", message),
            is_failure: false,
        }
    }

    fn missing(kind: &str, name: &str) -> Self {
        Self::failure(
            &format!("{kind}Missing"),
            format!("{kind} {name:?} referenced in traffic not found."),
        )
    }
}

/// Finds a ready revision for every target of `route`.
///
/// # Errors
/// The first problem, unless a later one is a failure, which replaces it.
pub fn resolve(route: &Route, seen: &Referents) -> Result<Traffic, Problem> {
    let mut problem: Option<Problem> = None;
    let mut traffic = Traffic::default();
    for target in &route.spec.traffic {
        match resolve_one(route, target, seen) {
            Ok((target, protocol)) => {
                traffic.protocols.insert(target.revision.clone(), protocol);
                traffic.add(target);
            }
            Err(found) if found.is_failure || problem.is_none() => problem = Some(found),
            Err(_) => {}
        }
    }
    match problem {
        Some(problem) => Err(problem),
        None => {
            traffic.group();
            Ok(traffic)
        }
    }
}

fn resolve_one(
    route: &Route,
    target: &TrafficTarget,
    seen: &Referents,
) -> Result<(Target, ProtocolType), Problem> {
    let revision = if target.revision_name.is_empty() {
        latest_ready(&target.configuration_name, seen)?
    } else {
        pinned(route, &target.revision_name, seen)?
    };
    let name = meta::name(&revision.metadata);
    if revision.is_failed() {
        return Err(Problem::failure(
            "RevisionMissing",
            format!("Revision {name:?} failed to become ready."),
        ));
    }
    if !revision.is_ready() {
        return Err(Problem::waiting(format!(
            "Revision {name:?} is not yet ready."
        )));
    }
    let protocol = revision.spec.protocol();
    let configuration = if target.revision_name.is_empty() {
        target.configuration_name.clone()
    } else {
        String::new()
    };
    let resolved = Target {
        tag: target.tag.clone(),
        revision: name.to_owned(),
        is_latest: target
            .latest_revision
            .unwrap_or(target.revision_name.is_empty()),
        configuration,
        percent: target.percent.unwrap_or(0),
        protocol: protocol.clone(),
    };
    Ok((resolved, protocol))
}

fn latest_ready<'a>(name: &str, seen: &'a Referents) -> Result<&'a Revision, Problem> {
    let configuration = seen
        .configurations
        .get(name)
        .ok_or_else(|| Problem::missing("Configuration", name))?;
    let revision = configuration
        .status
        .as_ref()
        .map(|s| s.latest_ready_revision_name.as_str())
        .unwrap_or_default();
    if revision.is_empty() {
        let has_failed = configuration
            .status
            .as_ref()
            .is_some_and(|status| status.conditions.is_failed());
        return Err(if has_failed {
            let message = format!("Configuration {name:?} does not have any ready Revision.");
            Problem::failure("RevisionMissing", message)
        } else {
            Problem::waiting(format!(
                "Configuration {name:?} is waiting for a Revision to become ready."
            ))
        });
    }
    seen.revisions
        .get(revision)
        .map(Arc::as_ref)
        .ok_or_else(|| Problem::missing("Revision", revision))
}

fn pinned<'a>(route: &Route, name: &str, seen: &'a Referents) -> Result<&'a Revision, Problem> {
    let revision = seen
        .revisions
        .get(name)
        .ok_or_else(|| Problem::missing("Revision", name))?;
    if let Some(service) = meta::label(&route.metadata, labels::SERVICE) {
        let actual = meta::label(&revision.metadata, labels::SERVICE);
        if actual != Some(service) {
            let message = match actual {
                Some(actual) => format!(
                    "Revision {name:?} belongs to Service {actual:?}, not Service {service:?}."
                ),
                None => format!("Revision {name:?} does not belong to Service {service:?}."),
            };
            return Err(Problem::failure("RevisionNotOwned", message));
        }
    }
    if let Some(configuration) = meta::label(&revision.metadata, labels::CONFIGURATION)
        && !seen.configurations.contains_key(configuration)
    {
        return Err(Problem::missing("Configuration", configuration));
    }
    Ok(revision)
}

impl Traffic {
    fn add(&mut self, target: Target) {
        let same = self.listed.iter_mut().find(|known| {
            known.tag == target.tag
                && known.revision == target.revision
                && known.is_latest == target.is_latest
        });
        match same {
            Some(known) => known.percent = known.percent.saturating_add(target.percent),
            None => self.listed.push(target),
        }
    }

    fn group(&mut self) {
        self.groups
            .insert(String::new(), consolidate(self.listed.iter()));
        for target in self.listed.iter().filter(|target| !target.tag.is_empty()) {
            let members = self.listed.iter().filter(|other| other.tag == target.tag);
            self.groups
                .entry(target.tag.clone())
                .or_insert_with(|| consolidate(members));
        }
    }

    /// What every followed Configuration would send where if there were no gradual rollout.
    pub fn baseline(&self) -> Rollout {
        let mut configurations: Vec<Follower> = self
            .groups
            .iter()
            .flat_map(|(tag, targets)| targets.iter().map(move |target| (tag, target)))
            .filter(|(_, target)| target.is_latest && target.percent != 0)
            .map(|(tag, target)| Follower {
                configuration_name: target.configuration.clone(),
                tag: tag.clone(),
                percent: target.percent,
                revisions: vec![Share {
                    revision_name: target.revision.clone(),
                    percent: target.percent,
                }],
                ..Follower::default()
            })
            .collect();
        configurations
            .sort_by(|a, b| (&a.tag, &a.configuration_name).cmp(&(&b.tag, &b.configuration_name)));
        Rollout { configurations }
    }

    /// The revisions that serve `target` within the group `tag`, with their percentages.
    pub fn shares<'a>(
        &self,
        tag: &str,
        target: &'a Target,
        rollout: &'a Rollout,
    ) -> Vec<(&'a str, i64)> {
        let follower = rollout
            .follower(tag, &target.configuration)
            .filter(|f| target.is_latest && f.revisions.len() > 1);
        match follower {
            Some(follower) => follower
                .revisions
                .iter()
                .map(|share| (share.revision_name.as_str(), share.percent))
                .collect(),
            None => vec![(target.revision.as_str(), target.percent)],
        }
    }
}

/// Joins entries of one revision, and gives a group of one revision everything.
fn consolidate<'a>(targets: impl Iterator<Item = &'a Target>) -> Vec<Target> {
    let mut joined: Vec<Target> = Vec::new();
    for target in targets {
        match joined
            .iter_mut()
            .find(|known| known.revision == target.revision)
        {
            Some(known) => known.percent = known.percent.saturating_add(target.percent),
            None => joined.push(target.clone()),
        }
    }
    if let [only] = joined.as_mut_slice() {
        only.percent = 100;
    }
    joined
}
