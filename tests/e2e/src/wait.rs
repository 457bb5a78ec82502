//! Waiting for something that will be so, within a limit.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often something is looked at that cannot be watched.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks again and again until `look` finds something.
///
/// `look` gives what it found, or says in words what it sees instead; that goes into the error.
///
/// # Errors
/// If it takes longer than `limit`, or as soon as `look` fails.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Result<T, String>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match look().await? {
            Ok(found) => return Ok(found),
            Err(seen) if Instant::now() > deadline => {
                bail!("{what}: not within {} s; seen: {seen}", limit.as_secs())
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
