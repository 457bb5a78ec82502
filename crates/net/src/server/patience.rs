//! How long a head may take to arrive, without a timer for each request.
//!
//! hyper arms a timer whenever it waits for a head, which on a busy connection
//! means an allocation, two looks at the clock and two changes of the timer wheel
//! for each request. Here the connection counts long ticks instead, and what
//! hyper takes for a timer compares two of these counts.
//!
//! It also closes less: hyper's own timeout ends connections that merely have
//! nothing to say. Whoever keeps such a connection for its next request would
//! sometimes send it just when we hang up. So only a head that has begun, or a
//! connection that never sent one, is ended.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A head may take at least `TICKS - 1` ticks and at most `TICKS`.
const TICKS: u32 = 3;

/// Length of a tick, so that heads get at least `timeout`.
pub(super) fn tick(timeout: Duration) -> Duration {
    timeout / (TICKS - 1)
}

/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    /// Reads that brought bytes; wraps.
    reads: AtomicU32,
    ticks: AtomicU32,
    /// Whether a head has been waited for.
    begun: AtomicBool,
    /// hyper adds its timeout to a moment and hands the sum back, and nobody
    /// looks at either.
    born: Instant,
}

/// The timer that a connection's hyper gets.
#[derive(Debug)]
pub(super) struct HeadTimer(pub(super) Arc<Activity>);

/// The wait for one head.
#[derive(Debug)]
struct Wait {
    activity: Arc<Activity>,
    /// Reads when the wait began.
    reads: u32,
    /// The tick from which the head's time counts.
    since: u32,
    first: bool,
}

/// A stream whose reads are counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    pub(super) stream: S,
    pub(super) activity: Arc<Activity>,
}

// === impl Activity ===

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            reads: AtomicU32::new(0),
            ticks: AtomicU32::new(0),
            begun: AtomicBool::new(false),
            born: Instant::now(),
        })
    }

    /// Another tick has passed; the connection must be polled after this.
    pub(super) fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the connection has had its time and not sent a byte: hyper, which
    /// waits for the first ones to tell the protocol, has no timeout for those.
    pub(super) fn is_mute(&self) -> bool {
        self.reads.load(Ordering::Relaxed) == 0 && self.ticks.load(Ordering::Relaxed) >= TICKS
    }
}

// === impl HeadTimer ===

impl Timer for HeadTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        let first = !self.0.begun.swap(true, Ordering::Relaxed);
        Box::pin(Wait {
            activity: Arc::clone(&self.0),
            reads: self.0.reads.load(Ordering::Relaxed),
            since: self.0.ticks.load(Ordering::Relaxed),
            first,
        })
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(Duration::ZERO)
    }

    fn now(&self) -> Instant {
        self.0.born
    }
}

// === impl Wait ===

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        // No waker is kept: the connection is polled at each tick.
        let now = self.activity.ticks.load(Ordering::Relaxed);
        if !self.first && self.activity.reads.load(Ordering::Relaxed) == self.reads {
            self.since = now;
        }
        match now.wrapping_sub(self.since) >= TICKS {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

// === impl Counted ===

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            // One task reads, so this need not be one step.
            let reads = &self.activity.reads;
            reads.store(
                reads.load(Ordering::Relaxed).wrapping_add(1),
                Ordering::Relaxed,
            );
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn waits(activity: &Arc<Activity>) -> Pin<Box<dyn Sleep>> {
        HeadTimer(Arc::clone(activity)).sleep(Duration::ZERO)
    }

    fn ticks_until_over(activity: &Activity, wait: &mut Pin<Box<dyn Sleep>>) -> Option<u32> {
        (1..=10).find(|_| {
            activity.tick();
            wait.now_or_never().is_some()
        })
    }

    #[test]
    fn the_first_head_must_come() {
        let activity = Activity::new();
        let mut first = waits(&activity);
        assert_eq!(ticks_until_over(&activity, &mut first), Some(TICKS));
    }

    #[test]
    fn a_kept_connection_may_stay_silent() {
        let activity = Activity::new();
        drop(waits(&activity));
        let mut next = waits(&activity);
        assert_eq!(ticks_until_over(&activity, &mut next), None);
    }

    #[test]
    fn a_head_that_has_begun_must_end() {
        let activity = Activity::new();
        drop(waits(&activity));
        let mut next = waits(&activity);
        assert_eq!(ticks_until_over(&activity, &mut next), None);
        activity.reads.store(1, Ordering::Relaxed);
        assert_eq!(ticks_until_over(&activity, &mut next), Some(TICKS));
    }
}
