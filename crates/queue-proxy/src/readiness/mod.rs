//! Is the user container ready?
//!
//! The kubelet and the activator ask this process instead of the user container.
//! One round of all configured probes answers everybody who asks meanwhile, and
//! it goes on when the one who asked goes away, so that the next finds a result.
//!
//! A probe with a period checks once and leaves thresholds to the kubelet. One
//! without (the default) is *aggressive*: it tries until it succeeds, because a
//! cold start waits for it.

mod check;
mod grpc;
mod http;
mod spec;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

pub use self::check::{Check, Failed};
pub use self::spec::{Invalid, parse};

/// Limit of one attempt of an aggressive probe.
const ATTEMPT: Duration = Duration::from_millis(100);
/// Between attempts that got some answer.
const INTERVAL: Duration = Duration::from_millis(50);
/// Between attempts that were refused: a refusal costs next to nothing, and the
/// moment the container begins to listen is the moment a cold start can go on.
const AFTER_REFUSAL: Duration = Duration::from_millis(5);
/// How long an aggressive probe goes on.
const ROUND: Duration = Duration::from_secs(10);

/// What to check, and how eagerly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What to check.
    pub check: Check,
    /// How eagerly.
    pub pace: Pace,
}

/// How eagerly a probe checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pace {
    /// Until it has succeeded this many times in a row.
    Aggressive {
        /// At least one.
        successes: u32,
    },
    /// Once, within this time.
    Once {
        /// Limit of the attempt.
        limit: Duration,
    },
}

/// The probes of a pod and the round that is under way.
#[derive(Debug)]
pub struct Readiness {
    probes: Arc<[Counted]>,
    round: Mutex<Option<watch::Receiver<Option<bool>>>>,
}

#[derive(Debug)]
struct Counted {
    probe: Probe,
    /// Successes in a row, which survive the end of a round.
    successes: AtomicU32,
}

// === impl Readiness ===

impl Readiness {
    /// Nothing is checked before somebody asks.
    pub fn new(probes: Vec<Probe>) -> Self {
        let counted = |probe| Counted {
            probe,
            successes: AtomicU32::new(0),
        };
        Self {
            probes: probes.into_iter().map(counted).collect(),
            round: Mutex::new(None),
        }
    }

    /// Whether all probes pass, found out now or together with those who asked a
    /// moment ago.
    pub async fn check(&self) -> bool {
        if self.probes.is_empty() {
            return true;
        }
        let mut round = self.join_round();
        let passed = round.wait_for(Option::is_some).await;
        // A round that died without a result has not passed.
        passed.is_ok_and(|passed| *passed == Some(true))
    }

    fn join_round(&self) -> watch::Receiver<Option<bool>> {
        let mut current = self.round.lock();
        if let Some(round) = &*current
            && round.borrow().is_none()
            && round.has_changed().is_ok()
        {
            return round.clone();
        }
        let (done, round) = watch::channel(None);
        let probes = Arc::clone(&self.probes);
        #[expect(
            clippy::disallowed_methods,
            reason = "a round outlives the caller and ends by itself"
        )]
        tokio::spawn(async move {
            let passed = join_all(probes.iter().map(Counted::run)).await;
            done.send_replace(Some(passed.into_iter().all(|passed| passed)));
        });
        *current = Some(round.clone());
        round
    }
}

// === impl Counted ===

impl Counted {
    async fn run(&self) -> bool {
        let Probe { check, pace } = &self.probe;
        let outcome = match pace {
            Pace::Once { limit } => attempt(check, *limit).await,
            Pace::Aggressive { successes } => self.persist(check, *successes).await,
        };
        if let Err(failed) = &outcome {
            tracing::warn!(%failed, %check, "the readiness probe of the user container failed");
        }
        outcome.is_ok()
    }

    async fn persist(&self, check: &Check, wanted: u32) -> Result<(), Failed> {
        let end = Instant::now() + ROUND;
        loop {
            let begin = Instant::now();
            let outcome = attempt(check, ATTEMPT).await;
            match &outcome {
                Ok(()) if self.successes.fetch_add(1, Ordering::Relaxed) + 1 >= wanted => {
                    return Ok(());
                }
                Ok(()) => {}
                Err(_) => self.successes.store(0, Ordering::Relaxed),
            }
            let next = match &outcome {
                Err(Failed::Refused) => Instant::now() + AFTER_REFUSAL,
                _ => begin + INTERVAL,
            };
            if next >= end {
                return outcome;
            }
            sleep_until(next).await;
        }
    }
}

async fn attempt(check: &Check, limit: Duration) -> Result<(), Failed> {
    timeout(limit, check.run())
        .await
        .unwrap_or(Err(Failed::TooSlow(limit)))
}

#[cfg(test)]
mod tests;
