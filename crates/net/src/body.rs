//! The body of a response, and what lives as long as it does.
//!
//! A proxy's bookkeeping must end with the last byte and not with the head: the
//! slot of a breaker, the count of requests in flight, the lease of the upstream
//! connection. So they travel inside the body:
//!
//! ```text
//!  Body ─ bytes made here, or the upstream's frames as they come
//!       ├ lease   returned to the pool if the upstream's body ended well
//!       ├ clock   cuts the body when the request or a silence lasts too long
//!       └ guard   dropped last, however the body ends
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::client::Lease;
use crate::timeout::Clock;

/// Why a body ended before its end. The server then breaks off the connection or
/// the stream, which is the only way left to tell the client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The upstream broke off.
    #[error("reading the upstream's response")]
    Upstream(#[source] hyper::Error),
    /// A limit was reached in a body of announced length.
    #[error("{0}")]
    TimedOut(&'static str),
}

/// A response body that holds `G` until it is dropped.
#[derive(Debug)]
pub struct Body<G = ()> {
    kind: Kind,
    timer: Option<Timer>,
    guard: Option<G>,
}

#[derive(Debug)]
enum Kind {
    Ended,
    Local(Bytes),
    Streamed(Streamed),
}

#[derive(Debug)]
struct Streamed {
    incoming: Incoming,
    lease: Option<Lease>,
    ended: bool,
}

#[derive(Debug)]
struct Timer {
    clock: Clock,
    last_write: Instant,
    /// Made when a read first has to wait, which short bodies never do.
    alarm: Option<Pin<Box<Sleep>>>,
}

// === impl Body ===

impl<G> Body<G> {
    /// No bytes and no guard.
    pub fn empty() -> Self {
        Self {
            kind: Kind::Ended,
            timer: None,
            guard: None,
        }
    }

    /// Bytes made here.
    pub fn local(bytes: Bytes) -> Self {
        let kind = if bytes.is_empty() {
            Kind::Ended
        } else {
            Kind::Local(bytes)
        };
        Self {
            kind,
            timer: None,
            guard: None,
        }
    }

    pub(crate) fn streamed(
        incoming: Incoming,
        lease: Lease,
        clock: Option<Clock>,
        guard: G,
    ) -> Self {
        Self {
            kind: Kind::Streamed(Streamed {
                incoming,
                lease: Some(lease),
                ended: false,
            }),
            timer: clock.map(Timer::start),
            guard: Some(guard),
        }
    }

    /// The same bytes, holding `guard` until dropped. What was held before is
    /// dropped now.
    pub fn holding<H>(self, guard: H) -> Body<H> {
        Body {
            kind: self.kind,
            timer: self.timer,
            guard: Some(guard),
        }
    }

    /// What the body holds.
    pub fn guard_mut(&mut self) -> Option<&mut G> {
        self.guard.as_mut()
    }
}

impl<G: Unpin> http_body::Body for Body<G> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Self { kind, timer, .. } = &mut *self;
        let streamed = match kind {
            Kind::Ended => return Poll::Ready(None),
            Kind::Local(bytes) => {
                let bytes = std::mem::take(bytes);
                *kind = Kind::Ended;
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Kind::Streamed(streamed) => streamed,
        };
        match Pin::new(&mut streamed.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(timer) = timer {
                    timer.note_write();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(cause))) => {
                *kind = Kind::Ended;
                Poll::Ready(Some(Err(Error::Upstream(cause))))
            }
            Poll::Ready(None) => {
                streamed.ended = true;
                *kind = Kind::Ended;
                Poll::Ready(None)
            }
            Poll::Pending => {
                let Some(timer) = timer else {
                    return Poll::Pending;
                };
                ready!(timer.poll_due(cx));
                let message = timer.clock.message();
                // Bytes of an announced length can only be cut short; others can
                // say why they end.
                let cut = match streamed.incoming.size_hint().exact() {
                    Some(_) => Err(Error::TimedOut(message)),
                    None => Ok(Frame::data(Bytes::from_static(message.as_bytes()))),
                };
                *kind = Kind::Ended;
                Poll::Ready(Some(cut))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Ended => true,
            Kind::Local(_) => false,
            Kind::Streamed(streamed) => streamed.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Ended => SizeHint::with_exact(0),
            Kind::Local(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Streamed(streamed) => streamed.incoming.size_hint(),
        }
    }
}

// === impl Streamed ===

impl Drop for Streamed {
    fn drop(&mut self) {
        if (self.ended || self.incoming.is_end_stream())
            && let Some(lease) = self.lease.take()
        {
            lease.finish();
        }
    }
}

// === impl Timer ===

impl Timer {
    fn start(clock: Clock) -> Self {
        let mut timer = Self {
            clock,
            last_write: clock.started(),
            alarm: None,
        };
        timer.note_write();
        timer
    }

    fn note_write(&mut self) {
        if self.clock.idle().is_some() {
            self.last_write = Instant::now();
        }
    }

    /// Ready when a limit is reached. The alarm is not moved at each write; when
    /// it goes off it is set to what is due by then.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let due = self.clock.body_due(self.last_write);
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
            ready!(alarm.as_mut().poll(cx));
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(due);
        }
    }
}
