//! Keeps a cache equal to what the API server says.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ebb_process::Stop;
use ebb_process::log::Chain;
use futures::TryStreamExt as _;
use kube::api::Api;
use kube::runtime::watcher::{self, Event};
use tokio::time::{Instant, sleep};

use super::{Cache, Object};
use crate::Key;

/// Delay before a broken watch is tried again: doubled up to the limit, reset by the first success. What a process
/// knows is stale for that long after the API server is back, so the limit is short.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LIMIT: Duration = Duration::from_secs(2);
/// An outage is told of once in this time.
const REMIND: Duration = Duration::from_secs(60);

/// The work behind [`Cache::start`], until a stop is asked for.
pub(super) fn follow<K: Object>(
    cache: Cache<K>,
    api: Api<K>,
    config: watcher::Config,
    keep_manager: Option<&'static str>,
    stop: Stop,
) -> impl Future<Output = Result<(), Infallible>> + Send {
    let work = async move {
        let mut events = Box::pin(watcher::watcher(api, config));
        let mut listing = Vec::new();
        let mut outage = Outage::default();
        loop {
            let event = match events.try_next().await {
                Ok(Some(event)) => event,
                // The watcher never ends by itself.
                Ok(None) => std::future::pending().await,
                Err(error) => {
                    let (tell, delay) = outage.note(Instant::now());
                    report(&K::kind(&()), &error, tell);
                    sleep(delay).await;
                    continue;
                }
            };
            outage = Outage::default();
            match event {
                Event::Init => listing.clear(),
                Event::InitApply(object) => listing.push(Arc::new(trimmed(object, keep_manager))),
                Event::InitDone => cache.reset(std::mem::take(&mut listing)),
                Event::Apply(object) => cache.insert(trimmed(object, keep_manager)),
                Event::Delete(object) => cache.remove(&Key::of(&object)),
            }
        }
    };
    async move {
        tokio::select! {
            () = work => {}
            () = stop.triggered() => {}
        }
        Ok(())
    }
}

fn report(kind: &str, error: &watcher::Error, tell: bool) {
    let error = Chain(error);
    if tell {
        tracing::warn!(kind, %error, "watch broken, trying again");
    } else {
        tracing::debug!(kind, %error, "watch still broken");
    }
}

/// A watch that has been failing since its last event.
#[derive(Debug, Default)]
struct Outage {
    failures: u32,
    told: Option<Instant>,
}

impl Outage {
    /// Notes a failure. Returns whether people should be told of it, and how long to wait.
    fn note(&mut self, now: Instant) -> (bool, Duration) {
        let delay = RETRY_FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(RETRY_LIMIT);
        self.failures += 1;
        let tell = self.told.is_none_or(|told| now - told >= REMIND);
        if tell {
            self.told = Some(now);
        }
        (tell, delay.mul_f64(0.5 + rand::random::<f64>() / 2.0))
    }
}

/// Drops the bookkeeping that makes up half of most objects.
pub(super) fn trimmed<K: Object>(mut object: K, keep_manager: Option<&str>) -> K {
    let ours = |manager: &Option<String>| manager.is_some() && manager.as_deref() == keep_manager;
    match &mut object.meta_mut().managed_fields {
        Some(entries) if keep_manager.is_some() => {
            entries.retain(|entry| ours(&entry.manager) && entry.subresource.is_none());
        }
        entries => *entries = None,
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_a_minute_and_tried_ever_less_often() {
        let mut outage = Outage::default();
        let begin = Instant::now();
        let (told, first) = outage.note(begin);
        assert!(told && first <= RETRY_FIRST);
        for second in 1..60 {
            assert!(!outage.note(begin + Duration::from_secs(second)).0);
        }
        let (told, late) = outage.note(begin + REMIND);
        assert!(told && late >= RETRY_LIMIT / 2 && late <= RETRY_LIMIT);
    }
}
