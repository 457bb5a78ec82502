//! Finds out that a pod answers, the moment it does.
//!
//! A new pod is asked at once and then without a fixed period: a refused connection is tried again after a few
//! milliseconds, and an answer that is long in coming is waited for, because a queue-proxy answers as soon as its user
//! container is ready. Only an address that has been silent for long is asked less often. The connection of a good
//! probe stays open for the first request.

use std::sync::Arc;
use std::time::Duration;

use ebb_net::probe;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::{Instant, timeout};

use crate::pod::Pod;

/// Pause after a failed probe of a pod that is new.
const EAGER: Duration = Duration::from_millis(5);
/// How long a pod counts as new. Loading an application takes longer than creating a pod.
const NEW: Duration = Duration::from_secs(3);
/// How long an answer may take. A queue-proxy waits up to 10 s for its user container before it says no.
const ANSWER: Duration = Duration::from_secs(11);
/// More than this is not the answer of a queue-proxy.
const MAX_ANSWER: usize = 64;

const QUEUE: HeaderValue = HeaderValue::from_static(probe::QUEUE);

/// How often an address that stays silent is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Until this long after [`NEW`] has passed the pause grows evenly from eager to `late`.
    pub patience: Duration,
    /// The longest pause.
    pub late: Duration,
}

/// Keeps the verdict on `pod` true until dropped. `changed` is called whenever it changes.
pub async fn watch(pod: Arc<Pod>, pace: Pace, changed: impl Fn()) {
    loop {
        until_good(&pod, pace, &changed).await;
        pod.doubted().await;
        tracing::debug!(pod = %pod.address(), "pod doubted");
    }
}

async fn until_good(pod: &Arc<Pod>, pace: Pace, changed: &impl Fn()) {
    let begin = Instant::now();
    loop {
        let start = Instant::now();
        let good = ask(pod).await;
        if pod.record(good, start.elapsed()) {
            changed();
        }
        if good {
            return;
        }
        tokio::time::sleep(pause(begin.elapsed(), pace)).await;
    }
}

/// How long to wait after a failure `since` the first probe.
fn pause(since: Duration, pace: Pace) -> Duration {
    let overdue = since.saturating_sub(NEW).as_secs_f64() / pace.patience.as_secs_f64().max(0.001);
    let longest = pace.late.max(EAGER);
    (EAGER + (longest - EAGER).mul_f64(overdue.min(1.0))).min(longest)
}

/// One probe: whether a queue-proxy answered that its user container is ready.
async fn ask(pod: &Arc<Pod>) -> bool {
    let mut request = Request::new(());
    *request.uri_mut() = http::Uri::from_static("/healthz");
    let headers = request.headers_mut();
    headers.insert(header::HOST, pod.authority().clone());
    headers.insert(header::USER_AGENT, probe::ACTIVATOR_AGENT);
    headers.insert(probe::NETWORK_PROBE, QUEUE);
    let answer = async {
        let response = pod.upstream().probe(request).await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await
            .ok()?;
        (body.to_bytes() == probe::QUEUE).then_some(())
    };
    matches!(timeout(ANSWER, answer).await, Ok(Some(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_pod_is_asked_eagerly_and_a_silent_one_patiently() {
        let pace = Pace {
            patience: Duration::from_secs(30),
            late: Duration::from_millis(200),
        };
        let after = |seconds| pause(Duration::from_secs(seconds), pace);
        assert_eq!(after(0), EAGER);
        assert_eq!(after(3), EAGER);
        assert!(after(18) > EAGER && after(18) < pace.late);
        assert_eq!(after(100), pace.late);
    }
}
