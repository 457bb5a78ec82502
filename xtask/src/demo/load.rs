//! The load generator: a fixed number of workers, each of which sends its next request when it has the answer to the
//! last (a closed loop), each over its own connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::http::{Connection, Gateway};

/// What to send, and how much of it.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) gateway: Gateway,
    pub(super) host: String,
    pub(super) path: String,
    /// Requests in flight at the same time.
    pub(super) workers: usize,
    pub(super) duration: Duration,
}

/// Counters that can be read while the load runs.
#[derive(Debug, Default)]
pub(super) struct Progress {
    answered: AtomicU64,
    failed: AtomicU64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Time of each request that was answered with 200, sorted.
    pub(super) latencies: Vec<Duration>,
    /// How often each thing went wrong.
    pub(super) failures: BTreeMap<String, u64>,
}

impl Progress {
    /// Requests answered with 200, and failed ones, so far.
    pub(super) fn read(&self) -> (u64, u64) {
        (
            self.answered.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
    }
}

impl Outcome {
    pub(super) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// The time that `percent` of the good requests did not exceed.
    pub(super) fn percentile(&self, percent: f64) -> Duration {
        percentile(&self.latencies, percent)
    }
}

/// The value that `percent` of `sorted` do not exceed (nearest rank); zero if there is none.
pub(super) fn percentile(sorted: &[Duration], percent: f64) -> Duration {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.clamp(1, sorted.len().max(1)) - 1)
        .copied()
        .unwrap_or_default()
}

/// Runs `plan` to its end. Every request that was begun in time is waited for.
pub(super) async fn run(plan: &Plan, progress: Arc<Progress>) -> Outcome {
    let deadline = Instant::now() + plan.duration;
    let mut workers = JoinSet::new();
    for _ in 0..plan.workers {
        workers.spawn(work(plan.clone(), deadline, Arc::clone(&progress)));
    }
    let mut total = Outcome::default();
    while let Some(outcome) = workers.join_next().await {
        let outcome = outcome.expect("workers neither panic nor are cancelled");
        total.latencies.extend(outcome.latencies);
        for (cause, count) in outcome.failures {
            *total.failures.entry(cause).or_default() += count;
        }
    }
    total.latencies.sort_unstable();
    total
}

async fn work(plan: Plan, deadline: Instant, progress: Arc<Progress>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut connection: Option<Connection> = None;
    while Instant::now() < deadline {
        let fault = match send(&plan, &mut connection).await {
            Ok(took) => {
                progress.answered.fetch_add(1, Ordering::Relaxed);
                outcome.latencies.push(took);
                continue;
            }
            Err(fault) => fault,
        };
        progress.failed.fetch_add(1, Ordering::Relaxed);
        *outcome.failures.entry(fault).or_default() += 1;
        connection = None;
    }
    outcome
}

async fn send(plan: &Plan, connection: &mut Option<Connection>) -> Result<Duration, String> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(
            plan.gateway
                .connect()
                .await
                .map_err(|error| format!("{error:#}"))?,
        ),
    };
    let answer = open
        .get(&plan.host, &plan.path)
        .await
        .map_err(|error| format!("{error:#}"))?;
    if answer.status.is_success() {
        Ok(answer.took)
    } else {
        Err(format!("{}: {}", answer.status, answer.excerpt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let sorted: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50.0), Duration::from_millis(50));
        assert_eq!(percentile(&sorted, 99.0), Duration::from_millis(99));
        assert_eq!(percentile(&sorted, 100.0), Duration::from_millis(100));
        assert_eq!(percentile(&sorted[..1], 50.0), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50.0), Duration::ZERO);
    }
}
