//! Opening a TCP connection to a pod that may have started a moment ago.
//!
//! The first packets to a new address are sometimes lost while the network is
//! being programmed, and the kernel repeats a SYN only after a second. So short
//! attempts come first. A refusal is an answer and is reported at once.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::Error;

/// How long to try. The default is the original's: 50 ms, growing by 1.4 over 15
/// further attempts, about 20 s in all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// Limit of the first attempt.
    pub first: Duration,
    /// By how much each further limit is longer.
    pub factor: f64,
    /// Attempts after the first.
    pub retries: u32,
    /// Pause between two attempts.
    pub pause: Duration,
}

/// Keeps dead peers from holding a connection for hours.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(50),
            factor: 1.4,
            retries: 15,
            // The middle of the original's 30 to 60 ms: one process per pod dials
            // here, so there is no herd to spread.
            pause: Duration::from_millis(45),
        }
    }
}

/// Connects to `address`.
///
/// # Errors
/// [`Error::Dial`] at once on anything but silence, [`Error::DialTimeout`] when
/// no attempt got an answer.
pub(super) async fn dial(address: SocketAddr, backoff: &Backoff) -> Result<TcpStream, Error> {
    let begin = Instant::now();
    let mut limit = backoff.first;
    for attempt in 0..=backoff.retries {
        match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                return prepare(stream).map_err(|source| Error::Dial { address, source });
            }
            Ok(Err(source)) => return Err(Error::Dial { address, source }),
            Err(_) if attempt < backoff.retries => sleep(backoff.pause).await,
            Err(_) => {}
        }
        limit = limit.mul_f64(backoff.factor);
    }
    Err(Error::DialTimeout {
        address,
        after: begin.elapsed(),
    })
}

fn prepare(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEP_ALIVE)
            .with_interval(KEEP_ALIVE),
    )?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_is_reported_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = dial(address, &Backoff::default()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("dial tcp {address}: connect: connection refused")
        );
    }

    #[test]
    fn all_attempts_take_about_twenty_seconds() {
        let Backoff {
            first,
            factor,
            retries,
            pause,
        } = Backoff::default();
        let mut all = pause * retries;
        let mut limit = first;
        for _ in 0..=retries {
            all += limit;
            limit = limit.mul_f64(factor);
        }
        assert!((18..=30).contains(&all.as_secs()), "{all:?}");
    }
}
