//! Leaving without losing a request.
//!
//! ```text
//!            drain()                quiet for the whole period
//! Serving ───────────► Draining ─────────────────────────────► Quiet
//!    ▲                    │ each ordinary request starts the     │
//!    │                    │ period again                         │
//!    └──── reset() ───────┴──────────────────────────────────────┘
//! ```
//!
//! While draining, probes are to be refused (that takes the server out of
//! rotation) and requests are still served. The state stays *draining* after the
//! period has passed; only [`Drainer::reset`] leaves it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Decides when a server that is to go has been left alone for long enough.
#[derive(Debug)]
pub struct Drainer {
    quiet_period: Duration,
    epoch: Instant,
    /// Nanoseconds from `epoch` to the latest ordinary request or to the start
    /// of draining, whichever is later.
    latest: AtomicU64,
    /// The round of draining: odd while draining, even while serving.
    round: watch::Sender<u64>,
}

// === impl Drainer ===

impl Drainer {
    /// Serving; a drain will wait for `quiet_period` without a request.
    pub fn new(quiet_period: Duration) -> Self {
        Self {
            quiet_period,
            epoch: Instant::now(),
            latest: AtomicU64::new(0),
            round: watch::Sender::new(0),
        }
    }

    /// Whether probes are to be refused.
    pub fn is_draining(&self) -> bool {
        *self.round.borrow() % 2 == 1
    }

    /// Notes an ordinary request: while draining it starts the period again.
    pub fn note_request(&self) {
        if self.is_draining() {
            self.touch();
        }
    }

    /// Starts draining unless that has happened, and waits until the quiet
    /// period has passed or [`Drainer::reset`] is called.
    pub async fn drain(&self) {
        self.round.send_if_modified(|round| {
            let starts = *round % 2 == 0;
            if starts {
                self.touch();
                *round += 1;
            }
            starts
        });
        let mut round = self.round.subscribe();
        let mine = *round.borrow_and_update();
        loop {
            let due = self.quiet_at();
            tokio::select! {
                () = sleep_until(due) => if self.quiet_at() <= due { return },
                changed = round.wait_for(|now| *now != mine) => {
                    changed.expect("the sender lives in self");
                    return;
                }
            }
        }
    }

    /// Back to serving; whoever waits in [`Drainer::drain`] returns.
    pub fn reset(&self) {
        self.round.send_if_modified(|round| {
            let drains = *round % 2 == 1;
            *round += u64::from(drains);
            drains
        });
    }

    fn touch(&self) {
        let now = self.epoch.elapsed().as_nanos() as u64;
        self.latest.fetch_max(now, Ordering::AcqRel);
    }

    fn quiet_at(&self) -> Instant {
        self.epoch + Duration::from_nanos(self.latest.load(Ordering::Acquire)) + self.quiet_period
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt;
    use tokio::time::advance;

    use super::*;

    const PERIOD: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_quiet_server_drains_in_one_period() {
        let drainer = Drainer::new(PERIOD);
        let begin = Instant::now();
        drainer.drain().await;
        assert_eq!(begin.elapsed().as_secs(), 30);
        assert!(drainer.is_draining(), "probes keep failing afterwards");
    }

    #[tokio::test(start_paused = true)]
    async fn each_request_starts_the_period_again() {
        let drainer = Drainer::new(PERIOD);
        let begin = Instant::now();
        let mut drained = pin!(drainer.drain());
        for _ in 0..3 {
            assert!(drained.as_mut().now_or_never().is_none());
            advance(Duration::from_secs(20)).await;
            drainer.note_request();
        }
        drained.await;
        assert_eq!(begin.elapsed().as_secs(), 90);
    }

    #[tokio::test(start_paused = true)]
    async fn reset_releases_all_and_the_next_drain_starts_afresh() {
        let drainer = Drainer::new(PERIOD);
        let (mut a, mut b) = (Box::pin(drainer.drain()), Box::pin(drainer.drain()));
        assert!(a.as_mut().now_or_never().is_none());
        assert!(b.as_mut().now_or_never().is_none());
        advance(Duration::from_secs(29)).await;
        drainer.reset();
        assert!(!drainer.is_draining());
        a.await;
        b.await;
        let begin = Instant::now();
        drainer.drain().await;
        assert_eq!(begin.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_caller_shares_the_running_period() {
        let drainer = Drainer::new(PERIOD);
        let begin = Instant::now();
        let mut first = pin!(drainer.drain());
        assert!(first.as_mut().now_or_never().is_none());
        advance(Duration::from_secs(10)).await;
        drainer.drain().await;
        assert_eq!(begin.elapsed().as_secs(), 30);
    }
}
