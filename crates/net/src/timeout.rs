//! One clock for each request.
//!
//! Three limits count from the moment a request reaches the handler: the whole
//! request, the start of its response, and silence between two writes of the
//! response. They share one timer, armed for whichever is due next, because a
//! request rarely lives long enough for any of them to fire.
//!
//! ```text
//!  arrival ──────────── head written ───── write ─── write ─── end
//!     │ response start ──►│                  │  idle ──►│
//!     │ idle ────────────►│                  │
//!     │ total ──────────────────────────────────────────────►│
//! ```
//!
//! An upgraded connection keeps only the idle limit, counted from the last byte
//! in either direction: a WebSocket is expected to outlive a request.

use std::future::Future;
use std::time::Duration;

use futures::TryFutureExt;
use tokio::time::{Instant, timeout_at};

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From arrival to the end of the response.
    pub total: Duration,
    /// From arrival to the head of the response; `None` is no limit.
    pub response_start: Option<Duration>,
    /// Between two writes of the response; `None` is no limit. Before the first
    /// write it counts from arrival.
    pub idle: Option<Duration>,
    /// What the client is told.
    pub message: &'static str,
}

/// A limit was reached before the response began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TimedOut {
    /// The text of the 504 answer.
    pub message: &'static str,
}

/// The running clock of one request.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    ends: Instant,
    head_due: Instant,
    idle: Option<Duration>,
    message: &'static str,
}

// === impl Clock ===

impl Clock {
    /// Starts the clock: call it when the request reaches the handler, so that
    /// time spent in queues counts.
    pub fn start(limits: &Limits) -> Self {
        let now = Instant::now();
        let Limits {
            total,
            response_start,
            idle,
            message,
        } = *limits;
        let first = [response_start, idle]
            .into_iter()
            .flatten()
            .fold(total, Duration::min);
        Self {
            started: now,
            ends: now + total,
            head_due: now + first,
            idle,
            message,
        }
    }

    /// Runs `work` until the head of the response is there, or fails with
    /// [`TimedOut`] when a limit is reached first; `work` is then dropped, which
    /// cancels the call to the upstream.
    // No async fn: that would hold `work` twice, as argument and as what it awaits.
    pub fn head<F: Future>(&self, work: F) -> impl Future<Output = Result<F::Output, TimedOut>> {
        let message = self.message;
        timeout_at(self.head_due, work).map_err(move |_| TimedOut { message })
    }

    /// When the request reached the handler.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// What a client is told when a limit is reached.
    pub fn message(&self) -> &'static str {
        self.message
    }

    /// The silence allowed between writes, if limited.
    pub fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// When a body whose last write was at `last_write` must be cut.
    pub(crate) fn body_due(&self, last_write: Instant) -> Instant {
        self.idle
            .map_or(self.ends, |idle| self.ends.min(last_write + idle))
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const LIMITS: Limits = Limits {
        total: Duration::from_secs(10),
        response_start: None,
        idle: None,
        message: "request timeout",
    };

    async fn head_lasts(limits: Limits) -> Duration {
        let begin = Instant::now();
        let outcome = Clock::start(&limits).head(pending::<()>()).await;
        assert_eq!(
            outcome,
            Err(TimedOut {
                message: "request timeout"
            })
        );
        begin.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn the_shortest_limit_cuts_a_silent_head() {
        let secs = |s| Some(Duration::from_secs(s));
        for (limits, expected) in [
            (LIMITS, 10),
            (
                Limits {
                    response_start: secs(3),
                    ..LIMITS
                },
                3,
            ),
            (
                Limits {
                    idle: secs(2),
                    ..LIMITS
                },
                2,
            ),
            (
                Limits {
                    response_start: secs(3),
                    idle: secs(4),
                    ..LIMITS
                },
                3,
            ),
            (
                Limits {
                    response_start: secs(30),
                    ..LIMITS
                },
                10,
            ),
        ] {
            let lasted = head_lasts(limits).await;
            assert_eq!(lasted.as_millis() / 1000, expected, "{limits:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_write_moves_the_idle_limit_but_not_the_total() {
        let clock = Clock::start(&Limits {
            idle: Some(Duration::from_secs(4)),
            ..LIMITS
        });
        let begin = Instant::now();
        assert_eq!(clock.body_due(begin) - begin, Duration::from_secs(4));
        let later = begin + Duration::from_secs(5);
        assert_eq!(clock.body_due(later) - begin, Duration::from_secs(9));
        let late = begin + Duration::from_secs(8);
        assert_eq!(clock.body_due(late) - begin, Duration::from_secs(10));
    }
}
