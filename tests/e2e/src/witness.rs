//! Sees every version of objects that is ever stored, and forgets none.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::ResourceExt as _;
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Stage;

/// How long the last version may be on its way.
const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// Watches objects of some kinds in a stage's namespace.
#[derive(Debug)]
pub struct Witness {
    versions: watch::Receiver<Vec<DynamicObject>>,
    tasks: JoinSet<Result<()>>,
}

impl Witness {
    /// Starts to watch. What is there already counts as seen.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub async fn start(stage: &Stage, kinds: &[&str]) -> Result<Self> {
        let (all, versions) = watch::channel(Vec::new());
        let mut tasks = JoinSet::new();
        for kind in kinds {
            let api = stage.api(kind);
            let now = api.list(&ListParams::default()).await?;
            let version = now.metadata.resource_version.unwrap_or_default();
            all.send_modify(|all| all.extend(now.items));
            let all = all.clone();
            let stream = api.watch(&WatchParams::default(), &version).await?;
            tasks.spawn(async move {
                let mut stream = stream.boxed();
                while let Some(event) = stream.try_next().await? {
                    match event {
                        WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                            all.send_modify(|all| all.push(object));
                        }
                        WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) => {}
                        WatchEvent::Error(status) => bail!("{}", status.message),
                    }
                }
                Err(anyhow!("the watch has ended"))
            });
        }
        Ok(Self { versions, tasks })
    }

    /// Waits until the versions in `last` were seen, and gives all that were, in the order in which they were stored.
    ///
    /// # Errors
    /// If a watch broke, so that something may have been missed.
    pub async fn finish(mut self, last: &[DynamicObject]) -> Result<Vec<DynamicObject>> {
        let is_seen = |all: &Vec<DynamicObject>| {
            last.iter().all(|last| {
                let same = |it: &&DynamicObject| {
                    it.uid() == last.uid() && it.resource_version() == last.resource_version()
                };
                all.iter().rev().find(same).is_some()
            })
        };
        let seen = tokio::select! {
            seen = tokio::time::timeout(SEEN_WITHIN, self.versions.wait_for(is_seen)) => {
                seen.context("the last version was never seen")??.clone()
            }
            Some(broken) = self.tasks.join_next() => {
                broken??;
                bail!("the witness looked away")
            }
        };
        Ok(seen)
    }
}
