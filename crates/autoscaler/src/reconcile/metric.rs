//! Metrics: has each collected and tells users how that fares.

use ebb_core::api::condition::State;
use ebb_core::api::metric::{Metric, MetricCond, MetricStatus};
use ebb_core::plan::pass;
use ebb_process::log::Chain;
use ebb_runtime::events::Recorder;
use ebb_runtime::reconcile::{Action, Error, Reconcile};
use ebb_runtime::status::StatusWriter;
use ebb_runtime::{Cache, Key};
use jiff::Timestamp;

use crate::collector::{Collector, ScrapeError};
use crate::ownership::Ownership;

/// Reconciles Metrics.
#[derive(Debug)]
pub struct Metrics {
    /// All Metrics.
    pub metrics: Cache<Metric>,
    /// Whose they are.
    pub ownership: Ownership,
    /// Who collects them.
    pub collector: Collector,
    /// Writes their status.
    pub status: StatusWriter,
    /// Tells users what went wrong.
    pub events: Recorder,
}

impl Reconcile for Metrics {
    async fn reconcile(&self, key: &Key) -> Result<Action, Error> {
        let metric = self
            .metrics
            .by_key(key)
            .filter(|_| self.ownership.owns(key));
        let Some(metric) = metric else {
            self.collector.remove(key);
            return Ok(Action::Done);
        };
        if metric.metadata.deletion_timestamp.is_some() {
            return Ok(Action::Done);
        }
        let now = Timestamp::now();
        let collected = self.collector.ensure(&metric, now);
        let status = settle(pass::begin(&*metric, now), collected, now);
        self.status.write(&*metric, &status).await?;
        Ok(Action::Done)
    }

    fn failed(&self, key: &Key, error: &Error) {
        if let Some(metric) = self.metrics.by_key(key) {
            self.events
                .warning(&*metric, "InternalError", Chain(error).to_string());
        }
    }
}

/// Pods that do not answer are a fault of this object, not of the reconcile: it is not retried, the
/// collector tells when it has changed.
fn settle(
    mut status: MetricStatus,
    collected: Result<(), ScrapeError>,
    now: Timestamp,
) -> MetricStatus {
    let state = collected.map_or_else(
        |error| {
            let message = format!("Failed to reconcile metric collection: {error}");
            State::failed("CollectionFailed", message)
        },
        |()| State::True,
    );
    status.conditions.set(MetricCond::Ready, state, now);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_that_fails_shows_in_the_status_and_goes_away() {
        let now = Timestamp::UNIX_EPOCH;
        let failure = ScrapeError::NoAnswer {
            pods: 2,
            cause: "no answer".into(),
        };
        let status = settle(MetricStatus::default(), Err(failure), now);
        let ready = status.conditions.ready().unwrap();
        assert_eq!(ready.reason, "CollectionFailed");
        assert_eq!(
            ready.message,
            "Failed to reconcile metric collection: \
             none of 2 pods gave its statistics: no answer"
        );
        assert!(settle(status, Ok(()), now).conditions.is_ready());
    }
}
