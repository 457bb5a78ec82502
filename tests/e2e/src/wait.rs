//! Waiting for something that will be so, within a limit.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use futures::FutureExt as _;

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

/// Runs something that may be late or panic. Both become errors, so that the caller can clean up in any case.
///
/// # Errors
/// If it fails, panics, or takes longer than `limit`.
pub async fn contained<T>(limit: Duration, task: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, AssertUnwindSafe(task).catch_unwind()).await {
        Err(_) => Err(anyhow!("took longer than {} s", limit.as_secs())),
        Ok(Err(panic)) => Err(anyhow!("panicked: {}", words(panic.as_ref()))),
        Ok(Ok(outcome)) => outcome,
    }
}

/// What a panic says; the place was printed when it happened.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_breaks_is_contained() {
        let limit = Duration::from_secs(60);
        let told = |outcome: Result<()>| outcome.map_err(|error| error.to_string());
        assert_eq!(told(contained(limit, async { Ok(()) }).await), Ok(()));
        assert_eq!(
            told(contained(limit, async { bail!("no") }).await),
            Err("no".to_owned())
        );
        assert_eq!(
            told(contained(limit, async { panic!("at {}", 1) }).await),
            Err("panicked: at 1".to_owned())
        );
        let late = contained(Duration::ZERO, std::future::pending());
        assert_eq!(told(late.await), Err("took longer than 0 s".to_owned()));
    }
}
