//! Connections that stopped speaking HTTP: bytes both ways until both sides have
//! ended.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::{Instant, sleep_until};

/// Joins the two sides once both have switched, and holds `guard` until the
/// connection has ended. `idle` cuts it after a silence in both directions.
pub(crate) async fn join<G>(
    client: OnUpgrade,
    upstream: OnUpgrade,
    idle: Option<Duration>,
    guard: G,
) {
    let _guard = guard;
    let (client, upstream) = match tokio::try_join!(client, upstream) {
        Ok(both) => both,
        Err(cause) => {
            tracing::debug!(%cause, "an upgraded connection ended before it began");
            return;
        }
    };
    let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
    let ended = match idle {
        None => copy_bidirectional(&mut client, &mut upstream)
            .await
            .map(drop),
        Some(idle) => copy_until_idle(&mut client, &mut upstream, idle).await,
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "an upgraded connection broke off");
    }
}

async fn copy_until_idle(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    upstream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    idle: Duration,
) -> io::Result<()> {
    let activity = Activity {
        begin: Instant::now(),
        latest: AtomicU64::new(0),
    };
    let mut client = Watched {
        io: client,
        activity: &activity,
    };
    let copy = copy_bidirectional(&mut client, upstream);
    let silence = async {
        loop {
            let due = activity.latest() + idle;
            sleep_until(due).await;
            if activity.latest() + idle <= due {
                return;
            }
        }
    };
    tokio::select! {
        ended = copy => ended.map(drop),
        () = silence => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// When bytes last moved.
struct Activity {
    begin: Instant,
    /// Nanoseconds after `begin`.
    latest: AtomicU64,
}

/// The client's side, with both directions observed.
struct Watched<'a, T> {
    io: &'a mut T,
    activity: &'a Activity,
}

// === impl Activity ===

impl Activity {
    fn note(&self) {
        self.latest
            .store(self.begin.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }

    fn latest(&self) -> Instant {
        self.begin + Duration::from_nanos(self.latest.load(Ordering::Relaxed))
    }
}

// === impl Watched ===

impl<T: AsyncRead + Unpin> AsyncRead for Watched<'_, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut *self.io).poll_read(cx, buf);
        if read.is_ready() {
            self.activity.note();
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<'_, T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.io).poll_write(cx, buf);
        if written.is_ready() {
            self.activity.note();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_in_both_directions_cuts_and_traffic_does_not() {
        let (mut outer, mut client) = duplex(64);
        let (mut upstream, _far_end) = duplex(64);
        let begin = Instant::now();
        let talk = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_secs(3)).await;
                outer.write_all(b"ping").await.unwrap();
            }
        };
        let idle = Duration::from_secs(4);
        let (ended, ()) = tokio::join!(copy_until_idle(&mut client, &mut upstream, idle), talk);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begin.elapsed().as_secs(), 19);
    }
}
