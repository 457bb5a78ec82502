//! Waiting for what nobody announces: the kernel, and processes that have just started.

use std::time::{Duration, Instant};

const POLL_EVERY: Duration = Duration::from_millis(50);

/// A deadline for something that has to be polled.
#[derive(Debug)]
pub(super) struct Limit(Instant);

impl Limit {
    pub(super) fn of(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// Waits a little. False when there is no time left.
    pub(super) async fn pause(&self) -> bool {
        tokio::time::sleep(POLL_EVERY).await;
        Instant::now() < self.0
    }
}
